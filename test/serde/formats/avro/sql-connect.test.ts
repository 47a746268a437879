import { describe, expect, it } from "vitest";
import { Decimal, primitive } from "../../../../src/data/schema.js";
import type { SqlType } from "../../../../src/data/sql-type.js";
import { connectFromSql, sqlFromConnect, sqlToConnect } from "../../../../src/serde/formats/avro/sql-connect.js";

const read = (base: "TIMESTAMP" | "TIME" | "DATE" | "BIGINT", type: "int64" | "int32" | "string", name: string, value: unknown) => {
  const convert = sqlFromConnect({ base } as SqlType, primitive(type, { name }), "C");
  return convert ? convert(value) : value;
};

describe("Debezium's times as SQL's", () => {
  it.each([
    ["TIMESTAMP", "int64", "io.debezium.time.Timestamp", 1_700_000_000_123, 1_700_000_000_123],
    ["TIMESTAMP", "int64", "io.debezium.time.MicroTimestamp", 1_700_000_000_123_456, 1_700_000_000_123],
    ["TIMESTAMP", "int64", "io.debezium.time.MicroTimestamp", -1, -1],
    ["TIMESTAMP", "int64", "io.debezium.time.NanoTimestamp", 1_700_000_000_123_456_789n, 1_700_000_000_123],
    ["TIMESTAMP", "string", "io.debezium.time.ZonedTimestamp", "2023-11-14T22:13:20.123456Z", 1_700_000_000_123],
    ["TIME", "int64", "io.debezium.time.MicroTime", 3_600_000_001, 3_600_000],
    ["TIME", "int32", "io.debezium.time.Time", 3_600_000, 3_600_000],
    ["DATE", "int32", "io.debezium.time.Date", 19_000, 19_000],
    ["BIGINT", "int64", "io.debezium.time.MicroTimestamp", 1_700_000_000_123_456, 1_700_000_000_123_456],
  ] as const)("%s of %s %s", (base, type, name, value, expected) => {
    expect(read(base, type, name, value)).toBe(expected);
  });

  it("refuses a text that is no time", () => {
    expect(() => read("TIMESTAMP", "string", "io.debezium.time.ZonedTimestamp", "soon")).toThrow("soon is no time, path: C");
  });
});

describe("SQL's decimals as Connect's", () => {
  const type: SqlType = { base: "DECIMAL", precision: 4, scale: 2 };

  it("writes at the scale of the type", () => {
    const convert = connectFromSql(type, sqlToConnect(type))!;
    expect(convert(new Decimal(15n, 1))).toEqual(new Decimal(150n, 2));
  });
});
