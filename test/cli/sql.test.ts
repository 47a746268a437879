import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Completion } from "../../src/cli/completion.js";
import { sqlCommand, type Terminal } from "../../src/cli/sql.js";
import { SqlClient } from "../../src/cli/sql-client.js";
import { topicsCommand } from "../../src/cli/topics.js";
import { SqlServer } from "../server/ksql/support.js";

let server: SqlServer;
let dir: string;
beforeAll(async () => {
  server = await SqlServer.start();
  dir = await mkdtemp(join(tmpdir(), "sql-cli-"));
  await server.broker.createTopics([{ name: "orders", partitions: 2 }]);
  await server.produce("orders", [
    { key: "a", value: '{"id":1}' },
    { key: "b", value: '{"id":2}' },
  ]);
});
afterAll(async () => {
  await server.close();
  await rm(dir, { recursive: true, force: true });
});
afterEach(() => {
  process.exitCode = undefined;
});

function terminal(tty = false) {
  const input = Object.assign(new PassThrough(), { isTTY: tty });
  const output = Object.assign(new PassThrough(), { isTTY: tty, columns: tty ? 100 : undefined });
  const errors = new PassThrough();
  const shown = { out: "", err: "" };
  output.on("data", (d) => (shown.out += d));
  errors.on("data", (d) => (shown.err += d));
  return { terminal: { input, output, errors, history: join(dir, "history") } as unknown as Terminal, input, shown };
}

async function run(...args: string[]) {
  const { terminal: t, shown } = terminal();
  await sqlCommand(() => t).parseAsync(args, { from: "user" });
  return { ...shown, code: process.exitCode ?? 0 };
}

/** Waits as long as the test may take: a machine that is busy with servers is no failure of the shell. */
async function appears(shown: { readonly out: string }, text: string): Promise<void> {
  for (const end = Date.now() + 45_000; !shown.out.includes(text) && Date.now() < end; ) await new Promise((r) => setTimeout(r, 20));
  expect(shown.out).toContain(text);
}

describe("millrace sql", () => {
  test("-e shows a table, without colours", async () => {
    const { out, err, code } = await run(server.url, "-e", "SHOW TOPICS;");
    expect(out).toContain(" orders      |          2 |                  1 ");
    expect([out.includes("\x1b["), err, code]).toEqual([false, "", 0]);
  });

  test("-e prints a topic", async () => {
    const { out } = await run(server.url, "-e", "PRINT 'orders' FROM BEGINNING LIMIT 1");
    expect(out).toMatch(/Value format: JSON or KAFKA_STRING\nrowtime: .*, key: a, value: \{"id":1\}, partition: 0\n$/);
  });

  test("an error says what and where, and the exit code is 1", async () => {
    const { err, code } = await run(server.url, "-e", "SHOW TOPICS;\nSHOW NONSENSE;");
    expect(err).toContain("line 2:6");
    expect(code).toBe(1);
  });

  test("-f posts the file; a wrong statement in it keeps the others from running", async () => {
    const file = join(dir, "wrong.sql");
    await writeFile(file, "CREATE STREAM s (id INT) WITH (kafka_topic='orders', value_format='json');\nSELEC 1;\n");
    expect((await run(server.url, "-f", file)).code).toBe(1);
    expect((await run(server.url, "-e", "SHOW STREAMS;")).out).not.toContain(" S ");
  });

  test("a server that is not there is one sentence", async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const { err, code } = await run(`127.0.0.1:${port}`, "-e", "SHOW TOPICS;");
    expect(err).toBe(`No answer from http://127.0.0.1:${port}: ECONNREFUSED. Is \`millrace start\` running there?\n`);
    expect(code).toBe(1);
  });

  test("what is piped in runs as a script", async () => {
    const { terminal: t, input, shown } = terminal();
    input.end("SHOW TOPICS;\n");
    await sqlCommand(() => t).parseAsync([server.url], { from: "user" });
    expect(shown.out).toContain("orders");
  });

  test("the shell takes statements over lines, keeps SET, ends a query at Ctrl-C and itself at exit", async () => {
    const { terminal: t, input, shown } = terminal(true);
    const done = sqlCommand(() => t).parseAsync([server.url], { from: "user" });
    await appears(shown, "Connected to");
    input.write("SHOW\n");
    await appears(shown, "...> ");
    input.write("TOPICS;\n");
    await appears(shown, "orders");
    input.write("SET 'auto.offset.reset'='earliest';\n");
    await appears(shown, "Successfully changed local property");
    input.write("PRINT orders FROM BEGINNING;\n");
    await appears(shown, '{"id":2}');
    input.write("\x03");
    await appears(shown, "Query terminated");
    input.write("exit\n");
    await done;
    expect(await readFile(join(dir, "history"), "utf8")).toContain("SHOW\nTOPICS;\n");
  });
});

