import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { valueKind } from "../../../src/cdc/value-kind.js";
import { silentLogger } from "../../../src/common/logger.js";
import { NumberColumn, type PackedColumn, SpanColumn, ValueColumn } from "../../../src/connect/api/packed-column.js";
import type { SinkRows } from "../../../src/connect/api/sink.js";
import { createConverterPlugins } from "../../../src/connect/converters/plugins.js";
import { Changes } from "../../../src/connectors/jdbc/changes.js";
import type { PlanColumn } from "../../../src/connectors/jdbc/dialect.js";
import { literalWriter } from "../../../src/connectors/jdbc/mysql/literals.js";
import { RowValues } from "../../../src/connectors/jdbc/mysql/row-values.js";
import { SqlBuffer } from "../../../src/connectors/jdbc/mysql/sql-buffer.js";
import { BinaryArrays } from "../../../src/connectors/jdbc/postgres/binary-array.js";
import { columnEncoder } from "../../../src/connectors/jdbc/postgres/column-encoder.js";
import { columnWriter } from "../../../src/connectors/jdbc/postgres/types.js";
import { timeZone } from "../../../src/connectors/jdbc/time-zone.js";
import { Decimal, logical, optional, primitive, type Schema, Struct, structOf, type Value } from "../../../src/data/schema.js";
import { SchemaRegistry } from "../../../src/schema-registry/registry.js";
import { MemorySchemaStore } from "../../../src/schema-registry/store.js";

const named = (name: string, type: "string" | "int32" | "int64") => primitive(type, { name, version: 1 });
const instants = fc.oneof(
  fc.date({ min: new Date("0001-01-02"), max: new Date("9999-12-30"), noInvalidDate: true }).map((d) => d.toISOString()),
  fc
    .date({ min: new Date("1990-01-01"), max: new Date("2040-01-01"), noInvalidDate: true })
    .map((d) => d.toISOString().replace("Z", "456Z")),
  fc.constantFrom("2026-01-31T12:34:56Z", "2026-02-28T23:59:59.1Z", "2026-01-31T12:34:56.123+02:00"),
);
const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 30 }),
  fc.string({ minLength: 60, maxLength: 90 }),
  fc.constant("it's ''quoted''\n"),
);
const cents = fc.oneof(
  fc.bigInt({ min: -500n, max: 500n }),
  fc.bigInt({ min: -(2n ** 47n), max: 2n ** 47n }),
  fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }),
);

/** A field of each kind, its column's type in Postgres and in MySQL, and values that both take. */
const fields: readonly [string, Schema, string, string, fc.Arbitrary<Value>][] = [
  ["small", primitive("int16"), "smallint", "smallint", fc.integer({ min: -32768, max: 32767 })],
  ["int", primitive("int32"), "integer", "int", fc.integer()],
  ["wide", primitive("int32"), "bigint", "bigint", fc.integer()],
  ["big", primitive("int64"), "bigint", "bigint", fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: 2n ** 60n, max: 2n ** 63n - 1n }))],
  ["real", primitive("float32"), "real", "float", fc.float({ noNaN: true, noDefaultInfinity: true })],
  ["double", primitive("float64"), "double precision", "double", fc.double({ noNaN: true, noDefaultInfinity: true })],
  ["flag", primitive("boolean"), "boolean", "tinyint", fc.boolean()],
  ["name", primitive("string"), "text", "text", text],
  ["raw", primitive("bytes"), "bytea", "blob", fc.uint8Array({ maxLength: 80 }).map((b) => Buffer.from(b))],
  ["money", logical.decimal(2), "numeric", "decimal", cents.map((n) => new Decimal(n, 2))],
  ["whole", logical.decimal(0), "numeric", "decimal", cents.map((n) => new Decimal(n, 0))],
  ["fine", logical.decimal(18), "numeric", "decimal", cents.map((n) => new Decimal(n, 18))],
  ["shown", logical.decimal(2), "text", "text", cents.map((n) => new Decimal(n, 2))],
  ["day", logical.date(), "date", "date", fc.integer({ min: -10_000, max: 50_000 })],
  ["ms", logical.timestamp(), "timestamp without time zone", "datetime", fc.integer({ min: -1e12, max: 4e12 })],
  [
    "us",
    named("io.debezium.time.MicroTimestamp", "int64"),
    "timestamp without time zone",
    "datetime",
    fc.integer({ min: -1e15, max: 4e15 }),
  ],
  ["clock", named("io.debezium.time.MicroTime", "int64"), "time without time zone", "time", fc.integer({ min: 0, max: 86_399_999_999 })],
  ["at", named("io.debezium.time.ZonedTimestamp", "string"), "timestamp with time zone", "timestamp", instants],
  ["local", named("io.debezium.time.ZonedTimestamp", "string"), "timestamp without time zone", "datetime", instants],
  ["told", named("io.debezium.time.ZonedTimestamp", "string"), "text", "varchar", instants],
  ["uuid", named("io.debezium.data.Uuid", "string"), "uuid", "binary", fc.uuid()],
  ["uuid_text", named("io.debezium.data.Uuid", "string"), "uuid", "char", fc.uuid()],
  ["json", named("io.debezium.data.Json", "string"), "jsonb", "json", fc.json()],
];
const schema = structOf(
  fields.map(([name, s]) => [name, optional(s)]),
  { name: "test.Row" },
);
const registry = await SchemaRegistry.open({ store: new MemorySchemaStore(), logger: silentLogger });
const avro = createConverterPlugins({ registry })
  .find((p) => p.classes[0]!.endsWith("AvroConverter"))!
  .create({}, false);
