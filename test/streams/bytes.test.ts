import fc from "fast-check";
import { expect, it } from "vitest";
import { ByteReader, ByteWriter } from "../../src/streams/state/bytes.js";

/** Zigzag varint, the long way. */
function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let z = value < 0n ? -2n * value - 1n : 2n * value;
  for (; z > 0x7fn; z >>= 7n) bytes.push(Number(z & 0x7fn) | 0x80);
  return [...bytes, Number(z)];
}

it("writes and reads 64-bit integers of every length", () => {
  const edges = Array.from({ length: 63 }, (_, i) =>
    [-2n, -1n, 0n, 1n].flatMap((d) => [2n ** BigInt(i) + d, -(2n ** BigInt(i)) - d]),
  ).flat();
  const check = (value: bigint) => {
    const safe = value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
    const writer = new ByteWriter(1);
    writer.long(safe);
    expect([...writer.bytes.subarray(0, writer.position)]).toEqual(varint(value));
    const reader = new ByteReader();
    reader.open(writer.bytes, 0);
    expect(reader.long()).toBe(safe);
    expect(reader.position).toBe(writer.position);
  };
  for (const value of [...edges, -(2n ** 63n), 2n ** 63n - 1n]) check(value);
  fc.assert(fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), check));
  fc.assert(fc.property(fc.maxSafeInteger().map(BigInt), check));
});
