import { readInt64, writeInt64 } from "../protocol/record-batch.js";

/** Kafka's `.txnindex`: entries of 34 bytes, version i16 = 0, then four i64 as named here. */
export interface TransactionIndexEntry {
  readonly producerId: number;
  readonly firstOffset: number;
  /** of the abort marker */
  readonly lastOffset: number;
  /** when the marker was written: no transaction aborted later has records below it */
  readonly lastStableOffset: number;
}

const ENTRY = 34;

export function encodeTransactionIndex(entries: readonly TransactionIndexEntry[]): Buffer {
  const out = Buffer.alloc(entries.length * ENTRY);
  entries.forEach((e, i) => {
    writeInt64(out, e.producerId, i * ENTRY + 2);
    writeInt64(out, e.firstOffset, i * ENTRY + 10);
    writeInt64(out, e.lastOffset, i * ENTRY + 18);
    writeInt64(out, e.lastStableOffset, i * ENTRY + 26);
  });
  return out;
}

/** undefined where the bytes are no such index */
export function decodeTransactionIndex(bytes: Buffer): TransactionIndexEntry[] | undefined {
  if (bytes.length % ENTRY !== 0) return undefined;
  const entries: TransactionIndexEntry[] = [];
  for (let at = 0; at < bytes.length; at += ENTRY) {
    if (bytes.readInt16BE(at) !== 0) return undefined;
    entries.push({
      producerId: readInt64(bytes, at + 2),
      firstOffset: readInt64(bytes, at + 10),
      lastOffset: readInt64(bytes, at + 18),
      lastStableOffset: readInt64(bytes, at + 26),
    });
  }
  return entries;
}
