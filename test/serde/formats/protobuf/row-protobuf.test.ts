import { describe, expect, it } from "vitest";
import { silentLogger } from "../../../../src/common/logger.js";
import { Decimal } from "../../../../src/data/schema.js";
import type { SqlField } from "../../../../src/data/sql-type.js";
import { SchemaRegistry } from "../../../../src/schema-registry/registry.js";
import { MemorySchemaStore } from "../../../../src/schema-registry/store.js";
import { createRowSerde } from "../../../../src/serde/create.js";
import { inferColumns } from "../../../../src/serde/infer-columns.js";

const columns: SqlField[] = [
  { name: "I", type: { base: "INTEGER" } },
  { name: "L", type: { base: "BIGINT" } },
  { name: "D", type: { base: "DOUBLE" } },
  { name: "B", type: { base: "BOOLEAN" } },
  { name: "S", type: { base: "STRING" } },
  { name: "Y", type: { base: "BYTES" } },
  { name: "N", type: { base: "DECIMAL", precision: 9, scale: 2 } },
  { name: "TS", type: { base: "TIMESTAMP" } },
  { name: "DT", type: { base: "DATE" } },
  { name: "T", type: { base: "TIME" } },
  { name: "A", type: { base: "ARRAY", element: { base: "INTEGER" } } },
  { name: "M", type: { base: "MAP", key: { base: "STRING" }, value: { base: "BIGINT" } } },
  {
    name: "ST",
    type: {
      base: "STRUCT",
      fields: [
        { name: "X", type: { base: "STRING" } },
        { name: "AS", type: { base: "ARRAY", element: { base: "STRUCT", fields: [{ name: "Z", type: { base: "INTEGER" } }] } } },
      ],
    },
  },
];
const row = [
  -7,
  9007199254740993n,
  -1.5,
  true,
  "grün",
  Buffer.from([0, 255]),
  new Decimal(-12345n, 2),
  1700000000123,
  -1,
  86_399_999,
  [1, 0, -1],
  new Map<string, unknown>([
    ["a", 1],
    ["", -5],
  ]),
  ["x", [[1], [2]]],
];
const empty = columns.map(() => null);

const open = async () => SchemaRegistry.open({ logger: silentLogger, store: new MemorySchemaStore() });
async function roundTrip(format: string, given: readonly unknown[], properties: Record<string, string> = {}) {
  const registry = await open();
  const serde = createRowSerde({ format, isKey: false, columns, properties }, { registry });
  await serde.prepareWrite("t");
  const bytes = serde.serialize("t", [...given])!;
  await serde.prepareRead("t", bytes, 0, bytes.length);
  return { back: serde.deserialize("t", bytes, 0, bytes.length), bytes, registry };
}

describe.each(["PROTOBUF", "PROTOBUF_NOSR"])("%s", (format) => {
  it("gives back every type", async () => {
    expect((await roundTrip(format, row)).back).toEqual(row);
  });
  it("cannot tell null from a type's default, except for messages", async () => {
    expect((await roundTrip(format, empty)).back).toEqual([
      0,
      0,
      0,
      false,
      "",
      Buffer.alloc(0),
      null,
      null,
      null,
      null,
      [],
      new Map(),
      null,
    ]);
  });
  it.each(["OPTIONAL", "WRAPPER"])("keeps null where the representation is %s", async (nullableRepresentation) => {
    const { back } = await roundTrip(format, empty, { nullableRepresentation });
    expect(back).toEqual([null, null, null, null, null, null, null, null, null, null, [], new Map(), null]);
    expect((await roundTrip(format, row, { nullableRepresentation })).back).toEqual(row);
  });
  it("refuses maps of other keys", async () => {
    const odd: SqlField[] = [{ name: "M", type: { base: "MAP", key: { base: "INTEGER" }, value: { base: "STRING" } } }];
    const registry = await open();
    expect(() => createRowSerde({ format, isKey: false, columns: odd }, { registry })).toThrow(
      `${format} format only supports MAP types with STRING keys`,
    );
  });
});

