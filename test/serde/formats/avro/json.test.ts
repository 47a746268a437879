import avsc from "avsc";
import fc from "fast-check";
import { expect, it } from "vitest";
import { parseAvro } from "../../../../src/schema-registry/avro/parse.js";
import { ByteReader } from "../../../../src/serde/byte-reader.js";
import { ByteWriter } from "../../../../src/serde/byte-writer.js";
import { compileAvroToJson } from "../../../../src/serde/formats/avro/avro-to-json.js";
import { generateAvroJsonScanner } from "../../../../src/serde/formats/avro/json-scanner.js";
import { compileJsonToAvro } from "../../../../src/serde/formats/avro/json-to-avro.js";
import { parseJson } from "../../../../src/serde/formats/json/json-text.js";

const schema = {
  type: "record",
  name: "R",
  fields: [
    { name: "i", type: "int" },
    { name: "l", type: ["null", "long"] },
    { name: "d", type: ["double", "null"] },
    { name: "f", type: "float" },
    { name: "b", type: "boolean" },
    { name: "s", type: ["null", "string"] },
    { name: "e", type: { type: "enum", name: "E", symbols: ["A", "B"] } },
    { name: "n", type: ["null", { type: "record", name: "N", namespace: "x", fields: [{ name: "s", type: "string" }] }] },
  ],
};
const wide = {
  ...schema,
  fields: [
    ...schema.fields,
    { name: "bytes", type: "bytes" },
    { name: "fixed", type: { type: "fixed", name: "F", size: 2 } },
    { name: "list", type: { type: "array", items: ["null", "int", "string"] } },
    { name: "map", type: { type: "map", values: "double" } },
    { name: "next", type: ["null", "R"] },
  ],
};

const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const optional = <T>(name: string, value: fc.Arbitrary<T>) => fc.option(value.map((v) => ({ [name]: v })));
const double = fc.double({ noNaN: true, noDefaultInfinity: true });
const flat = {
  i: int,
  // beyond these avsc loses the last bit
  l: optional("long", fc.integer({ min: -(2 ** 51), max: 2 ** 51 })),
  d: optional("double", double),
  f: fc.float({ noNaN: true, noDefaultInfinity: true }),
  b: fc.boolean(),
  s: optional("string", fc.string({ unit: "grapheme" })),
  e: fc.constantFrom("A", "B"),
  n: optional("x.N", fc.record({ s: fc.string() })),
};
const latin1 = (options: { minLength?: number; maxLength?: number }) =>
  fc.array(fc.integer({ min: 0, max: 255 }), options).map((codes) => String.fromCharCode(...codes));
const { value: full } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.record({
    ...flat,
    bytes: latin1({ maxLength: 5 }),
    fixed: latin1({ minLength: 2, maxLength: 2 }),
    list: fc.array(
      fc.oneof(
        fc.constant(null),
        int.map((v) => ({ int: v })),
        fc.string().map((v) => ({ string: v })),
      ),
      { maxLength: 4 },
    ),
    map: fc.dictionary(fc.string({ maxLength: 3 }), double, { noNullPrototype: true, maxKeys: 3 }),
    next: fc.oneof(
      { depthSize: "small" },
      fc.constant(null),
      tie("value").map((v) => ({ R: v })),
    ),
  }),
}));

function written(text: string, definition: unknown): Buffer {
  const out = new ByteWriter();
  compileJsonToAvro(parseAvro(JSON.stringify(definition)))(out, parseJson(text));
  return out.take();
}

it("writes what avsc writes, and reads it back", () => {
  const theirs = avsc.Type.forSchema(wide as avsc.Schema, { wrapUnions: true });
  const toJson = compileAvroToJson(parseAvro(JSON.stringify(wide)));
  fc.assert(
    fc.property(full, (value) => {
      const text = JSON.stringify(value);
      const bytes = written(text, wide);
      expect(bytes).toEqual(theirs.toBuffer(theirs.fromString(text)));
      expect(written(toJson(new ByteReader().set(bytes, 0, bytes.length)), wide)).toEqual(bytes);
    }),
    { numRuns: 300 },
  );
});

it("scans a plain text to the same bytes, or leaves it to the parser", () => {
  const scan = generateAvroJsonScanner(parseAvro(JSON.stringify(schema)))!;
  let scanned = 0;
  fc.assert(
    fc.property(fc.record(flat), fc.integer({ min: 0, max: 2 }), (value, space) => {
      const text = JSON.stringify(value, null, space);
      const body = Buffer.from(` ${text} ,`);
      const out = new ByteWriter();
      const end = scan(body, 1, body.length, out);
      if (end === undefined) return;
      scanned++;
      expect(end).toBe(body.length - 2);
      expect(out.take()).toEqual(written(text, schema));
    }),
    { numRuns: 500 },
  );
  expect(scanned).toBeGreaterThan(100);
});

it("scans nothing that is not JSON of the schema", () => {
  const scan = generateAvroJsonScanner(parseAvro(JSON.stringify(schema)))!;
  const good = Buffer.from('{"i":-12,"l":{"long":3},"d":{"double":1.5},"f":0,"b":true,"s":{"string":"text"},"e":"B","n":{"x.N":{"s":""}}}');
  expect(scan(good, 0, good.length, new ByteWriter())).toBe(good.length);
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), (at, byte, cut) => {
      const bad = cut ? Buffer.from(good.subarray(0, at)) : Buffer.from(good);
      if (!cut) bad[at] = byte;
      const out = new ByteWriter();
      const end = scan(bad, 0, bad.length, out);
      if (end === undefined) return;
      const text = bad.toString("utf8", 0, end);
      // bytes that are no UTF-8 never come here: a request's body is checked as a whole
      if (text.includes("\ufffd")) return;
      JSON.parse(text);
      expect(out.take()).toEqual(written(text, schema));
    }),
    { numRuns: 3000 },
  );
});
