// Claim: one small transaction (10 records of 100 bytes, one offset, commit) on the embedded broker costs little more than one round of
// fdatasync. Limit taken in the same run: one write of as many bytes and one fdatasync, by Node, one after another.
// Run: npm run build && node bench/transactions.mjs
import { closeSync, fdatasync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TransactionalProducer } from "../dist/broker/api/producer.js";
import { EmbeddedBroker } from "../dist/broker/embedded/embedded-broker.js";

const seconds = Number(process.argv[2] ?? 2);
const dir = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), "millrace-bench-"));
const value = Buffer.alloc(100, "x");

const quantile = (times, q) => times.sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(q * times.length))];

async function rawRounds() {
  const fd = openSync(join(dir, "raw"), "a");
  const bytes = Buffer.alloc(1600);
  const times = [];
  for (const end = performance.now() + (seconds * 1000) / 2; performance.now() < end; ) {
    const t = performance.now();
    writeSync(fd, bytes);
    await new Promise((resolve, reject) => fdatasync(fd, (e) => (e ? reject(e) : resolve())));
    times.push(performance.now() - t);
  }
  closeSync(fd);
  return times;
}

async function transactions(broker, writers, end) {
  const times = [];
  await Promise.all(
    Array.from({ length: writers }, async (_, k) => {
      const producer = new TransactionalProducer({ broker, transactionalId: `w${k}` });
      await producer.init();
      for (let n = 1; performance.now() < end(); n++) {
        const t = performance.now();
        producer.begin();
        const batch = producer.batch("data", k);
        for (let i = 0; i < 10; i++) batch.append(1_700_000_000_000 + n, null, value);
        producer.sendOffsets(`g${k}`, [{ topic: "in", partition: k, offset: n }]);
        await producer.commit();
        times.push(performance.now() - t);
      }
    }),
  );
  return times;
}

const broker = await EmbeddedBroker.open({ dir: join(dir, "broker") });
await broker.createTopics([{ name: "data", partitions: 16 }]);
const during = (ms) => {
  const end = performance.now() + ms;
  return () => end;
};
await transactions(broker, 16, during(300));
for (const writers of [1, 4, 16]) {
  // Ahead of each, as other work on the machine moves the limit more than it moves the ratio.
  const raw = await rawRounds();
  const rawP50 = quantile(raw, 0.5);
  console.log(`write + fdatasync                p50 ${rawP50.toFixed(3)} ms  p99 ${quantile(raw, 0.99).toFixed(3)} ms`);
  const cpu = process.cpuUsage();
  const started = performance.now();
  const times = await transactions(broker, writers, during(seconds * 1000));
  const took = (performance.now() - started) / 1000;
  const used = process.cpuUsage(cpu);
  const cpuSeconds = (used.user + used.system) / 1e6;
  const p50 = quantile(times, 0.5);
  console.log(
    `transactions, ${String(writers).padStart(2)} at a time      p50 ${p50.toFixed(3)} ms  p99 ${quantile(times, 0.99).toFixed(3)} ms  ` +
      `${Math.round(times.length / took)} tx/s  ratio to the limit ${(p50 / rawP50).toFixed(2)}  ` +
      `${((cpuSeconds / times.length) * 1e6).toFixed(0)} CPU s/M tx`,
  );
}
console.log(`peak RSS ${Math.round(process.resourceUsage().maxRSS / 1024)} MB`);
await broker.close();
rmSync(dir, { recursive: true });
