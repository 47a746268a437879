import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { silentLogger } from "../../src/common/logger.js";
import { Decimal } from "../../src/data/schema.js";
import type { SqlField, SqlType } from "../../src/data/sql-type.js";
import { SchemaRegistry } from "../../src/schema-registry/registry.js";
import { MemorySchemaStore } from "../../src/schema-registry/store.js";
import { createRowSerde } from "../../src/serde/create.js";
import { inferColumns } from "../../src/serde/infer-columns.js";
import type { Row, RowSerde } from "../../src/serde/row-serde.js";

const registry = await SchemaRegistry.open({ store: new MemorySchemaStore(), logger: silentLogger });

const scalar: SqlType[] = [
  { base: "BOOLEAN" },
  { base: "INTEGER" },
  { base: "BIGINT" },
  { base: "DOUBLE" },
  { base: "STRING" },
  { base: "BYTES" },
  { base: "DATE" },
  { base: "TIME" },
  { base: "TIMESTAMP" },
  { base: "DECIMAL", precision: 12, scale: 3 },
];
const nested: SqlType[] = [
  { base: "ARRAY", element: { base: "INTEGER" } },
  { base: "MAP", key: { base: "STRING" }, value: { base: "DECIMAL", precision: 5, scale: 1 } },
  {
    base: "STRUCT",
    fields: [
      { name: "X", type: { base: "STRING" } },
      { name: "Y", type: { base: "ARRAY", element: { base: "BIGINT" } } },
    ],
  },
];

function values(type: SqlType): fc.Arbitrary<unknown> {
  const nullable = (a: fc.Arbitrary<unknown>) => fc.option(a, { nil: null, freq: 8 });
  switch (type.base) {
    case "BOOLEAN":
      return fc.boolean();
    case "INTEGER":
    case "DATE":
      return fc.integer();
    case "TIME":
      return fc.integer({ min: 0, max: 86_399_999 });
    case "TIMESTAMP":
      return fc.integer({ min: -8e12, max: 8e12 });
    case "BIGINT":
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((n) => (Number.isSafeInteger(Number(n)) ? Number(n) : n));
    case "DOUBLE":
      return fc.double({ noNaN: true, noDefaultInfinity: true });
    case "STRING":
      return fc.string({ unit: "grapheme" });
    case "BYTES":
      return fc.uint8Array().map((b) => Buffer.from(b));
    case "DECIMAL":
      return fc
        .bigInt({ min: -(10n ** BigInt(type.precision)) + 1n, max: 10n ** BigInt(type.precision) - 1n })
        .map((n) => new Decimal(n, type.scale));
    case "ARRAY":
      return fc.array(nullable(values(type.element)), { maxLength: 4 });
    case "MAP":
      return fc.array(fc.tuple(fc.string(), nullable(values(type.value))), { maxLength: 4 }).map((e) => new Map(e));
    case "STRUCT":
      return fc.tuple(...type.fields.map((f) => nullable(values(f.type))));
  }
}

function columns(types: readonly SqlType[]): SqlField[] {
  return types.map((type, i) => ({ name: `C${i}`, type }));
}

async function roundTrip(writer: RowSerde, reader: RowSerde, row: Row): Promise<Row> {
  await writer.prepareWrite("t");
  const bytes = writer.serialize("t", row)!;
  const into = Buffer.alloc(bytes.length + 64);
  const end = writer.serializeInto("t", row, into, 3);
  expect(into.subarray(3, end).equals(bytes)).toBe(true);
  expect(writer.serializeInto("t", row, Buffer.alloc(bytes.length - 1), 0)).toBe(-1);
  const shifted = Buffer.concat([Buffer.from("xx"), bytes, Buffer.from("yy")]);
  await reader.prepareRead("t", shifted, 2, shifted.length - 2);
  return reader.deserialize("t", shifted, 2, shifted.length - 2);
}

