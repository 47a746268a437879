import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { silentLogger } from "../../../src/common/logger.js";
import type { Converter } from "../../../src/connect/api/converter.js";
import { materialize } from "../../../src/connect/api/materialize.js";
import type { ColumnNode, ColumnText, Node, RecordShape, RowChunk } from "../../../src/connect/api/shape.js";
import { createConverterPlugins } from "../../../src/connect/converters/plugins.js";
import { arrayOf, Decimal, logical, optional, primitive, type Schema, structOf, type Value } from "../../../src/data/schema.js";
import { SchemaRegistry } from "../../../src/schema-registry/registry.js";
import { MemorySchemaStore } from "../../../src/schema-registry/store.js";
import { parseDate, parseTimestamp } from "../../../src/serde/temporal-text.js";

const registry = await SchemaRegistry.open({ store: new MemorySchemaStore(), logger: silentLogger });
const plugins = createConverterPlugins({ registry });
function converter(name: string, config: Record<string, string> = {}): Converter {
  return plugins.find((p) => p.classes[0]!.endsWith(name))!.create(config, false);
}

interface Kind {
  readonly text: ColumnText;
  readonly schema: Schema;
  readonly texts: fc.Arbitrary<string>;
  readonly decode: (text: string) => Value;
}

const two = (n: number) => String(n).padStart(2, "0");
const dates = fc
  .date({ min: new Date("0001-01-01"), max: new Date("9999-12-31"), noInvalidDate: true })
  .map((d) => d.toISOString().slice(0, 10));
const times = fc
  .tuple(fc.nat(23), fc.nat(59), fc.nat(59), fc.stringMatching(/^(\.\d{1,6})?$/))
  .map(([h, m, s, f]) => `${two(h)}:${two(m)}:${two(s)}${f}`);
const stamps = fc.tuple(dates, times).map(([d, t]) => `${d} ${t}`);
const safe = (n: bigint): number | bigint => (Number.isSafeInteger(Number(n)) ? Number(n) : n);
const micros = (text: string): Value => {
  const [date, time = "00:00:00"] = text.split(" ");
  const fraction = (time.split(".")[1] ?? "").padEnd(6, "0");
  const ms = parseTimestamp(`${date} ${time.slice(0, 8)}`)!;
  return safe(BigInt(ms) * 1000n + BigInt(fraction));
};
const whole = (n: number) => (Number.isSafeInteger(n) && Math.abs(n) < 9e15 ? n : Number.NaN);
const decimals = (scale: number) =>
  fc
    .bigInt({ min: -(10n ** 20n), max: 10n ** 20n })
    .chain((n) => fc.constantFrom(n, n / 10n ** 12n, n / 10n ** 17n))
    .map((n) => new Decimal(n, scale).toString());

