import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { runSqlTests } from "../../src/testing/sql-test.js";

/** Each file holds tests of `millrace test`, which run through the engine. */
const folder = new URL("./extensions/", import.meta.url);

describe("what ksqlDB does not have", () => {
  test.each(readdirSync(folder).filter((f) => f.endsWith(".sql")))("%s", async (file) => {
    const results = await runSqlTests(readFileSync(new URL(file, folder), "utf8"));
    expect(results.filter((r) => r.failure)).toEqual([]);
    expect(results.length).toBeGreaterThan(0);
  });

  const page = readFileSync(new URL("../../docs/reference/sql-extensions.md", import.meta.url), "utf8");
  const examples = [...page.matchAll(/^```sql\n(.*?)^```/gms)].map((block) => block[1]!);
  test.each(examples)("the reference's example %#", async (example) => {
    expect(await runSqlTests(example)).toEqual([{ name: expect.any(String), line: 1 }]);
  });
});
