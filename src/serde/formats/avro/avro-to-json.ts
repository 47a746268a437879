import { MillraceError } from "../../../common/errors.js";
import { javaDouble, javaFloat } from "../../../data/java-number.js";
import type { AvroRecord, AvroSchema } from "../../../schema-registry/avro/schema.js";
import { branchName } from "../../../schema-registry/avro/schema.js";
import type { ByteReader } from "../../byte-reader.js";
import { jsonString } from "../json/json-text.js";

export type AvroToJson = (bytes: ByteReader) => string;

/**
 * A function that reads Avro data and gives it as text in Avro's JSON encoding: longs exact, a union's value as
 * `{"branch": value}`, bytes as text of one character a byte. @throws the function: DESERIALIZATION
 */
export function compileAvroToJson(schema: AvroSchema): AvroToJson {
  return new Compiler().compile(schema);
}

class Compiler {
  /** so that a recursive type ends */
  private readonly records = new Map<AvroRecord, AvroToJson>();

  compile(schema: AvroSchema): AvroToJson {
    switch (schema.type) {
      case "null":
        return () => "null";
      case "boolean":
        return (r) => (r.boolean() ? "true" : "false");
      case "int":
      case "long":
        return (r) => r.long().toString();
      case "float":
        return (r) => number(r.float(), javaFloat);
      case "double":
        return (r) => number(r.double(), javaDouble);
      case "string":
        return (r) => jsonString(r.string());
      case "bytes":
        return (r) => jsonString(r.bytes().latin1Slice());
      case "fixed":
        return (r) => jsonString(r.fixed(schema.size).latin1Slice());
      case "enum": {
        const symbols = schema.symbols.map((s) => `"${s}"`);
        return (r) => {
          const symbol = symbols[r.int()];
          if (symbol === undefined) throw new MillraceError("DESERIALIZATION", `No such symbol of ${schema.name}`);
          return symbol;
        };
      }
      case "array": {
        const item = this.compile(schema.items);
        return (r) => `[${blocks(r, item)}]`;
      }
      case "map": {
        const value = this.compile(schema.values);
        return (r) => `{${blocks(r, () => `${jsonString(r.string())}:${value(r)}`)}}`;
      }
      case "union": {
        const branches = schema.branches.map((b) => ({ name: `{${JSON.stringify(branchName(b))}:`, read: this.compile(b) }));
        const nullIndex = schema.branches.findIndex((b) => b.type === "null");
        return (r) => {
          const i = r.int();
          if (i === nullIndex) return "null";
          const branch = branches[i];
          if (!branch) throw new MillraceError("DESERIALIZATION", `No such branch of the union at byte ${r.position}`);
          return `${branch.name}${branch.read(r)}}`;
        };
      }
      case "record":
        return this.record(schema);
    }
  }

  private record(schema: AvroRecord): AvroToJson {
    const known = this.records.get(schema);
    if (known) return known;
    const fields: { name: string; read: AvroToJson }[] = [];
    const read: AvroToJson = (r) => {
      let out = "{";
      for (let i = 0; i < fields.length; i++) out += `${i ? "," : ""}${fields[i]!.name}${fields[i]!.read(r)}`;
      return `${out}}`;
    };
    this.records.set(schema, read);
    for (const f of schema.fields) fields.push({ name: `${JSON.stringify(f.name)}:`, read: this.compile(f.type) });
    return read;
  }
}

function number(n: number, text: (n: number) => string): string {
  return Number.isFinite(n) ? text(n) : `"${n}"`;
}

/** Arrays and maps come in blocks; a negative count is followed by the block's size in bytes. */
function blocks(r: ByteReader, each: AvroToJson): string {
  let out = "";
  for (;;) {
    let count = r.int();
    if (count === 0) return out;
    if (count < 0) {
      count = -count;
      r.long();
    }
    // an item of no bytes (null, an empty record) could otherwise make a few bytes a list of any length
    if (count > r.end - r.position + 1_000_000)
      throw new MillraceError("DESERIALIZATION", `An array of ${count} items does not fit the data`);
    for (let i = 0; i < count; i++) out += out === "" ? each(r) : `,${each(r)}`;
  }
}
