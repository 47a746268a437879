import fc from "fast-check";
import { expect, test } from "vitest";
import { decompress } from "../../src/protocol/compression.js";
import { encodeEndTransactionMarker, readEndTransactionMarker } from "../../src/protocol/control-record.js";
import { crc32c, crc32cIsNative, portableCrc32c } from "../../src/protocol/crc32c.js";
import * as batches from "../../src/protocol/record-batch.js";
import { RecordBatchBuilder } from "../../src/protocol/record-batch-builder.js";
import { RecordCursor } from "../../src/protocol/record-cursor.js";

interface Plain {
  timestamp: number;
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: { key: string; value: Uint8Array | null }[];
}

const bytes = fc.option(fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 8180, maxLength: 8200, size: "max" })), {
  nil: null,
});
const record: fc.Arbitrary<Plain> = fc.record({
  timestamp: fc.oneof(fc.integer({ min: 0, max: 2 ** 41 }), fc.integer({ min: 1_700_000_000_000, max: 1_700_000_001_000 })),
  key: bytes,
  value: bytes,
  headers: fc.array(fc.record({ key: fc.string(), value: bytes }), { maxLength: 3 }),
});

const text = (b: Uint8Array | null) => b && Buffer.from(b).toString("latin1");
/** With strings for bytes: comparing long arrays element by element takes seconds. */
const shown = (r: Plain, offset: number) => ({
  offset,
  timestamp: r.timestamp,
  key: text(r.key),
  value: text(r.value),
  headers: r.headers.map((h) => ({ key: h.key, value: text(h.value) })),
});

function read(buffer: Buffer, at = 0): ReturnType<typeof shown>[] {
  const cursor = new RecordCursor();
  cursor.open(buffer, at);
  const out: ReturnType<typeof shown>[] = [];
  const part = (start: number, end: number) => (start < 0 ? null : cursor.bytes.subarray(start, end));
  while (cursor.next()) {
    const key = part(cursor.keyStart, cursor.keyEnd);
    const value = part(cursor.valueStart, cursor.valueEnd);
    out.push(shown({ timestamp: cursor.timestamp, key, value, headers: cursor.headers() }, cursor.offset));
  }
  return out;
}

/** Writes the same record piece by piece, as generated encoders do. */
function appendInPieces(b: RecordBatchBuilder, r: Plain): void {
  const put = (piece: Uint8Array) => {
    b.ensure(piece.length);
    b.buffer.set(piece, b.position);
    b.position += piece.length;
  };
  b.beginRecord(r.timestamp);
  if (r.key === null) b.nullKey();
  else {
    b.beginKey();
    put(r.key);
    b.endKey();
  }
  if (r.value === null) b.nullValue();
  else {
    b.beginValue();
    put(r.value);
    b.endValue();
  }
  b.endRecord(r.headers);
}

for (const compression of batches.compressionTypes)
  test(`records come back as they went in: ${compression}`, () => {
    const builder = new RecordBatchBuilder(128);
    fc.assert(
      fc.property(fc.array(fc.tuple(record, fc.boolean(), fc.boolean()), { minLength: 1, maxLength: 20 }), (list) => {
        for (const [r, pieces, abandoned] of list) {
          if (abandoned) {
            builder.beginRecord(5);
            builder.beginKey();
            builder.ensure(100);
            builder.position += 100;
            builder.rollback();
          }
          if (pieces) appendInPieces(builder, r);
          else builder.append(r.timestamp, r.key, r.value, r.headers);
        }
        expect(builder.count).toBe(list.length);
        const batch = builder.finish({ producerId: 2 ** 40, producerEpoch: 3, baseSequence: 7, transactional: true, compression });
        batches.setBaseOffset(batch, 2 ** 33 + 5);
        batches.setPartitionLeaderEpoch(batch, 9);
        expect(batches.crcIsValid(batch)).toBe(true);
        expect(batches.batchEnd(batch, 0)).toBe(batch.length);
        expect(batches.batchEnd(batch.subarray(0, -1), 0)).toBe(-1);
        expect(batches.recordCount(batch)).toBe(list.length);
        expect(batches.lastOffset(batch)).toBe(2 ** 33 + 5 + list.length - 1);
        expect(batches.maxTimestamp(batch)).toBe(Math.max(...list.map(([r]) => r.timestamp)));
        expect(batches.baseTimestamp(batch)).toBe(list[0]![0].timestamp);
        expect(batches.producerId(batch)).toBe(2 ** 40);
        expect(batches.producerEpoch(batch)).toBe(3);
        expect(batches.baseSequence(batch)).toBe(7);
        expect(batches.compression(batch)).toBe(compression);
        expect(batches.isTransactional(batch)).toBe(true);
        expect(batches.isControl(batch)).toBe(false);
        expect(read(batch)).toEqual(list.map(([r], i) => shown(r, 2 ** 33 + 5 + i)));
        batch[batch.length - 1]! ^= 1;
        expect(batches.crcIsValid(batch)).toBe(false);
      }),
      { numRuns: 30 },
    );
  });

