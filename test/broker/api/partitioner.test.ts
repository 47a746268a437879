import { expect, it } from "vitest";
import { murmur2, partitionFor } from "../../../src/broker/api/partitioner.js";

// Values that Kafka's Java client gives.
it.each([
  ["21", -973932308],
  ["foobar", -790332482],
  ["a-little-bit-long-string", -985981536],
  ["a-little-bit-longer-string", -1486304829],
  ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
  ["abc", 479470107],
])("hashes %s as Java does", (key, hash) => {
  expect(murmur2(Buffer.from(key))).toBe(hash);
  expect(partitionFor(Buffer.from(key), 7)).toBe((hash & 0x7fffffff) % 7);
});

it("leaves records without a key to the caller", () => {
  expect(partitionFor(null, 4)).toBe(0);
  expect(partitionFor(null, 4, 6)).toBe(2);
  expect(partitionFor(Buffer.from("x"), 1)).toBe(0);
});
