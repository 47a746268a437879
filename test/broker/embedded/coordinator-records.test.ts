import fc from "fast-check";
import { expect, it } from "vitest";
import {
  decodeGroupValue,
  decodeKey,
  decodeOffsetValue,
  encodeGroupKey,
  encodeGroupValue,
  encodeOffsetKey,
  encodeOffsetValue,
} from "../../../src/broker/embedded/coordinator-records.js";

const text = fc.string({ unit: "grapheme", maxLength: 300 });
const int = fc.integer({ min: -1, max: 0x7fffffff });
const bytes = fc.uint8Array({ maxLength: 600 }).map((b) => Buffer.from(b));

it("reads back what it writes", () => {
  fc.assert(
    fc.property(text, text, int, fc.maxSafeNat(), int, text, (group, topic, partition, offset, leaderEpoch, metadata) => {
      expect(decodeKey(encodeOffsetKey(group, topic, partition))).toEqual({ kind: "offset", group, topic, partition });
      const value = { offset, leaderEpoch, metadata, commitTimestamp: 1_700_000_000_000 };
      expect(decodeOffsetValue(encodeOffsetValue(value))).toEqual(value);
      expect(decodeKey(encodeGroupKey(group))).toEqual({ kind: "group", group });
    }),
  );
  const member = fc.record({
    memberId: text,
    groupInstanceId: fc.option(text),
    clientId: text,
    clientHost: text,
    rebalanceTimeoutMs: int,
    sessionTimeoutMs: int,
    subscription: bytes,
    assignment: bytes,
  });
  const group = fc.record({
    protocolType: text,
    generation: int,
    protocol: fc.option(text),
    leader: fc.option(text),
    stateTimestamp: fc.maxSafeNat(),
    members: fc.array(member, { maxLength: 4 }),
  });
  fc.assert(
    fc.property(group, (value) => {
      expect(decodeGroupValue(encodeGroupValue(value))).toEqual(value);
    }),
  );
});

it("leaves keys of other kinds alone", () => {
  expect(decodeKey(Buffer.from([0, 9, 1, 2, 3]))).toBeUndefined();
});
