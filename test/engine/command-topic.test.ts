import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { EmbeddedBroker } from "../../src/broker/embedded/embedded-broker.js";
import { systemClock } from "../../src/common/time.js";
import { CommandTopic, commandIdOf } from "../../src/engine/command-topic/command-topic.js";
import type { PlannedCommand } from "../../src/sql/plan/command.js";

const dirs: string[] = [];
afterEach(async () => {
  for (const dir of dirs.splice(0)) await rm(dir, { recursive: true, force: true });
});

const command = (name: string): PlannedCommand => ({
  version: 1,
  statement: `DROP TYPE ${name};`,
  properties: {},
  command: "drop-type",
  name,
});

test("commands come back in order with their offsets after a restart", async () => {
  const dir = await mkdtemp(join(tmpdir(), "commands-"));
  dirs.push(dir);
  let broker = await EmbeddedBroker.open({ dir });
  const { topic, commands } = await CommandTopic.open(broker, "_commands", systemClock);
  expect(commands).toEqual([]);
  expect(await topic.append(commandIdOf(command("A")), command("A"))).toBe(0);
  expect(await topic.append(commandIdOf(command("B")), command("B"))).toBe(1);
  expect(topic.nextOffset).toBe(2);
  const configs = await broker.describeTopicConfig("_commands");
  expect(configs.find((c) => c.name === "retention.ms")?.value).toBe("-1");
  expect(configs.find((c) => c.name === "cleanup.policy")?.value).toBe("delete");
  await broker.close();

  broker = await EmbeddedBroker.open({ dir });
  const again = await CommandTopic.open(broker, "_commands", systemClock);
  expect(again.commands.map((c) => [c.offset, c.commandId, c.command.statement])).toEqual([
    [0, "type/A/drop", "DROP TYPE A;"],
    [1, "type/B/drop", "DROP TYPE B;"],
  ]);
  expect(again.topic.nextOffset).toBe(2);
  await broker.close();
});
