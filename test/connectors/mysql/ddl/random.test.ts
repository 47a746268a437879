import fc from "fast-check";
import type mysql from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Tables } from "../../../../src/connectors/mysql/ddl/tables.js";
import { type Flavor, installed, startMysql, type TestMysql } from "../../../support/mysql.js";
import { Choices, RandomDdl } from "./random-ddl.js";
import { describeModel, serverModel } from "./server-model.js";

const runs = Number(process.env["DDL_RUNS"] ?? 40);
/** always the same statements, so that a failure comes again; others with DDL_SEED */
const seed = Number(process.env["DDL_SEED"] ?? 17);

const sessions = [
  ["", true],
  ["explicit_defaults_for_timestamp off", false],
] as const;

for (const flavor of ["mysql", "mariadb"] as const)
  describe.skipIf(!installed(flavor))(`random DDL against ${flavor}${installed(flavor) ? "" : " (not run: it is not installed)"}`, () => {
    let server: TestMysql;
    let client: mysql.Connection;
    beforeAll(async () => {
      server = await startMysql(flavor);
      await server.run("CREATE DATABASE d CHARACTER SET latin1");
      client = await server.client("d");
      await client.query("SET SESSION sql_mode = ''");
    }, 60_000);
    afterAll(async () => server?.stop(), 60_000);

    it.each(sessions)(
      "gives the table that the server has, and the one that SHOW CREATE TABLE gives, after every statement %s",
      async (_, explicitDefaultsForTimestamp) => {
        await client.query(`SET SESSION explicit_defaults_for_timestamp = ${explicitDefaultsForTimestamp ? "ON" : "OFF"}`);
        let accepted = 0;
        let refused = 0;
        await fc.assert(
          fc.asyncProperty(
            fc.array(fc.array(fc.nat(9999), { minLength: 30, maxLength: 80 }), { minLength: 1, maxLength: 9 }),
            async (steps) => {
              const tables = new Tables({ flavor, lowerCaseTableNames: 0, explicitDefaultsForTimestamp });
              tables.apply("CREATE DATABASE d CHARACTER SET latin1", { database: null });
              await client.query("DROP TABLE IF EXISTS t");
              const done: string[] = [];
              for (const numbers of steps) {
                const model = tables.get("d", "t");
                const random = new RandomDdl(new Choices(numbers), flavor, model);
                const sql = model ? random.statement("t") : random.create("t");
                if (!sql) continue;
                try {
                  await client.query(sql);
                  accepted++;
                } catch (e) {
                  // what the server refuses never reaches the binlog
                  if ((e as { errno?: number }).errno === 1064) throw new Error(`the test wrote bad SQL: ${sql}\n${(e as Error).message}`);
                  refused++;
                  if (process.env["DDL_SHOW_REFUSED"]) console.log((e as Error).message, "|", sql);
                  continue;
                }
                done.push(sql);
                await compare(tables, sql, flavor, client, done);
              }
            },
          ),
          { numRuns: runs, seed, endOnFailure: process.env["DDL_NO_SHRINK"] !== undefined },
        );
        expect(accepted).toBeGreaterThan(refused);
      },
      600_000,
    );
  });

async function compare(tables: Tables, sql: string, flavor: Flavor, client: mysql.Connection, done: readonly string[]): Promise<void> {
  const story = done.join(";\n");
  try {
    tables.apply(sql, { database: "d" });
  } catch (e) {
    throw new Error(`${(e as Error).message}\nafter\n${story}`);
  }
  const model = tables.get("d", "t")!;
  const server = await serverModel(client, "d", "t", flavor);
  expect(describeModel(model, server), story).toEqual(server);
  const [[row]] = (await client.query("SHOW CREATE TABLE t")) as unknown as [[{ "Create Table": string }]];
  const fresh = new Tables(tables.options);
  fresh.apply(row["Create Table"], { database: "d", explicitDefaultsForTimestamp: true });
  const shown = fresh.get("d", "t")!;
  expect(describeModel(shown, server), `${row["Create Table"]}\nmade by\n${story}`).toEqual(server);
  expect(shown.keyColumns, story).toEqual(model.keyColumns);
}
