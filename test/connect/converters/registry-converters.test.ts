import { describe, expect, it } from "vitest";
import { silentLogger } from "../../../src/common/logger.js";
import { createConverterPlugins } from "../../../src/connect/converters/plugins.js";
import { arrayOf, Decimal, logical, mapOf, primitive, Struct, structOf } from "../../../src/data/schema.js";
import { SchemaRegistry } from "../../../src/schema-registry/registry.js";
import { MemorySchemaStore } from "../../../src/schema-registry/store.js";

const optional = { optional: true };
const line = structOf([["sku", primitive("string")]], { name: "shop.Line", optional: true });
const schema = structOf(
  [
    ["id", primitive("int64")],
    ["note", primitive("string", optional)],
    ["price", logical.decimal(2, { optional: true })],
    ["at", logical.timestamp(optional)],
    ["day", logical.date(optional)],
    ["tags", arrayOf(primitive("string"), optional)],
    ["counts", mapOf(primitive("string"), primitive("int32"), optional)],
    ["raw", primitive("bytes", optional)],
    ["line", line],
  ],
  { name: "shop.Order" },
);
const value = new Struct(schema, [
  9007199254740993n,
  "grün",
  new Decimal(-1050n, 2),
  1_700_000_000_123,
  19_000,
  ["a", ""],
  new Map([["x", 1]]),
  Buffer.from([0, 255]),
  new Struct(line, ["s-1"]),
]);

async function open(name: string, config: Record<string, string> = {}, isKey = false) {
  const registry = await SchemaRegistry.open({ logger: silentLogger, store: new MemorySchemaStore() });
  const plugin = createConverterPlugins({ registry }).find((p) => p.classes[0]!.endsWith(`.${name}`))!;
  return { registry, converter: plugin.create(config, isKey) };
}

describe.each([
  ["ProtobufConverter", {}],
  ["ProtobufConverter", { "optional.for.nullables": "true" }],
  ["ProtobufConverter", { "wrapper.for.nullables": "true" }],
  ["JsonSchemaConverter", {}],
  ["JsonSchemaConverter", { "decimal.format": "NUMERIC" }],
])("%s %j", (name, config) => {
  it("gives back what it wrote, by the registered schema", async () => {
    const { registry, converter } = await open(name, config);
    await converter.prepareWrite!("orders", schema);
    const bytes = converter.fromConnect("orders", schema, value)!;
    expect((await registry.latest("orders-value")).schemaType).toBe(name.startsWith("Proto") ? "PROTOBUF" : "JSON");
    await converter.prepareRead!("orders", [bytes]);
    const back = converter.toConnect("orders", bytes);
    expect(back.schema!.fields!.map((f) => f.name)).toEqual(schema.fields!.map((f) => f.name));
    const plain = (v: unknown): unknown => (v instanceof Struct ? v.values.map(plain) : v);
    expect(plain(back.value)).toEqual(plain(value));
  });

  it("null is a tombstone, and what is not its own is refused", async () => {
    const { registry, converter } = await open(name, config);
    expect(converter.fromConnect("t", schema, null)).toBeNull();
    expect(converter.toConnect("t", null)).toEqual({ schema: null, value: null });
    expect(() => converter.fromConnect("t", null, "x")).toThrow(`${name} cannot write a value without a schema to topic t`);
    await expect(converter.prepareRead!("t", [Buffer.from("text")])).rejects.toThrow("Unknown magic byte!");
    await registry.register("a", { schema: '"string"' });
    await expect(converter.prepareRead!("t", [Buffer.from([0, 0, 0, 0, 1])])).rejects.toThrow(/Schema 1 is AVRO, not/);
  });

  it("writes with a schema that is there, where it may register none", async () => {
    const { registry, converter } = await open(name, { ...config, "auto.register.schemas": "false" });
    await expect(converter.prepareWrite!("orders", schema)).rejects.toThrow("orders-value");
    const { registry: other, converter: first } = await open(name, config);
    await first.prepareWrite!("orders", schema);
    const { schema: text, schemaType } = await other.latest("orders-value");
    await registry.register("orders-value", { schema: text, schemaType });
    await converter.prepareWrite!("orders", schema);
    expect(Buffer.from(converter.fromConnect("orders", schema, value)!.subarray(0, 5)).toString("hex")).toBe("0000000001");
  });
});

describe("ProtobufConverter", () => {
  it("names the message as the schema is, and refuses what is no struct", async () => {
    const { registry, converter } = await open("ProtobufConverter");
    await converter.prepareWrite!("orders", schema);
    expect((await registry.latest("orders-value")).schema).toMatch(/package shop;[\s\S]*message Order \{\n {2}int64 id = 1;/);
    await expect(converter.prepareWrite!("t", primitive("string"))).rejects.toThrow("ProtobufConverter writes structs, and this is string");
  });
});

describe("JsonSchemaConverter", () => {
  it("writes keys that are no structs", async () => {
    const { registry, converter } = await open("JsonSchemaConverter", {}, true);
    const key = primitive("string");
    await converter.prepareWrite!("t", key);
    expect(Buffer.from(converter.fromConnect("t", key, "k")!).toString("utf8", 5)).toBe('"k"');
    expect((await registry.latest("t-key")).schema).toBe('{"type":"string"}');
  });
});
