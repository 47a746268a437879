import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { partitionFor } from "../../src/broker/api/partitioner.js";
import { readToEnd } from "../../src/broker/api/reader.js";
import type { EmbeddedBroker } from "../../src/broker/embedded/embedded-broker.js";
import { silentLogger } from "../../src/common/logger.js";
import { buildTopology } from "../../src/engine/physical/build-topology.js";
import { RecordBatchBuilder } from "../../src/protocol/record-batch-builder.js";
import { RecordCursor } from "../../src/protocol/record-cursor.js";
import { SchemaRegistry } from "../../src/schema-registry/registry.js";
import { MemorySchemaStore } from "../../src/schema-registry/store.js";
import { builtInFunctions } from "../../src/sql/functions/built-in.js";
import { startQuery } from "../../src/streams/runtime/start-query.js";
import { planOf } from "../plans/cases.js";
import { type Folder, openBroker, temporaryFolder } from "./on-broker.js";

const sides = { l: 3, r: 2 } as const;
type Change = { readonly side: "l" | "r"; readonly key: number; readonly value: number | null };
const change = fc.record({
  side: fc.constantFrom("l" as const, "r" as const),
  key: fc.integer({ min: 0, max: 5 }),
  value: fc.option(fc.integer({ min: 0, max: 5 }), { freq: 4 }),
});

let folder: Folder;
let broker: EmbeddedBroker;
beforeEach(async () => {
  folder = await temporaryFolder();
  broker = await openBroker(folder.path);
});
afterEach(async () => {
  await broker.close();
  await folder.remove();
});

async function produce(topic: "l" | "r", changes: readonly Change[], at: number): Promise<void> {
  for (const { key, value } of changes.filter((c) => c.side === topic)) {
    const bytes = Buffer.from(`k${key}`);
    const builder = new RecordBatchBuilder(256);
    const column = topic === "l" ? "FK" : "B";
    const shown = topic === "l" ? `"k${value}"` : value;
    builder.append(at, bytes, value === null ? null : Buffer.from(`{"${column}":${shown}}`));
    const partition = partitionFor(bytes, sides[topic], 0);
    const [result] = await broker.produce({ acks: "leader", batches: [{ topic, partition, batch: builder.finish() }] });
    if (result!.error) throw result!.error;
  }
}

async function table(): Promise<Map<string, string>> {
  const rows = new Map<string, string>();
  const cursor = new RecordCursor();
  await readToEnd(broker, "o", "read_committed", (batch) => {
    cursor.open(batch);
    while (cursor.next()) {
      const key = cursor.bytes.toString("utf8", cursor.keyStart, cursor.keyEnd);
      if (cursor.valueStart < 0) rows.delete(key);
      else rows.set(key, cursor.bytes.toString("utf8", cursor.valueStart, cursor.valueEnd));
    }
  });
  return rows;
}

/** What the join must hold in the end, from the two tables alone. */
function expected(changes: readonly Change[], type: string): Map<string, string> {
  const last = { l: new Map<number, number | null>(), r: new Map<number, number | null>() };
  for (const { side, key, value } of changes) last[side].set(key, value);
  const rows = new Map<string, string>();
  for (const [key, fk] of last.l) {
    if (fk === null) continue;
    const b = last.r.get(fk) ?? null;
    if (b !== null || type === "LEFT") rows.set(`k${key}`, `{"FK":"k${fk}","B":${b}}`);
  }
  return rows;
}

describe("a foreign-key join over several partitions", () => {
  for (const type of ["INNER", "LEFT"])
    it(`holds what the tables say, whatever came in which order: ${type}`, async () => {
      const format = "VALUE_FORMAT='JSON', KEY_FORMAT='DELIMITED'";
      const plan = planOf(`CREATE TABLE lt (k STRING PRIMARY KEY, fk STRING) WITH (KAFKA_TOPIC='l', ${format});
        CREATE TABLE rt (k STRING PRIMARY KEY, b INTEGER) WITH (KAFKA_TOPIC='r', ${format});
        CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT lt.k, lt.fk AS fk, rt.b AS b FROM lt ${type} JOIN rt ON lt.fk = rt.k;`);
      let runs = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(change, { minLength: 5, maxLength: 25 }), fc.boolean(), async (changes, restart) => {
          const registry = await SchemaRegistry.open({ logger: silentLogger, store: new MemorySchemaStore() });
          await broker.createTopics([
            { name: "l", partitions: sides.l },
            { name: "r", partitions: sides.r },
            { name: "o", partitions: 3 },
          ]);
          const applicationId = `fk-${type}-${runs++}`;
          const start = () =>
            startQuery({ topology: buildTopology(plan, { registry, functions: builtInFunctions }).topology, applicationId, broker });
          let query = await start();
          const half = changes.length >> 1;
          for (const side of ["l", "r"] as const) await produce(side, changes.slice(0, half), 1_000);
          await query.drained();
          if (restart) {
            await query.close();
            query = await start();
          }
          for (const side of ["r", "l"] as const) await produce(side, changes.slice(half), 2_000);
          await query.drained();
          const got = await table();
          await query.destroy();
          await broker.deleteTopics(["l", "r", "o"]);
          expect([...got].sort()).toEqual([...expected(changes, type)].sort());
        }),
        { numRuns: 6 },
      );
    });
});