const kinds: Kind[] = [
  {
    text: { as: "int" },
    schema: primitive("int64"),
    texts: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
    decode: (t) => safe(BigInt(t)),
  },
  {
    text: { as: "int", with: 2 },
    schema: primitive("int64"),
    texts: fc.constant("7"),
    decode: (t) => safe(BigInt(t)),
  },
  { text: { as: "int" }, schema: primitive("int32"), texts: fc.integer().map(String), decode: Number },
  { text: { as: "int" }, schema: primitive("int16"), texts: fc.integer({ min: -32768, max: 32767 }).map(String), decode: Number },
  {
    text: { as: "utf8" },
    schema: primitive("string"),
    texts: fc.oneof(fc.string({ unit: "binary" }), fc.string({ maxLength: 200 })),
    decode: (t) => t,
  },
  {
    text: { as: "number", read: (b, s, e) => whole(Number(b.toString("latin1", s, e))) },
    schema: primitive("int64"),
    texts: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).chain((n) => fc.constantFrom(n, n >> 20n, n >> 44n).map(String)),
    decode: (t) => safe(BigInt(t)),
  },
  ...(["float64", "float32"] as const).map(
    (type): Kind => ({
      text: { as: "number", read: (b, s, e) => Number(b.toString("latin1", s, e)) },
      schema: primitive(type),
      texts: fc.float({ noNaN: true, noDefaultInfinity: true }).map((n) => (Object.is(n, -0) ? "-0" : String(n))),
      decode: Number,
    }),
  ),
  {
    text: { as: "number", read: (b, s, e) => whole(Number(b.toString("latin1", s, e).replace(".", ""))) },
    schema: logical.decimal(2),
    texts: decimals(2),
    decode: (t) => Decimal.parse(t)!,
  },
  {
    text: {
      as: "ascii",
      most: 29,
      write(out, p, b, s, e) {
        b.copy(out, p, s, e);
        return b[s] === 48 ? -1 : p + e - s;
      },
    },
    schema: primitive("string"),
    texts: fc.stringMatching(/^[0-9A-Za-z :.-]{0,29}$/),
    decode: (t) => t,
  },
  { text: { as: "bool" }, schema: primitive("boolean"), texts: fc.constantFrom("t", "f"), decode: (t) => t === "t" },
  {
    text: { as: "float" },
    schema: primitive("float64"),
    texts: fc.oneof(fc.double({ noNaN: true }), fc.float({ noNaN: true }), fc.integer()).map((n) => (Object.is(n, -0) ? "-0" : String(n))),
    decode: Number,
  },
  {
    text: { as: "float" },
    schema: primitive("float32"),
    texts: fc
      .integer({ min: -999999, max: 999999 })
      .chain((n) => fc.constantFrom(1, 10, 1000, 1e6).map((d) => String(Object.is(n / d, -0) ? 0 : n / d))),
    decode: (t) => Math.fround(Number(t)),
  },
  ...[0, 2, 8].map((scale) => ({
    text: { as: "decimal" } as const,
    schema: logical.decimal(scale),
    texts: decimals(scale),
    decode: (t: string) => Decimal.parse(t)!,
  })),
  {
    text: { as: "date" },
    schema: primitive("int32", { name: "io.debezium.time.Date", version: 1 }),
    texts: dates,
    decode: (t) => parseDate(t)!,
  },
  {
    text: { as: "timestamp", unit: "us" },
    schema: primitive("int64", { name: "io.debezium.time.MicroTimestamp", version: 1 }),
    texts: stamps,
    decode: micros,
  },
  {
    text: { as: "timestamp", unit: "ms" },
    schema: logical.timestamp(),
    texts: stamps.map((t) => t.slice(0, 23)),
    decode: (t) => parseTimestamp(t)!,
  },
  {
    text: { as: "timestamptz-utc", fraction: 6 },
    schema: primitive("string", { name: "io.debezium.time.ZonedTimestamp", version: 1 }),
    texts: stamps.map((t) => `${t}+00`),
    decode: (t) => `${t.slice(0, 10)}T${t.slice(11, 19)}.${(t.slice(20, -3) || "").padEnd(6, "0")}Z`,
  },
  {
    text: { as: "timestamptz-utc" },
    schema: primitive("string", { name: "io.debezium.time.ZonedTimestamp", version: 1 }),
    texts: fc.oneof(
      stamps.map((t) => `${t}+00`),
      fc.constantFrom("infinity", "-infinity", "0044-03-15 12:00:00+00 BC"),
    ),
    decode: (t) => (t.endsWith("+00") ? `${t.slice(0, -3).replace(" ", "T")}Z` : t),
  },
  {
    text: { as: "other" },
    schema: arrayOf(primitive("int32")),
    texts: fc.array(fc.integer()).map((a) => a.join(",")),
    decode: (t) => (t === "" ? [] : t.split(",").map(Number)),
  },
];

/** the kind whose text goes with slot 2 */
const nanos = kinds.findIndex((k) => k.text.as === "int" && k.text.with === 2);

function column(kind: Kind, index: number, isOptional: boolean): ColumnNode {
  return {
    kind: "column",
    schema: isOptional ? optional(kind.schema) : kind.schema,
    column: index,
    text: kind.text,
    decode: (b, s, e) => kind.decode(b.toString("utf8", s, e)),
  };
}

