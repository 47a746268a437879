import { MillraceError } from "../../../common/errors.js";
import {
  type AvroFixed,
  type AvroPrimitive,
  type AvroRecord,
  type AvroSchema,
  branchName,
  simpleName,
} from "../../../schema-registry/avro/schema.js";
import type { ByteReader } from "../../byte-reader.js";
import { blocks, decimalAt } from "./decoder.js";
import { defaultObject } from "./object-encoder.js";
import { branchNames, isDecimal, isWrapped, scaleOf } from "./object-unions.js";

export type ObjectDecoder = (bytes: ByteReader) => unknown;

export interface ObjectDecoderOptions {
  /** How a long is shown: a number (one beyond 2^53 is then an error) or a bigint. */
  readonly longs: "number" | "bigint";
}

/**
 * Reads data of the writer's schema as plain objects of the reader's, by Avro's rules of schema resolution (specification 1.11) save
 * that records need not have the same name: the same data under Connect's or ksqlDB's name is read too.
 * @throws SCHEMA_INVALID that names the field where the schemas do not resolve; the decoder throws DESERIALIZATION
 */
export function compileObjectDecoder(writer: AvroSchema, reader: AvroSchema, options: ObjectDecoderOptions): ObjectDecoder {
  return new DecoderCompiler(options).compile(writer, reader, "");
}

const promotions: Readonly<Record<string, readonly string[]>> = {
  int: ["long", "float", "double"],
  long: ["float", "double"],
  float: ["double"],
  string: ["bytes"],
  bytes: ["string"],
};

class DecoderCompiler {
  private readonly records = new Map<AvroRecord, Map<AvroRecord, ObjectDecoder>>();

  constructor(private readonly options: ObjectDecoderOptions) {}

  compile(writer: AvroSchema, reader: AvroSchema, path: string): ObjectDecoder {
    if (writer.type === "union") return this.writerUnion(writer.branches, reader, path);
    if (reader.type === "union") {
      const branch = bestBranch(writer, reader.branches);
      if (branch === undefined) throw mismatch(path, writer, reader);
      const read = this.compile(writer, branch, path);
      if (branch.type === "null" || !isWrapped(reader.branches)) return read;
      const name = branchName(branch);
      return (r) => ({ [name]: read(r) });
    }
    if (!matches(writer, reader)) throw mismatch(path, writer, reader);
    switch (reader.type) {
      case "null":
        return () => null;
      case "boolean":
        return (r) => r.boolean();
      case "int":
        return (r) => r.int();
      case "long":
        return this.long(path);
      case "float":
      case "double":
        return number(writer.type);
      case "string":
        return (r) => r.string();
      case "bytes":
      case "fixed":
        return binary(reader);
      case "enum":
        return symbol(writer as typeof reader, reader, path);
      case "array": {
        const item = this.compile((writer as typeof reader).items, reader.items, `${path}[]`);
        return (r) => {
          const list: unknown[] = [];
          blocks(r, () => list.push(item(r)));
          return list;
        };
      }
      case "map": {
        const item = this.compile((writer as typeof reader).values, reader.values, `${path}.*`);
        return (r) => {
          const map: Record<string, unknown> = {};
          blocks(r, () => {
            const key = r.string();
            const value = item(r);
            if (key === "__proto__") Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
            else map[key] = value;
          });
          return map;
        };
      }
      case "record":
        return this.record(writer as AvroRecord, reader, path);
    }
  }

  private long(path: string): ObjectDecoder {
    if (this.options.longs === "bigint") return (r) => BigInt(r.long());
    return (r) => {
      const value = r.long();
      if (typeof value === "bigint")
        throw new MillraceError(
          "DESERIALIZATION",
          `field "${path}": ${value} is no safe integer of JavaScript; the serde's option longs: "bigint" reads it`,
        );
      return value;
    };
  }

