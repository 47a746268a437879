import { expect, test } from "vitest";
import { TransactionOrder } from "../../src/cdc/transaction-order.js";

test("counts over all and by collection, listed as a Java HashMap would", () => {
  const order = new TransactionOrder();
  expect(["public.o_basic", "public.o_full", "public.o_basic", "other.o_basic"].map((n) => order.next(n))).toEqual([1, 1, 2, 1]);
  expect(order.total).toBe(4);
  expect(order.collections()).toEqual([
    ["public.o_full", 1],
    ["other.o_basic", 1],
    ["public.o_basic", 2],
  ]);
  order.clear();
  expect([order.total, order.collections()]).toEqual([0, []]);
});
