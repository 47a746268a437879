// What the latency benches share: the clock, quantiles, when records are committed in topics, and what the disk alone takes meanwhile.
// The disk's floor is a process of its own: every 20 ms it appends 1.6 KB and calls fdatasync, in turn to a file that grows and over zeros
// that were written ahead. Nothing that waits for the disk can be faster.
import { fork } from "node:child_process";
import { once } from "node:events";
import { closeSync, fdatasync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { PartitionReader } from "../dist/broker/api/reader.js";
import { RecordCursor } from "../dist/protocol/record-cursor.js";

/** ms of the clock that all processes of the machine share. */
export const monotonic = () => Number(process.hrtime.bigint()) / 1e6;

/** Sorted in place; a quantile with two decimals. */
export const quantile = (times, q) =>
  Number((times.sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(q * times.length))] ?? Number.NaN).toFixed(2));
export const quantiles = (times) => `p50 ${quantile(times, 0.5)}, p99 ${quantile(times, 0.99)}, max ${quantile(times, 1)} ms`;

/** Reads the topics from their ends on: `each` sees every committed record, with the time of its poll. Returns what ends it. */
export async function watchTopics(broker, topics, each) {
  const reader = new PartitionReader({ broker });
  for (const { name, partitions } of await broker.describeTopics(topics)) {
    const ends = Array.from({ length: partitions }, (_, partition) => ({ topic: name, partition, timestamp: "latest" }));
    for (const { topic, partition, offset } of await broker.listOffsets({ partitions: ends })) reader.seek(topic, partition, offset);
  }
  const closing = new AbortController();
  const reading = (async () => {
    const cursor = new RecordCursor();
    for (;;) {
      const polled = await reader.poll(1000, closing.signal).catch(() => undefined);
      if (!polled) return;
      const now = monotonic();
      for (const { topic, batches } of polled)
        for (const batch of batches) {
          cursor.open(batch);
          while (cursor.next()) each(topic, cursor, now);
        }
    }
  })();
  return () => {
    closing.abort();
    return reading;
  };
}

/** Begins in a folder of the disk that is measured; `end` prints and returns the p99 in ms of the file that grows. */
export async function startFloor(dir) {
  const child = fork(new URL(import.meta.url), [dir]);
  await once(child, "message");
  return {
    async end() {
      child.send("end");
      const [{ grows, ahead }] = await once(child, "message");
      console.log(`  the disk alone meanwhile: append + fdatasync ${quantiles(grows)}; over zeros written ahead ${quantiles(ahead)}`);
      return quantile(grows, 0.99);
    },
  };
}

async function run(dir) {
  const bytes = Buffer.alloc(1600, "x");
  const room = 64 * 1024 * 1024;
  const files = ["grows", "ahead"].map((name) => ({
    path: join(dir, `floor-${name}`),
    fd: openSync(join(dir, `floor-${name}`), "w"),
    size: 0,
    times: [],
  }));
  const zeros = Buffer.alloc(1024 * 1024);
  for (let at = 0; at < room; at += zeros.length) writeSync(files[1].fd, zeros, 0, zeros.length, at);
  fdatasyncSync(files[1].fd);
  let running = true;
  process.once("message", () => {
    running = false;
  });
  process.send("ready");
  for (let turn = 0; running; turn++) {
    const file = files[turn % 2];
    const begun = performance.now();
    writeSync(file.fd, bytes, 0, bytes.length, file.size);
    file.size += bytes.length;
    await new Promise((resolve, reject) => fdatasync(file.fd, (error) => (error ? reject(error) : resolve())));
    file.times.push(performance.now() - begun);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  for (const { fd, path } of files) {
    closeSync(fd);
    rmSync(path);
  }
  process.send({ grows: files[0].times, ahead: files[1].times }, () => process.exit());
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await run(process.argv[2]);