/**
 * An envelope as a source makes it: before and after, constants, slots and a template in between. The column that goes with a slot is
 * beside the rows, which then have functions of their own, or in them.
 */
function shapeOf(after: readonly ColumnNode[], before: readonly ColumnNode[] | null): { shape: RecordShape; value: Node } {
  const beside = (columns: readonly ColumnNode[]) => (before ? columns.filter((_, i) => i !== nanos) : columns);
  const rowSchema = structOf(
    beside(after).map((c, i) => [`c${i}`, c.schema] as const),
    { name: "s.t.Value", optional: true },
  );
  const source = structOf(
    [
      ["name", primitive("string")],
      ["ts_ms", primitive("int64")],
      ["lsn", primitive("int64", { optional: true })],
      ["sequence", primitive("string", { optional: true })],
      ["snapshot", primitive("string", { optional: true, default: "false", parameters: { allowed: "true,false" } })],
    ],
    { name: "io.debezium.connector.Source" },
  );
  const repeated = after[nanos];
  const envelope = structOf(
    [
      ["before", rowSchema],
      ["after", rowSchema],
      ["source", source],
      ["op", primitive("string")],
      ["ts_ms", primitive("int64", { optional: true })],
      ["ts_ns", repeated?.schema ?? primitive("int64", { optional: true })],
    ],
    { name: "s.t.Envelope", version: 1 },
  );
  const value: Node = {
    kind: "struct",
    schema: envelope,
    fields: [
      before ? { kind: "struct", schema: rowSchema, fields: beside(before) } : { kind: "const", schema: rowSchema, value: null },
      { kind: "struct", schema: rowSchema, fields: beside(after) },
      {
        kind: "struct",
        schema: source,
        fields: [
          { kind: "const", schema: source.fields![0]!.schema, value: 'dbserver1 "é"' },
          { kind: "slot", schema: source.fields![1]!.schema, slot: 0 },
          { kind: "slot", schema: source.fields![2]!.schema, slot: 1, varies: true },
          { kind: "template", schema: source.fields![3]!.schema, parts: ["[", { slot: 1 }, ',"', { slot: 0 }, '"]'] },
          { kind: "const", schema: source.fields![4]!.schema, value: null },
        ],
      },
      { kind: "const", schema: envelope.fields![3]!.schema, value: "c" },
      { kind: "slot", schema: envelope.fields![4]!.schema, slot: 2 },
      repeated ?? { kind: "const", schema: envelope.fields![5]!.schema, value: null },
    ],
  };
  return {
    shape: {
      topic: "t",
      key: null,
      value,
      headers: [],
      timestampSlot: null,
      sourceTimeSlot: null,
      columnCount: after.length + (before?.length ?? 0),
      slotCount: 3,
    },
    value,
  };
}

function chunkOf(shape: RecordShape, rows: readonly (readonly (string | null)[])[], slots: readonly (readonly number[])[]): RowChunk {
  const parts: Buffer[] = [Buffer.from("##")];
  const offsets = new Int32Array(rows.length * shape.columnCount * 2);
  let at = 2;
  rows.forEach((row, r) => {
    row.forEach((text, c) => {
      const o = (r * shape.columnCount + c) * 2;
      offsets[o] = -1;
      if (text === null) return;
      const bytes = Buffer.from(text);
      offsets[o] = at;
      offsets[o + 1] = at += bytes.length;
      parts.push(bytes);
    });
  });
  return {
    shape,
    count: rows.length,
    buffer: Buffer.concat(parts),
    offsets,
    slots: Float64Array.from(slots.flat()),
    sourcePartition: {},
    sourceOffset: {},
  };
}

const formats: [string, Record<string, string>][] = [
  ["AvroConverter", {}],
  ["JsonConverter", {}],
  ["JsonConverter", { "schemas.enable": "false" }],
  ["JsonConverter", { "schemas.enable": "false", "decimal.format": "NUMERIC", "replace.null.with.default": "false" }],
];

