import { describe, expect, it } from "vitest";
import { silentLogger } from "../../../src/common/logger.js";
import type { Converter } from "../../../src/connect/api/converter.js";
import type { ColumnNode } from "../../../src/connect/api/shape.js";
import { createConverterPlugins } from "../../../src/connect/converters/plugins.js";
import { optional, primitive, structOf, type Value } from "../../../src/data/schema.js";
import { SchemaRegistry } from "../../../src/schema-registry/registry.js";
import { MemorySchemaStore } from "../../../src/schema-registry/store.js";

/** A null column that stands for a value: what a transform with replace.null.with.default makes of a shape. */
const registry = await SchemaRegistry.open({ store: new MemorySchemaStore(), logger: silentLogger });
const plugins = createConverterPlugins({ registry });
const make = (name: string, config: Record<string, string> = {}): Converter =>
  plugins.find((p) => p.classes[0]!.endsWith(`.${name}`))!.create(config, false);
const column = (schema: ColumnNode["schema"], ifNull?: Value): ColumnNode => ({
  kind: "column",
  schema,
  column: 0,
  text: { as: schema.type === "string" ? "utf8" : "int" },
  decode: (b, s, e) => (schema.type === "string" ? b.toString("utf8", s, e) : Number(b.toString("latin1", s, e))),
  ...(ifNull === undefined ? {} : { ifNull }),
});
const noText = [Buffer.alloc(0), Int32Array.of(-1, 0), 0, new Float64Array(0), 0] as const;
const text = Buffer.from("8");
const someText = [text, Int32Array.of(0, 1), 0, new Float64Array(0), 0] as const;

describe.each(["AvroConverter", "JsonConverter"])("%s", (name) => {
  it("writes it within a struct, where the converter itself would keep the null", async () => {
    const converter = make(name, { "ignore.default.for.nullables": "true", "replace.null.with.default": "false" });
    const field = { ...optional(primitive("int32")), default: 7 };
    const schema = structOf([["f", field]], { name: "test.R" });
    await converter.prepareWrite?.("t", schema);
    const out = Buffer.alloc(4096);
    for (const [ifNull, row, expected] of [
      [7, noText, 7],
      [7, someText, 8],
      [undefined, noText, null],
    ] as const) {
      const write = converter.compileWriter!("t", { kind: "struct", schema, fields: [column(field, ifNull)] })!;
      const end = write(out, 0, ...row);
      const { value } = await read(converter, out.subarray(0, end));
      expect((value as { get(name: string): Value }).get("f")).toBe(expected);
    }
  });
});

describe.each([
  ["StringConverter", primitive("string"), "x"],
  ["StringConverter", primitive("int32"), 12],
  ["IntegerConverter", primitive("int32"), 12],
] as const)("%s of a bare column", (name, schema, ifNull) => {
  it("writes it, and without one refuses the null", () => {
    const converter = make(name);
    const out = Buffer.alloc(64);
    const end = converter.compileWriter!("t", column(schema, ifNull))!(out, 0, ...noText);
    expect(out.subarray(0, end)).toEqual(Buffer.from(converter.fromConnect("t", schema, ifNull)!));
    expect(() => converter.compileWriter!("t", column(schema))!(out, 0, ...noText)).toThrow(/null for a value that is required/);
  });
});

async function read(converter: Converter, bytes: Buffer) {
  await converter.prepareRead?.("t", [bytes]);
  return converter.toConnect("t", Buffer.from(bytes));
}
