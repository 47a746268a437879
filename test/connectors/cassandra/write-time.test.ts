import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { timeUuid, WriteTimes } from "../../../src/connectors/cassandra/write-time.js";

describe("write times", () => {
  it("are the timestamps in µs, and grow where those do not", () => {
    const times = new WriteTimes();
    expect([10, 10, 9, 11, Number.NaN, -1, 12].map((t) => times.next(t))).toEqual([10_000, 10_001, 10_002, 11_000, 11_001, 11_002, 12_000]);
  });

  it("are the same again from any committed offset on", () => {
    const anyTimestamp = fc.oneof(fc.integer({ min: 0, max: 1_800_000_000_000 }), fc.constant(Number.NaN), fc.constant(-1));
    fc.assert(
      fc.property(fc.array(anyTimestamp, { minLength: 1, maxLength: 50 }), fc.nat(50), (timestamps, cut) => {
        const straight = new WriteTimes();
        const first: number[] = [];
        let stored = straight.stored;
        timestamps.forEach((t, i) => {
          if (i === cut) stored = straight.stored;
          first.push(straight.next(t));
        });
        const again = WriteTimes.restore(cut < timestamps.length ? stored : "");
        const from = cut < timestamps.length ? cut : 0;
        expect(timestamps.slice(from).map((t) => again.next(t))).toEqual(first.slice(from));
        for (let i = 1; i < first.length; i++) expect(first[i]).toBeGreaterThan(first[i - 1]!);
      }),
    );
  });

  it("start afresh where nothing usable is stored", () => {
    for (const text of [null, undefined, "", "{}", '{"writeTime":"x"}', "junk"]) expect(WriteTimes.restore(text).next(5)).toBe(5000);
  });

  it("make a time UUID that is the same for the same record", () => {
    const a = timeUuid(1_700_000_000_000_000, "c/t/0/1/id");
    expect(a).toEqual(timeUuid(1_700_000_000_000_000, "c/t/0/1/id"));
    expect(a).not.toEqual(timeUuid(1_700_000_000_000_000, "c/t/0/2/id"));
    expect([a[6]! >> 4, a[8]! >> 6]).toEqual([1, 2]);
  });
});
