import { isControl } from "./record-batch.js";
import { RecordBatchBuilder } from "./record-batch-builder.js";
import { RecordCursor } from "./record-cursor.js";

/** A transaction's end in a partition: a control batch of one record, key = version i16 + type i16, value = version i16 + coordinator epoch i32. */
export interface EndTransactionMarker {
  readonly type: "ABORT" | "COMMIT";
  readonly coordinatorEpoch: number;
}

export interface MarkerOf {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** ms */
  readonly timestamp: number;
}

const builder = new RecordBatchBuilder(128);

export function encodeEndTransactionMarker(marker: EndTransactionMarker & MarkerOf): Buffer {
  const key = Buffer.alloc(4);
  key.writeInt16BE(marker.type === "COMMIT" ? 1 : 0, 2);
  const value = Buffer.alloc(6);
  value.writeInt32BE(marker.coordinatorEpoch, 2);
  builder.append(marker.timestamp, key, value);
  const { producerId, producerEpoch } = marker;
  return builder.finish({ producerId, producerEpoch, transactional: true, control: true });
}

/** The marker that the batch at this position holds; undefined where it is a data batch or compaction took the marker away. */
export function readEndTransactionMarker(batches: Buffer, at = 0): EndTransactionMarker | undefined {
  if (!isControl(batches, at)) return undefined;
  const cursor = new RecordCursor();
  cursor.open(batches, at);
  if (!cursor.next() || cursor.keyEnd - cursor.keyStart < 4) return undefined;
  const type = cursor.bytes.readInt16BE(cursor.keyStart + 2);
  if (type !== 0 && type !== 1) return undefined;
  const coordinatorEpoch = cursor.valueEnd - cursor.valueStart >= 6 ? cursor.bytes.readInt32BE(cursor.valueStart + 2) : -1;
  return { type: type === 1 ? "COMMIT" : "ABORT", coordinatorEpoch };
}