describe("a compiled writer writes what fromConnect writes", () => {
  for (const [name, config, images] of formats.flatMap(([n, c]) => [[n, c, 1] as const, [n, c, 2] as const]))
    it(`${name} ${JSON.stringify(config)}, ${images === 2 ? "before and after" : "after"}`, async () => {
      const columns = (from: number) => kinds.map((k, i) => column(k, from + i, i % 3 !== 0));
      const { shape, value } = shapeOf(columns(0), images === 2 ? columns(kinds.length) : null);
      const c = converter(name, config);
      const topic = `images${images}`;
      await c.prepareWrite?.(topic, value.schema);
      const write = c.compileWriter!(topic, value)!;
      const image = fc.tuple(...kinds.map((k, i) => (i % 3 === 0 ? k.texts : fc.option(k.texts, { nil: null, freq: 6 }))));
      const row = fc.array(image, { minLength: images, maxLength: images }).map((list) => list.flat());
      // often the same from row to row: what was made of the row before is kept
      const slots = fc.oneof(
        { weight: 3, arbitrary: fc.constantFrom([8, 127, 1.7e12], [8, 127, 1.8e12], [1.7e12, Number.NaN, Number.NaN]) },
        {
          weight: 1,
          arbitrary: fc.tuple(fc.nat(2e15), fc.constantFrom(Number.NaN, 0, 24023128, 3.9e15), fc.constantFrom(1.7e12, Number.NaN)),
        },
      );
      fc.assert(
        fc.property(fc.array(fc.tuple(row, slots), { minLength: 1, maxLength: 6 }), (rows) => {
          const chunk = chunkOf(
            shape,
            rows.map(([r, s]) => r.map((text, i) => (i === nanos ? (s[2]! > 0 ? `${s[2]}000000` : "7") : text))),
            rows.map(([, s]) => s),
          );
          for (let r = 0; r < chunk.count; r++) {
            const expected = Buffer.from(c.fromConnect(topic, value.schema, materialize(value, chunk, r))!);
            let out = Buffer.alloc(64);
            let end = -1;
            while ((end = write(out, 5, chunk.buffer, chunk.offsets, r * shape.columnCount * 2, chunk.slots, r * 3)) < 0)
              out = Buffer.alloc(out.length * 2);
            const written = out.subarray(5, end);
            if (!written.equals(expected)) expect(written.toString("latin1")).toBe(expected.toString("latin1"));
          }
        }),
        { numRuns: images === 2 ? 150 : 300 },
      );
    });

  it("keys: StringConverter and the primitive ones", async () => {
    for (const [name, kind] of [
      ["StringConverter", 0],
      ["StringConverter", 4],
      ["LongConverter", 0],
      ["IntegerConverter", 2],
      ["ShortConverter", 3],
    ] as const) {
      const node = column(kinds[kind]!, 0, false);
      const c = converter(name);
      const write = c.compileWriter!("t", node)!;
      const shape: RecordShape = {
        topic: "t",
        key: node,
        value: null,
        headers: [],
        timestampSlot: null,
        sourceTimeSlot: null,
        columnCount: 1,
        slotCount: 0,
      };
      fc.assert(
        fc.property(kinds[kind]!.texts, (text) => {
          const chunk = chunkOf(shape, [[text]], []);
          const out = Buffer.alloc(4096);
          const end = write(out, 0, chunk.buffer, chunk.offsets, 0, chunk.slots, 0);
          expect(out.subarray(0, end).equals(c.fromConnect("t", node.schema, materialize(node, chunk, 0))!)).toBe(true);
        }),
      );
    }
  });

  it("null for a required field is refused with its name", async () => {
    const { shape, value } = shapeOf([column(kinds[0]!, 0, false)], null);
    for (const name of ["AvroConverter", "JsonConverter"]) {
      const c = converter(name);
      await c.prepareWrite?.("u", value.schema);
      const write = c.compileWriter!("u", value)!;
      const chunk = chunkOf(shape, [[null]], [[1, 1, 1]]);
      expect(() => write(Buffer.alloc(9999), 0, chunk.buffer, chunk.offsets, 0, chunk.slots, 0)).toThrow('"after.c0"');
    }
  });
});
