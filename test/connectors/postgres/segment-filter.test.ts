import { expect, test } from "vitest";
import { visible } from "../../../src/connectors/postgres/segment-filter.js";

test("a transaction is in a view where it had committed when the view was taken", () => {
  const view = "100:110:103,105";
  expect([99, 100, 102, 103, 104, 105, 109, 110, 200].map((xid) => visible(view, xid))).toEqual([
    true,
    true,
    true,
    false,
    true,
    false,
    true,
    false,
    false,
  ]);
});

test("ids beyond 32 bits are compared by their lower half, around its end too", () => {
  const epoch = 5n * 2n ** 32n;
  const view = `${epoch - 2n}:${epoch + 3n}:${epoch + 1n}`;
  expect([2 ** 32 - 3, 2 ** 32 - 1, 0, 1, 2, 3].map((xid) => visible(view, xid))).toEqual([true, true, true, false, true, false]);
});
