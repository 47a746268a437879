import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from "vitest";
import { builtInFunctions } from "../../../src/sql/functions/built-in.js";
import { aggregateFunction, scalarFunction, tableFunction, withUserFunctions } from "../../../src/sql/functions/user-function.js";
import { SqlServer } from "../../server/ksql/support.js";

const product = aggregateFunction("PRODUCT", {
  args: ["BIGINT"],
  state: "STRUCT<P DECIMAL(18, 0), N INT>",
  returns: "DECIMAL(18, 0)",
  initial: () => ({ P: "1", N: 0 }),
  add: (s, x) => ({ P: String(BigInt(s["P"] as string) * BigInt(x ?? 1)), N: (s["N"] as number) + 1 }),
  undo: (s, x) => ({ P: String(BigInt(s["P"] as string) / BigInt(x ?? 1)), N: (s["N"] as number) - 1 }),
  merge: (a, b) => ({ P: String(BigInt(a["P"] as string) * BigInt(b["P"] as string)), N: (a["N"] as number) + (b["N"] as number) }),
  result: (s) => s["P"] as string,
});
const functions = [
  scalarFunction("reverse", {
    args: ["STRING"],
    returns: "STRING",
    description: "backwards",
    call: (text) => [...text].reverse().join(""),
  }),
  scalarFunction("REVERSE", { args: ["ARRAY<INT>"], returns: "ARRAY<INT>", call: (list) => [...list].reverse() }),
  scalarFunction("OR_ELSE", { args: ["BIGINT", "BIGINT"], returns: "BIGINT", nulls: true, call: (a, b) => a ?? b }),
  scalarFunction("HALF", { args: ["DECIMAL(6, 2)"], returns: "DECIMAL(7, 3)", call: (d) => String(Number(d) / 2) }),
  scalarFunction("SWAP", {
    args: ["STRUCT<A INT, B STRING>"],
    returns: "STRUCT<B STRING, A INT>",
    call: (s) => ({ A: s["A"], B: s["B"] }),
  }),
  scalarFunction("WRONG", { args: ["INT"], returns: "INT", call: () => 1.5 }),
  tableFunction("WORDS", { args: ["STRING"], returns: "STRING", call: (text) => text.split(" ") }),
  product,
];

let server: SqlServer;
let dir: string;
beforeAll(async () => {
  server = await SqlServer.start();
  server.engine.addFunctions(functions);
  dir = await mkdtemp(join(tmpdir(), "functions-"));
  await server.ksql(
    "CREATE STREAM s (id INT KEY, t STRING, n BIGINT, d DECIMAL(6,2)) WITH (kafka_topic='s', partitions=1, value_format='JSON'); CREATE TABLE p AS SELECT t, PRODUCT(n) AS x FROM s GROUP BY t;",
  );
  await server.ksql(
    "INSERT INTO s VALUES (1, 'ab cd', 3, 5.25); INSERT INTO s VALUES (2, NULL, NULL, NULL); INSERT INTO s VALUES (3, 'ab cd', 4, 1);",
  );
});
afterAll(async () => {
  await server.close();
  for (const folder of [dir, `${dir}-data`]) await rm(folder, { recursive: true, force: true });
});

const select = async (columns: string, id = 1) => (await server.rows(`SELECT ${columns} FROM s WHERE id = ${id};`))[0];

