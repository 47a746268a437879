import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { ConfigDef } from "../../src/common/config-def.js";
import { type LogConfig, logConfig, logSettings } from "../../src/log/log-config.js";
import type { PartitionLog } from "../../src/log/partition-log.js";
import { batchEnd, isControl } from "../../src/protocol/record-batch.js";
import { type FinishOptions, RecordBatchBuilder } from "../../src/protocol/record-batch-builder.js";
import { RecordCursor } from "../../src/protocol/record-cursor.js";

const dirs: string[] = [];
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

/** A folder that is gone after the test. */
export function tempDir(name = "orders-0"): string {
  const dir = mkdtempSync(join(tmpdir(), "millrace-log-"));
  dirs.push(dir);
  return join(dir, name);
}

export function config(raw: Record<string, string> = {}): LogConfig {
  return logConfig(new ConfigDef(logSettings).parse(raw));
}

export interface PlainRecord {
  key?: string | null;
  value: string | null;
  timestamp?: number;
}

const builder = new RecordBatchBuilder();

export function batchOf(records: readonly PlainRecord[], options: FinishOptions = {}): Buffer {
  for (const { key = null, value, timestamp = 1000 } of records)
    builder.append(timestamp, key === null ? null : Buffer.from(key), value === null ? null : Buffer.from(value));
  return builder.finish(options);
}

export interface SeenRecord {
  offset: number;
  timestamp: number;
  key: string | null;
  value: string | null;
}

/** The data records of whole batches. */
export function recordsOf(bytes: Buffer): SeenRecord[] {
  const cursor = new RecordCursor();
  const out: SeenRecord[] = [];
  for (let at = 0; at < bytes.length; at = batchEnd(bytes, at)) {
    cursor.open(bytes, at);
    const text = (start: number, end: number) => (start < 0 ? null : cursor.bytes.toString("utf8", start, end));
    while (cursor.next())
      if (!isControl(bytes, at))
        out.push({
          offset: cursor.offset,
          timestamp: cursor.timestamp,
          key: text(cursor.keyStart, cursor.keyEnd),
          value: text(cursor.valueStart, cursor.valueEnd),
        });
  }
  return out;
}

/** Every data record of the log from an offset on, read in steps of `maxBytes`. */
export function readAll(log: PartitionLog, from = log.logStartOffset, maxBytes = 1000): SeenRecord[] {
  const out: SeenRecord[] = [];
  for (let offset = from; offset < log.logEndOffset; ) {
    const bytes = log.read(offset, maxBytes);
    if (bytes.length === 0) break;
    for (const record of recordsOf(bytes)) if (record.offset >= from) out.push(record);
    for (let at = 0; at < bytes.length; at = batchEnd(bytes, at))
      offset = Number(bytes.readBigInt64BE(at)) + bytes.readInt32BE(at + 23) + 1;
  }
  return out;
}
