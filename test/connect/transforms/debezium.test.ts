import { describe, expect, it } from "vitest";
import type { ConnectRecord } from "../../../src/connect/api/record.js";
import { transformPlugins } from "../../../src/connect/transforms/plugins.js";
import { arrayOf, Decimal, logical, optional, primitive, type Schema, Struct, structOf, type Value } from "../../../src/data/schema.js";

/** Debezium's transforms besides ExtractNewRecordState, as its documentation and its own classes on such events have them. */
const text = primitive("string");
const row = structOf(
  [
    ["id", text],
    ["aggregatetype", optional(text)],
    ["aggregateid", text],
    ["type", optional(text)],
    ["payload", optional(text)],
    ["n", primitive("int32", { optional: true, default: 5 })],
    ["created", primitive("int64", { name: "io.debezium.time.Timestamp", version: 1, optional: true })],
    ["micro", primitive("int64", { name: "io.debezium.time.MicroTimestamp", version: 1, optional: true })],
    ["zoned", primitive("string", { name: "io.debezium.time.ZonedTimestamp", version: 1, optional: true })],
    ["ctime", logical.timestamp({ optional: true })],
  ],
  { name: "s.main.t.Value", optional: true },
);
const sourceSchema = structOf([
  ["ts_ms", primitive("int64")],
  ["table", text],
]);
const envelope = structOf(
  [
    ["before", row],
    ["after", row],
    ["source", sourceSchema],
    ["op", text],
    ["ts_ms", optional(primitive("int64"))],
  ],
  { name: "s.main.t.Envelope", version: 2 },
);
const keySchema = structOf([["id", text]], { name: "s.main.t.Key" });
const outbox = (id: string, type: string | null, payload: string | null, n: number | null = null) =>
  new Struct(row, [
    id,
    type,
    "42",
    "UserCreated",
    payload,
    n,
    1_700_000_000_000,
    1_700_000_000_000_123,
    "2023-11-14T22:13:20.5Z",
    1_700_000_000_000,
  ]);
const event = (op: string, before: Struct | null, after: Struct | null): ConnectRecord => ({
  topic: "s.main.outbox",
  partition: null,
  keySchema,
  key: new Struct(keySchema, ["1"]),
  valueSchema: envelope,
  value: new Struct(envelope, [before, after, new Struct(sourceSchema, [5, "outbox"]), op, 7]),
  timestamp: 99,
  headers: [
    { key: "h", schema: text, value: "x" },
    { key: "num", schema: primitive("int64"), value: 4 },
  ],
});
const make = (type: string, config: Record<string, string> = {}) => {
  const plugin = transformPlugins.find((p) => p.classes.includes(`io.debezium.transforms.${type}`))!;
  plugin.config.parse(config);
  return plugin.create(config);
};
const plain = (v: Value | undefined): unknown =>
  v instanceof Struct
    ? Object.fromEntries(v.schema.fields!.map((f, i) => [f.name, plain(v.values[i]!)]))
    : Array.isArray(v)
      ? v.map(plain)
      : v;
const names = (r: ConnectRecord) => r.headers.map((h) => [h.key, h.value]);

