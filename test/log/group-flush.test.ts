import { expect, test } from "vitest";
import { GroupFlush } from "../../src/log/group-flush.js";

test("one run at a time, also where a waiter asks again in the turn in which the next begins", async () => {
  let running = 0;
  let most = 0;
  let runs = 0;
  const group = new GroupFlush(async () => {
    runs++;
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
  });
  const again = async (times: number) => {
    for (let i = 0; i < times; i++) await group.request();
  };
  await Promise.all([again(20), again(20), Promise.resolve().then(() => again(20))]);
  expect(most).toBe(1);
  expect(runs).toBeLessThanOrEqual(41);
  await group.settled();
  expect(running).toBe(0);
});

test("a run that fails tells those who wait for it, and the next goes on", async () => {
  let runs = 0;
  const group = new GroupFlush(async () => {
    await Promise.resolve();
    if (++runs === 1) throw new Error("disk");
  });
  const first = group.request();
  const second = group.request();
  await expect(first).rejects.toThrow("disk");
  await second;
  await group.request();
});
