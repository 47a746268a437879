import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { postgresSource } from "../../../src/connectors/postgres/connector.js";
import { startPostgres, type TestPostgres } from "../../support/postgres.js";

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server?.stop());

const base = () => ({
  "database.hostname": "127.0.0.1",
  "database.port": String(server.port),
  "database.user": "postgres",
  "database.password": "postgres",
  "database.dbname": "postgres",
  "topic.prefix": "s",
});
const context = { resolveHost: (host: string, port: number) => ({ host, port }) };
const check = (more: Record<string, string>) => postgresSource.check!({ ...base(), ...more }, context);

describe("check", () => {
  test("finds nothing wrong with a good config", async () => {
    expect(await check({})).toEqual([]);
  });

  test.each([
    [{ "database.password": "wrong-secret" }, "database.password", /password authentication failed/],
    [{ "database.user": "nobody" }, "database.password", /nobody/],
    [{ "database.dbname": "nowhere" }, "database.dbname", /nowhere/],
    [{ "database.port": "1" }, "database.hostname", /127.0.0.1:1/],
    [{ "publication.autocreate.mode": "disabled", "publication.name": "none" }, "publication.name", /none does not exist/],
    [{ "signal.data.collection": "public.none" }, "signal.data.collection", /does not exist/],
    [{ "snapshot.mode": "custom" }, "snapshot.mode", /snapshot.mode=custom needs a Java class/],
    [{ "database.sslmode": "require" }, "database.sslmode", /SSL/],
  ])("names the setting of %j", async (more, setting, message) => {
    const problems = await check(more as Record<string, string>);
    expect(problems).toHaveLength(1);
    expect(problems[0]!.message).toMatch(message);
    expect(JSON.stringify(problems)).not.toContain("wrong-secret");
    expect(problems[0]!.setting).toBe(setting);
  });

  test("sees a user without rights", async () => {
    const db = await server.client();
    await db.query("CREATE ROLE reader LOGIN PASSWORD 'reader'; CREATE TABLE secret (id int)");
    const problems = await check({ "database.user": "reader", "database.password": "reader" });
    expect(problems.map((p) => p.setting)).toEqual(["database.user", "database.user"]);
    expect(problems[0]!.message).toMatch(/may not replicate/);
    expect(problems[1]!.message).toMatch(/may not read .*secret.*GRANT SELECT/);
  });

  test("names wrong words and expressions by their setting", () => {
    const errors = postgresSource.config
      .validate({
        ...base(),
        "snapshot.mode": "sometimes",
        "table.include.list": "public.(a",
        "slot.name": "Bad-Name",
        "skipped.operations": "x",
      })
      .flatMap((r) => r.errors.map(() => r.setting.name));
    expect(errors.sort()).toEqual(["skipped.operations", "slot.name", "snapshot.mode", "table.include.list"]);
  });

  test("reads the old names of settings", () => {
    const { "topic.prefix": _, ...rest } = base();
    const config = postgresSource.config.parse({ ...rest, "database.server.name": "dbserver1", "table.whitelist": "public.a" });
    expect(config.string("topic.prefix")).toBe("dbserver1");
    expect(config.list("table.include.list")).toEqual(["public.a"]);
  });
});

const openssl = (() => {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

describe.skipIf(!openssl)("TLS (needs the openssl command)", () => {
  let tls: TestPostgres;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "millrace-tls-"));
    chmodSync(folder, 0o755);
    const make = (name: string) =>
      execFileSync(
        "openssl",
        [
          "req",
          "-x509",
          "-newkey",
          "rsa:2048",
          "-nodes",
          "-days",
          "2",
          "-subj",
          "/CN=localhost",
          "-keyout",
          join(folder, `${name}.key`),
          "-out",
          join(folder, `${name}.crt`),
        ],
        { stdio: "ignore" },
      );
    make("server");
    make("other");
    tls = await startPostgres();
    const db = await tls.client();
    const data = (await db.query("SHOW data_directory")).rows[0].data_directory;
    const owner = statSync(data);
    chmodSync(join(folder, "server.key"), 0o600);
    chownSync(join(folder, "server.key"), owner.uid, owner.gid);
    await db.query(`ALTER SYSTEM SET ssl_cert_file = '${join(folder, "server.crt")}'`);
    await db.query(`ALTER SYSTEM SET ssl_key_file = '${join(folder, "server.key")}'`);
    await db.query("ALTER SYSTEM SET ssl = on");
    await db.query("SELECT pg_reload_conf()");
    await new Promise((r) => setTimeout(r, 300));
  });
  afterAll(async () => {
    await tls?.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const run = (more: Record<string, string>) => postgresSource.check!({ ...base(), "database.port": String(tls.port), ...more }, context);

  test.each([
    [{ "database.sslmode": "disable" }, true],
    [{ "database.sslmode": "prefer" }, true],
    [{ "database.sslmode": "require" }, true],
    [{ "database.sslmode": "verify-ca", ca: "server" }, true],
    [{ "database.sslmode": "verify-ca", ca: "other" }, false],
    [{ "database.sslmode": "verify-full", ca: "server", "database.hostname": "localhost" }, true],
    [{ "database.sslmode": "verify-full", ca: "server" }, false],
    [{ "database.sslmode": "verify-ca", missing: "1" }, false],
  ])("%j connects: %s", async (given, good) => {
    const { ca, missing, ...more } = given as Record<string, string>;
    const root: Record<string, string> = ca
      ? { "database.sslrootcert": join(folder, `${ca}.crt`) }
      : missing
        ? { "database.sslrootcert": join(folder, "none.crt") }
        : {};
    const problems = await run({ ...more, ...root });
    expect(problems.length === 0, JSON.stringify(problems)).toBe(good);
    if (missing) expect(problems[0]!.setting).toBe("database.sslrootcert");
    expect(readFileSync(join(folder, "server.crt"), "utf8")).toContain("BEGIN");
  });
});