test("lengths above the reserved width move what follows", () => {
  const builder = new RecordBatchBuilder(64);
  const sizes = [0, 1, 63, 64, 8191, 8192, 100_000, 1_048_575, 1_048_576, 3_000_000, 5];
  const list = sizes.map((n, i) => ({ timestamp: i, key: new Uint8Array(n).fill(i), value: new Uint8Array(n).fill(i + 100), headers: [] }));
  for (const r of list) appendInPieces(builder, r);
  expect(read(builder.finish())).toEqual(list.map((r, i) => shown(r, i)));
});

test("a log append time replaces every record's time and keeps the CRC right", () => {
  const builder = new RecordBatchBuilder();
  builder.append(1, null, Buffer.from("a"));
  builder.append(2, null, Buffer.from("b"));
  const batch = builder.finish();
  batches.setLogAppendTime(batch, 1_700_000_000_123);
  expect(batches.crcIsValid(batch)).toBe(true);
  expect(read(batch).map((r) => r.timestamp)).toEqual([1_700_000_000_123, 1_700_000_000_123]);
});

test("sequence numbers wrap after 2^31 - 1", () => {
  const builder = new RecordBatchBuilder();
  for (let i = 0; i < 3; i++) builder.append(0, null, null);
  expect(batches.lastSequence(builder.finish({ producerId: 1, producerEpoch: 0, baseSequence: 0x7fff_fffe }))).toBe(0);
});

test("markers say how a transaction ended", () => {
  for (const type of ["COMMIT", "ABORT"] as const) {
    const marker = encodeEndTransactionMarker({ type, coordinatorEpoch: 4, producerId: 8, producerEpoch: 2, timestamp: 99 });
    expect(batches.isControl(marker) && batches.isTransactional(marker)).toBe(true);
    expect(readEndTransactionMarker(marker)).toEqual({ type, coordinatorEpoch: 4 });
    expect(batches.producerId(marker)).toBe(8);
    expect(batches.baseSequence(marker)).toBe(-1);
  }
});

test("both CRC-32C implementations give the same", () => {
  expect(crc32cIsNative).toBe(true);
  expect(portableCrc32c(Buffer.from("123456789"))).toBe(0xe3069283);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(20), (b, start) => {
      const from = Math.min(start, b.length);
      expect(portableCrc32c(b.subarray(from))).toBe(crc32c(b, from));
    }),
  );
});

test("bytes that do not decompress are refused, whatever the codec", () => {
  for (const type of batches.compressionTypes.slice(1))
    for (const wrong of [Buffer.alloc(0), Buffer.from("zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"), Buffer.alloc(100, 0xff)])
      expect(() => decompress(type, wrong), `${type} ${wrong.length}`).toThrowError(expect.objectContaining({ code: "DATA_INVALID" }));
});

test("snappy is read as one raw block too, as clients in C write it", () => {
  const raw = Buffer.from("171468656c6c6f20420600", "hex");
  expect(decompress("snappy", raw).toString()).toBe("hello hello hello hello");
});

test("a record that does not fit its batch is refused", () => {
  const builder = new RecordBatchBuilder();
  builder.append(0, Buffer.from("key"), Buffer.from("value"));
  const whole = builder.finish();
  fc.assert(
    fc.property(fc.integer({ min: batches.RECORD_BATCH_OVERHEAD, max: whole.length - 1 }), fc.nat(255), (at, byte) => {
      const batch = Buffer.from(whole);
      batch[at] = byte;
      const cursor = new RecordCursor();
      cursor.open(batch);
      try {
        while (cursor.next()) {
          cursor.headers();
          expect(cursor.valueEnd).toBeLessThanOrEqual(batch.length);
        }
      } catch (error) {
        expect(error).toMatchObject({ code: "DATA_INVALID" });
      }
    }),
  );
});
