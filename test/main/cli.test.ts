import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { freePort } from "../support/postgres.js";
import { freePorts, MillraceProcess, millrace, type Ran, temporary, until } from "./process.js";

const root = temporary("cli");
const start = (dir: string, ...more: string[]) =>
  millrace(["start", "--dir", join(root.path, dir), ...freePorts, ...more], { cwd: root.path });

afterAll(() => root.remove());

/** What a user who cannot read code can act on. */
function expectOneSentence(ran: Ran, words: RegExp): void {
  expect(ran.code).toBe(1);
  const lines = ran.stderr.trim().split("\n");
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(words);
  expect(ran.stderr).not.toMatch(/^\s+at |node:internal|\.js:\d+/m);
}

describe("help", () => {
  test.concurrent.each([
    ["", ["start", "sql", "topics", "connectors", "errors", "backup", "restore", "curl localhost:8083/connectors"]],
    [
      "start",
      [
        "--dir",
        "--connect-port",
        "MILLRACE_CONNECT_PORT",
        "--host",
        "postgres=127.0.0.1:5433",
        "debug|info|warn|error",
        "millrace.yaml",
        "--insecure",
      ],
    ],
    ["sql", ["--file", "--execute", "--set", "Examples"]],
    ["topics", ["list", "describe", "tail"]],
    ["topics list", ["--url", "--all"]],
    ["topics describe", ["<topic>"]],
    ["topics tail", ["--from-beginning", "--limit"]],
    ["connectors", ["list", "status", "create", "validate", "offsets", "restart"]],
    ["connectors create", ["<file>", "--url"]],
    ["errors", ["list", "show", "replay", "delete"]],
    ["errors list", ["--connector", "--stage"]],
    ["errors replay", ["--force", "--all"]],
    ["backup", ["<target>", "--dir", "--url"]],
    ["restore", ["<backup>", "--dir"]],
  ])("of millrace %s tells what it does", async (command, words) => {
    const ran = await millrace([...command.split(" ").filter(Boolean), "--help"]);
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    for (const word of words) expect(ran.stdout).toContain(word);
  });
});

test("an unknown flag or command is named", async () => {
  const flag = await millrace(["start", "--prot", "1"]);
  expect(flag.code).toBe(1);
  expect(flag.stderr).toContain("unknown option '--prot'");
  const command = await millrace(["strat"]);
  expect(command.code).toBe(1);
  expect(command.stderr).toMatch(/unknown command 'strat'[\s\S]*start/);
});

