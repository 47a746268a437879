import { describe, expect, it } from "vitest";
import type { ConnectRecord } from "../../../src/connect/api/record.js";
import { transformPlugins } from "../../../src/connect/transforms/plugins.js";
import { SimpleDateFormat } from "../../../src/connect/transforms/simple-date-format.js";
import { Decimal, optional, primitive, type Schema, Struct, structOf, type Value } from "../../../src/data/schema.js";

const k = "org.apache.kafka.connect.transforms.";
const make = (type: string, config: Record<string, string> = {}) => {
  const plugin = transformPlugins.find((p) => p.classes.includes(type) || p.classes.includes(k + type))!;
  plugin.config.parse(config);
  return plugin.create(config);
};
const int32 = primitive("int32");
const text = primitive("string");
const schema = structOf(
  [
    ["id", int32],
    ["name", optional(text)],
  ],
  { name: "row", version: 2 },
);
const record = (value: Value, valueSchema: Schema | null, more: Partial<ConnectRecord> = {}): ConnectRecord => ({
  topic: "t",
  partition: null,
  keySchema: null,
  key: null,
  valueSchema,
  value,
  timestamp: Date.UTC(2024, 1, 29, 13, 4, 5, 6),
  headers: [],
  ...more,
});
const row = (id: number, name: string | null) => new Struct(schema, [id, name]);
const plain = (v: Value | undefined): unknown =>
  v instanceof Struct
    ? Object.fromEntries(v.schema.fields!.map((f, i) => [f.name, plain(v.values[i]!)]))
    : v instanceof Map
      ? Object.fromEntries([...v].map(([a, b]) => [a, plain(b)]))
      : v;
const value = (type: string, config: Record<string, string>, r: ConnectRecord) => plain(make(type, config).apply(r)!.value);

describe("with a schema", () => {
  it("ReplaceField keeps the schema's name and version", () => {
    const out = make("ReplaceField$Value", { renames: "id:ident", exclude: "name" }).apply(record(row(1, "a"), schema))!;
    expect(plain(out.value)).toEqual({ ident: 1 });
    expect(out.valueSchema).toMatchObject({ name: "row", version: 2 });
  });
  it("MaskField leaves null null", () => {
    expect(value("MaskField$Value", { fields: "id,name" }, record(row(7, "a"), schema))).toEqual({ id: 0, name: "" });
    expect(value("MaskField$Value", { fields: "id,name", replacement: "9" }, record(row(7, null), schema))).toEqual({ id: 9, name: null });
  });
  it("ValueToKey and ExtractField name what is missing", () => {
    expect(() => make("ValueToKey", { fields: "nope" }).apply(record(row(1, "a"), schema))).toThrow("Field does not exist: nope");
    expect(() => make("ExtractField$Value", { field: "nope" }).apply(record(row(1, "a"), schema))).toThrow("Unknown field: nope");
    expect(() => make("ValueToKey", { fields: "id" }).apply(record("text", text))).toThrow("Only Struct objects supported");
  });
  it("Cast converts as Java does and refuses what does not fit", () => {
    const s = structOf([["v", text]]);
    expect(value("Cast$Value", { spec: "v:int8" }, record(new Struct(s, ["127"]), s))).toEqual({ v: 127 });
    expect(() => value("Cast$Value", { spec: "v:int8" }, record(new Struct(s, ["128"]), s))).toThrow(/out of range/);
    expect(() => value("Cast$Value", { spec: "v:int32" }, record(new Struct(s, ["x"]), s))).toThrow(/out of range/);
    const f = structOf([["v", primitive("float64")]]);
    expect(value("Cast$Value", { spec: "v:string" }, record(new Struct(f, [2]), f))).toEqual({ v: "2.0" });
    expect(value("Cast$Value", { spec: "v:int64" }, record(new Struct(f, [-2.9]), f))).toEqual({ v: -2 });
    expect(value("Cast$Value", { spec: "float64" }, record(new Decimal(123n, 2), primitive("bytes")))).toBe(1.23);
    expect(() => make("Cast$Value", { spec: "v:stone" })).toThrow(/does not support casting to STONE/);
  });
  it("InsertField tells required from optional fields", () => {
    const out = make("InsertField$Value", { "topic.field": "from!", "static.field": "s?", "static.value": "x" }).apply(
      record(row(1, null), schema),
    )!;
    expect(plain(out.value)).toEqual({ id: 1, name: null, from: "t", s: "x" });
    expect(out.valueSchema!.fields!.map((f) => f.schema.optional)).toEqual([false, true, false, true]);
  });
  it("Flatten joins names, and everything under an optional struct is optional", () => {
    const outer = structOf([
      ["a", int32],
      ["in", optional(schema)],
    ]);
    const out = make("Flatten$Value", { delimiter: "_" }).apply(record(new Struct(outer, [1, null]), outer))!;
    expect(plain(out.value)).toEqual({ a: 1, in_id: null, in_name: null });
    expect(out.valueSchema!.fields!.map((f) => f.schema.optional)).toEqual([false, true, true]);
  });
  it("TimestampConverter goes between all its types", () => {
    const ms = Date.UTC(2024, 1, 29, 13, 4, 5, 6);
    const stamp = primitive("int64", { name: "org.apache.kafka.connect.data.Timestamp", version: 1 });
    const to = (target: string, config: Record<string, string>, v: Value, s: Schema) =>
      make("TimestampConverter$Value", { "target.type": target, ...config }).apply(record(v, s))!;
    expect(to("string", { format: "yyyy-MM-dd'T'HH:mm:ss.SSSX" }, ms, stamp).value).toBe("2024-02-29T13:04:05.006Z");
    expect(to("Date", {}, ms, stamp)).toMatchObject({ value: 19782, valueSchema: { name: "org.apache.kafka.connect.data.Date" } });
    expect(to("Time", {}, ms, stamp).value).toBe(47_045_006);
    expect(to("unix", { "unix.precision": "seconds" }, ms, stamp).value).toBe(Math.floor(ms / 1000));
    expect(to("Timestamp", { format: "dd/MM/yyyy HH:mm" }, "29/02/2024 13:04", text).value).toBe(Date.UTC(2024, 1, 29, 13, 4));
    expect(() => to("Timestamp", { format: "yyyy" }, "no", text)).toThrow(/Could not parse/);
    expect(to("Timestamp", {}, null, optional(text)).value).toBeNull();
  });
});

