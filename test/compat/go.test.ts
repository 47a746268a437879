import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kafkaClient, openListener, runChecks, type TestListener, titled } from "./programs.js";

const program = kafkaClient("kafka-clients/franz-go");
const checks = ["every codec", "admin", "transactions", "transactions of a group", "eager rebalance", "cooperative rebalance"];

describe.skipIf(!program)(titled("franz-go 1.22.2, kadm 1.19.0", program), () => {
  let listener: TestListener;
  let outcomes: Map<string, string | undefined>;
  beforeAll(async () => {
    listener = await openListener();
    outcomes = await runChecks(program!, [listener.bootstrap]);
  });
  afterAll(() => listener.close());

  it.each(checks)("%s", (name) => {
    expect(outcomes.has(name) ? (outcomes.get(name) ?? "passed") : "was not run").toBe("passed");
  });
  it("runs no check that is not listed here", () => expect([...outcomes.keys()].sort()).toEqual([...checks].sort()));
});
