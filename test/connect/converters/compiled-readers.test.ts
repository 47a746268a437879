import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { silentLogger } from "../../../src/common/logger.js";
import { createConverterPlugins } from "../../../src/connect/converters/plugins.js";
import {
  arrayOf,
  Decimal,
  logical,
  mapOf,
  optional,
  primitive,
  type Schema,
  Struct,
  structOf,
  type Value,
} from "../../../src/data/schema.js";
import { SchemaRegistry } from "../../../src/schema-registry/registry.js";
import { MemorySchemaStore } from "../../../src/schema-registry/store.js";

const registry = await SchemaRegistry.open({ store: new MemorySchemaStore(), logger: silentLogger });
const plugins = createConverterPlugins({ registry });

const inner = structOf(
  [
    ["a", primitive("int32")],
    ["b", optional(primitive("string"))],
  ],
  { name: "test.Inner" },
);
const fields = [
  ["i8", primitive("int8"), fc.integer({ min: -128, max: 127 })],
  ["i32", primitive("int32"), fc.integer()],
  [
    "i64",
    primitive("int64"),
    fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: 2n ** 60n, max: 2n ** 63n - 1n }), fc.integer({ min: 2 ** 47, max: 2 ** 53 - 1 })),
  ],
  ["f32", primitive("float32"), fc.float({ noNaN: true })],
  ["f64", primitive("float64"), fc.double({ noNaN: true })],
  ["yes", primitive("boolean"), fc.boolean()],
  ["text", primitive("string"), fc.oneof(fc.string({ unit: "grapheme" }), fc.string({ maxLength: 60 }))],
  ["raw", primitive("bytes"), fc.uint8Array().map((b) => Buffer.from(b))],
  [
    "d2",
    logical.decimal(2),
    fc
      .oneof(fc.bigInt({ min: -(2n ** 50n), max: 2n ** 50n }), fc.bigInt(), fc.bigInt({ min: -300n, max: 300n }))
      .map((n) => new Decimal(n, 2)),
  ],
  ["date", logical.date(), fc.integer({ min: -10000, max: 50000 })],
  ["def", primitive("string", { default: "fallback" }), fc.string()],
  ["list", arrayOf(optional(primitive("int64"))), fc.array(fc.option(fc.integer()))],
  [
    "map",
    mapOf(primitive("string"), primitive("float64")),
    fc.array(fc.tuple(fc.string(), fc.integer())).map((e) => new Map<Value, Value>(e)),
  ],
  [
    "pairs",
    mapOf(primitive("int32"), primitive("string")),
    fc.array(fc.tuple(fc.integer(), fc.string())).map((e) => new Map<Value, Value>(e)),
  ],
  ["inner", inner, fc.tuple(fc.integer(), fc.option(fc.string())).map((v) => new Struct(inner, v))],
] as const;

const schema = structOf(
  fields.flatMap(([name, s]) => [
    [name, s] as const,
    [`${name}_or_null`, optional({ ...s, ...(s.default === undefined ? {} : { default: undefined }) })] as const,
  ]),
  { name: "test.Row" },
);
const row = fc.tuple(
  ...fields.flatMap(([, , values]) => [values, fc.option(values as fc.Arbitrary<Value>, { nil: null, freq: 4 })] as fc.Arbitrary<Value>[]),
);

describe("a compiled reader reads what toConnect reads", () => {
  for (const [name, config] of [
    ["AvroConverter", {}],
    ["JsonConverter", {}],
    ["JsonConverter", { "decimal.format": "NUMERIC" }],
  ] as const)
    it(`${name} ${JSON.stringify(config)}`, async () => {
      const c = plugins.find((p) => p.classes[0]!.endsWith(name))!.create(config, false);
      await c.prepareWrite?.("t", schema);
      const first = c.fromConnect("t", schema, new Struct(schema, fc.sample(row, 1)[0]!))!;
      await c.prepareRead?.("t", [first]);
      const reader = c.compileReader!("t", first)!;
      fc.assert(
        fc.property(row, (values) => {
          const bytes = c.fromConnect("t", schema, new Struct(schema, values))!;
          const b = Buffer.concat([Buffer.from("x"), bytes, Buffer.from("y")]);
          expect(reader.accepts(b, 1, b.length - 1)).toBe(true);
          const columns = reader.columns(4, [b, b, b, b]);
          reader.read(b, 1, b.length - 1, columns, 3);
          const whole = c.toConnect("t", bytes);
          const normal = JSON.stringify(schema.fields!.map((f) => [f.name, f.schema.type]));
          expect(JSON.stringify(reader.schema.fields!.map((f) => [f.name, f.schema.type]))).toBe(normal);
          const read = columns.map((column) => plain(column.at(3) as Value));
          expect(read).toEqual((whole.value as Struct).values.map(plain));
          expect(read).toEqual(values.map(plain));
        }),
        { numRuns: 300 },
      );
      expect(reader.accepts(Buffer.from("{}"), 0, 2)).toBe(false);
    });
});

it.each<[string, Schema, Value]>([
  ["StringConverter", optional(primitive("string")), "é"],
  ["IntegerConverter", optional(primitive("int32")), -5],
  ["LongConverter", optional(primitive("int64")), 2n ** 60n],
  ["BooleanConverter", optional(primitive("boolean")), true],
  ["ByteArrayConverter", optional(primitive("bytes")), Buffer.from("x")],
  ["JsonConverter", primitive("int32"), 7],
  ["JsonConverter", logical.decimal(2), new Decimal(155n, 2)],
  ["AvroConverter", primitive("int64"), 7],
])("%s reads a bare value of %j into one column", async (name, bare, value) => {
  const c = plugins.find((p) => p.classes[0]!.endsWith(`.${name}`))!.create({}, true);
  await c.prepareWrite?.("k", bare);
  const bytes = Buffer.from(c.fromConnect("k", bare, value)!);
  await c.prepareRead?.("k", [bytes]);
  const reader = c.compileReader!("k", bytes)!;
  expect(reader.accepts(bytes, 0, bytes.length)).toBe(true);
  const columns = reader.columns(2, [bytes, bytes]);
  reader.read(bytes, 0, bytes.length, columns, 1);
  expect(columns).toHaveLength(1);
  expect(columns[0]!.at(1)).toEqual(value);
  columns[0]!.set(1, null);
  expect([columns[0]!.isNull(1), columns[0]!.at(1)]).toEqual([true, null]);
  expect(reader.schema.type).toBe(bare.type);
});

it("a struct that is null as a whole has no columns", async () => {
  for (const name of ["JsonConverter", "AvroConverter"]) {
    const c = plugins.find((p) => p.classes[0]!.endsWith(name))!.create({}, true);
    const nullable = optional(inner);
    await c.prepareWrite?.(`null-${name}`, nullable);
    const bytes =
      c.fromConnect("null-JsonConverter", nullable, null) ?? c.fromConnect(`null-${name}`, nullable, new Struct(inner, [1, null]))!;
    await c.prepareRead?.("t", [bytes]);
    expect(c.compileReader!("t", bytes)).toBe(undefined);
  }
});

/** JSON has no way to tell the struct's schema object; compare what it holds. */
function plain(value: unknown): unknown {
  if (value instanceof Struct) return value.values.map(plain);
  return value;
}