describe("without a schema", () => {
  const map = new Map<Value, Value>([
    ["id", 1],
    ["in", new Map([["x", "y"]])],
  ]);
  it.each<[string, Record<string, string>, unknown]>([
    ["ReplaceField$Value", { include: "id", renames: "id:n" }, { n: 1 }],
    ["MaskField$Value", { fields: "id" }, { id: 0, in: { x: "y" } }],
    ["Cast$Value", { spec: "id:string" }, { id: "1", in: { x: "y" } }],
    ["Flatten$Value", {}, { id: 1, "in.x": "y" }],
    ["InsertField$Value", { "static.field": "s", "static.value": "v" }, { id: 1, in: { x: "y" }, s: "v" }],
    ["HoistField$Value", { field: "h" }, { h: { id: 1, in: { x: "y" } } }],
    ["ExtractField$Value", { field: "id" }, 1],
  ])("%s works on maps", (type, config, expected) => {
    expect(value(type, config, record(map, null))).toEqual(expected);
  });
  it("ValueToKey makes a map", () => {
    expect(plain(make("ValueToKey", { fields: "id" }).apply(record(map, null))!.key)).toEqual({ id: 1 });
  });
});

describe("headers and topics", () => {
  it("HeaderFrom moves, InsertHeader reads literals, DropHeaders drops", () => {
    const out = make("HeaderFrom$Value", { fields: "name", headers: "h", operation: "move" }).apply(record(row(1, "a"), schema))!;
    expect([plain(out.value), out.headers]).toEqual([{ id: 1 }, [{ key: "h", schema: optional(text), value: "a" }]]);
    const literals = ["true", "12", "1.5", '"12"', "x y", "3000000000"].map(
      (l) => make("InsertHeader", { header: "h", "value.literal": l }).apply(record(null, null))!.headers[0]!,
    );
    expect(literals.map((h) => [h.schema!.type, h.value])).toEqual([
      ["boolean", true],
      ["int8", 12],
      ["float32", 1.5],
      ["string", '"12"'],
      ["string", "x y"],
      ["int64", 3_000_000_000],
    ]);
    expect(make("DropHeaders", { headers: "h" }).apply(record(null, null, { headers: literals }))!.headers).toEqual([]);
  });
  it("HeaderFrom wants a header for each field", () => {
    const config = (fields: string, headers: string) => () => make("HeaderFrom$Value", { fields, headers, operation: "copy" });
    expect(config("a,b", "x")).toThrow(/same number of elements/);
    expect(config("", "")).toThrow(/Empty list/);
  });
  it("RegexRouter matches whole names and takes Java's replacements", () => {
    const to = (regex: string, replacement: string, topic: string) =>
      make("RegexRouter", { regex, replacement }).apply(record(null, null, { topic }))!.topic;
    expect(to("(.*)\\.(.*)", "$2-$1", "a.b")).toBe("b-a");
    expect(to("(?<p>\\w+)\\.x", "${p}", "a.x")).toBe("a");
    expect(to("a", "b", "aa")).toBe("aa");
    expect(() => make("RegexRouter", { regex: "(", replacement: "" })).toThrow(/Invalid regex/);
  });
  it("TimestampRouter names topics by the record's time", () => {
    expect(make("TimestampRouter").apply(record(null, null))!.topic).toBe("t-20240229");
    expect(() => make("TimestampRouter").apply(record(null, null, { timestamp: null }))).toThrow(/Timestamp missing/);
  });
  it("dates go both ways by SimpleDateFormat's letters", () => {
    const ms = Date.UTC(1999, 11, 31, 23, 59, 58, 7);
    for (const pattern of ["yyyy-MM-dd HH:mm:ss.SSS", "dd MMM yyyy hh:mm:ss.SSS a", "yyyyMMdd'T'HHmmss.SSSX"])
      expect(new SimpleDateFormat(pattern).parse(new SimpleDateFormat(pattern).format(ms))).toBe(ms);
    expect(new SimpleDateFormat("yyyy-MM-dd'T'HH:mm:ssXXX").parse("2024-01-01T00:00:00+02:00")).toBe(Date.UTC(2023, 11, 31, 22));
  });
});

