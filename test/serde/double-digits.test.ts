import fc from "fast-check";
import { expect, it } from "vitest";
import { javaDouble } from "../../src/data/java-number.js";
import { DOUBLE_TEXT, putDouble } from "../../src/serde/double-digits.js";

const out = Buffer.alloc(DOUBLE_TEXT + 1);
function check(value: number) {
  const text = out.toString("latin1", 0, putDouble(out, 0, value));
  if (text !== javaDouble(value)) expect(text).toBe(javaDouble(value));
}

it("writes every double as Java prints it", () => {
  const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
  const amount = fc.double({ min: 1, max: 1e7, noNaN: true });
  const sums = fc
    .array(fc.integer({ min: -99_999, max: 99_999 }), { maxLength: 9 })
    .map((cents) => cents.reduce((sum, c) => sum + c / 100, 0));
  const decimals = fc.tuple(fc.integer(), fc.integer({ min: 0, max: 15 })).map(([n, scale]) => n / 10 ** scale);
  fc.assert(fc.property(fc.oneof(finite, amount, sums, decimals), check), { numRuns: 20_000 });
  // beside powers of two, where the distance to the next double changes
  for (let bit = -60; bit < 60; bit++)
    for (const n of [-3, -2, -1, 0, 1, 2, 3]) for (const sign of [-1, 1]) check(sign * 2 ** bit * (1 + n * 2 ** -52));
});
