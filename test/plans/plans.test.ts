import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readToEnd } from "../../src/broker/api/reader.js";
import type { EmbeddedBroker } from "../../src/broker/embedded/embedded-broker.js";
import { silentLogger } from "../../src/common/logger.js";
import { buildTopology } from "../../src/engine/physical/build-topology.js";
import { RecordBatchBuilder } from "../../src/protocol/record-batch-builder.js";
import { RecordCursor } from "../../src/protocol/record-cursor.js";
import { SchemaRegistry } from "../../src/schema-registry/registry.js";
import { MemorySchemaStore } from "../../src/schema-registry/store.js";
import { builtInFunctions } from "../../src/sql/functions/built-in.js";
import type { QueryPlan } from "../../src/sql/plan/step.js";
import type { QueryHandle } from "../../src/streams/runtime/query.js";
import { startQuery } from "../../src/streams/runtime/start-query.js";
import { type Folder, openBroker, temporaryFolder } from "../streams/on-broker.js";
import { type Input, inputsOf, planOf, statements } from "./cases.js";

/** One file a kind of step: a plan as a released version has written it, what is fed to it, and what comes out. */
interface PlanFile {
  readonly plan: QueryPlan;
  readonly inputs: readonly Input[];
  /** `key value @timestamp`, the key in hexadecimal */
  readonly outputs: readonly string[];
}

let folder: Folder;
let broker: EmbeddedBroker;
const open: QueryHandle[] = [];

beforeEach(async () => {
  folder = await temporaryFolder();
  broker = await openBroker(folder.path);
});
afterEach(async () => {
  for (const query of open.splice(0)) await query.close();
  await broker.close();
  await folder.remove();
});

async function start(plan: QueryPlan, throughTopics: boolean): Promise<QueryHandle> {
  const registry = await SchemaRegistry.open({ logger: silentLogger, store: new MemorySchemaStore() });
  const { topology } = buildTopology(plan, {
    registry,
    functions: builtInFunctions,
    properties: { "cache.max.bytes.buffering": "0" },
    // Unknown partitions: repartition topics are made.
    ...(throughTopics ? {} : { partitionsOf: () => 1 }),
  });
  const query = await startQuery({ topology, applicationId: "query", broker });
  open.push(query);
  return query;
}

async function produce({ topic, key, value, timestamp }: Input): Promise<void> {
  const builder = new RecordBatchBuilder(256);
  builder.append(timestamp, Buffer.from(key), value === null ? null : Buffer.from(JSON.stringify(value)));
  const [result] = await broker.produce({ acks: "leader", batches: [{ topic, partition: 0, batch: builder.finish() }] });
  if (result!.error) throw result!.error;
}

async function output(): Promise<string[]> {
  const rows: string[] = [];
  const cursor = new RecordCursor();
  await readToEnd(broker, "o", "read_committed", (batch) => {
    cursor.open(batch);
    const text = (from: number, to: number, as: BufferEncoding) => (from < 0 ? "null" : cursor.bytes.toString(as, from, to));
    while (cursor.next())
      rows.push(`${text(cursor.keyStart, cursor.keyEnd, "hex")} ${text(cursor.valueStart, cursor.valueEnd, "utf8")} @${cursor.timestamp}`);
  });
  return rows;
}

/** One record after another, each processed before the next: then the output's order is fixed. */
async function run(plan: QueryPlan, given: readonly Input[], throughTopics: boolean, resumed: boolean): Promise<string[]> {
  await broker.createTopics(["s", "s2", "o"].map((name) => ({ name, partitions: 1 })));
  let query = await start(plan, throughTopics);
  for (const input of given) {
    await produce(input);
    await query.drained();
    // Another instance takes over without a goodbye, as after a kill.
    if (resumed) query = await start(plan, throughTopics);
  }
  return output();
}

const path = (name: string) => new URL(`${name}.json`, import.meta.url);

// Only where asked to: in an ordinary run these are not tests.
if (process.env["UPDATE_PLANS"] === "1")
  describe("plans that are not there yet", () => {
    for (const [name, sql] of Object.entries(statements))
      it.skipIf(existsSync(path(name)))(name, async () => {
        const plan = planOf(sql);
        const inputs = inputsOf(name);
        const outputs = await run(plan, inputs, false, false);
        const lines = (list: readonly unknown[]) => list.map((each) => JSON.stringify(each)).join(",\n");
        writeFileSync(
          path(name),
          `{\n"plan": ${JSON.stringify(plan)},\n"inputs": [\n${lines(inputs)}\n],\n"outputs": [\n${lines(outputs)}\n]\n}\n`,
        );
      });
  });

describe("a plan of any released version gives the same, straight through and resumed after each record", () => {
  for (const file of readdirSync(new URL(".", import.meta.url)).filter((f) => f.endsWith(".json"))) {
    const { plan, inputs: given, outputs } = JSON.parse(readFileSync(new URL(file, import.meta.url), "utf8")) as PlanFile;
    for (const resumed of [false, true])
      for (const throughTopics of [false, true])
        it(`${file.replace(".json", "")}${throughTopics ? ", through repartition topics" : ""}${resumed ? ", resumed" : ""}`, async () => {
          expect(await run(plan, given, throughTopics, resumed)).toEqual(outputs);
        });
  }
  it("has a plan of each kind", () => {
    for (const name of Object.keys(statements)) expect(existsSync(path(name)), name).toBe(true);
  });
});
