import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sqlTypes } from "../../../src/sql/analyzer/types.js";
import { builtInFunctions } from "../../../src/sql/functions/built-in.js";

function aggregator(
  overload: string,
  constants: (number | boolean)[] = [],
  type = sqlTypes.integer as { base: "INTEGER" | "STRING" | "DOUBLE" },
) {
  const args = overload.includes("()") ? [] : [{ kind: "column" as const, index: 0, name: "A", type }];
  return builtInFunctions.aggregator({ overload, args, constants, type });
}
function run(a: ReturnType<typeof aggregator>, values: readonly unknown[]): unknown {
  return a.result(values.reduce((s, v) => a.add(s, [v]), a.initial()));
}

describe("results", () => {
  test.each([
    ["COUNT()", [], [1, null], 2],
    ["COUNT(T)", [], [1, null], 1],
    ["SUM(INTEGER)", [], [1, null, 5], 6],
    ["AVG(INTEGER)", [], [1, null, 4], 2.5],
    ["AVG(INTEGER)", [], [], 0],
    ["MIN(INTEGER)", [], [3, null, 2], 2],
    ["MAX(INTEGER)", [], [], null],
    ["COLLECT_LIST(T)", [], [1, null, 1], [1, null, 1]],
    ["COLLECT_SET(T)", [], [1, 2, 1], [1, 2]],
    ["COUNT_DISTINCT(T)", [], [1, 2, 1, null], 2],
    ["LATEST_BY_OFFSET(T)", [], [1, 2, null], 2],
    ["LATEST_BY_OFFSET(T, BOOLEAN)", [false], [1, 2, null], null],
    ["LATEST_BY_OFFSET(T, INTEGER)", [2], [1, 2, null, 3], [2, 3]],
    ["EARLIEST_BY_OFFSET(T)", [], [null, 1, 2], 1],
    ["EARLIEST_BY_OFFSET(T, INTEGER)", [2], [1, 2, 3], [1, 2]],
    ["TOPK(INTEGER, INTEGER)", [2], [1, 5, 5, 3], [5, 5]],
    ["TOPKDISTINCT(INTEGER, INTEGER)", [2], [1, 5, 5, 3], [5, 3]],
    ["ATTR(T)", [], [4, 4], 4],
    ["ATTR(T)", [], [4, 5], null],
    ["STDDEV_SAMP(INTEGER)", [], [2, 4, 6], 4],
    ["STDDEV_SAMPLE(INTEGER)", [], [2, 4, 6], 2],
  ] as const)("%s %j of %j", (overload, constants, values, result) => {
    expect(run(aggregator(overload, [...constants]), values)).toEqual(result);
  });
});

describe("what was added and taken back leaves no trace", () => {
  const undoable = ["COUNT()", "COUNT(T)", "SUM(INTEGER)", "AVG(INTEGER)", "COLLECT_LIST(T)", "ATTR(T)"];
  test.each(undoable)("%s", (overload) => {
    const values = fc.array(fc.option(fc.integer({ min: -1000, max: 1000 })), { maxLength: 20 });
    fc.assert(
      fc.property(values, values, (kept, taken) => {
        const a = aggregator(overload);
        let state = kept.reduce((s, v) => a.add(s, [v]), a.initial());
        for (const v of taken) state = a.add(state, [v]);
        for (const v of [...taken].reverse()) state = a.undo!(state, [v]);
        expect(a.result(state)).toEqual(run(a, kept));
      }),
    );
  });
});

test("two sessions that become one have the result of all rows", () => {
  const values = fc.array(fc.integer({ min: -50, max: 50 }), { maxLength: 10 });
  const all = [
    "SUM(INTEGER)",
    "COUNT()",
    "MIN(INTEGER)",
    "MAX(INTEGER)",
    "COLLECT_LIST(T)",
    "COLLECT_SET(T)",
    "LATEST_BY_OFFSET(T)",
    "EARLIEST_BY_OFFSET(T)",
    "ATTR(T)",
  ];
  fc.assert(
    fc.property(fc.constantFrom(...all), values, values, (overload, first, second) => {
      const a = aggregator(overload);
      const of = (list: readonly number[]) => list.reduce((s, v) => a.add(s, [v]), a.initial());
      expect(a.result(a.merge(of(first), of(second)))).toEqual(run(a, [...first, ...second]));
    }),
  );
});