describe("functions of one's own", () => {
  test("scalar ones, by their overloads, with NULL as declared", async () => {
    expect(await select("REVERSE(t), REVERSE(ARRAY[1, 2]), HALF(d)")).toEqual(["dc ba", [2, 1], 2.625]);
    expect(await select("REVERSE(t), OR_ELSE(n, 7)", 2)).toEqual([null, 7]);
    expect(await select("SWAP(STRUCT(A := 1, B := 'x'))")).toEqual([{ B: "x", A: 1 }]);
  });

  test("a value that is none of the type makes the column NULL", async () => {
    expect(await select("WRONG(1), id")).toEqual([null, 1]);
  });

  test("table functions give rows, aggregates keep their state", async () => {
    await server.ksql("CREATE STREAM w AS SELECT id, WORDS(t) AS word FROM s EMIT CHANGES;", {
      streamsProperties: { "auto.offset.reset": "earliest" },
    });
    await server.eventually("SELECT word FROM w;", (rows) => JSON.stringify(rows) === '[["ab"],["cd"],["ab"],["cd"]]');
    await server.eventually("SELECT x FROM p WHERE t = 'ab cd';", (rows) => rows[0]?.[0] === 12);
  });

  test("they are listed and described", async () => {
    const [list] = await server.ksql("SHOW FUNCTIONS;");
    expect(list!["functions"]).toContainEqual({ name: "PRODUCT", type: "AGGREGATE", category: "AGGREGATE" });
    const [described] = await server.ksql("DESCRIBE FUNCTION REVERSE;");
    expect(JSON.stringify(described)).toContain("backwards");
  });

  test("an aggregate without undo does not stand over a table", async () => {
    const { undo: _, ...rest } = { undo: 0 };
    const last = aggregateFunction("LAST_OF", {
      args: ["BIGINT"],
      state: "BIGINT",
      returns: "BIGINT",
      initial: () => 0,
      add: (_s, x) => x ?? 0,
      merge: (_a, b) => b,
      result: (s) => s,
      ...rest,
    });
    server.engine.addFunctions([last]);
    const error = await server.refused("CREATE TABLE bad AS SELECT x, LAST_OF(CAST(x AS BIGINT)) FROM p GROUP BY x;");
    expect(error["message"]).toContain("LAST_OF");
  });

  test.each([
    [() => scalarFunction("A B", { args: [], returns: "INT", call: () => 1 }), "A B is no name of a function"],
    [() => scalarFunction("F", { args: ["INTT"], returns: "INT", call: () => 1 }), "function F: INTT is no SQL type"],
    [
      () => withUserFunctions(builtInFunctions, [scalarFunction("ABS", { args: [], returns: "INT", call: () => 1 })]),
      "function ABS: there is another one",
    ],
    [() => withUserFunctions(builtInFunctions, [functions[0]!, functions[0]!]), "function REVERSE(STRING) is there twice"],
  ])("refuses what is wrong: %#", (make, message) => {
    expect(make).toThrow(message);
  });

  test("the arguments have the types that are declared", () => {
    scalarFunction("T", {
      args: ["BIGINT", "ARRAY<STRING>", "MAP<STRING, DOUBLE>", "DECIMAL(4, 2)"],
      returns: "BOOLEAN",
      call: (a, b, c, d) => {
        expectTypeOf(a).toEqualTypeOf<number | bigint>();
        expectTypeOf(b).toEqualTypeOf<(string | null)[]>();
        expectTypeOf(c).toEqualTypeOf<Map<string, number | null>>();
        expectTypeOf(d).toEqualTypeOf<string>();
        return true;
      },
    });
    // @ts-expect-error a text is no BOOLEAN
    scalarFunction("U", { args: [], returns: "BOOLEAN", call: () => "yes" });
  });

  test("a process loads a folder's files, and one that cannot be loaded names itself", { timeout: 60_000 }, async () => {
    const main = join(import.meta.dirname, "../../../dist/main.js"); // as built: module hooks see no TypeScript
    await writeFile(
      join(dir, "a.mjs"),
      'import { scalarFunction } from "millrace";\nexport default [scalarFunction("ONE", { args: [], returns: "INT", call: () => 1 })];',
    );
    const ports = ["kafka", "registry", "rest-proxy", "connect", "sql", "console"].flatMap((p) => [`--${p}-port`, "0"]);
    const start = () =>
      spawn(process.execPath, [main, "start", "--dir", `${dir}-data`, "--functions", dir, "--log-format", "json", ...ports]);
    const process1 = start();
    const ready = await new Promise<{ sql: number }>((resolve) => {
      createInterface(process1.stderr).on("line", (line) => {
        const entry = JSON.parse(line) as { message: string; sql: number };
        if (entry.message === "ready") resolve(entry);
      });
    });
    const listed = await fetch(`http://127.0.0.1:${ready.sql}/ksql`, {
      method: "POST",
      body: JSON.stringify({ ksql: "DESCRIBE FUNCTION ONE;" }),
    });
    expect(listed.status).toBe(200);
    process1.kill();
    await once(process1, "exit");
    await writeFile(join(dir, "b.mjs"), "export default 5;");
    const process2 = start();
    let said = "";
    process2.stderr.on("data", (d) => (said += d));
    expect((await once(process2, "exit"))[0]).toBe(1);
    expect(said).toMatch(/b\.mjs cannot be loaded: its default export must be an array/);
  });
});
