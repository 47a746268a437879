import { crc32 } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { hasCrc32 } from "../../../../src/connectors/mysql/binlog/crc32.js";

test("short and long events are checked as zlib checks them", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(20), fc.nat(), (bytes, start, damage) => {
      const b = Buffer.alloc(start + bytes.length + 4, 9);
      b.set(bytes, start);
      const end = start + bytes.length;
      b.writeUInt32LE(crc32(b.subarray(start, end)), end);
      expect(hasCrc32(b, start, end)).toBe(true);
      b[start + (damage % (bytes.length + 4))]! ^= 1 << (damage % 8);
      expect(hasCrc32(b, start, end)).toBe(false);
    }),
    { numRuns: 300 },
  );
});