describe("PROTOBUF in the registry", () => {
  it("writes the wire format of the registry and bytes that others read", async () => {
    const registry = await open();
    const two: SqlField[] = [
      { name: "A", type: { base: "INTEGER" } },
      { name: "B", type: { base: "STRING" } },
    ];
    const serde = createRowSerde({ format: "PROTOBUF", isKey: false, columns: two }, { registry });
    await serde.prepareWrite("t");
    expect((await registry.latest("t-value")).schema).toBe(
      'syntax = "proto3";\n\nmessage ConnectDefault1 {\n  int32 A = 1;\n  string B = 2;\n}\n',
    );
    expect(serde.serialize("t", [150, "hi"])!.toString("hex")).toBe("00000000010008960112026869");
  });

  it("names its types back as columns", async () => {
    const { registry } = await roundTrip("PROTOBUF", row);
    expect(inferColumns("PROTOBUF", (await registry.latest("t-value")).schema)).toEqual(columns);
  });

  it("reads other people's schemas: any message of a file, enums, oneofs, wrappers, numbers of all kinds, fields that it does not know", async () => {
    const registry = await open();
    const schema = `syntax = "proto3"; import "google/protobuf/wrappers.proto";
      message First { int32 x = 1; }
      message Second { enum E { OFF = 0; ON = 1; } E e = 1; oneof o { sint32 a = 2; string b = 3; } google.protobuf.Int32Value w = 4;
        repeated uint32 many = 5 [packed = false]; fixed64 f = 6; sfixed32 g = 7; float h = 8; bytes unknown = 99; }`;
    await registry.register("t-value", { schema, schemaType: "PROTOBUF" });
    expect(inferColumns("PROTOBUF", schema, { messageName: "Second" }).map((c) => c.name)).toEqual([
      "O_0",
      "E",
      "W",
      "MANY",
      "F",
      "G",
      "H",
      "UNKNOWN",
    ]);
    const second: SqlField[] = inferColumns("PROTOBUF", schema, { messageName: "Second" }).filter((c) => c.name !== "UNKNOWN");
    const serde = createRowSerde(
      { format: "PROTOBUF", isKey: false, columns: second, properties: { schemaId: "1", fullSchemaName: "Second" } },
      { registry },
    );
    await serde.prepareWrite("t");
    const given = [[-3, null], "ON", 0, [1, 300], 5, -5, 0.5];
    const bytes = Buffer.concat([serde.serialize("t", given)!, Buffer.from([0x9a, 0x06, 0x01, 0x78])]);
    expect(bytes.subarray(0, 7).toString("hex")).toBe("00000000010202");
    await serde.prepareRead("t", bytes, 0, bytes.length);
    expect(serde.deserialize("t", bytes, 0, bytes.length)).toEqual(given);
  });

  it.each([
    ["0000000001000880", /ends too early/],
    ["0000000001000a0161", /wire type 2/],
    ["00000000010208", /no message at index 4/],
    ["0000000001000b", /wire type 3/],
    ["010000000100", /Unknown magic byte/],
  ])("refuses %s", async (hex, message) => {
    const registry = await open();
    const serde = createRowSerde({ format: "PROTOBUF", isKey: false, columns: [{ name: "A", type: { base: "INTEGER" } }] }, { registry });
    await serde.prepareWrite("t");
    const bytes = Buffer.from(hex, "hex");
    await serde.prepareRead("t", bytes, 0, bytes.length);
    expect(() => serde.deserialize("t", bytes, 0, bytes.length)).toThrow(message);
  });
});

describe("JSON_SR", () => {
  it("is JSON behind the registry's header, with a schema that names the types back", async () => {
    const { back, bytes, registry } = await roundTrip("JSON_SR", row);
    expect(back).toEqual(row);
    expect(bytes.toString("utf8", 5)).toContain('"I":-7,"L":9007199254740993,');
    const stored = await registry.latest("t-value");
    expect(stored.schemaType).toBe("JSON");
    expect(inferColumns("JSON_SR", stored.schema)).toEqual(columns);
    expect(JSON.parse(stored.schema).properties.I).toEqual({
      "connect.index": 0,
      oneOf: [{ type: "null" }, { type: "integer", "connect.type": "int32" }],
    });
  });

  it("reads other people's schemas", () => {
    const schema = {
      type: "object",
      required: ["id"],
      properties: {
        id: { type: "integer" },
        when: { $ref: "#/definitions/when" },
        tags: { type: ["array", "null"], items: { type: "string" } },
        any: { type: "object", additionalProperties: { type: "number" } },
        both: { allOf: [{ type: "object", properties: { a: { type: "boolean" } } }, { properties: { b: { enum: ["x"] } } }] },
      },
      definitions: { when: { anyOf: [{ type: "null" }, { type: "string" }] } },
    };
    expect(inferColumns("JSON_SR", JSON.stringify(schema))).toEqual([
      { name: "ID", type: { base: "BIGINT" } },
      { name: "WHEN", type: { base: "STRING" } },
      { name: "TAGS", type: { base: "ARRAY", element: { base: "STRING" } } },
      { name: "ANY", type: { base: "MAP", key: { base: "STRING" }, value: { base: "DOUBLE" } } },
      {
        name: "BOTH",
        type: {
          base: "STRUCT",
          fields: [
            { name: "A", type: { base: "BOOLEAN" } },
            { name: "B", type: { base: "STRING" } },
          ],
        },
      },
    ]);
    const odd = { type: "object", properties: { x: { oneOf: [{ type: "string" }, { type: "integer" }] } } };
    expect(() => inferColumns("JSON_SR", JSON.stringify(odd))).toThrow("JSON schema at $.x: a choice of several types has no SQL type");
  });
});
