import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decoderOf } from "../../../../src/connectors/mysql/binlog/cells/charset.js";
import { decimalBytes, decimalText, readDecimal } from "../../../../src/connectors/mysql/binlog/cells/decimal.js";
import { readJson } from "../../../../src/connectors/mysql/binlog/cells/json.js";
import { dateText, epochDays, readTime, timeText } from "../../../../src/connectors/mysql/binlog/cells/temporal.js";

/** MySQL's binary decimal from its digits, group by group. */
function writeDecimal(unscaled: bigint, precision: number, scale: number): Buffer {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(precision, "0");
  const integer = precision - scale;
  const sizes = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];
  const groups: number[] = [];
  if (integer % 9) groups.push(integer % 9);
  for (let i = 0; i < Math.floor(integer / 9) + Math.floor(scale / 9); i++) groups.push(9);
  if (scale % 9) groups.push(scale % 9);
  const parts: Buffer[] = [];
  let at = 0;
  for (const n of groups) {
    const part = Buffer.alloc(sizes[n]!);
    part.writeUIntBE(Number(digits.slice(at, at + n)), 0, sizes[n]!);
    at += n;
    parts.push(part);
  }
  const bytes = Buffer.concat(parts);
  bytes[0]! ^= 0x80;
  if (unscaled < 0n) for (let i = 0; i < bytes.length; i++) bytes[i]! ^= 0xff;
  return bytes;
}

test("every DECIMAL is read exactly", () => {
  const decimals = fc.integer({ min: 1, max: 65 }).chain((precision) =>
    fc.record({
      precision: fc.constant(precision),
      scale: fc.integer({ min: 0, max: Math.min(30, precision) }),
      unscaled: fc.bigInt({ min: -(10n ** BigInt(precision)) + 1n, max: 10n ** BigInt(precision) - 1n }),
    }),
  );
  fc.assert(
    fc.property(decimals, ({ precision, scale, unscaled }) => {
      const bytes = writeDecimal(unscaled, precision, scale);
      expect(bytes.length).toBe(decimalBytes(precision, scale));
      expect(readDecimal(Buffer.concat([Buffer.from("xx"), bytes]), 2, precision, scale)).toBe(unscaled);
    }),
    { numRuns: 1000 },
  );
  expect(decimalText(-5n, 2)).toBe("-0.05");
  expect(decimalText(12345n, 2)).toBe("123.45");
  expect(decimalText(0n, 3)).toBe("0.000");
});

describe("times", () => {
  test("of TIME(6), negative ones borrowing from the fraction, are read exactly", () => {
    const limit = 838 * 3600 + 59 * 60 + 59;
    fc.assert(
      fc.property(fc.integer({ min: -limit, max: limit }), fc.integer({ min: 0, max: 999_999 }), (seconds, fraction) => {
        const micros = Math.sign(seconds || 1) * (Math.abs(seconds) * 1_000_000 + fraction);
        const size = Math.abs(seconds);
        const hms = BigInt((Math.floor(size / 3600) << 12) | ((Math.floor(size / 60) % 60) << 6) | (size % 60));
        const packed = (hms << 24n) + BigInt(fraction);
        const b = Buffer.alloc(6);
        b.writeUIntBE(Number((micros < 0 ? -packed : packed) + 0x800000000000n), 0, 6);
        expect(readTime(b, 0, 6)).toBe(micros);
      }),
      { numRuns: 1000 },
    );
    expect(timeText(-1, 6)).toBe("-00:00:00.000001");
    expect(timeText(838 * 3_600_000_000, 0)).toBe("838:00:00");
  });

  test("days are those of the calendar", () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date("0000-01-01T00:00:00Z"), max: new Date("9999-12-31T00:00:00Z"), noInvalidDate: true }),
        (date) => {
          const ymd = date.getUTCFullYear() * 10_000 + (date.getUTCMonth() + 1) * 100 + date.getUTCDate();
          expect(epochDays(ymd)).toBe(Math.floor(date.getTime() / 86_400_000));
          expect(dateText(ymd)).toBe(date.toISOString().slice(0, 10));
        },
      ),
      { numRuns: 1000 },
    );
    for (const none of [0, 20240000, 20240100, 20240230, 20230229, 20241301, 19000229]) expect(epochDays(none), String(none)).toBeNull();
    expect(epochDays(20000229)).toBe(11_016);
  });
});

test("broken JSON is refused and never read for ever", () => {
  // {"a":[1,"b"],"c":{}}
  const value = Buffer.from("0002003000120001001300010002140000250061630200110005010000" + "0c0d0001620000000400", "hex");
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.integer({ min: 0, max: value.length - 1 }), (random, at) => {
      for (const bytes of [Buffer.from(random), Buffer.concat([value.subarray(0, at), Buffer.from(random)])])
        try {
          readJson(bytes, 0, bytes.length);
        } catch (e) {
          expect(
            e === null || e instanceof RangeError || e instanceof SyntaxError || (e as { code?: string }).code === "ERR_OUT_OF_RANGE",
          ).toBe(true);
        }
    }),
    { numRuns: 3000 },
  );
});

test("character sets", () => {
  const decode = (charset: string, hex: string) => {
    const b = Buffer.from(`00${hex}00`, "hex");
    return decoderOf(charset)(b, 1, b.length - 1);
  };
  expect(decode("latin1", "8081e4")).toBe("€\u0081ä");
  expect(decode("utf16", "00e4d834dd1e")).toBe("ä𝄞");
  expect(decode("utf32", "0001d11e")).toBe("𝄞");
  expect(decode("swe7", "5b7e41")).toBe("ÄüA");
  expect(decode("sjis", "8160815f")).toBe("〜\\");
  expect(decode("cp932", "8160")).toBe("～");
  expect(decode("koi8u", "95")).toBe("•");
  expect(decode("never heard of", "c3a4")).toBe("ä");
});
