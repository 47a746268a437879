import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe } from "vitest";
import { EmbeddedBroker } from "../../src/broker/embedded/embedded-broker.js";
import { KafkaListener } from "../../src/broker/net/listener.js";
import { silentLogger } from "../../src/common/logger.js";
import { KafkaBroker } from "../../src/kafka/kafka-broker.js";
import { brokerContract } from "../contract/broker.js";
import { brokerTraces } from "../contract/broker-traces.js";
import { groupContract } from "../contract/groups.js";

async function over(bootstrap: string) {
  const broker = await KafkaBroker.open({ bootstrapServers: [bootstrap] });
  return { broker, close: () => broker.close() };
}

describe("against our own listener", () => {
  async function open() {
    const dir = mkdtempSync(join(tmpdir(), "millrace-kafka-"));
    const embedded = await EmbeddedBroker.open({ dir, logger: silentLogger });
    const listener = await KafkaListener.open({ broker: embedded, logger: silentLogger, host: "127.0.0.1", port: 0 });
    const { broker } = await over(`127.0.0.1:${listener.port}`);
    return {
      broker,
      close: async () => {
        await broker.close();
        await listener.close();
        await embedded.close();
        rmSync(dir, { recursive: true, force: true });
      },
    };
  }
  brokerContract("kafka client, our listener", open, false);
  groupContract("kafka client, our listener", open, false);
  brokerTraces("kafka client, our listener", open);
});