describe("outbox.EventRouter", () => {
  const route = (config: Record<string, string>, r: ConnectRecord) => make("outbox.EventRouter", config).apply(r);
  it("makes a message of an inserted row", () => {
    const out = route({}, event("c", null, outbox("e1", "user", "{}")))!;
    expect([out.topic, out.key, out.keySchema, out.value, out.valueSchema, out.timestamp, out.partition]).toEqual([
      "outbox.event.user",
      "42",
      text,
      "{}",
      optional(text),
      7,
      null,
    ]);
    expect(names(out)).toEqual([
      ["h", "x"],
      ["num", 4],
      ["id", "e1"],
    ]);
    expect(route({}, event("r", null, outbox("e1", "user", "{}")))!.topic).toBe("outbox.event.user");
  });
  it("drops deletes and updates, or refuses updates", () => {
    const row = outbox("e1", "user", "{}");
    expect(route({}, event("d", row, null))).toBeNull();
    expect(route({}, event("u", row, row))).toBeNull();
    expect(route({ "table.op.invalid.behavior": "error" }, event("u", row, row))).toBeNull();
    expect(() => route({ "table.op.invalid.behavior": "fatal" }, event("u", row, row))).toThrow(/Unexpected update message/);
    const other = { ...event("c", null, row), valueSchema: text, value: "no event" };
    expect(route({}, other)).toBe(other);
  });
  it("places further columns, and routes by pattern", () => {
    const config = {
      "table.fields.additional.placement": "type:header:eventType,n:envelope,created:header",
      "route.topic.replacement": "ev.${routedByValue}.x",
    };
    const transform = make("outbox.EventRouter", config);
    const out = transform.apply(event("c", null, outbox("e1", "user", "p", 6)))!;
    expect(out.topic).toBe("ev.user.x");
    expect(names(out).slice(3)).toEqual([
      ["eventType", "UserCreated"],
      ["created", 1_700_000_000_000],
    ]);
    expect(plain(out.value)).toEqual({ payload: "p", n: 6 });
    expect(out.valueSchema).toMatchObject({ name: "s.main.user.Value", optional: false });
    expect(transform.apply(event("c", null, outbox("e2", "user", "q", 7)))!.valueSchema).toBe(out.valueSchema);
    const placed = route(
      { "table.fields.additional.placement": "n:partition", "table.field.event.schema.version": "n" },
      event("c", null, outbox("e", "user", "p", 6)),
    )!;
    expect([placed.partition, placed.valueSchema!.version]).toEqual([6, 6]);
  });
  it("takes a timestamp of the row's, and tombstones for what is empty", () => {
    const out = route(
      { "route.tombstone.on.empty.payload": "true", "table.field.event.timestamp": "created" },
      event("c", null, outbox("e1", "user", null)),
    )!;
    expect([out.value, out.valueSchema, out.timestamp]).toEqual([null, null, 1_700_000_000_000]);
    expect(route({}, event("c", null, outbox("e1", "user", null)))!.valueSchema).toEqual(optional(text));
  });
  it("expands JSON", () => {
    const json = '{"a":1,"b":"t","c":[1,2],"d":{"e":1.5},"f":null,"g":true,"h":3000000000}';
    const transform = make("outbox.EventRouter", { "table.expand.json.payload": "true" });
    const out = transform.apply(event("c", null, outbox("e1", "user", json)))!;
    expect(plain(out.value)).toEqual({ a: 1, b: "t", c: [1, 2], d: { e: 1.5 }, g: true, h: 3_000_000_000 });
    expect(out.valueSchema!.fields!.map((f) => f.schema.type)).toEqual(["int32", "string", "array", "struct", "boolean", "int64"]);
    expect(transform.apply(event("c", null, outbox("e2", "user", json)))!.valueSchema).toBe(out.valueSchema);
    expect(transform.apply(event("c", null, outbox("e1", "user", "plain")))!.value).toBe("plain");
    expect(transform.apply(event("c", null, outbox("e1", "user", "7")))!.value).toBe("7");
    const kept = route(
      { "table.expand.json.payload": "true", "table.json.payload.null.behavior": "optional_bytes" },
      event("c", null, outbox("e1", "user", json)),
    )!;
    expect(plain(kept.value)).toMatchObject({ f: null });
    expect(() => transform.apply(event("c", null, outbox("e1", "user", '{"a":[1,"x"]}')))).toThrow(
      "payload.a: its elements are of several types",
    );
  });
  it("names what is missing", () => {
    expect(() => route({ "table.field.event.id": "uid" }, event("c", null, outbox("e1", "user", "")))).toThrow(
      "Unable to find field uid in event",
    );
    expect(() => route({}, event("c", null, outbox("e1", null, "")))).toThrow(/aggregatetype of the outbox row is null/);
    expect(() => route({ "table.fields.additional.placement": "zz:header" }, event("c", null, outbox("e1", "user", "")))).toThrow(
      /field zz/,
    );
    const lax = { "table.fields.additional.placement": "zz:header,zy:envelope", "table.fields.additional.error.on.missing": "false" };
    expect(names(route(lax, event("c", null, outbox("e1", "user", "")))!)).toHaveLength(3);
    expect(() => make("outbox.EventRouter", { "table.fields.additional.placement": "n:nowhere" })).toThrow(/is not FIELD:PLACE/);
  });
});

describe("ExtractChangedRecordState", () => {
  const changes = make("ExtractChangedRecordState", { "header.changed.name": "Changed", "header.unchanged.name": "Unchanged" });
  it("lists what an update changed, and leaves other events alone", () => {
    const a = outbox("e1", "user", "p");
    const out = changes.apply(event("u", a, outbox("e1", "order", "q", 6)))!;
    expect(names(out).slice(2)).toEqual([
      ["Changed", ["aggregatetype", "payload", "n"]],
      ["Unchanged", ["id", "aggregateid", "type", "created", "micro", "zoned", "ctime"]],
    ]);
    expect(out.headers[2]!.schema).toMatchObject({ type: "array", name: "Changed" });
    for (const r of [event("c", null, a), event("d", a, null), { ...event("c", null, a), value: null }]) expect(changes.apply(r)).toBe(r);
  });
  it("compares by content", () => {
    const inner = structOf([["x", text]]);
    const s = structOf([
      ["b", primitive("bytes")],
      ["d", logical.decimal(2)],
      ["l", arrayOf(text)],
      ["s", inner],
      ["m", { type: "map", optional: false, keySchema: text, valueSchema: text }],
    ]);
    const of = (x: string) => new Struct(s, [Buffer.from("b"), new Decimal(1n, 2), ["a", x], new Struct(inner, [x]), new Map([["k", x]])]);
    const e = structOf(
      [
        ["before", s],
        ["after", s],
        ["op", text],
      ],
      { name: "x.Envelope" },
    );
    const r = (before: Struct, after: Struct) => ({
      ...event("u", null, null),
      valueSchema: e as Schema,
      value: new Struct(e, [before, after, "u"]),
    });
    expect(changes.apply(r(of("1"), of("1")))!.headers[2]!.value).toEqual([]);
    expect(changes.apply(r(of("1"), of("2")))!.headers[2]!.value).toEqual(["l", "s", "m"]);
  });
});

