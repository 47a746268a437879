import fc from "fast-check";
import { expect, it } from "vitest";
import { JsonRowReader } from "../../../../src/serde/formats/json/row-reader.js";

const columns = [
  { name: "ID", type: { base: "INTEGER" } as const },
  { name: "SKIPPED_TEXT", type: { base: "STRING" } as const },
  { name: "AMOUNT", type: { base: "DOUBLE" } as const },
  { name: "SKIPPED_NUMBER", type: { base: "BIGINT" } as const },
  { name: "TEXT", type: { base: "STRING" } as const },
];
const needed = [0, 2, 4];
const known = Buffer.from('{"id":1,"skipped_text":"a","amount":2.5,"skipped_number":3,"text":"b","more":null}');

/** Rows or the error, of a reader that has code for the layout of `known`, and of one that parses each document. */
function both(bytes: Buffer) {
  const read = (reader: JsonRowReader) => {
    try {
      return reader.read(bytes, 0, bytes.length);
    } catch (error) {
      return (error as Error).message;
    }
  };
  const generated = new JsonRowReader(columns, needed);
  for (let i = 0; i < 3; i++) generated.read(known, 0, known.length);
  return [read(generated), read(new JsonRowReader(columns, needed))];
}

it("reads with generated code what parsing gives, whatever is skipped", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 20 }),
    fc.string({ unit: fc.constantFrom('"', "\\", "a", "\u00e9", "{", "\n"), maxLength: 12 }),
  );
  const number = fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }));
  fc.assert(
    fc.property(fc.integer(), text, number, fc.maxSafeInteger(), text, (id, skipped, amount, big, last) => {
      const document = { id, skipped_text: skipped, amount, skipped_number: big, text: last, more: null };
      const [generated, parsed] = both(Buffer.from(JSON.stringify(document)));
      expect(generated).toEqual(parsed);
    }),
  );
});

it("refuses what parsing refuses: a document that ends early, or has another byte somewhere", () => {
  for (let length = 0; length < known.length; length++) {
    // What follows the document in the batch must not be taken for its end.
    const [generated, parsed] = both(known.subarray(0, length));
    expect(generated).toEqual(parsed);
    const changed = Buffer.from(known);
    changed[length] = 0x5b;
    const [ofChanged, ofParsed] = both(changed);
    expect(ofChanged).toEqual(ofParsed);
  }
});
