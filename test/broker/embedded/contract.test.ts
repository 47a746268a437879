import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmbeddedBroker } from "../../../src/broker/embedded/embedded-broker.js";
import { type BrokerFixture, brokerContract } from "../../contract/broker.js";
import { brokerTraces } from "../../contract/broker-traces.js";
import { groupContract } from "../../contract/groups.js";
import { MovedClock } from "../../support/moved-clock.js";

async function open(): Promise<BrokerFixture> {
  const dir = await mkdtemp(join(tmpdir(), "millrace-broker-"));
  const clock = new MovedClock();
  const broker = await EmbeddedBroker.open({ dir, clock });
  return {
    broker,
    advance: (ms) => clock.advance(ms),
    close: async () => {
      await broker.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function openForTraces(dir?: string): Promise<BrokerFixture & { reopen(): Promise<BrokerFixture> }> {
  const folder = dir ?? (await mkdtemp(join(tmpdir(), "millrace-broker-")));
  const broker = await EmbeddedBroker.open({ dir: folder });
  return {
    broker,
    reopen: async () => {
      await broker.close();
      return openForTraces(folder);
    },
    close: async () => {
      await broker.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

brokerContract("embedded", open, true);
groupContract("embedded", open, true);
brokerTraces("embedded", () => openForTraces());
