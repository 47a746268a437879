import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { MillraceError } from "../../src/common/errors.js";
import { Planner, sources } from "./support.js";

interface Case {
  readonly name: string;
  readonly statement: string;
  readonly message: string;
  readonly line?: number;
  readonly column?: number;
}
const folder = new URL("errors/", import.meta.url);
const more = `CREATE TABLE t2 (p INT PRIMARY KEY, q INT PRIMARY KEY, n INT) WITH (KAFKA_TOPIC='t2', KEY_FORMAT='JSON', VALUE_FORMAT='JSON');
  CREATE TABLE u (k INT PRIMARY KEY, c INT) WITH (KAFKA_TOPIC='u', VALUE_FORMAT='JSON');`;

for (const file of readdirSync(folder))
  describe(`bad SQL: ${file}`, () => {
    const cases = JSON.parse(readFileSync(new URL(file, folder), "utf8")) as Case[];
    test.each(cases)("$name", ({ statement, message, line, column }) => {
      const planner = new Planner();
      planner.run(`${sources} ${more} CREATE STREAM s3 AS SELECT * FROM s;`);
      const before = planner.metastore;
      let thrown: unknown;
      try {
        planner.run(statement);
      } catch (e) {
        thrown = e;
      }
      expect(thrown).toBeInstanceOf(MillraceError);
      const error = thrown as MillraceError;
      expect(error.message).toContain(message);
      expect(error.context["statement"]).toBeTypeOf("string");
      if (line !== undefined) expect([error.context["line"], error.context["column"]]).toEqual([line, column]);
      expect(planner.metastore).toBe(before);
    });
  });