describe("row serdes give back what they were given", () => {
  for (const format of ["JSON", "AVRO", "DELIMITED"])
    it(format, async () => {
      const cols = columns(format === "DELIMITED" ? scalar : [...scalar, ...nested]);
      const serde = createRowSerde({ format, isKey: false, columns: cols }, { registry });
      const needed = [1, 4, 9];
      const some = createRowSerde({ format, isKey: false, columns: cols, needed }, { registry });
      const rows = fc.tuple(...cols.map((c) => fc.option(values(c.type), { nil: null, freq: 6 })));
      await fc.assert(
        fc.asyncProperty(rows, async (row) => {
          const expected = format === "DELIMITED" ? row.map((v) => (v === "" || (v instanceof Uint8Array && !v.length) ? null : v)) : row;
          expect(await roundTrip(serde, serde, row)).toEqual(expected);
          expect(await roundTrip(serde, some, row)).toEqual(expected.map((v, i) => (needed.includes(i) ? v : null)));
        }),
        { numRuns: 300 },
      );
    });

  it("KAFKA and single bare values", async () => {
    for (const [type, value, hex] of [
      [{ base: "INTEGER" }, -2, "fffffffe"],
      [{ base: "BIGINT" }, 2 ** 40 + 1, "0000010000000001"],
      [{ base: "BIGINT" }, -(2n ** 62n), "c000000000000000"],
      [{ base: "BIGINT" }, -5, "fffffffffffffffb"],
      [{ base: "DOUBLE" }, 1.5, "3ff8000000000000"],
      [{ base: "STRING" }, "aé", "61c3a9"],
    ] as const) {
      const serde = createRowSerde({ format: "KAFKA", isKey: true, columns: columns([type]) }, { registry });
      const bytes = serde.serialize("t", [value])!;
      expect(bytes.toString("hex")).toBe(hex);
      expect(serde.deserialize("t", bytes, 0, bytes.length)).toEqual([value]);
    }
    const json = createRowSerde({ format: "JSON", isKey: true, columns: columns([{ base: "STRING" }]) }, { registry });
    expect(json.serialize("t", ["a"])!.toString()).toBe('"a"');
    const avro = createRowSerde({ format: "AVRO", isKey: true, columns: columns([{ base: "INTEGER" }]) }, { registry });
    await avro.prepareWrite("k");
    expect(avro.serialize("k", [7])!.subarray(5).toString("hex")).toBe("0e");
    expect((await registry.latest("k-key")).schema).toBe('"int"');
    expect(avro.serialize("k", [null])).toBe(null);
    expect(createRowSerde({ format: "NONE", isKey: true, columns: [] }, { registry }).serialize("t", [])).toBe(null);
  });

  it("registers the schema that ksqlDB registers", async () => {
    const cols: SqlField[] = [
      { name: "ID", type: { base: "BIGINT" } },
      { name: "D", type: { base: "DECIMAL", precision: 4, scale: 2 } },
      { name: "S", type: { base: "STRUCT", fields: [{ name: "A", type: { base: "DATE" } }] } },
    ];
    const serde = createRowSerde({ format: "AVRO", isKey: false, columns: cols }, { registry });
    await serde.prepareWrite("registered");
    const { schema } = await registry.latest("registered-value");
    expect(JSON.parse(schema)).toEqual({
      type: "record",
      name: "KsqlDataSourceSchema",
      namespace: "io.confluent.ksql.avro_schemas",
      fields: [
        { name: "ID", type: ["null", "long"], default: null },
        {
          name: "D",
          type: [
            "null",
            {
              type: "bytes",
              scale: 2,
              precision: 4,
              "connect.version": 1,
              "connect.parameters": { scale: "2", "connect.decimal.precision": "4" },
              "connect.name": "org.apache.kafka.connect.data.Decimal",
              logicalType: "decimal",
            },
          ],
          default: null,
        },
        {
          name: "S",
          type: [
            "null",
            {
              type: "record",
              name: "KsqlDataSourceSchema_S",
              fields: [
                {
                  name: "A",
                  type: [
                    "null",
                    { type: "int", "connect.version": 1, "connect.name": "org.apache.kafka.connect.data.Date", logicalType: "date" },
                  ],
                  default: null,
                },
              ],
              "connect.name": "io.confluent.ksql.avro_schemas.KsqlDataSourceSchema_S",
            },
          ],
          default: null,
        },
      ],
      "connect.name": "io.confluent.ksql.avro_schemas.KsqlDataSourceSchema",
    });
    expect(inferColumns("AVRO", schema)).toEqual(cols);
  });
});

