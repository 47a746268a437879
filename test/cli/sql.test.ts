import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { sqlCommand, type Terminal } from "../../src/cli/sql.js";
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
