import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { migrationsCommand } from "../../src/cli/migrations/command.js";
import { SqlServer } from "../server/ksql/support.js";

let server: SqlServer;
let dir: string;
beforeAll(async () => {
  server = await SqlServer.start();
  dir = await mkdtemp(join(tmpdir(), "migrations-"));
});
afterAll(async () => {
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

async function run(...args: string[]): Promise<string> {
  const lines: string[] = [];
  await migrationsCommand((line) => lines.push(line)).parseAsync(args, { from: "user" });
  return lines.join("\n");
}

async function project(name: string, files: Record<string, string> = {}): Promise<(...args: string[]) => Promise<string>> {
  await run("new-project", join(dir, name), server.url);
  for (const [file, text] of Object.entries(files)) await writeFile(join(dir, name, "migrations", file), text);
  return (...args) => run("-c", join(dir, name, "ksql-migrations.properties"), ...args);
}

/** A project with metadata of its own, so that tests do not see each other's versions. */
async function separate(name: string, files: Record<string, string>): Promise<(...args: string[]) => Promise<string>> {
  const migrations = await project(name, files);
  const file = join(dir, name, "ksql-migrations.properties");
  await writeFile(
    file,
    `ksql.server.url=${server.url}\nksql.migrations.stream.name=${name}_EVENTS\nksql.migrations.table.name=${name}_VERSIONS\n`,
  );
  await migrations("initialize-metadata");
  return migrations;
}

const names = async () => ((await server.ksql("SHOW STREAMS;"))[0] as { streams: { name: string }[] }).streams.map((s) => s.name);

describe("millrace migrations", () => {
  test("a project from nothing to applied, known and forgotten", async () => {
    const migrations = await project("SHOP");
    expect(await migrations("initialize-metadata")).toMatch(
      /Creating stream: MIGRATION_EVENTS\nCreating table: MIGRATION_SCHEMA_VERSIONS\nMigrations metadata initialized successfully\nExecution time: \d/,
    );
    expect(await migrations("create", "Add", "users")).toContain("V000001__Add_users.sql");
    await writeFile(
      join(dir, "SHOP/migrations/V000001__Add_users.sql"),
      "-- the first\nDEFINE topic='users';\nSET 'auto.offset.reset'='earliest';\nCREATE STREAM users (id STRING KEY, name STRING) WITH (KAFKA_TOPIC='${topic}', VALUE_FORMAT='JSON', PARTITIONS=1);\n",
    );
    expect(await migrations("create", "-v", "4", "Fill it")).toContain("V000004__Fill_it.sql");
    await writeFile(join(dir, "SHOP/migrations/V000004__Fill_it.sql"), "INSERT INTO users VALUES ('a', 'it''s ${who}; really');");

    expect(await migrations("apply", "--next", "--dry-run")).toContain("Dry run complete");
    expect(await names()).not.toContain("USERS");
    expect(await migrations("apply", "--next")).toMatch(/Applying migration version 1: Add users[\s\S]*Successfully migrated/);
    const info = await migrations("info");
    expect(info).toMatch(/Current migration version: 1\n/);
    expect(info).toMatch(/ 1 +\| Add users \| MIGRATED \| <none> +\| \d{4}-.* UTC +\| \d{4}-.* UTC +\| N\/A/);
    expect(info).toMatch(/ 4 +\| Fill it +\| PENDING +\| N\/A/);
    expect(await migrations("apply", "--all", "--define", "who=Ann")).toContain("Successfully migrated");
    expect(await server.rows("SELECT name FROM users;")).toEqual([["it's Ann; really"]]);
    expect(await migrations("apply", "--all")).toContain("No eligible migrations found.");
    expect(await migrations("validate")).toContain("Successfully validated checksums");

    await writeFile(join(dir, "SHOP/migrations/V000001__Add_users.sql"), "-- another text\n");
    await expect(migrations("validate")).rejects.toThrow(/Version 1 was applied, and .*V000001__Add_users\.sql has changed since/);

    expect(await migrations("destroy-metadata")).toMatch(/Terminating query with ID: CTAS_MIGRATION_SCHEMA_VERSIONS_\d+/);
    expect(await names()).toEqual(["USERS"]);
    await expect(migrations("info")).rejects.toThrow(/initialize-metadata creates it/);
  });

  test("a file that fails is recorded, stops the rest, and is applied again once it is mended", async () => {
    const broken =
      "CREATE STREAM half (a INT) WITH (KAFKA_TOPIC='half', VALUE_FORMAT='JSON', PARTITIONS=1);\nCREATE STREAM whole AS SELECT nosuch FROM half;";
    const migrations = await separate("BROKEN", { "V000001__One.sql": broken, "V000002__Two.sql": "DROP STREAM half;" });
    await expect(migrations("apply", "-a")).rejects.toThrow(/V000001__One\.sql failed:[\s\S]*NOSUCH[\s\S]*Statement: CREATE STREAM whole/i);
    expect(await migrations("info")).toMatch(/ 1 +\| One +\| ERROR[\s\S]* 2 +\| Two +\| PENDING/);
    await writeFile(join(dir, "BROKEN/migrations/V000001__One.sql"), "CREATE STREAM whole AS SELECT a FROM half;");
    await migrations("apply", "--until", "1");
    expect(await migrations("info")).toMatch(/ 1 +\| One +\| MIGRATED \| <none>/);
    await expect(migrations("apply", "--version", "1")).rejects.toThrow("Version 1 is older than the next to apply, 2");
    await expect(migrations("apply", "--version", "2")).rejects.toThrow(/V000002__Two\.sql failed/); // a query still reads it
  });

  test("what was left RUNNING stops everybody until somebody decides", async () => {
    const migrations = await separate("STUCK", { "V000001__One.sql": "DROP STREAM IF EXISTS nothing;" });
    const row = "('%', '1', 'One', 'RUNNING', 'x', '1', '', '<none>', 'N/A')";
    for (const key of ["1", "CURRENT"])
      await server.ksql(
        `INSERT INTO STUCK_EVENTS (version_key, version, name, state, checksum, started_on, completed_on, previous, error_reason) VALUES ${row.replace("%", key)};`,
      );
    // `apply` before the table has both rows would apply the file
    await expect.poll(() => migrations("info")).toMatch(/Current migration version: 1[\s\S]* 1 +\| One +\| RUNNING/);
    await expect(migrations("apply", "-n")).rejects.toThrow("Version 1 is RUNNING");
  });

  test("wrong use names what is wrong", async () => {
    const migrations = await separate("WRONG", { "V000002__Select.sql": "SELECT * FROM x;", "V000003__Open.sql": "DROP STREAM x" });
    await expect(run("info")).rejects.toThrow("millrace migrations -c FILE COMMAND");
    await expect(run("-c", join(dir, "no.properties"), "info")).rejects.toThrow("does not exist");
    await expect(migrations("apply")).rejects.toThrow("choose one of --all, --next, --until VERSION and --version VERSION");
    await expect(migrations("apply", "-a", "-n")).rejects.toThrow("choose one");
    await expect(migrations("apply", "--version", "9")).rejects.toThrow("No migration file has version 9");
    await expect(migrations("apply", "--version", "2")).rejects.toThrow("SELECT and PRINT are not for it");
    await expect(migrations("apply", "--version", "3")).rejects.toThrow("does not end with ;");
    await expect(migrations("create", "-v", "2", "again")).rejects.toThrow("has version 2 already");
    await expect(migrations("create", "a/b")).rejects.toThrow("letters, digits");
    await expect(run("new-project", join(dir, "WRONG"), server.url)).rejects.toThrow("already exists: it is not overwritten");
    await writeFile(join(dir, "WRONG/migrations/V000002__Twin.sql"), "");
    await expect(migrations("info")).rejects.toThrow("have the same version");
  });
});