describe("ByLogicalTableRouter", () => {
  const routed = (config: Record<string, string>, r = event("c", null, outbox("e1", "user", "p"))) =>
    make("ByLogicalTableRouter", { "topic.regex": "(.*)\\.outbox", "topic.replacement": "$1.all", ...config }).apply(r)!;
  it("routes, and names the table in the key", () => {
    const out = routed({ "topic.replacement": "$1.all-x" });
    expect([out.topic, out.keySchema!.name, out.valueSchema!.name, plain(out.key)]).toEqual([
      "s.main.all-x",
      "s.main.all-x.Key",
      "s.main.all-x.Envelope",
      { id: "1", __dbz__physicalTableIdentifier: "s.main.outbox" },
    ]);
    expect(out.valueSchema!.fields![0]!.schema.name).toBe("s.main.all-x.Value");
    expect(routed({ "topic.replacement": "$1.all-x", "schema.name.adjustment.mode": "avro" }).keySchema!.name).toBe("s.main.all_x.Key");
    expect(plain(routed({ "key.field.regex": "(.*)\\.(.*)", "key.field.replacement": "$2", "key.field.name": "tbl" }).key)).toEqual({
      id: "1",
      tbl: "outbox",
    });
    expect(plain(routed({ "key.field.regex": "nope", "key.field.replacement": "$1" }).key)).toEqual({
      id: "1",
      __dbz__physicalTableIdentifier: "s.main.outbox",
    });
    expect(plain(routed({ "key.enforce.uniqueness": "false" }).key)).toEqual({ id: "1" });
  });
  it("leaves other topics, rows and tombstones as they are", () => {
    const r = event("c", null, null);
    expect(routed({ "topic.regex": "nope" }, r)).toBe(r);
    const flat = { ...r, valueSchema: row as Schema, value: outbox("e", "u", "p") };
    expect(routed({}, flat)).toMatchObject({ topic: "s.main.all", valueSchema: row });
    expect(routed({}, { ...r, valueSchema: null, value: null })).toMatchObject({ topic: "s.main.all", value: null });
    expect(() => routed({ "topic.replacement": " " })).toThrow(/non-empty/);
    expect(() => routed({ "topic.regex": "(.*)", "topic.replacement": "${none}" })).toThrow(/No group with name/);
  });
});

describe("HeaderToValue", () => {
  const apply = (config: Record<string, string>, r = event("c", null, outbox("e1", "user", "p"))) =>
    make("HeaderToValue", config).apply(r)!;
  it("copies headers into the value and structs within it", () => {
    const out = apply({ headers: "h,num", fields: "hf,source.numf", operation: "copy" });
    expect(plain(out.value)).toMatchObject({ hf: "x", source: { ts_ms: 5, table: "outbox", numf: 4 }, op: "c" });
    expect(out.valueSchema!.fields!.at(-1)).toMatchObject({ name: "hf", schema: text });
    expect(names(out)).toEqual([
      ["h", "x"],
      ["num", 4],
    ]);
  });
  it("moves those that are there", () => {
    const out = apply({ headers: "h,zz", fields: "hf,zf", operation: "move" });
    expect(plain(out.value)).toMatchObject({ hf: "x" });
    expect(plain(out.value)).not.toHaveProperty("zf");
    expect(names(out)).toEqual([["num", 4]]);
    const none = event("c", null, null);
    expect(apply({ headers: "zz", fields: "zf", operation: "move" }, none)).toBe(none);
    const tombstone = { ...none, value: null };
    expect(apply({ headers: "h", fields: "zf", operation: "move" }, tombstone)).toBe(tombstone);
  });
  it("keeps one schema for records of one", () => {
    const t = make("HeaderToValue", { headers: "h", fields: "hf", operation: "copy" });
    const r = () => t.apply(event("c", null, outbox("e1", "user", "p")))!.valueSchema;
    expect(r()).toBe(r());
  });
  it("refuses what cannot be placed", () => {
    expect(() => apply({ headers: "h", fields: "op", operation: "copy" })).toThrow(
      "Cannot create field because of field name duplication op",
    );
    expect(() => apply({ headers: "h", fields: "op.x", operation: "copy" })).toThrow(/op is not a struct/);
    expect(() => apply({ headers: "h", fields: "zz.x", operation: "copy" })).toThrow(/zz.x is not a place/);
    expect(() => apply({ headers: "h", fields: "a,b", operation: "copy" })).toThrow(/same number of elements/);
  });
});

