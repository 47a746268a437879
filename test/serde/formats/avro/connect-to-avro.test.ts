import avsc from "avsc";
import { describe, expect, it } from "vitest";
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
} from "../../../../src/data/schema.js";
import { parseAvro } from "../../../../src/schema-registry/avro/parse.js";
import { formatAvro } from "../../../../src/schema-registry/avro/schema.js";
import { ByteReader } from "../../../../src/serde/byte-reader.js";
import { ByteWriter } from "../../../../src/serde/byte-writer.js";
import { avroToConnect } from "../../../../src/serde/formats/avro/avro-to-connect.js";
import { defaultAvroData } from "../../../../src/serde/formats/avro/connect-names.js";
import { connectToAvro } from "../../../../src/serde/formats/avro/connect-to-avro.js";
import { compileAvroDecoder } from "../../../../src/serde/formats/avro/decoder.js";
import { compileAvroEncoder } from "../../../../src/serde/formats/avro/encoder.js";

const text = (schema: Schema, options = defaultAvroData) => formatAvro(connectToAvro(schema, options));

describe("Connect schemas as Confluent's AvroConverter registers them", () => {
  const value = structOf(
    [
      ["id", primitive("int32", { default: 0 })],
      ["name", optional(primitive("string"))],
      ["price", optional(logical.decimal(2, { parameters: { scale: "2", "connect.decimal.precision": "12" } }))],
      ["at", primitive("string", { name: "io.debezium.time.ZonedTimestamp", version: 1, default: "1970-01-01T00:00:00Z" })],
    ],
    { name: "srv.public.t.Value", optional: true },
  );

  it("an envelope: the second use of the row is by name, null first, metadata in the types", () => {
    const envelope = structOf(
      [
        ["before", value],
        ["after", value],
        ["op", primitive("string")],
      ],
      { name: "srv.public.t.Envelope", version: 1 },
    );
    expect(text(envelope)).toBe(
      '{"type":"record","name":"Envelope","namespace":"srv.public.t","fields":[' +
        '{"name":"before","type":["null",{"type":"record","name":"Value","fields":[' +
        '{"name":"id","type":{"type":"int","connect.default":0},"default":0},' +
        '{"name":"name","type":["null","string"],"default":null},' +
        '{"name":"price","type":["null",{"type":"bytes","scale":2,"precision":12,"connect.version":1,' +
        '"connect.parameters":{"scale":"2","connect.decimal.precision":"12"},"connect.name":"org.apache.kafka.connect.data.Decimal","logicalType":"decimal"}],"default":null},' +
        '{"name":"at","type":{"type":"string","connect.version":1,"connect.default":"1970-01-01T00:00:00Z","connect.name":"io.debezium.time.ZonedTimestamp"},"default":"1970-01-01T00:00:00Z"}' +
        '],"connect.name":"srv.public.t.Value"}],"default":null},' +
        '{"name":"after","type":["null","Value"],"default":null},' +
        '{"name":"op","type":"string"}],"connect.version":1,"connect.name":"srv.public.t.Envelope"}',
    );
  });

  it.each<[string, Schema, string]>([
    ["int16", primitive("int16"), '{"type":"int","connect.type":"int16"}'],
    ["date", logical.date(), '{"type":"int","connect.version":1,"connect.name":"org.apache.kafka.connect.data.Date","logicalType":"date"}'],
    [
      "an optional with a default",
      primitive("string", { optional: true, default: "a" }),
      '[{"type":"string","connect.default":"a"},"null"]',
    ],
    ["an array", arrayOf(optional(primitive("int64"))), '{"type":"array","items":["null","long"]}'],
    ["a map", mapOf(primitive("string"), primitive("int32")), '{"type":"map","values":"int"}'],
    [
      "a map of other keys",
      mapOf(primitive("int32"), primitive("string")),
      '{"type":"array","items":{"type":"record","name":"MapEntry","namespace":"io.confluent.connect.avro","fields":[{"name":"key","type":"int"},{"name":"value","type":"string"}]}}',
    ],
    [
      "a struct without a name",
      structOf([["a", primitive("int32")]]),
      '{"type":"record","name":"ConnectDefault","namespace":"io.confluent.connect.avro","fields":[{"name":"a","type":"int"}]}',
    ],
  ])("%s", (_what, schema, expected) => expect(text(schema)).toBe(expected));

  it("without metadata, with enums, with scrubbed names", () => {
    expect(text(primitive("int16", { version: 2 }), { ...defaultAvroData, metaData: false })).toBe('"int"');
    const avro = parseAvro('{"type":"enum","name":"E","namespace":"n","symbols":["A","B"]}');
    const schema = avroToConnect(avro, defaultAvroData);
    expect(schema.parameters).toEqual({
      "io.confluent.connect.avro.Enum": "n.E",
      "io.confluent.connect.avro.Enum.A": "A",
      "io.confluent.connect.avro.Enum.B": "B",
    });
    expect(JSON.parse(text(schema, { ...defaultAvroData, enhanced: true }))).toMatchObject({ type: "enum", symbols: ["A", "B"] });
    const odd = structOf([["a-b", primitive("int32")]], { name: "s.1t.Value" });
    expect(() => text(odd)).toThrow('Field "a-b"');
    expect(JSON.parse(text(odd, { ...defaultAvroData, scrubNames: true }))).toMatchObject({
      name: "Value",
      namespace: "s.x1t",
      fields: [{ name: "a_b" }],
    });
  });

  it("come back the same", () => {
    const back = avroToConnect(parseAvro(text(value)), defaultAvroData);
    expect(JSON.parse(JSON.stringify(back))).toEqual(JSON.parse(JSON.stringify(value)));
  });
});

