import { describe, expect, it } from "vitest";
import { type CqlType, cqlType, typeName } from "../../../src/connectors/cassandra/cql-type.js";
import { encoderOf } from "../../../src/connectors/cassandra/encode.js";
import { inUnits, textFormats, timeUnits } from "../../../src/connectors/cassandra/text-formats.js";
import { primitive } from "../../../src/data/schema.js";

const formats = (settings: Record<string, string> = {}) =>
  textFormats(new Map(Object.entries(settings)), (name, message) => {
    throw new Error(`${name}: ${message}`);
  });
const at = (...parts: [number, number, number, number?, number?, number?, number?]) => Date.UTC(...parts);

describe("texts as times", () => {
  it.each([
    [{}, "2024-07-01", at(2024, 6, 1)],
    [{}, "2024-07-01 12:30", at(2024, 6, 1, 12, 30)],
    [{}, "2024-07-01T12:30:15.123456", at(2024, 6, 1, 12, 30, 15, 123)],
    [{}, "2024-07-01 12:30:15+0200", at(2024, 6, 1, 10, 30, 15)],
    [{}, "2024-07-01T12:30Z", at(2024, 6, 1, 12, 30)],
    [{}, "2018-03-09T17:12:32.584+01:00[Europe/Paris]", at(2018, 2, 9, 16, 12, 32, 584)],
    [{ timeZone: "America/New_York" }, "2024-07-01 12:30", at(2024, 6, 1, 16, 30)],
    [{ timestamp: "ISO_INSTANT" }, "2024-07-01T12:30:00Z", at(2024, 6, 1, 12, 30)],
    [{ timestamp: "dd/MM/yyyy HH:mm" }, "01/07/2024 12:30", at(2024, 6, 1, 12, 30)],
    [{ timestamp: '"yyyyMMddHHmmss"', timeZone: "+02:00" }, "20240701123000", at(2024, 6, 1, 10, 30)],
    [{}, "2024-13-01", undefined],
    [{}, "2024-07-01 25:00", undefined],
    [{ timestamp: "dd/MM/yyyy HH:mm" }, "2024-07-01", undefined],
  ])("%j reads %s", (settings, text, ms) => {
    expect(formats(settings as Record<string, string>).timestamp(text)).toBe(ms);
  });

  it("reads dates and times of day", () => {
    expect(formats().date("1970-01-02")).toBe(1);
    expect(formats({ date: "BASIC_ISO_DATE" }).date("19700102")).toBe(1);
    expect(formats({ date: "d MMM yyyy" }).date("2 Jan 1970")).toBe(1);
    expect(formats().date("1970-02-30")).toBeUndefined();
    expect(formats().time("00:00:01.000000002")).toBe(1_000_000_002n);
    expect(formats({ time: "HHmmss" }).time("000001")).toBe(1_000_000_000n);
    expect(formats().time("24:00")).toBeUndefined();
  });

  it("reads plain numbers in the topic's unit", () => {
    const encode = (type: CqlType["kind"], unit: string, value: number) =>
      encoderOf({ kind: type } as CqlType, primitive("int64"), formats({ unit }))(value);
    expect(encode("timestamp", "SECONDS", 5).readBigInt64BE()).toBe(5000n);
    expect(encode("timestamp", "NANOSECONDS", -1).readBigInt64BE()).toBe(-1n);
    expect(encode("date", "DAYS", 3).readUInt32BE()).toBe(2147483651);
    expect(encode("time", "MILLISECONDS", 86_400_001).readBigInt64BE()).toBe(1_000_000n);
  });

  it("reads numbers by the locale", () => {
    const number = (locale: string, text: string) => formats({ locale }).number(text)?.toString();
    expect(number("en_US", "1,234,567.89")).toBe("1234567.89");
    expect(number("de_DE", "1.234.567,89")).toBe("1234567.89");
    expect(number("fr_FR", "1 234,5")).toBe("1234.5");
    expect(number("en_US", "-1e3")).toBe("-1000");
    expect(number("en_US", "1,23")).toBeUndefined();
    expect(number("en_US", "")).toBeUndefined();
  });

  it("converts units without rounding up", () => {
    const { NANOSECONDS: ns, MICROSECONDS: us, MILLISECONDS: ms, SECONDS: s, DAYS: d } = timeUnits as Record<string, number>;
    expect([
      inUnits(2, d!, s!),
      inUnits(1999, ms!, s!),
      inUnits(-1, ns!, us!),
      inUnits(1_700_000_000_123, ms!, us!),
      inUnits(7, us!, us!),
    ]).toEqual([172_800, 1, -1, 1_700_000_000_123_000, 7]);
  });
});

describe("types by the server's class names", () => {
  it("are read with their arguments", () => {
    const m = "org.apache.cassandra.db.marshal";
    const of = (name: string) => typeName(cqlType({ code: 0, info: name }));
    expect(of(`${m}.VectorType(${m}.FloatType , 3)`)).toBe("vector<float, 3>");
    expect(of(`${m}.MapType(${m}.UTF8Type,${m}.FrozenType(${m}.ListType(${m}.Int32Type)))`)).toBe("map<text, list<int>>");
    expect(of(`${m}.TupleType(${m}.DurationType,${m}.SimpleDateType)`)).toBe("tuple<duration, date>");
    expect(() => of("com.example.OwnType")).toThrow(/OwnType is not supported/);
  });
});
