import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { java, javac, kafkaClient, openListener, runChecks, type TestListener, titled } from "./programs.js";

/** Apache's Java client and command-line tools, all checks of a version in one process. */
const versions = [
  { version: "3.8.1", jars: kafkaClient("kafka-clients/java-3.8/lib") },
  { version: "4.3.1", jars: kafkaClient("kafka/lib") },
];

const checks = [
  "admin: topics",
  "admin: configs",
  "admin: cluster",
  "admin: groups",
  "transactions",
  "consume, transform, produce",
  "every codec",
  "large records",
  "refused records",
  "positions",
  "eager rebalance",
  "cooperative rebalance",
  "static member",
  "kafka-topics",
  "kafka-console-producer",
  "kafka-console-consumer",
  "kafka-get-offsets",
  "kafka-consumer-groups",
  "kafka-configs",
  "kafka-delete-records",
  "kafka-transactions",
  "kafka-dump-log",
  "kafka-producer-perf-test",
  "kafka-consumer-perf-test",
  "kafka-e2e-latency",
  "kafka-broker-api-versions",
  "kafka-log-dirs",
  "kafka-leader-election",
  "kafka-cluster",
  "kafka-reassign-partitions",
  "kafka-streams-application-reset",
];

for (const { version, jars } of versions)
  describe.skipIf(!jars)(titled(`Apache's Java client and tools ${version}`, jars), () => {
    let listener: TestListener;
    let outcomes: Map<string, string | undefined>;
    const classes = mkdtempSync(join(tmpdir(), "millrace-classes-"));

    beforeAll(async () => {
      javac(jars!, ["Checks.java", "Clients.java", "Tools.java"], classes);
      listener = await openListener();
      outcomes = await runChecks("java", java(jars!, classes, "Clients", listener.bootstrap, listener.dir));
    });
    afterAll(async () => {
      await listener.close();
      rmSync(classes, { recursive: true, force: true });
    });

    it.each(checks)("%s", (name) => {
      expect(outcomes.has(name) ? (outcomes.get(name) ?? "passed") : "was not run").toBe("passed");
    });
    it("runs no check that is not listed here", () => expect([...outcomes.keys()].sort()).toEqual([...checks].sort()));
  });
