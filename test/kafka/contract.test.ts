import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe } from "vitest";
import { EmbeddedBroker } from "../../src/broker/embedded/embedded-broker.js";
import { KafkaListener } from "../../src/broker/net/listener.js";
import { silentLogger } from "../../src/common/logger.js";
import { KafkaBroker } from "../../src/kafka/kafka-broker.js";
import { brokerContract } from "../contract/broker.js";
import { brokerTraces } from "../contract/broker-traces.js";
import { groupContract } from "../contract/groups.js";
import { MovedClock } from "../support/moved-clock.js";
import { freePort } from "../support/postgres.js";

async function over(bootstrap: string) {
  const broker = await KafkaBroker.open({ bootstrapServers: [bootstrap] });
  return { broker, close: () => broker.close() };
}

describe("against our own listener", () => {
  async function open(clock?: MovedClock) {
    const dir = mkdtempSync(join(tmpdir(), "millrace-kafka-"));
    const embedded = await EmbeddedBroker.open({ dir, logger: silentLogger, ...(clock && { clock }) });
    const listener = await KafkaListener.open({ broker: embedded, logger: silentLogger, host: "127.0.0.1", port: 0 });
    const { broker } = await over(`127.0.0.1:${listener.port}`);
    return {
      broker,
      ...(clock && { advance: (ms: number) => clock.advance(ms) }),
      close: async () => {
        await broker.close();
        await listener.close();
        await embedded.close();
        rmSync(dir, { recursive: true, force: true });
      },
    };
  }
  brokerContract("kafka client, our listener", () => open(new MovedClock()), true);
  groupContract("kafka client, our listener", () => open(new MovedClock()), true);
  brokerTraces("kafka client, our listener", () => open());
});

const root = fileURLToPath(new URL("../..", import.meta.url));
const services = join(root, ".services", "kafka");
const script = join(root, "test", "services", "kafka.sh");

describe.skipIf(!existsSync(join(services, "lib")))("against Apache Kafka (needs .services/kafka)", () => {
  let port = 0;
  beforeAll(async () => {
    port = await freePort();
    execFileSync("bash", [script, "start", services, String(port)], { stdio: "ignore" });
  }, 180_000);
  afterAll(() => {
    execFileSync("bash", [script, "stop", services, String(port)], { stdio: "ignore" });
    rmSync(join(services, "instances", String(port)), { recursive: true, force: true });
  });
  brokerContract("Apache Kafka", () => over(`127.0.0.1:${port}`), false);
  groupContract("Apache Kafka", () => over(`127.0.0.1:${port}`), false);
});
