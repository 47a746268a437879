import * as batches from "../protocol/record-batch.js";
import { RecordCursor } from "../protocol/record-cursor.js";
import type { LogConfig } from "./log-config.js";
import { LogRefused } from "./log-error.js";

/**
 * @param built of a batch that this process has just made: the CRC of bytes that never left it is not computed a second time
 * @throws LogRefused CORRUPT_MESSAGE, MESSAGE_TOO_LARGE, INVALID_RECORD
 */
export function validateBatch(b: Buffer, config: LogConfig, built?: { readonly keyed: boolean }): void {
  if (b.length < batches.RECORD_BATCH_OVERHEAD || batches.batchSize(b) !== b.length)
    throw new LogRefused("CORRUPT_MESSAGE", `a record batch of ${b.length} bytes does not say so in its header`);
  if (batches.magic(b) !== 2) throw new LogRefused("CORRUPT_MESSAGE", `message format ${batches.magic(b)} is not supported, only 2`);
  if (b.length > config.maxMessageBytes)
    throw new LogRefused("MESSAGE_TOO_LARGE", `a record batch of ${b.length} bytes is above max.message.bytes=${config.maxMessageBytes}`);
  if (!built && !batches.crcIsValid(b)) throw new LogRefused("CORRUPT_MESSAGE", "the CRC of a record batch is wrong");
  const count = batches.recordCount(b);
  if (count <= 0 || batches.lastOffsetDelta(b) !== count - 1)
    throw new LogRefused("INVALID_RECORD", `a record batch has ${count} records and a last offset delta of ${batches.lastOffsetDelta(b)}`);
  if (batches.isControl(b)) throw new LogRefused("INVALID_RECORD", "a client may not write control records");
  if (config.compact && !built?.keyed) checkKeys(b);
}

const cursor = new RecordCursor();

function checkKeys(b: Buffer): void {
  cursor.open(b);
  while (cursor.next())
    if (cursor.keyStart < 0) throw new LogRefused("INVALID_RECORD", "a compacted topic does not accept a record without a key");
}
