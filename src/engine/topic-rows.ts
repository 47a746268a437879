import type { Broker } from "../broker/api/broker.js";
import { PartitionReader } from "../broker/api/reader.js";
import { type RecordHeader, SOURCE_TIME_HEADER } from "../data/headers.js";
import { RecordCursor } from "../protocol/record-cursor.js";
import type { SchemaClient } from "../schema-registry/client.js";
import type { Row } from "../serde/row-serde.js";
import type { DataSource } from "../sql/metastore/data-source.js";
import { sourceSerdes } from "./source-serdes.js";

/** ROWTIME, ROWPARTITION, ROWOFFSET, WINDOWSTART, WINDOWEND behind the columns of every row. */
const pseudoColumns = 5;

/**
 * What stands in a source's topic now, as rows `[...key, ...value, ROWTIME, ROWPARTITION, ROWOFFSET, WINDOWSTART, WINDOWEND]`, a
 * batch at a time. A record that does not decode is left out.
 */
export async function* readTopicRows(
  source: DataSource,
  broker: Broker,
  registry: SchemaClient,
  signal: AbortSignal,
): AsyncGenerator<Row[]> {
  const { topic, window } = source;
  const serdes = sourceSerdes(source, registry);
  const [description] = await broker.describeTopics([topic]);
  const partitions = Array.from({ length: description?.partitions ?? 0 }, (_, partition) => ({ topic, partition }));
  const list = async (timestamp: "earliest" | "latest") =>
    (await broker.listOffsets({ partitions: partitions.map((p) => ({ ...p, timestamp })), isolation: "read_committed" })).map((r) => {
      if (r.error) throw r.error;
      return r.offset;
    });
  const starts = await list("earliest");
  const ends = await list("latest");
  const reader = new PartitionReader({ broker, isolation: "read_committed" });
  const left = new Set<number>();
  for (const { partition } of partitions) {
    if (starts[partition]! >= ends[partition]!) continue;
    reader.seek(topic, partition, starts[partition]!);
    left.add(partition);
  }
  const cursor = new RecordCursor();
  // Behind the key: 8 bytes of start, or 16 of end and start of a session.
  const suffix = window === undefined ? 0 : window.type === "SESSION" ? 16 : 8;
  while (left.size > 0) {
    for (const polled of await reader.poll(500, signal)) {
      const end = ends[polled.partition]!;
      for (const batch of polled.batches) {
        const rows: Row[] = [];
        cursor.open(batch);
        while (cursor.next()) {
          if (cursor.offset < polled.from || cursor.offset >= end) continue;
          const { bytes, keyStart, valueStart, valueEnd } = cursor;
          const keyEnd = cursor.keyEnd - suffix;
          const row: Row = new Array(serdes.width + pseudoColumns).fill(null);
          try {
            if (serdes.key && keyStart >= 0) {
              const looking = serdes.key.prepareRead(topic, bytes, keyStart, keyEnd);
              if (looking) await looking;
              place(row, serdes.keyPositions, serdes.key.deserialize(topic, bytes, keyStart, keyEnd));
            }
            if (valueStart < 0) continue;
            const looking = serdes.value.prepareRead(topic, bytes, valueStart, valueEnd);
            if (looking) await looking;
            place(row, serdes.valuePositions, serdes.value.deserialize(topic, bytes, valueStart, valueEnd));
          } catch {
            continue;
          }
          if (serdes.headers.length > 0) fillHeaders(row, serdes.headers, cursor.headers());
          const at = serdes.width;
          row[at] = cursor.timestamp;
          row[at + 1] = polled.partition;
          row[at + 2] = cursor.offset;
          if (window && keyStart >= 0) {
            const last = Number(bytes.readBigInt64BE(cursor.keyEnd - 8));
            row[at + 3] = last;
            row[at + 4] = suffix === 16 ? Number(bytes.readBigInt64BE(keyEnd)) : window.size === undefined ? null : last + window.size;
          }
          rows.push(row);
        }
        if (rows.length > 0) yield rows;
      }
      if (polled.next >= end) {
        left.delete(polled.partition);
        reader.remove(topic, polled.partition);
      }
    }
  }
}

function place(row: Row, positions: readonly number[], values: Row): void {
  for (let i = 0; i < positions.length; i++) row[positions[i]!] = values[i];
}

function fillHeaders(
  row: Row,
  columns: readonly { readonly position: number; readonly key: string | null }[],
  headers: readonly RecordHeader[],
): void {
  for (const { position, key } of columns) {
    if (key === null) row[position] = headers.filter((h) => h.key !== SOURCE_TIME_HEADER).map((h) => [h.key, h.value]);
    else row[position] = headers.findLast((h) => h.key === key)?.value ?? null;
  }
}
