import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { formatSqlType } from "../../src/data/sql-type.js";
import { outline } from "./outline.js";
import { Planner, sources } from "./support.js";

interface Case {
  readonly name: string;
  readonly sql: string;
  /** the columns of the source that comes of it */
  readonly schema: string;
  readonly plan: readonly string[];
}
const folder = new URL("plans/", import.meta.url);

export function planned(sql: string): Pick<Case, "schema" | "plan"> {
  const planner = new Planner();
  planner.run(sources);
  const result = planner.run(sql).at(-1)!;
  if (result.kind === "push-query")
    return {
      schema: result.columns.map((c) => `${c.name} ${formatSqlType(c.type)}${c.isKey ? " KEY" : ""}@${c.index}`).join(", "),
      plan: outline(result.plan.root),
    };
  if (result.kind !== "command" || result.command?.command !== "create-as") throw new Error(`not a query: ${result.kind}`);
  expect(JSON.parse(JSON.stringify(result.command))).toEqual(result.command);
  const { columns } = result.command.source;
  return {
    schema: columns.map((c) => `${c.name} ${formatSqlType(c.type)}${c.role === "key" ? " KEY" : ""}`).join(", "),
    plan: outline(result.command.plan.root),
  };
}

for (const file of readdirSync(folder))
  describe(`plans: ${file}`, () => {
    const cases = JSON.parse(readFileSync(new URL(file, folder), "utf8")) as Case[];
    test.each(cases)("$name", ({ sql, schema, plan }) => {
      expect(planned(sql)).toEqual({ schema, plan });
    });
  });
