import { describe, expect, it } from "vitest";
import { silentLogger } from "../../../src/common/logger.js";
import { createConverterPlugins } from "../../../src/connect/converters/plugins.js";
import { arrayOf, Decimal, logical, mapOf, optional, primitive, Struct, structOf, type Value } from "../../../src/data/schema.js";
import { SchemaRegistry } from "../../../src/schema-registry/registry.js";
import { MemorySchemaStore } from "../../../src/schema-registry/store.js";

const open = () => SchemaRegistry.open({ store: new MemorySchemaStore(), logger: silentLogger });
const registry = await open();
const plugins = createConverterPlugins({ registry });
const make = (name: string, config: Record<string, string> = {}, isKey = false) =>
  plugins.find((p) => p.classes[0]!.endsWith(`.${name}`))!.create(config, isKey);

const schema = structOf(
  [
    ["id", primitive("int64")],
    ["d", optional(logical.decimal(2))],
    ["day", optional(logical.date())],
    ["f", optional(primitive("float64"))],
  ],
  { name: "n.Row" },
);
const row = new Struct(schema, [5, new Decimal(-125n, 2), 1, 2]);

describe("StringConverter", () => {
  const c = make("StringConverter");
  it.each<[string, Value, Parameters<typeof c.fromConnect>[1]]>([
    ["Struct{id=5,d=-1.25,day=Fri Jan 02 00:00:00 UTC 1970,f=2.0}", row, schema],
    [
      "{a=1, b=null}",
      new Map<Value, Value>([
        ["a", 1],
        ["b", null],
      ]),
      mapOf(primitive("string"), optional(primitive("int32"))),
    ],
    ["[1.0, 1.0E10]", [1, 1e10], arrayOf(primitive("float64"))],
    ["true", true, null],
  ])("%s", (text, value, s) => expect(Buffer.from(c.fromConnect("t", s, value)!).toString()).toBe(text));
  it("null both ways", () => {
    expect(c.fromConnect("t", null, null)).toBe(null);
    expect(c.toConnect("t", null).value).toBe(null);
    expect(c.toConnect("t", Buffer.from("é"))).toEqual({ schema: { type: "string", optional: true }, value: "é" });
  });
});

it("primitive converters refuse other types and lengths", () => {
  const c = make("IntegerConverter");
  expect(c.toConnect("t", c.fromConnect("t", primitive("int32"), -7)).value).toBe(-7);
  expect(() => c.fromConnect("t", primitive("int64"), 1)).toThrow("Failed to serialize to a integer");
  expect(() => c.toConnect("t", Buffer.alloc(3))).toThrow("3 bytes, not 4");
  const long = make("LongConverter");
  expect(long.toConnect("t", long.fromConnect("t", null, 2n ** 62n)).value).toBe(2n ** 62n);
  expect(() => make("ByteArrayConverter").fromConnect("t", primitive("string"), "x")).toThrow(
    "Invalid schema type for ByteArrayConverter: STRING",
  );
});

it("SimpleHeaderConverter reads the narrowest type that the text can be", () => {
  const c = make("SimpleHeaderConverter");
  const read = (text: string) => {
    const { schema: s, value } = c.toConnect("t", Buffer.from(text));
    return [s?.type ?? null, value];
  };
  expect(read("12")).toEqual(["int8", 12]);
  expect(read("40000")).toEqual(["int32", 40000]);
  expect(read("9007199254740993")).toEqual(["int64", 9007199254740993n]);
  expect(read("1.5")).toEqual(["float32", 1.5]);
  expect(read("true")).toEqual(["boolean", true]);
  expect(read("null")).toEqual([null, null]);
  expect(read("2024-01-02")).toEqual(["int32", 19724]);
  expect(read("plain text")).toEqual(["string", "plain text"]);
  expect(read('[1,"a,b"]')).toEqual(["array", [1, "a,b"]]);
  expect(read('{"k":1}')).toEqual(["map", new Map([["k", 1]])]);
  expect(Buffer.from(c.fromConnect("t", schema, row)!).toString()).toBe('{"id":5,"d":-1.25,"day":1970-01-02,"f":2.0}');
});

describe("AvroConverter", () => {
  it("registers under the strategy's subject and reads back", async () => {
    const names: string[] = [];
    for (const strategy of ["TopicNameStrategy", "RecordNameStrategy", "TopicRecordNameStrategy"]) {
      const own = await open();
      const c = createConverterPlugins({ registry: own })[0]!.create(
        { "value.subject.name.strategy": `io.confluent.kafka.serializers.subject.${strategy}` },
        false,
      );
      await c.prepareWrite!("top", schema);
      names.push(...own.subjects());
      const bytes = c.fromConnect("top", schema, row)!;
      await c.prepareRead!("top", [bytes]);
      const read = c.toConnect("top", bytes);
      expect((read.value as Struct).values).toEqual(row.values);
      expect(read.schema!.name).toBe("n.Row");
      expect(c.toConnect("top", null)).toEqual({ schema: null, value: null });
    }
    expect(names).toEqual(["top-value", "n.Row", "top-n.Row"]);
  });
  it("without auto.register.schemas looks the schema up, or writes with the latest", async () => {
    const config = { "auto.register.schemas": "false" };
    await expect(make("AvroConverter", config).prepareWrite!("absent", schema)).rejects.toMatchObject({ errorCode: 40401 });
    const latest =
      '{"type":"record","name":"Row","namespace":"n","fields":[{"name":"more","type":"string","default":"m"},{"name":"id","type":"long"}]}';
    await registry.register("late-value", { schema: latest });
    const c = make("AvroConverter", { ...config, "use.latest.version": "true" });
    await c.prepareWrite!("late", schema);
    const bytes = c.fromConnect("late", schema, row)!;
    expect(bytes.subarray(5)).toEqual(Buffer.from([2, 0x6d, 10]));
  });
  it("says what is wrong with its settings and its input", () => {
    expect(() => make("AvroConverter", { "value.subject.name.strategy": "NoStrategy" })).toThrow("Class NoStrategy could not be found.");
    expect(() => make("AvroConverter").toConnect("t", Buffer.from("{}"))).toThrow("Unknown magic byte!");
    expect(() => make("AvroConverter").fromConnect("t", null, "x")).toThrow("without a schema");
  });
});

it("JsonConverter refuses what is no envelope", () => {
  const c = make("JsonConverter");
  expect(() => c.toConnect("t", Buffer.from('{"a":1}'))).toThrow('requires "schema" and "payload" fields');
  expect(() => c.toConnect("t", Buffer.from('{"schema":{"type":"int32"},"payload":"x"}'))).toThrow("Invalid type for INT32");
  const plain = make("JsonConverter", { "schemas.enable": "false" });
  expect(plain.toConnect("t", Buffer.from('{"a":[1,9007199254740993],"b":null}')).value).toEqual(
    new Map<string, unknown>([
      ["a", [1, 9007199254740993n]],
      ["b", null],
    ]),
  );
  expect(plain.fromConnect("t", null, null)).toBe(null);
});
