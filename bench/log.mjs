// Append and fetch of 1 KB and 100 B records in batches of 16 KB, fdatasync after each 1 MB, against plain write + fdatasync of the
// same bytes at the same places by Node, in the same run. Usage: node bench/log.mjs [MB per round] [rounds] [folder]
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigDef } from "../dist/common/config-def.js";
import { logConfig, logSettings } from "../dist/log/log-config.js";
import { PartitionLog } from "../dist/log/partition-log.js";
import { batchEnd } from "../dist/protocol/record-batch.js";
import { RecordBatchBuilder } from "../dist/protocol/record-batch-builder.js";
import { RecordCursor } from "../dist/protocol/record-cursor.js";

const MB = 1024 * 1024;
const total = Number(process.argv[2] ?? 64) * MB;
const rounds = Number(process.argv[3] ?? 5);
const dir = fs.mkdtempSync(join(process.argv[4] ?? tmpdir(), "bench-log-"));
const BATCH = 16 * 1024;
const limit = 0.7;
const config = logConfig(new ConfigDef(logSettings).parse({}));
const fdatasync = (fd) => new Promise((resolve, reject) => fs.fdatasync(fd, (e) => (e ? reject(e) : resolve())));

function encode(builder, size, count) {
  const value = Buffer.alloc(size - 20, "abcdefghij0123456789");
  const key = Buffer.alloc(8, "k");
  const batches = [];
  let records = 0;
  for (let bytes = 0; bytes < count; ) {
    while (builder.size < BATCH - size) {
      key.writeInt32LE(records++, 0);
      builder.append(1_700_000_000_000 + records, key, value);
    }
    const batch = builder.finish();
    batches.push(batch);
    bytes += batch.length;
  }
  return { batches, records };
}

const clock = () => [performance.now(), process.cpuUsage()];
const since = ([t, c]) => {
  const cpu = process.cpuUsage(c);
  return { ms: performance.now() - t, cpu: (cpu.user + cpu.system) / 1e6 };
};
const per = ({ ms, cpu }, n) => ({ ms: ms / n, cpu: cpu / n });
const best = (list) => list.reduce((a, b) => (a.ms < b.ms ? a : b));

async function plainAppend(batches, path) {
  const fd = fs.openSync(path, "w+");
  const t = clock();
  let position = 0;
  let dirty = 0;
  for (const batch of batches) {
    fs.writeSync(fd, batch, 0, batch.length, position);
    position += batch.length;
    if ((dirty += batch.length) >= MB) {
      await fdatasync(fd);
      dirty = 0;
    }
  }
  await fdatasync(fd);
  const spent = since(t);
  fs.closeSync(fd);
  return spent;
}

const PASSES = 8;

function plainRead(path, bytes) {
  const fd = fs.openSync(path, "r");
  const t = clock();
  for (let pass = 0; pass < PASSES; pass++)
    for (let position = 0; position < bytes; ) {
      const chunk = Buffer.allocUnsafeSlow(MB);
      position += fs.readSync(fd, chunk, 0, MB, position);
    }
  const spent = per(since(t), PASSES);
  fs.closeSync(fd);
  return spent;
}

async function logAppend(log, batches) {
  const t = clock();
  let dirty = 0;
  for (const batch of batches) {
    log.append(batch);
    if ((dirty += batch.length) >= MB) {
      await log.flush();
      dirty = 0;
    }
  }
  await log.flush();
  return since(t);
}

function logRead(log) {
  const t = clock();
  const chunks = [];
  for (let pass = 0; pass < PASSES; pass++)
    for (let offset = log.logStartOffset; offset < log.logEndOffset; ) {
      const bytes = log.read(offset, MB);
      let last = 0;
      for (let at = 0; at < bytes.length; at = batchEnd(bytes, at)) last = at;
      offset = Number(bytes.readBigInt64BE(last)) + bytes.readInt32BE(last + 23) + 1;
      if (chunks.length < 32) chunks.push(bytes);
    }
  return { ...per(since(t), PASSES), chunks };
}

