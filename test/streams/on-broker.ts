import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Broker } from "../../src/broker/api/broker.js";
import { readToEnd } from "../../src/broker/api/reader.js";
import { EmbeddedBroker } from "../../src/broker/embedded/embedded-broker.js";
import { RecordBatchBuilder } from "../../src/protocol/record-batch-builder.js";
import { RecordCursor } from "../../src/protocol/record-cursor.js";
import type { Row } from "../../src/serde/row-serde.js";
import type { RecordFormat } from "../../src/streams/topology/record-format.js";

export interface Folder {
  readonly path: string;
  remove(): Promise<void>;
}

export async function temporaryFolder(): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), "millrace-streams-"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

export function openBroker(folder: string): Promise<EmbeddedBroker> {
  return EmbeddedBroker.open({ dir: join(folder, "broker") });
}

export interface Change {
  readonly key: Row;
  readonly row: Row | null;
  readonly timestamp: number;
}

export async function produceRows(
  broker: Broker,
  topic: string,
  format: RecordFormat,
  changes: readonly Change[],
  partition = 0,
): Promise<void> {
  if (changes.length === 0) return;
  await format.prepareWrite(topic);
  const builder = new RecordBatchBuilder();
  const out = Buffer.alloc(4096);
  for (const { key, row, timestamp } of changes) {
    const keyEnd = format.keyInto(topic, key, out, 0);
    const keyBytes = keyEnd < 0 ? null : Buffer.from(out.subarray(0, keyEnd));
    builder.append(timestamp, keyBytes, row === null ? null : out.subarray(0, format.valueInto(topic, row, out, 0)));
  }
  const [result] = await broker.produce({ acks: "all", batches: [{ topic, partition, batch: builder.finish() }] });
  if (result!.error) throw result!.error;
}

/** Every committed record of a topic, partition by partition. */
export async function readRows(broker: Broker, topic: string, format: RecordFormat): Promise<Change[]> {
  const rows: Change[] = [];
  const cursor = new RecordCursor();
  const batches: Buffer[] = [];
  await readToEnd(broker, topic, "read_committed", (batch) => batches.push(batch));
  const width = format.schema.key.length + format.schema.value.length;
  for (const batch of batches) {
    cursor.open(batch);
    while (cursor.next()) {
      const { bytes, keyStart, keyEnd, valueStart, valueEnd } = cursor;
      await format.prepareRead(topic, bytes, keyStart, keyEnd, valueStart, valueEnd);
      const row = format.readKey(topic, bytes, keyStart, keyEnd);
      const key = row.slice(0, format.schema.key.length);
      if (valueStart >= 0) format.readValue(topic, bytes, valueStart, valueEnd, row);
      rows.push({ key, row: valueStart < 0 ? null : row.slice(0, width), timestamp: cursor.timestamp });
    }
  }
  return rows;
}

/** The last row of every key. */
export function asTable(changes: readonly Change[]): Map<string, Row> {
  const table = new Map<string, Row>();
  for (const { key, row } of changes)
    if (row === null) table.delete(JSON.stringify(key));
    else table.set(JSON.stringify(key), row);
  return table;
}
