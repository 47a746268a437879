import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kafkaClient, openListener, runChecks, type TestListener, titled } from "./programs.js";

const python = kafkaClient("kafka-clients/python/bin/python");
const checks = [
  "confluent-kafka: every codec",
  "confluent-kafka: eager rebalance",
  "confluent-kafka: cooperative rebalance",
  "confluent-kafka: transactions",
  "confluent-kafka: admin",
  "kafka-python: every codec",
  "kafka-python: rebalance",
  "kafka-python: transactions",
  "kafka-python: admin",
  "aiokafka: every codec, in a group",
  "aiokafka: transactions",
  "aiokafka: admin",
];

describe.skipIf(!python)(
  titled("Python's clients: librdkafka (confluent-kafka 2.16.1), kafka-python 3.0.12, aiokafka 0.14.0", python),
  () => {
    let listener: TestListener;
    let outcomes: Map<string, string | undefined>;
    beforeAll(async () => {
      listener = await openListener();
      outcomes = await runChecks(python!, [join(import.meta.dirname, "python/clients.py"), listener.bootstrap]);
    });
    afterAll(() => listener.close());

    it.each(checks)("%s", (name) => {
      expect(outcomes.has(name) ? (outcomes.get(name) ?? "passed") : "was not run").toBe("passed");
    });
    it("runs no check that is not listed here", () => expect([...outcomes.keys()].sort()).toEqual([...checks].sort()));
  },
);
