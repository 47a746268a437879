import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { EmbeddedBroker } from "../../../src/broker/embedded/embedded-broker.js";

const kafka = join(import.meta.dirname, "../../../.services/kafka");
const installed = existsSync(join(kafka, "lib")) && readdirSync(join(kafka, "lib")).some((n) => n.startsWith("kafka-tools-"));
const has = (command: string) => spawnSync(command, ["-version"]).status === 0;
const missing = !has("java") ? "Java is missing" : !installed && !has("mvn") ? "Maven is missing" : "";

describe.skipIf(missing !== "")(`Kafka's DumpLogSegments decodes our groups${missing && ` (not run: ${missing})`}`, () => {
  beforeAll(() => {
    if (!installed) execFileSync("bash", [join(import.meta.dirname, "../../services/kafka.sh"), "install", kafka]);
  }, 300_000);

  it("reads committed offsets and group metadata", async () => {
    const dir = await mkdtemp(join(tmpdir(), "millrace-dump-"));
    const broker = await EmbeddedBroker.open({ dir });
    await broker.offsetCommit("readers", [{ topic: "orders", partition: 3, offset: 42, metadata: "note" }]);
    const join1 = {
      groupId: "members",
      memberId: "",
      groupInstanceId: "instance-1",
      clientId: "client",
      clientHost: "/127.0.0.1",
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 20_000,
      protocolType: "custom",
      protocols: [{ name: "range", metadata: Buffer.from("sub") }],
    };
    const { memberId, generationId } = await broker.joinGroup(join1);
    await broker.syncGroup({
      groupId: "members",
      member: { memberId, generationId },
      assignments: [{ memberId, assignment: Buffer.from("all") }],
    });
    await broker.close();
    const files = readdirSync(join(dir, "__consumer_offsets-0"))
      .filter((n) => n.endsWith(".log"))
      .map((n) => join(dir, "__consumer_offsets-0", n));
    const args = ["-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", `${kafka}/lib/*`, "org.apache.kafka.tools.DumpLogSegments"];
    const out = execFileSync("java", [...args, "--files", files.join(","), "--offsets-decoder"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    expect(out).not.toMatch(/Error|Exception|isvalid: false/);
    expect(out).toMatch(/"group":"readers","topic":"orders","partition":3/);
    expect(out).toMatch(/"offset":42,"leaderEpoch":-1,"metadata":"note"/);
    expect(out).toMatch(/"group":"members"/);
    expect(out).toContain(`"memberId":"${memberId}"`);
    expect(out).toMatch(/"groupInstanceId":"instance-1"/);
    expect(out).toMatch(/"generation":1,"protocol":"range"/);
    await rm(dir, { recursive: true, force: true });
  });
});