describe("TimezoneConverter", () => {
  const after = (config: Record<string, string>) => {
    const out = make("TimezoneConverter", config).apply(event("c", null, outbox("e1", "user", "p")))!;
    return plain((out.value as Struct).get("after")!) as Record<string, unknown>;
  };
  it("writes zoned times in the zone, and reads wall clocks as its", () => {
    expect(after({ "converted.timezone": "Europe/Berlin" })).toMatchObject({
      zoned: "2023-11-14T23:13:20.5+01:00",
      created: 1_699_996_400_000,
      micro: 1_699_996_400_000_123,
      ctime: 1_699_996_400_000,
      n: null,
    });
    expect(after({ "converted.timezone": "+05:30" })).toMatchObject({ zoned: "2023-11-15T03:43:20.5+05:30", created: 1_699_980_200_000 });
    expect(after({ "converted.timezone": "UTC" })).toMatchObject({ zoned: "2023-11-14T22:13:20.5Z", created: 1_700_000_000_000 });
    expect(after({ "converted.timezone": "-03:00" })["zoned"]).toBe("2023-11-14T19:13:20.5-03:00");
  });
  it("knows gaps and overlaps of summer time", () => {
    const flat = structOf([["t", primitive("int64", { name: "io.debezium.time.Timestamp", version: 1 })]]);
    const at = (ms: number) => {
      const r = { ...event("c", null, null), valueSchema: flat as Schema, value: new Struct(flat, [ms]) };
      return (make("TimezoneConverter", { "converted.timezone": "Europe/Berlin" }).apply(r)!.value as Struct).get("t");
    };
    expect(at(Date.UTC(2024, 2, 31, 1, 59))).toBe(Date.UTC(2024, 2, 31, 0, 59));
    expect(at(Date.UTC(2024, 2, 31, 2, 30))).toBe(Date.UTC(2024, 2, 31, 1, 30));
    expect(at(Date.UTC(2024, 2, 31, 3, 0))).toBe(Date.UTC(2024, 2, 31, 1, 0));
    expect(at(Date.UTC(2024, 9, 27, 2, 30))).toBe(Date.UTC(2024, 9, 27, 0, 30));
    expect(at(Date.UTC(2024, 9, 27, 3, 0))).toBe(Date.UTC(2024, 9, 27, 2, 0));
  });
  it("converts what is included and not what is excluded", () => {
    const of = (config: Record<string, string>) => {
      const row = after({ "converted.timezone": "Europe/Berlin", ...config });
      return [row["zoned"] !== "2023-11-14T22:13:20.5Z", row["created"] !== 1_700_000_000_000];
    };
    expect(of({ "include.list": "source:outbox:zoned" })).toEqual([true, false]);
    expect(of({ "include.list": "source:other" })).toEqual([false, false]);
    expect(of({ "include.list": "topic:s.main.outbox:created" })).toEqual([false, true]);
    expect(of({ "include.list": "outbox" })).toEqual([true, true]);
    expect(of({ "exclude.list": "outbox:created" })).toEqual([true, false]);
  });
  it("refuses other settings", () => {
    expect(() => make("TimezoneConverter", { "converted.timezone": "Europe/Nowhere" })).toThrow(/is not a time zone/);
    expect(() => make("TimezoneConverter", { "converted.timezone": "UTC", "include.list": "a", "exclude.list": "b" })).toThrow(
      /only one of/,
    );
    const plugin = transformPlugins.find((p) => p.classes[0] === "io.debezium.transforms.TimezoneConverter")!;
    expect(() => plugin.create({ "converted.timezone": "nope" })).toThrow(/nope is not a time zone/);
  });
});

it("transforms that need a script engine say what to use instead", () => {
  for (const name of ["Filter", "ContentBasedRouter"]) {
    const plugin = transformPlugins.find((p) => p.classes[0] === `io.debezium.transforms.${name}`)!;
    expect(
      plugin.config.validate({ language: "jsr223.groovy", condition: "x", "topic.expression": "y" }).flatMap((r) => r.errors)[0],
    ).toMatch(/scripts .* are not run here/);
    expect(() => plugin.create({})).toThrow(/are not run here/);
  }
});
