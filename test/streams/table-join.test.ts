import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JoinType } from "../../src/streams/processor/table-join.js";
import { TopologyTestDriver } from "../../src/streams/test-driver.js";
import { joinAndAggregate, recompute } from "./operators.js";

const change = fc.oneof(
  fc.record({
    side: fc.constant("left" as const),
    id: fc.integer({ min: 0, max: 6 }),
    value: fc.option(fc.option(fc.integer({ min: -50, max: 50 }))),
  }),
  fc.record({
    side: fc.constant("right" as const),
    id: fc.integer({ min: 0, max: 6 }),
    value: fc.option(fc.option(fc.constantFrom("x", "y", "z"))),
  }),
);

describe("table-table joins and table aggregates", () => {
  for (const join of ["INNER", "LEFT", "RIGHT", "FULL"] as JoinType[])
    for (const coalesce of [false, true])
      for (const repartition of [false, true])
        it(`${join} join, coalesce ${coalesce}, repartition ${repartition}: the outputs add up to what the tables say`, async () => {
          await fc.assert(
            fc.asyncProperty(fc.array(change, { maxLength: 40 }), async (changes) => {
              const driver = new TopologyTestDriver(joinAndAggregate({ join, coalesce, repartition }));
              const left = new Map<number, number | null>();
              const right = new Map<number, string | null>();
              const joined = new Map<number, [number | null, string | null]>();
              const sums = new Map<string, [number, number]>();
              let time = 0;
              for (const { side, id, value } of changes) {
                const table: Map<number, unknown> = side === "left" ? left : right;
                // null: a delete; [null] stands for a row whose column is null
                if (value === null) table.delete(id);
                else table.set(id, value);
                await driver.pipeRow(side, [id], value === null ? null : [id, value], time++);
                for (const { key, row } of await driver.readRows("joined"))
                  if (row === null) joined.delete(key[0] as number);
                  else joined.set(key[0] as number, [row[1] as number | null, row[2] as string | null]);
                for (const { key, row } of await driver.readRows("sums"))
                  sums.set(key[0] as string, [row![1] as number, row![2] as number]);
                const expected = recompute(left, right, join);
                expect(joined).toEqual(expected.joined);
                for (const [group, [count]] of sums) if (count === 0) expect(expected.sums.has(group)).toBe(false);
                expect(new Map([...sums].filter(([, [count]]) => count > 0))).toEqual(expected.sums);
              }
            }),
            { numRuns: 60 },
          );
        });
});
