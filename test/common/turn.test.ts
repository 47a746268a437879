import { expect, test, vi } from "vitest";

// a copy of its own: the process's is shared with whatever other tests left running
vi.resetModules();
const { nextTurn, sliceEnd } = await import("../../src/common/turn.js");

const slice = () => sliceEnd() - performance.now();

test("one who works alone has a slice of milliseconds; many share it, and each still gets some", async () => {
  await nextTurn();
  await nextTurn();
  expect(slice()).toBeGreaterThan(4);
  await nextTurn();
  for (let i = 0; i < 8; i++) sliceEnd();
  await nextTurn();
  expect(slice()).toBeLessThanOrEqual(1.1);
  for (let i = 0; i < 999; i++) sliceEnd();
  await nextTurn();
  expect(slice()).toBeGreaterThan(0.3);
  await nextTurn();
  await nextTurn();
  expect(slice()).toBeGreaterThan(4);
});

test("the next turn comes after the sockets and timers of this one", async () => {
  const order: string[] = [];
  setTimeout(() => order.push("timer"), 0);
  const until = performance.now() + 5;
  while (performance.now() < until);
  await nextTurn();
  await nextTurn();
  expect(order).toEqual(["timer"]);
});