describe("the shell's own commands", () => {
  test("Tab completes, OUTPUT and SPOOL change where and how answers go, RUN SCRIPT runs a file", async () => {
    await server.ksql("CREATE STREAM clicks (who STRING KEY, page STRING) WITH (kafka_topic='clicks', partitions=1, value_format='JSON');");
    const { terminal: t, input, shown } = terminal(true);
    const done = sqlCommand(() => t).parseAsync([server.url], { from: "user" });
    await appears(shown, "Connected to");
    input.write("sel\t");
    await appears(shown, "select");
    input.write(" pag\x15"); // begun anew
    input.write("DESCRIBE cli\t");
    await appears(shown, "clicks");
    input.write(";\n");
    await appears(shown, "PAGE");
    const spooled = join(dir, "spooled.txt");
    input.write(`spool '${spooled}'\n`);
    await appears(shown, "spooled.txt too");
    input.write("output json\n");
    await appears(shown, "Output format set to JSON");
    const script = join(dir, "script.sql");
    await writeFile(script, "INSERT INTO clicks VALUES ('ann', '/home'); SELECT * FROM clicks EMIT CHANGES LIMIT 1;");
    input.write("SET 'auto.offset.reset'='earliest';\n");
    input.write(`run script '${script}'\n`);
    await appears(shown, '["ann","/home"]');
    input.write("spool off\n");
    await appears(shown, "Spooling ended");
    input.write("run script 'no.sql'\noutput xml\n");
    await expect.poll(() => shown.err, { timeout: 30_000 }).toContain("OUTPUT is JSON or TABULAR");
    input.write("exit\n");
    await done;
    const text = await readFile(spooled, "utf8");
    expect(text).toContain("sql> output json\nOutput format set to JSON\n");
    expect(text).toContain('["ann","/home"]');
    expect(text).not.toContain("\x1b");
    expect(shown.err).toContain("no.sql");
  });

  test.each([
    ["a source's columns", "SELECT * FROM clicks WHERE pa", ["page"]],
    ["columns behind a dot", "SELECT c.w FROM clicks c WHERE c.wh", ["c.who"]],
    ["sources only", "SELECT * FROM C", ["CLICKS"]],
    ["topics", "PRINT ord", ["orders"]],
    ["functions", "SELECT LATEST_BY_O", ["LATEST_BY_OFFSET"]],
    ["keywords in the case that is typed", "EMIT ch", ["changes", "chr"]],
  ])("completes %s", async (_, text, expected) => {
    const [found] = await new Completion(new SqlClient(server.url)).complete(text);
    expect(found).toEqual(expect.arrayContaining(expected));
  });
});

describe("millrace topics", () => {
  const topics = async (...args: string[]) => {
    const shown = { out: "", err: "" };
    const command = topicsCommand({ out: (t) => (shown.out += `${t}\n`), err: (t) => (shown.err += `${t}\n`) });
    await command.parseAsync([...args, "--url", server.url], { from: "user" });
    return shown;
  };
  test("list", async () => {
    expect((await topics("list")).out).toContain("orders");
  });
  test("describe", async () => {
    const { out } = await topics("describe", "orders");
    expect(out).toContain("         0 |        0 |      2 |       2 ");
    expect(out).toContain("cleanup.policy");
    expect((await topics("describe", "nope")).err).toBe("Topic nope does not exist\n");
  });
  test("tail", async () => {
    expect((await topics("tail", "orders", "--from-beginning", "--limit", "2")).out).toContain("key: b");
  });
});
