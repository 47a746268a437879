import { MillraceError } from "../../../common/errors.js";
import { Decimal, type Schema, Struct, type Value } from "../../../data/schema.js";
import type { AvroSchema } from "../../../schema-registry/avro/schema.js";
import type { ByteReader } from "../../byte-reader.js";
import { mapEntryOf } from "./avro-to-connect.js";
import { DECIMAL, UNION_NAME } from "./connect-names.js";

export type AvroDecoder = (bytes: ByteReader) => Value;

/**
 * A function that reads data of the Avro schema as values of the Connect schema, which is what `avroToConnect` gives it.
 * The decoder throws DESERIALIZATION.
 */
export function compileAvroDecoder(avro: AvroSchema, schema: Schema): AvroDecoder {
  switch (avro.type) {
    case "null":
      return () => null;
    case "boolean":
      return (r) => r.boolean();
    case "int":
      return (r) => r.int();
    case "long":
      return (r) => r.long();
    case "float":
      return (r) => r.float();
    case "double":
      return (r) => r.double();
    case "string":
      return (r) => r.string();
    case "enum": {
      const { symbols, name } = avro;
      return (r) => {
        const symbol = symbols[r.int()];
        if (symbol === undefined) throw new MillraceError("DESERIALIZATION", `No such symbol of ${name}`);
        return symbol;
      };
    }
    case "bytes":
    case "fixed": {
      const size = avro.type === "fixed" ? avro.size : -1;
      const scale = schema.name === DECIMAL ? Number(schema.parameters?.["scale"] ?? 0) : undefined;
      if (scale === undefined) return size < 0 ? (r) => r.bytes() : (r) => r.fixed(size);
      return (r) => {
        const n = size < 0 ? r.int() : size;
        const at = r.skip(n);
        return decimalAt(r.buffer, at, at + n, scale);
      };
    }
    case "array": {
      const entry = schema.type === "map" ? mapEntryOf(avro) : undefined;
      if (entry) {
        const key = compileAvroDecoder(entry.fields[0]!.type, schema.keySchema!);
        const value = compileAvroDecoder(entry.fields[1]!.type, schema.valueSchema!);
        return (r) => {
          const map = new Map<Value, Value>();
          blocks(r, () => map.set(key(r), value(r)));
          return map;
        };
      }
      const item = compileAvroDecoder(avro.items, schema.valueSchema!);
      return (r) => {
        const list: Value[] = [];
        blocks(r, () => list.push(item(r)));
        return list;
      };
    }
    case "map": {
      const value = compileAvroDecoder(avro.values, schema.valueSchema!);
      return (r) => {
        const map = new Map<Value, Value>();
        blocks(r, () => map.set(r.string(), value(r)));
        return map;
      };
    }
    case "record": {
      const fields = avro.fields.map((f, i) => compileAvroDecoder(f.type, schema.fields![i]!.schema));
      return (r) => {
        const values = new Array<Value>(fields.length);
        for (let i = 0; i < fields.length; i++) values[i] = fields[i]!(r);
        return new Struct(schema, values);
      };
    }
    case "union":
      return union(avro.branches, schema);
  }
}

function union(branches: readonly AvroSchema[], schema: Schema): AvroDecoder {
  const others = branches.filter((b) => b.type !== "null");
  const asStruct = others.length > 1 && schema.type === "struct" && schema.name === UNION_NAME;
  const decoders = branches.map((b) => {
    if (!asStruct || b.type === "null") return compileAvroDecoder(b, schema);
    const index = others.indexOf(b);
    const read = compileAvroDecoder(b, schema.fields![index]!.schema);
    return (r: ByteReader) => {
      const struct = new Struct(schema);
      struct.values[index] = read(r);
      return struct;
    };
  });
  return (r) => {
    const read = decoders[r.int()];
    if (!read) throw new MillraceError("DESERIALIZATION", `No such branch of the union at byte ${r.position}`);
    return read(r);
  };
}

/** Arrays and maps come in blocks; a negative count is followed by the block's size in bytes. */
export function blocks(r: ByteReader, each: () => void): void {
  for (;;) {
    let count = r.int();
    if (count === 0) return;
    if (count < 0) {
      count = -count;
      r.long();
    }
    // an item of no bytes (null, an empty record) could otherwise make a few bytes a list of any length
    if (count > r.end - r.position + 1_000_000)
      throw new MillraceError("DESERIALIZATION", `An array of ${count} items does not fit the data`);
    for (let i = 0; i < count; i++) each();
  }
}

/** Big-endian two's complement; without a bigint's parsing for what fits a number. */
export function decimalAt(b: Buffer, start: number, end: number, scale: number): Decimal {
  if (end - start > SMALL_BYTES) return Decimal.fromBytes(b.subarray(start, end), scale);
  return new Decimal(BigInt(unscaledAt(b, start, end)), scale);
}

/** Bytes of an unscaled value that a number holds exactly. */
export const SMALL_BYTES = 6;

/** Big-endian two's complement of up to SMALL_BYTES. */
export function unscaledAt(b: Buffer, start: number, end: number): number {
  if (start === end) return 0;
  let value = b[start]! >= 128 ? b[start]! - 256 : b[start]!;
  for (let p = start + 1; p < end; p++) value = value * 256 + b[p]!;
  return value;
}
