import { join } from "node:path";
import type { Broker } from "../../broker/api/broker.js";
import { dataBatches } from "../../broker/api/reader.js";
import { RecordCursor } from "../../protocol/record-cursor.js";
import type { Row } from "../../serde/row-serde.js";
import { KeyedStore } from "../state/keyed-store.js";
import { readSnapshot } from "../state/snapshot.js";
import type { RecordFormat } from "../topology/record-format.js";
import type { StoreSpec } from "../topology/topology.js";
import { readSourceTime } from "./source-time.js";

export interface RestoreRequest {
  readonly broker: Broker;
  readonly spec: StoreSpec;
  /** on the broker */
  readonly changelog: { readonly topic: string; readonly topicId: string; readonly partition: number };
  /** of a changelog that is a source's or a sink's own topic */
  readonly format?: RecordFormat;
  readonly timestampOf?: (row: Row) => number;
  /** Where to stop: what the query has committed of a source topic; the topic's end if absent. */
  readonly until?: number;
  /** folder of the task's snapshots */
  readonly folder?: string;
  readonly signal?: AbortSignal;
}

export interface Restored {
  readonly store: KeyedStore;
  /** The changelog is replayed up to here. */
  readonly offset: number;
  readonly replayed: number;
}

export function snapshotPath(folder: string, store: string): string {
  return join(folder, `${store}.snapshot`);
}

export function layoutOf(spec: StoreSpec): string {
  return JSON.stringify([spec.schema, spec.layout ?? null]);
}

/** A task's store as of its last commit: the snapshot, then the tail of the changelog. */
export async function restoreStore(request: RestoreRequest): Promise<Restored> {
  const { broker, spec, changelog, folder, format } = request;
  const tp = { topic: changelog.topic, partition: changelog.partition };
  const [first] = await broker.listOffsets({ partitions: [{ ...tp, timestamp: "earliest" }] });
  const [last] = await broker.listOffsets({ partitions: [{ ...tp, timestamp: "latest" }], isolation: "read_committed" });
  for (const answer of [first!, last!]) if (answer.error) throw answer.error;
  const end = Math.min(request.until ?? Number.MAX_SAFE_INTEGER, last!.offset);
  const empty = () => new KeyedStore(spec.name, spec.schema, spec.kind === "window" ? spec.windowSize : undefined);
  const snapshot =
    folder === undefined
      ? undefined
      : await readSnapshot(snapshotPath(folder, spec.name), empty, { topicId: changelog.topicId, layout: layoutOf(spec) });
  // A snapshot ahead of the changelog, or one whose tail is gone, belongs to another log.
  const usable = snapshot !== undefined && snapshot.offset <= end && snapshot.offset >= first!.offset ? snapshot : undefined;
  const store = usable?.store ?? empty();
  let offset = usable?.offset ?? first!.offset;
  let replayed = 0;
  const cursor = new RecordCursor();
  while (offset < end) {
    request.signal?.throwIfAborted();
    const [result] = await broker.fetch({
      partitions: [{ ...tp, offset, maxBytes: 4 << 20 }],
      maxWaitMs: 100,
      isolation: "read_committed",
    });
    if (result!.error) throw result!.error;
    const { batches, next } = dataBatches(result!, offset, true);
    for (const batch of batches) {
      cursor.open(batch);
      while (cursor.next()) {
        if (cursor.offset < offset || cursor.offset >= end) continue;
        replayed++;
        if (format === undefined) {
          if (cursor.keyStart >= 0)
            store.restore(cursor.bytes, cursor.keyStart, cursor.keyEnd, cursor.valueStart, cursor.valueEnd, cursor.timestamp);
        } else {
          const { bytes, keyStart, keyEnd, valueStart, valueEnd } = cursor;
          const pending = format.prepareRead(tp.topic, bytes, keyStart, keyEnd, valueStart, valueEnd);
          if (pending !== undefined) await pending;
          storeRecord(store, format, tp.topic, cursor, request.timestampOf);
        }
      }
      if (format !== undefined) store.applyCommit();
    }
    if (next === offset && result!.lastStableOffset <= offset) break;
    offset = next;
  }
  return { store, offset: Math.max(offset, usable?.offset ?? 0), replayed };
}

/** As MaterializeTable would have taken the record: what did not decode then does not decode now, and is returned as the error that it is. */
export function storeRecord(
  store: KeyedStore,
  format: RecordFormat,
  topic: string,
  cursor: RecordCursor,
  timestampOf: ((row: Row) => number) | undefined,
): unknown {
  const { bytes } = cursor;
  try {
    const row = format.readKey(topic, bytes, cursor.keyStart, cursor.keyEnd);
    for (let i = 0; i < format.schema.key.length; i++) if (row[i] === null) return undefined;
    if (cursor.valueStart >= 0) format.readValue(topic, bytes, cursor.valueStart, cursor.valueEnd, row);
    const deleted = cursor.valueStart < 0;
    const timestamp = timestampOf === undefined || deleted ? cursor.timestamp : timestampOf(row);
    store.put(row, deleted ? null : row, timestamp, readSourceTime(cursor));
    return undefined;
  } catch (error) {
    return error;
  }
}
