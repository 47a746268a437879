import { expect, it } from "vitest";
import { LIMIT, Tail } from "../../src/log/tail-cache.js";
import { setBaseOffset } from "../../src/protocol/record-batch.js";
import { RecordBatchBuilder } from "../../src/protocol/record-batch-builder.js";

function batch(offset: number, valueBytes: number): Buffer {
  const builder = new RecordBatchBuilder(256);
  builder.append(1, null, Buffer.alloc(valueBytes, 7));
  const bytes = builder.finish();
  setBaseOffset(bytes, offset);
  return bytes;
}

/** Bytes of memory that the tail's batches keep alive, from `from` on. */
function held(tail: Tail, from: number, to: number): { bytes: number; batches: number } {
  const memory = new Map<ArrayBufferLike, number>();
  let batches = 0;
  for (let offset = from; offset < to; offset++) {
    const bytes = tail.read(offset, 1, to);
    if (!bytes) continue;
    batches++;
    memory.set(bytes.buffer, bytes.buffer.byteLength);
  }
  return { bytes: [...memory.values()].reduce((sum, n) => sum + n, 0), batches };
}

it("keeps no more memory than its limit for small batches between which others allocate", () => {
  const tail = new Tail();
  const count = 40_000;
  const others: Buffer[] = [];
  for (let offset = 0; offset < count; offset++) {
    tail.add(batch(offset, 20));
    others.push(Buffer.from("x".repeat(1000))); // takes its share of Node's pool
    if (others.length > 10) others.length = 0;
  }
  const { bytes, batches } = held(tail, 0, count);
  expect(batches).toBeGreaterThan(5000);
  expect(bytes).toBeLessThan(LIMIT);
});

it("gives back whole batches of every size as they were", () => {
  const tail = new Tail();
  const sizes = [10, 20_000, 300, 40_000, 16_000, 5, 15_990, 1000];
  const written = sizes.map((size, offset) => batch(offset, size));
  for (const bytes of written) tail.add(bytes);
  for (const [offset, bytes] of written.entries()) expect(tail.read(offset, 1, sizes.length)!.equals(bytes)).toBe(true);
  expect(tail.read(0, 1e6, sizes.length)!.equals(Buffer.concat(written))).toBe(true);
});

it("drops its oldest batches first, and all of them with one that is too large to keep", () => {
  const tail = new Tail();
  for (let offset = 0; offset < 200; offset++) tail.add(batch(offset, 30_000));
  expect(tail.read(0, 1, 200)).toBeUndefined();
  expect(tail.read(199, 1, 200)).toBeDefined();
  tail.add(batch(200, 70_000));
  expect(tail.read(199, 1, 201)).toBeUndefined();
});