describe("data", () => {
  const round = (schema: Schema, v: Value) => {
    const avro = connectToAvro(schema, defaultAvroData);
    const out = new ByteWriter(1);
    compileAvroEncoder(schema, avro, defaultAvroData)(out, v);
    const bytes = out.take();
    return { bytes, avro, value: compileAvroDecoder(avro, schema)(new ByteReader().set(bytes, 0, bytes.length)) };
  };
  const schema = structOf([
    ["a", primitive("int64")],
    ["b", optional(arrayOf(primitive("float64")))],
    ["c", mapOf(primitive("int32"), optional(primitive("string")))],
    ["d", logical.decimal(3)],
    ["e", primitive("string", { optional: true, default: "x" })],
  ]);
  const row = new Struct(schema, [
    2n ** 62n,
    [1.5, -0],
    new Map<Value, Value>([
      [1, null],
      [2, "é"],
    ]),
    new Decimal(-(10n ** 30n), 3),
    null,
  ]);

  it("is what another Avro library reads", () => {
    const { bytes, avro, value } = round(schema, row);
    expect((value as Struct).values).toEqual([2n ** 62n, [1.5, -0], row.values[2], row.values[3], "x"]);
    const long = avsc.types.LongType.__with({
      fromBuffer: (b: Buffer) => b.readBigInt64LE(),
      toBuffer: (n: bigint) => {
        const b = Buffer.alloc(8);
        b.writeBigInt64LE(n);
        return b;
      },
      fromJSON: BigInt,
      toJSON: Number,
      isValid: (n: unknown) => typeof n === "bigint",
      compare: (x: bigint, y: bigint) => (x === y ? 0 : x < y ? -1 : 1),
    });
    const type = avsc.Type.forSchema(JSON.parse(formatAvro(avro)), { registry: { long } });
    const read = type.fromBuffer(bytes) as Record<string, unknown>;
    expect(read["a"]).toBe(2n ** 62n);
    expect(read["c"]).toEqual(
      [
        { key: 1, value: null },
        { key: 2, value: { string: "é" } },
      ].map((e) => expect.objectContaining({ key: e.key })),
    );
    expect(Buffer.compare(read["d"] as Buffer, new Decimal(-(10n ** 30n), 3).toBytes())).toBe(0);
  });

  it("that does not fit is refused with the field's name", () => {
    const bad = (i: number, v: Value) => () =>
      round(
        schema,
        new Struct(
          schema,
          row.values.map((x, j) => (i === j ? v : x)),
        ),
      );
    expect(bad(0, null)).toThrow('null used for required field: "a"');
    expect(bad(0, "1")).toThrow('field "a": expected int64, found string 1');
    expect(bad(3, new Decimal(1n, 2))).toThrow("mismatching scale");
    expect(bad(2, new Map<Value, Value>([["k", "v"]]))).toThrow('field "c.key"');
  });
});