describe("a start that cannot be", () => {
  let holder: Server;
  let running: MillraceProcess;
  beforeAll(async () => {
    holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
    running = await MillraceProcess.start(join(root.path, "running"));
  });
  afterAll(async () => {
    holder.close();
    await running.stop();
  });

  it.each(["kafka", "registry", "connect", "sql", "console"])("says that the %s port is taken", async (surface) => {
    const { port } = holder.address() as { port: number };
    expectOneSentence(await start(`port-${surface}`, `--${surface}-port`, String(port)), new RegExp(`[Pp]ort ${port} .*already in use`));
  });

  it("says that the data folder is in use, and by which process", async () => {
    expectOneSentence(await start("running"), /data folder .*running is in use by process \d+/);
  });

  it("says that the data folder is of a newer version", async () => {
    mkdirSync(join(root.path, "newer"));
    writeFileSync(join(root.path, "newer", "millrace.json"), '{"version":999}');
    expectOneSentence(await start("newer"), /newer Millrace \(data version 999/);
  });

  it("says that the data folder cannot be made", async () => {
    writeFileSync(join(root.path, "file"), "");
    expectOneSentence(await start("file/below"), /data folder .*file\/below cannot be/);
  });

  it("refuses an address that other machines reach, unless told so", async () => {
    expectOneSentence(await start("open", "--listen", "0.0.0.0"), /--insecure/);
    const open = await MillraceProcess.start(join(root.path, "open"), ["--listen", "0.0.0.0", "--insecure"]);
    expect((await open.call("console", "GET", "/health")).status).toBe(200);
    expect(await open.stop()).toBe(0);
  });

  it.each([
    [["--connect-port", "many"], /connect\.port: Not a number/],
    [["--connect-port", "70000"], /70000 .*connect\.port/],
    [["--log-level", "loud"], /log\.level.*debug, info, warn, error/],
    [["--host", "postgres"], /host postgres: expected name=address:port/],
  ])("names the wrong setting in %s", async (flags, words) => {
    expectOneSentence(await start("wrong", ...flags), words);
  });

  it("says to a client that it went away in the middle of a query", async () => {
    const server = await MillraceProcess.start(join(root.path, "going"));
    await server.ksql("CREATE STREAM s (k STRING KEY) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);");
    const client = server.cli(["sql", "-e", "SELECT * FROM s EMIT CHANGES;"]);
    await until("the query runs", async () => ((await server.ksql("SHOW QUERIES;"))[0]!["queries"] as unknown[]).length === 1);
    expect(await server.stop()).toBe(0);
    expectOneSentence(await client, /closed the connection/);
  });

  it("says that nothing answers where a client finds no server", async () => {
    const none = `http://127.0.0.1:${await freePort()}`;
    for (const args of [
      ["sql", none, "-e", "SHOW TOPICS;"],
      ["topics", "list", "--url", none],
      ["connectors", "--url", none],
      ["errors", "list", "--url", none],
      ["backup", join(root.path, "none"), "--url", none],
    ])
      expectOneSentence(await millrace(args), new RegExp(none.replaceAll(".", "\\.")));
  });
});

describe("settings", () => {
  it("go flag over environment over millrace.yaml, and a word that is no setting is named", async () => {
    const [file, environment, flag] = [await freePort(), await freePort(), await freePort()];
    const cwd = join(root.path, "settings");
    mkdirSync(cwd);
    writeFileSync(
      join(cwd, "millrace.yaml"),
      `dir: ./data\nregistry: { port: ${file} }\nconnect:\n  port: ${file}\nsql.port: ${file}\nconsole.port: 0\n`,
    );
    const env = { MILLRACE_CONNECT_PORT: String(environment), MILLRACE_SQL_PORT: String(environment) };
    const running = await MillraceProcess.start(undefined, ["--sql-port", String(flag)], { cwd, env });
    expect(running.ports).toMatchObject({ registry: file, connect: environment, sql: flag });
    expect(await running.stop()).toBe(0);

    writeFileSync(join(cwd, "millrace.yaml"), "conect: { port: 1 }\n");
    expectOneSentence(await millrace(["start", ...freePorts], { cwd }), /millrace\.yaml: conect\.port is not a setting/);
    writeFileSync(join(cwd, "millrace.yaml"), "connect: { port: 1\n");
    const broken = await millrace(["start", ...freePorts], { cwd });
    expect(broken.code).toBe(1);
    expect(broken.stderr).toContain("millrace.yaml is not YAML");
  });
});

const small = smallDisk();
afterAll(() => small?.unmount());

describe(`a full disk${small ? "" : " (not run: a tmpfs cannot be mounted)"}`, () => {
  it.skipIf(!small)("is said in one sentence at the start", async () => {
    small!.fill(0);
    const ran = await millrace(["start", "--dir", join(small!.path, "data"), ...freePorts]);
    expectOneSentence(ran, /disk.* full/);
  });

  it.skipIf(!small)("is said to a client whose record cannot be kept, and nothing confirmed is lost", async () => {
    small!.empty();
    const args = (process: MillraceProcess, value: string) =>
      process.call("sql", "POST", "/ksql", { ksql: `INSERT INTO s (k, v) VALUES ('k', '${value}');` });
    let process = await MillraceProcess.start(join(small!.path, "data"));
    await process.ksql("CREATE STREAM s (k STRING KEY, v STRING) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);");
    let confirmed = 0;
    let refused = "";
    while (refused === "" && confirmed < 200) {
      const answer = await args(process, "x".repeat(100_000));
      if (answer.status === 200) confirmed++;
      else refused = answer.text;
    }
    expect(refused).toMatch(/disk|space/i);
    expect(refused).not.toMatch(/\s+at .*\.js:\d+/);
    await process.kill();
    small!.grow();
    process = await MillraceProcess.start(join(small!.path, "data"));
    const topic = await process.call<{ partitions: { latest: number }[] }>("sql", "GET", "/millrace/topics/s");
    expect(topic.json.partitions[0]!.latest).toBe(confirmed);
    expect((await args(process, "y")).status).toBe(200);
    await process.stop();
  });
});

/** A disk of 4 MB, where this user may mount one. */
function smallDisk() {
  const { path, remove } = temporary("disk");
  const mount = (...options: string[]) => execFileSync("mount", [...options, path], { stdio: "ignore" });
  try {
    mount("-t", "tmpfs", "-o", "size=4m", "tmpfs");
  } catch {
    remove();
    return undefined;
  }
  const filler = join(path, "filler");
  return {
    path,
    fill(left: number) {
      try {
        writeFileSync(filler, Buffer.alloc(4 * 1024 * 1024 - left));
      } catch {} // it takes what there is
    },
    empty: () => execFileSync("rm", ["-rf", filler, join(path, "data")]),
    grow: () => mount("-o", "remount,size=16m"),
    unmount() {
      execFileSync("umount", [path], { stdio: "ignore" });
      remove();
    },
  };
}
