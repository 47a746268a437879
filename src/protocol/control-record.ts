import { RecordBatchBuilder } from "./record-batch-builder.js";

/** A transaction's end in a partition: a control batch of one record, key = version i16 + type i16, value = version i16 + coordinator epoch i32. */
export type ControlRecordType = "ABORT" | "COMMIT";

export interface EndTransactionMarker {
  readonly type: ControlRecordType;
  readonly coordinatorEpoch: number;
}

export function encodeEndTransactionMarker(
  marker: EndTransactionMarker & { producerId: number; producerEpoch: number; timestamp: number },
): Buffer {
  const key = Buffer.alloc(4);
  key.writeInt16BE(marker.type === "COMMIT" ? 1 : 0, 2);
  const value = Buffer.alloc(6);
  value.writeInt32BE(marker.coordinatorEpoch, 2);
  const builder = new RecordBatchBuilder(128);
  builder.append(marker.timestamp, key, value);
  return builder.finish({ producerId: marker.producerId, producerEpoch: marker.producerEpoch, transactional: true, control: true });
}
