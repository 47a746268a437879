import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { ConfigDef } from "../../src/common/config-def.js";
import { logConfig, logSettings } from "../../src/log/log-config.js";
import { PartitionLog } from "../../src/log/partition-log.js";
import { batchEnd } from "../../src/protocol/record-batch.js";
import { RecordBatchBuilder } from "../../src/protocol/record-batch-builder.js";
import { RecordCursor } from "../../src/protocol/record-cursor.js";

const dirs: string[] = [];
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});
const temp = () => {
  const dir = mkdtempSync(join(tmpdir(), "log-"));
  dirs.push(dir);
  return join(dir, "orders-0");
};
const config = (raw: Record<string, string> = {}) => logConfig(new ConfigDef(logSettings).parse(raw));
const builder = new RecordBatchBuilder();
const batch = (...values: string[]) => {
  for (const v of values) builder.append(1000, Buffer.from("k"), Buffer.from(v));
  return builder.finish();
};
const values = (bytes: Buffer) => {
  const cursor = new RecordCursor();
  const out: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = batchEnd(bytes, at);
    cursor.open(bytes, at);
    while (cursor.next()) out.push(`${cursor.offset}=${cursor.bytes.toString("utf8", cursor.valueStart, cursor.valueEnd)}`);
    at = end;
  }
  return out;
};

test("what is appended is read, also after a reopen", async () => {
  const dir = temp();
  let log = await PartitionLog.open(dir, { config: config() });
  expect(log.append(batch("a", "b"))).toMatchObject({ baseOffset: 0, lastOffset: 1, duplicate: false });
  expect(log.append(batch("c"))).toMatchObject({ baseOffset: 2, lastOffset: 2 });
  await log.flush();
  expect(log.flushedOffset).toBe(3);
  expect(values(log.read(0, 1e6))).toEqual(["0=a", "1=b", "2=c"]);
  expect(values(log.read(1, 10))).toEqual(["0=a", "1=b"]);
  expect(log.read(3, 10).length).toBe(0);
  await log.close();
  log = await PartitionLog.open(dir, { config: config() });
  expect(log.logEndOffset).toBe(3);
  expect(values(log.read(0, 1e6))).toEqual(["0=a", "1=b", "2=c"]);
  expect(values(log.read(2, 1e6, { upTo: 3 }))).toEqual(["2=c"]);
  expect(log.append(batch("d"))).toMatchObject({ baseOffset: 3 });
  await log.close();
});

test("a log rolls by size and reads across segments", async () => {
  const dir = temp();
  const log = await PartitionLog.open(dir, { config: config({ "segment.bytes": "200" }) });
  for (let i = 0; i < 20; i++) log.append(batch(`v${i}`));
  expect(log.segments.length).toBeGreaterThan(5);
  await log.close();
  const again = await PartitionLog.open(dir, { config: config({ "segment.bytes": "200" }) });
  const seen: string[] = [];
  for (let at = 0; at < again.logEndOffset; ) {
    const list = values(again.read(at, 1));
    seen.push(...list);
    at += list.length;
  }
  expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => `${i}=v${i}`));
  await again.close();
});