describe("ExtractNewRecordState", () => {
  const after = structOf(
    [
      ["id", int32],
      ["state", primitive("string", { optional: true, default: "new" })],
    ],
    { name: "s.t.Value", optional: true },
  );
  const source = structOf([
    ["table", text],
    ["ts_ms", primitive("int64")],
  ]);
  const envelope = structOf(
    [
      ["before", after],
      ["after", after],
      ["source", source],
      ["op", text],
    ],
    { name: "s.t.Envelope" },
  );
  const event = (op: string, before: Value, now: Value) =>
    record(new Struct(envelope, [before, now, new Struct(source, ["t", 5]), op]), envelope);
  const r = (id: number, state: string | null) => new Struct(after, [id, state]);
  const type = "io.debezium.transforms.ExtractNewRecordState";
  const run = (config: Record<string, string>, e: ConnectRecord) => make(type, config).apply(e);

  it("adds fields and headers by name, path and new name", () => {
    const out = run(
      { "add.fields": "op,table,source.ts_ms:at", "add.headers": "op,source.table", "add.headers.prefix": "" },
      event("c", null, r(1, "x")),
    )!;
    expect(plain(out.value)).toEqual({ id: 1, state: "x", __op: "c", __table: "t", __at: 5 });
    expect(out.headers.map((h) => [h.key, h.value])).toEqual([
      ["op", "c"],
      ["source_table", "t"],
    ]);
    expect(() => run({ "add.fields": "nope" }, event("c", null, r(1, "x")))).toThrow(/Unable to find field 'nope'/);
  });
  it.each([
    [{}, null, undefined],
    [{ "delete.tombstone.handling.mode": "drop" }, undefined, undefined],
    [{ "delete.tombstone.handling.mode": "rewrite" }, { id: 1, state: "x", __deleted: "true" }, undefined],
    [{ "delete.tombstone.handling.mode": "rewrite-with-tombstone" }, { id: 1, state: "x", __deleted: "true" }, null],
    [{ "delete.tombstone.handling.mode": "delete-to-tombstone" }, null, undefined],
    [{ "drop.tombstones": "false" }, undefined, null],
    [{ "drop.tombstones": "false", "delete.handling.mode": "rewrite" }, { id: 1, state: "x", __deleted: "true" }, null],
    [{ "delete.handling.mode": "none" }, null, undefined],
  ])("treats a delete and its tombstone by %j", (config, deleted, tombstone) => {
    const value = (out: ConnectRecord | null) => (out === null ? undefined : plain(out.value));
    expect(value(run(config as Record<string, string>, event("d", r(1, "x"), null)))).toEqual(deleted);
    expect(value(run(config as Record<string, string>, record(null, null)))).toEqual(tombstone);
  });
  it("routes by a field, drops truncates, passes on what is no envelope", () => {
    expect(run({ "route.by.field": "state" }, event("c", null, r(1, "topic")))!.topic).toBe("topic");
    expect(run({}, event("t", null, null))).toBeNull();
    expect(run({}, record(row(1, "a"), schema))!.value).toEqual(row(1, "a"));
  });
  it("replaces nulls by defaults only where it builds the row anew and is not told otherwise", () => {
    expect(plain(run({ "add.fields": "op" }, event("c", null, r(1, null)))!.value)).toMatchObject({ state: "new" });
    expect(plain(run({ "add.fields": "op", "replace.null.with.default": "false" }, event("c", null, r(1, null)))!.value)).toMatchObject({
      state: null,
    });
  });
  it("drops the fields that a header lists, required ones only if told", () => {
    const headers = [{ key: "drop", schema: null, value: ["id", "state"] }];
    const e = { ...event("c", null, r(1, "x")), headers };
    expect(plain(run({ "drop.fields.header.name": "drop" }, e)!.value)).toEqual({ id: 1 });
    expect(plain(run({ "drop.fields.header.name": "drop", "drop.fields.keep.schema.compatible": "false" }, e)!.value)).toEqual({});
  });
});
