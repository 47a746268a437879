import fc from "fast-check";
import { expect, it } from "vitest";
import { Timers } from "../../../src/broker/embedded/timers.js";
import { MovedClock } from "../../support/moved-clock.js";

it("runs every timer once, in the order of time, whatever the order they were set in", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(1000), { maxLength: 30 }), async (delays) => {
      const clock = new MovedClock();
      const timers = new Timers(clock);
      const ran: number[] = [];
      const start = clock.now();
      for (const d of delays)
        timers.at(start + d, () => {
          expect(clock.now()).toBeGreaterThanOrEqual(start + d);
          ran.push(d);
        });
      await clock.advance(500);
      expect(ran).toEqual(delays.filter((d) => d <= 500).sort((a, b) => a - b));
      await clock.advance(600);
      expect(ran).toEqual([...delays].sort((a, b) => a - b));
      timers.close();
    }),
    { numRuns: 30 },
  );
});

it("runs what a timer sets, and nothing once closed", async () => {
  const clock = new MovedClock();
  const timers = new Timers(clock);
  const ran: string[] = [];
  timers.at(clock.now() + 10, () => {
    ran.push("first");
    timers.at(clock.now() + 10, () => ran.push("second"));
    timers.at(clock.now(), () => ran.push("now"));
  });
  await clock.advance(30);
  expect(ran).toEqual(["first", "now", "second"]);
  timers.at(clock.now() + 1, () => ran.push("never"));
  timers.close();
  await clock.advance(10);
  expect(ran).toHaveLength(3);
});