function decode(chunks) {
  const cursor = new RecordCursor();
  let records = 0;
  let sum = 0;
  const t = clock();
  for (let again = 0; again < 4; again++)
    for (const bytes of chunks)
      for (let at = 0; at < bytes.length; ) {
        at = cursor.open(bytes, at);
        while (cursor.next()) {
          records++;
          sum += cursor.valueStart + cursor.keyStart + cursor.timestamp;
        }
      }
  return { ...since(t), records, sum };
}

/** What encoding and decoding are held against: a copy of each batch's bytes. */
function copy(batches) {
  const into = Buffer.allocUnsafeSlow(BATCH * 2);
  const t = clock();
  for (const batch of batches) batch.copy(into);
  return since(t);
}

let failed = false;
function line(name, spent, reference, records, bytes, least = limit) {
  const ratio = reference === undefined ? undefined : reference.ms / spent.ms;
  const verdict = ratio === undefined || least === 0 ? "" : ratio >= least ? "ok" : "BELOW";
  if (verdict === "BELOW") failed = true;
  console.log(
    `${name.padEnd(34)} ${((records / spent.ms) * 1000).toFixed(0).padStart(9)} records/s ${((bytes / MB / spent.ms) * 1000).toFixed(0).padStart(5)} MB/s` +
      ` ${((spent.cpu / records) * 1e6).toFixed(3).padStart(7)} CPU s/M ${ratio === undefined ? "" : `ratio ${ratio.toFixed(2)}${least === 0 ? " to a copy of the bytes" : ` (must reach ${least}) ${verdict}`}`}`,
  );
}

try {
  for (const size of [1024, 100]) {
    const builder = new RecordBatchBuilder(BATCH * 2);
    const spent = { encode: [], append: [], plain: [], read: [], plainRead: [], decode: [], copy: [] };
    let records = 0;
    let bytes = 0;
    let decoded = 0;
    for (let round = 0; round < rounds; round++) {
      const t = clock();
      const { batches, records: n } = encode(builder, size, total);
      spent.encode.push(since(t));
      spent.copy.push(copy(batches));
      records = n;
      bytes = batches.reduce((a, b) => a + b.length, 0);
      const folder = join(dir, `log-${size}-${round}`);
      const path = join(dir, "plain");
      const log = await PartitionLog.open(folder, { config });
      // in turns, so that neither has the warmer disk
      const measure = [
        async () => spent.append.push(await logAppend(log, batches)),
        async () => spent.plain.push(await plainAppend(batches, path)),
      ];
      for (const run of round % 2 ? measure.reverse() : measure) await run();
      const fetch = [
        () => {
          const read = logRead(log);
          const d = decode(read.chunks);
          spent.read.push({ ms: read.ms, cpu: read.cpu });
          spent.decode.push(d);
          decoded = d.records;
        },
        () => spent.plainRead.push(plainRead(path, bytes)),
      ];
      for (const run of round % 2 ? fetch.reverse() : fetch) run();
      await log.delete();
      fs.rmSync(path);
    }
    const append = best(spent.append);
    line(`${size} B append + fdatasync`, append, best(spent.plain), records, bytes);
    line(`${size} B plain write + fdatasync`, best(spent.plain), undefined, records, bytes);
    const e = best(spent.encode);
    line(`${size} B encode + append + fdatasync`, { ms: e.ms + append.ms, cpu: e.cpu + append.cpu }, undefined, records, bytes);
    line(`${size} B fetch`, best(spent.read), best(spent.plainRead), records, bytes);
    line(`${size} B plain read`, best(spent.plainRead), undefined, records, bytes);
    const copied = best(spent.copy);
    line(`${size} B encode alone`, e, copied, records, bytes, 0);
    const share = decoded / records;
    line(`${size} B decode alone`, best(spent.decode), { ms: copied.ms * share }, decoded, share * bytes, 0);
  }
  console.log(
    `peak RSS ${Math.round(process.resourceUsage().maxRSS / 1024)} MB (a round's ${total / MB} MB of batches are in memory twice)`,
  );
} finally {
  fs.rmSync(dir, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;