  private record(writer: AvroRecord, reader: AvroRecord, path: string): ObjectDecoder {
    let byReader = this.records.get(writer);
    if (!byReader) this.records.set(writer, (byReader = new Map()));
    const known = byReader.get(reader);
    if (known) return known;
    let read: ObjectDecoder | undefined;
    // Before the fields are compiled: one of them may be this record again.
    byReader.set(reader, (r) => read!(r));
    const at = (name: string) => (path ? `${path}.${name}` : name);
    const decoders: ObjectDecoder[] = [];
    const filled = new Set<string>();
    const steps = writer.fields.map((field, i) => {
      const target =
        reader.fields.find((f) => f.name === field.name) ??
        reader.fields.find((f) => f.aliases.includes(field.name) && !filled.has(f.name));
      decoders.push(this.compile(field.type, target?.type ?? field.type, at(field.name)));
      if (target === undefined) return `d[${i}](r);`;
      filled.add(target.name);
      return `const f${reader.fields.indexOf(target)} = d[${i}](r);`;
    });
    const defaults: (() => unknown)[] = [];
    const members = reader.fields.map((field, i) => {
      const name = `${JSON.stringify(field.name)}: `;
      // As a computed name: the plain one would set the prototype.
      const key = field.name === "__proto__" ? `["__proto__"]: ` : name;
      if (filled.has(field.name)) return `${key}f${i}`;
      if (!("default" in field))
        throw new MillraceError("SCHEMA_INVALID", `the written data has no field "${at(field.name)}", which has no default either`);
      defaults.push(() => defaultObject(field.type, field.default));
      return `${key}m[${defaults.length - 1}]()`;
    });
    const source = `"use strict"; return (r) => { ${steps.join("\n")} return { ${members.join(", ")} }; };`;
    read = new Function("d", "m", source)(decoders, defaults) as ObjectDecoder;
    byReader.set(reader, read);
    return read;
  }

  private writerUnion(branches: readonly AvroSchema[], reader: AvroSchema, path: string): ObjectDecoder {
    const decoders = branches.map((branch): ObjectDecoder => {
      try {
        return this.compile(branch, reader, path);
      } catch (error) {
        if (!(error instanceof MillraceError) || error.code !== "SCHEMA_INVALID") throw error;
        // Only a value of this branch is in the wrong place.
        return () => {
          throw new MillraceError("DESERIALIZATION", error.message);
        };
      }
    });
    return (r) => {
      const read = decoders[r.int()];
      if (!read) throw new MillraceError("DESERIALIZATION", `field "${path}": no such branch of ${branchNames(branches).join(", ")}`);
      return read(r);
    };
  }
}

function matches(writer: AvroSchema, reader: AvroSchema): boolean {
  if (writer.type !== reader.type) return promotions[writer.type]?.includes(reader.type) ?? false;
  return writer.type !== "fixed" || writer.size === (reader as typeof writer).size;
}

function bestBranch(writer: AvroSchema, branches: readonly AvroSchema[]): AvroSchema | undefined {
  const same = branches.filter((b) => b.type === writer.type && matches(writer, b));
  return (
    same.find((b) => branchName(b) === branchName(writer)) ??
    same.find((b) => simpleName(branchName(b)) === simpleName(branchName(writer))) ??
    same[0] ??
    branches.find((b) => b.type !== "union" && matches(writer, b))
  );
}

function number(written: AvroSchema["type"]): ObjectDecoder {
  switch (written) {
    case "float":
      return (r) => r.float();
    case "double":
      return (r) => r.double();
    default:
      return (r) => Number(r.long());
  }
}

function binary(avro: AvroFixed | AvroPrimitive): ObjectDecoder {
  const size = avro.type === "fixed" ? avro.size : -1;
  if (!isDecimal(avro)) return size < 0 ? (r) => r.bytes() : (r) => r.fixed(size);
  const scale = scaleOf(avro);
  return (r) => {
    const n = size < 0 ? r.int() : size;
    const at = r.skip(n);
    return decimalAt(r.buffer, at, at + n, scale);
  };
}

function symbol(writer: AvroSchema & { type: "enum" }, reader: AvroSchema & { type: "enum" }, path: string): ObjectDecoder {
  const symbols = writer.symbols.map((s) => (reader.symbols.includes(s) ? s : reader.default));
  return (r) => {
    const found = symbols[r.int()];
    if (found === undefined) throw new MillraceError("DESERIALIZATION", `field "${path}": no such symbol of ${reader.name}`);
    return found;
  };
}

function mismatch(path: string, writer: AvroSchema, reader: AvroSchema): MillraceError {
  return new MillraceError(
    "SCHEMA_INVALID",
    `${path ? `field "${path}"` : "the value"} was written as ${branchName(writer)} and is to be read as ${branchName(reader)}`,
  );
}