await avro.prepareWrite!("t", schema);

/** The rows as the runtime decodes them, and the same with a value for each. */
async function rowsOf(structs: readonly Value[][]): Promise<[packed: SinkRows, values: SinkRows]> {
  const bytes = structs.map((values) => Buffer.from(avro.fromConnect("t", schema, new Struct(schema, values))!));
  await avro.prepareRead!("t", bytes);
  const reader = avro.compileReader!("t", bytes[0]!)!;
  const packed = reader.columns(bytes.length, bytes);
  bytes.forEach((b, r) => void reader.read(b, 0, b.length, packed, r));
  const rows = (columns: PackedColumn[]) =>
    ({ count: bytes.length, tombstone: new Uint8Array(bytes.length), packedValues: columns }) as unknown as SinkRows;
  return [rows(packed), rows(packed.map((c) => new ValueColumn(bytes.map((_, r) => c.at(r)))))];
}

const planColumns = (dialect: 2 | 3): PlanColumn[] =>
  fields.map((f, index) => ({
    name: f[0],
    source: { from: "value", index },
    isKey: false,
    kind: valueKind(f[1])!,
    schema: f[1],
    type: f[dialect] as string,
  }));
const some = fc.array(fc.tuple(...fields.map(([, , , , values]) => fc.option(values, { freq: 5, nil: null }))), {
  minLength: 1,
  maxLength: 12,
});
const zones = [null, timeZone("Europe/Berlin")!];

describe("what is written of packed columns is what is written of values", () => {
  test("most columns are packed", async () => {
    const [packed] = await rowsOf([fields.map(() => null)]);
    expect(packed.packedValues!.every((c) => c instanceof NumberColumn || c instanceof SpanColumn)).toBe(true);
  });

  test.each(zones)("into Postgres' arrays, time zone %#", async (zone) => {
    const columns = planColumns(2).map((c) => columnEncoder(c, columnWriter(c, zone)));
    await fc.assert(
      fc.asyncProperty(some, async (structs) => {
        const index = Int32Array.from(structs, (_, r) => r);
        const [packed, values] = (await rowsOf(structs)).map((rows) => {
          const arrays = new BinaryArrays();
          for (const encode of columns) {
            arrays.open(25);
            encode(arrays, rows, index, 0, index.length);
            arrays.close();
          }
          return arrays.finish().toString("hex");
        });
        expect(packed).toBe(values);
      }),
      { numRuns: 150 },
    );
  });

  test.each(zones)("into MySQL's literals, time zone %#", async (zone) => {
    const columns = planColumns(3).map((c) => ({ ...c, zone, quoted: Buffer.from(c.name), write: literalWriter(c, zone, null) }));
    const writer = new RowValues(columns);
    await fc.assert(
      fc.asyncProperty(some, async (structs) => {
        const index = Int32Array.from(structs, (_, r) => r);
        const [packed, values] = (await rowsOf(structs)).map((rows) => {
          const changes = new Changes([{ rows, index, from: 0, to: index.length }]);
          const write = writer.of(changes, changes.selection(changes.all()));
          const out = new SqlBuffer();
          for (let k = 0; k < index.length; k++) write(out, k);
          return out.toString();
        });
        expect(packed).toBe(values);
      }),
      { numRuns: 150 },
    );
  });
});
