import { crc32c } from "./crc32c.js";

/**
 * RecordBatch v2 (magic 2), Kafka's message format, KIP-98:
 *
 *   0 baseOffset i64 | 8 batchLength i32 (bytes after this field) | 12 partitionLeaderEpoch i32 | 16 magic i8 | 17 crc u32 (CRC32C from 21 on)
 *   21 attributes i16 | 23 lastOffsetDelta i32 | 27 baseTimestamp i64 | 35 maxTimestamp i64 | 43 producerId i64 | 51 producerEpoch i16
 *   53 baseSequence i32 | 57 recordCount i32 | 61 records
 *
 * Every function takes a Buffer that holds batches one after another and the position at which one begins.
 */
export const RECORD_BATCH_OVERHEAD = 61;
/** What comes before `batchLength` starts to count. */
export const LOG_OVERHEAD = 12;
export const NO_PRODUCER_ID = -1;
export const NO_SEQUENCE = -1;

export const COMPRESSION_MASK = 0x07;
export const LOG_APPEND_TIME_FLAG = 0x08;
export const TRANSACTIONAL_FLAG = 0x10;
export const CONTROL_FLAG = 0x20;
/** The base timestamp is the delete horizon: from then on tombstones and markers of this batch may go (KIP-534). */
export const DELETE_HORIZON_FLAG = 0x40;

export type CompressionType = "none" | "gzip" | "snappy" | "lz4" | "zstd";
export const compressionTypes: readonly CompressionType[] = ["none", "gzip", "snappy", "lz4", "zstd"];

export function readInt64(b: Buffer, at: number): number {
  return b.readInt32BE(at) * 0x1_0000_0000 + b.readUInt32BE(at + 4);
}

export function writeInt64(b: Buffer, value: number, at: number): void {
  b.writeInt32BE(Math.floor(value / 0x1_0000_0000), at);
  b.writeUInt32BE(value >>> 0, at + 4);
}

/** The whole batch's size in bytes, its first twelve too. */
export function batchSize(b: Buffer, at = 0): number {
  return b.readInt32BE(at + 8) + LOG_OVERHEAD;
}
/** The position after this batch, or -1 where the buffer holds only a part of it. */
export function batchEnd(b: Buffer, at: number): number {
  if (b.length - at < RECORD_BATCH_OVERHEAD) return -1;
  const end = at + batchSize(b, at);
  return end > b.length || end < at + RECORD_BATCH_OVERHEAD ? -1 : end;
}
export function baseOffset(b: Buffer, at = 0): number {
  return readInt64(b, at);
}
export function partitionLeaderEpoch(b: Buffer, at = 0): number {
  return b.readInt32BE(at + 12);
}
export function magic(b: Buffer, at = 0): number {
  return b.readInt8(at + 16);
}
export function batchCrc(b: Buffer, at = 0): number {
  return b.readUInt32BE(at + 17);
}
export function attributes(b: Buffer, at = 0): number {
  return b.readInt16BE(at + 21);
}
export function compression(b: Buffer, at = 0): CompressionType | undefined {
  return compressionTypes[attributes(b, at) & COMPRESSION_MASK];
}
export function isTransactional(b: Buffer, at = 0): boolean {
  return (attributes(b, at) & TRANSACTIONAL_FLAG) !== 0;
}
/** A batch that holds a commit or abort marker and no data. */
export function isControl(b: Buffer, at = 0): boolean {
  return (attributes(b, at) & CONTROL_FLAG) !== 0;
}
export function isLogAppendTime(b: Buffer, at = 0): boolean {
  return (attributes(b, at) & LOG_APPEND_TIME_FLAG) !== 0;
}
export function lastOffsetDelta(b: Buffer, at = 0): number {
  return b.readInt32BE(at + 23);
}
export function lastOffset(b: Buffer, at = 0): number {
  return readInt64(b, at) + b.readInt32BE(at + 23);
}
export function baseTimestamp(b: Buffer, at = 0): number {
  return readInt64(b, at + 27);
}
export function maxTimestamp(b: Buffer, at = 0): number {
  return readInt64(b, at + 35);
}
export function producerId(b: Buffer, at = 0): number {
  return readInt64(b, at + 43);
}
export function producerEpoch(b: Buffer, at = 0): number {
  return b.readInt16BE(at + 51);
}
export function baseSequence(b: Buffer, at = 0): number {
  return b.readInt32BE(at + 53);
}
/** Sequence numbers wrap to 0 after 2^31 - 1. */
export function lastSequence(b: Buffer, at = 0): number {
  const base = baseSequence(b, at);
  return base === NO_SEQUENCE ? NO_SEQUENCE : (base + lastOffsetDelta(b, at)) & 0x7fff_ffff;
}
export function recordCount(b: Buffer, at = 0): number {
  return b.readInt32BE(at + 57);
}

/** Whether the CRC32C of a batch that is whole in the buffer is right. */
export function crcIsValid(b: Buffer, at = 0): boolean {
  return batchCrc(b, at) === crc32c(b, at + 21, at + batchSize(b, at));
}

/** In place; outside the CRC, so a batch is given its offset without being touched otherwise. */
export function setBaseOffset(b: Buffer, value: number, at = 0): void {
  writeInt64(b, value, at);
}
/** In place; outside the CRC. */
export function setPartitionLeaderEpoch(b: Buffer, value: number, at = 0): void {
  b.writeInt32BE(value, at + 12);
}
/** In place: the broker's time for every record of the batch (message.timestamp.type=LogAppendTime); writes the CRC anew. */
export function setLogAppendTime(b: Buffer, timestamp: number, at = 0): void {
  b.writeInt16BE(attributes(b, at) | LOG_APPEND_TIME_FLAG, at + 21);
  writeInt64(b, timestamp, at + 35);
  writeCrc(b, at);
}
export function writeCrc(b: Buffer, at = 0): void {
  b.writeUInt32BE(crc32c(b, at + 21, at + batchSize(b, at)), at + 17);
}