describe("odd input", () => {
  const cols = columns([{ base: "INTEGER" }, { base: "STRING" }, { base: "DECIMAL", precision: 6, scale: 2 }, { base: "DOUBLE" }]);
  const serde = createRowSerde({ format: "JSON", isKey: false, columns: cols }, { registry });
  const read = (text: string) => serde.deserialize("t", Buffer.from(text), 0, Buffer.byteLength(text));

  it("finds names without case, in any order, with spaces, twice the same way", () => {
    for (let i = 0; i < 3; i++) {
      expect(read('{"c0":1,"c1":"x","c2":1.5,"c3":2}')).toEqual([1, "x", new Decimal(150n, 2), 2]);
      expect(read(' { "C3" : 1e3 , "other": {"a":[1,"}"]}, "C0" : "12" }')).toEqual([12, null, null, 1000]);
      expect(read('{"C0":1,"C1":5,"C2":"1.25","C3":"0.5"}')).toEqual([1, "5", new Decimal(125n, 2), 0.5]);
      expect(read('{"C0":1,"C1":"a\\"\\u00e9","C2":null,"C3":-0.0}')).toEqual([1, 'a"é', null, -0]);
      expect(read('{"C0":1,"C1":{"a":1},"C2":-1,"C3":1.5E-3}')).toEqual([1, '{"a":1}', new Decimal(-100n, 2), 0.0015]);
    }
  });
  it("names the column of a value that does not fit", () => {
    for (let i = 0; i < 3; i++) {
      read('{"C0":1,"C1":"x","C2":1.50,"C3":2}');
      expect(() => read('{"C0":"no","C1":"x","C2":1.50,"C3":2}')).toThrow("requiredType: INTEGER, path: $.C0");
      expect(() => read('{"C0":3000000000,"C1":"x","C2":1.50,"C3":2}')).toThrow("path: $.C0");
      expect(() => read('{"C0":1,"C1":"x","C2":1.505,"C3":2}')).toThrow("Cannot fit decimal '1.505'");
      expect(() => read('{"C0":1,"C1":"x","C2":12345.5,"C3":2}')).toThrow("Cannot fit decimal");
      expect(() => read('{"C0":1,"C1":"x","C2":1.50,"C3":2')).toThrow("Invalid JSON");
      expect(() => read('{"C0":01,"C1":"x","C2":1.50,"C3":2}')).toThrow("Invalid JSON");
      expect(() => read("[1]")).toThrow("not a JSON object");
    }
  });
  it("reads Avro of another writer by name, and says what does not fit", async () => {
    const id = await registry.register("w-value", {
      schema: JSON.stringify({
        type: "record",
        name: "W",
        fields: [
          { name: "skip", type: { type: "map", values: "long" } },
          { name: "c3", type: "float" },
          { name: "c0", type: ["int", "null"] },
          { name: "c1", type: { type: "enum", name: "E", symbols: ["A", "B"] } },
        ],
      }),
    });
    const bytes = Buffer.from([0, 0, 0, 0, id, 2, 2, 0x61, 8, 0, 0, 0, 0xc0, 0x3f, 0, 6, 2]);
    const avro = createRowSerde({ format: "AVRO", isKey: false, columns: cols }, { registry });
    await avro.prepareRead("w", bytes, 0, bytes.length);
    expect(avro.prepareRead("w", bytes, 0, bytes.length)).toBe(undefined);
    expect(avro.deserialize("w", bytes, 0, bytes.length)).toEqual([3, "B", null, 1.5]);
    expect(() => avro.deserialize("w", bytes, 0, bytes.length - 2)).toThrow("ends too early");
    expect(() => avro.deserialize("w", Buffer.from("{}"), 0, 2)).toThrow("Unknown magic byte");
    const other = createRowSerde({ format: "AVRO", isKey: false, columns: [{ name: "C3", type: { base: "BOOLEAN" } }] }, { registry });
    // an error of each record of that schema, so that a query sets them aside and goes on
    await other.prepareRead("w", bytes, 0, bytes.length);
    expect(() => other.deserialize("w", bytes, 0, bytes.length)).toThrow("requiredType: BOOLEAN, path: C3");
    const unknown = Buffer.from([0, 0, 0, 3, 231, 2]);
    await other.prepareRead("w", unknown, 0, unknown.length);
    expect(() => other.deserialize("w", unknown, 0, unknown.length)).toThrow("999");
  });
  it("writes with a registered schema of fewer and other columns", async () => {
    const schema = JSON.stringify({
      type: "record",
      name: "T",
      fields: [
        { name: "C1", type: "string" },
        { name: "extra", type: ["null", "string"], default: null },
        { name: "C0", type: ["null", "long"] },
      ],
    });
    const id = await registry.register("given", { schema });
    const avro = createRowSerde({ format: "AVRO", isKey: false, columns: cols, properties: { schemaId: String(id) } }, { registry });
    await avro.prepareWrite("any");
    const bytes = avro.serialize("any", [3, "x", null, null])!;
    expect([...bytes]).toEqual([0, 0, 0, 0, id, 2, 0x78, 0, 2, 6]);
    await avro.prepareRead("any", bytes, 0, bytes.length);
    expect(avro.deserialize("any", bytes, 0, bytes.length)).toEqual([3, "x", null, null]);
  });
  it.each([
    [
      "NONE",
      [{ name: "K", type: { base: "STRING" } }],
      "The 'NONE' format can only be used when no columns are defined. Got: [`K` STRING KEY]",
    ],
    [
      "KAFKA",
      [{ name: "A", type: { base: "ARRAY", element: { base: "STRING" } } }],
      "The 'KAFKA' format does not support type 'ARRAY', column: `A`",
    ],
    [
      "DELIMITED",
      [{ name: "A", type: { base: "STRUCT", fields: [] } }],
      "The 'DELIMITED' format does not support type 'STRUCT', column: `A`",
    ],
    ["AVRO", [{ name: "1A", type: { base: "STRING" } }], "Schema is not compatible with Avro: Illegal initial character: 1A"],
    [
      "JSON",
      [{ name: "A", type: { base: "MAP", key: { base: "INTEGER" }, value: { base: "STRING" } } }],
      "JSON only supports MAP types with STRING keys",
    ],
    ["FOO", [], "Unknown format: FOO"],
  ] as [string, SqlField[], string][])("%s refuses columns that it cannot hold", (format, columns, message) => {
    expect(() => createRowSerde({ format, isKey: true, columns }, { registry })).toThrow(message);
  });
  it("DELIMITED quotes, other delimiters and wrong counts", () => {
    const csv = createRowSerde({ format: "DELIMITED", isKey: false, columns: cols, properties: { VALUE_DELIMITER: "TAB" } }, { registry });
    const line = csv.serialize("t", [1, 'a\t"b"', new Decimal(5n, 2), 1e10])!;
    expect(line.toString()).toBe('1\t"a\t""b"""\t0.05\t1.0E10');
    expect(csv.deserialize("t", line, 0, line.length)).toEqual([1, 'a\t"b"', new Decimal(5n, 2), 1e10]);
    expect(() => csv.deserialize("t", Buffer.from("1\t2"), 0, 3)).toThrow(
      "Unexpected field count, csvFields size: 2 schema fields size: 4",
    );
  });
});
