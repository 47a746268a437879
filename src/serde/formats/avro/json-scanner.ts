import { type AvroRecord, type AvroSchema, branchName } from "../../../schema-registry/avro/schema.js";
import type { ByteWriter } from "../../byte-writer.js";
import { booleanCode, doubleCode, integerCode, literal, scanHelpers, scanVariables } from "../json/value-code.js";

/**
 * Writes the value in Avro's JSON encoding that begins at p to `out` and returns the position behind it, or undefined where the bytes
 * are not the plain form (fields in the schema's order, no escapes): then what was written must be dropped and the value parsed.
 */
export type AvroJsonScanner = (b: Buffer, p: number, end: number, out: ByteWriter) => number | undefined;

/** Code for a schema of records, primitives, enums and unions of null and one of these; undefined where there are other types. */
export function generateAvroJsonScanner(schema: AvroSchema): AvroJsonScanner | undefined {
  const code = new Generator().value(schema);
  if (code === undefined) return undefined;
  const source = `return (b, p, end, out) => {
${scanVariables}
let v = null;
${code}
return p;
};`;
  return new Function("h", source)({ ...scanHelpers, space, text, symbol }) as AvroJsonScanner;
}

const skipSpace = "if (b[p] <= 32) p = h.space(b, p);";
const character = (char: string) => `${skipSpace} if (b[p] !== ${char.charCodeAt(0)}) return undefined; p++;`;
const name = (text: string) => `${skipSpace} ${literal(Buffer.from(JSON.stringify(text)))}`;

class Generator {
  private readonly inside = new Set<AvroRecord>();

  value(schema: AvroSchema): string | undefined {
    const write = (read: string, put: string) => `${skipSpace} v = null; ${read} if (v === null) return undefined; ${put}`;
    switch (schema.type) {
      case "int":
        return write(integerCode("v", 2147483647), "out.varint(v);");
      case "long":
        return write(integerCode("v"), "out.varint(v);");
      case "double":
        return write(doubleCode("v"), "out.doubleLe(v);");
      case "float":
        return write(doubleCode("v"), "out.floatLe(v);");
      case "boolean":
        return write(booleanCode("v"), "out.byte(v ? 1 : 0);");
      case "string":
        return `${skipSpace} p = h.text(b, p, end, out); if (p < 0) return undefined;`;
      case "enum": {
        const symbols = JSON.stringify(schema.symbols);
        return `${skipSpace} p = h.symbol(b, p, end, out, ${symbols}); if (p < 0) return undefined;`;
      }
      case "union":
        return this.optional(schema.branches);
      case "record":
        return this.record(schema);
      default:
        return undefined;
    }
  }

  private optional(branches: readonly AvroSchema[]): string | undefined {
    const nullIndex = branches.findIndex((b) => b.type === "null");
    const other = branches[1 - nullIndex];
    if (branches.length !== 2 || nullIndex < 0 || !other) return undefined;
    const code = this.value(other);
    if (code === undefined) return undefined;
    return `${skipSpace}
if (b[p] === 110) { ${literal(Buffer.from("null"))} out.byte(${nullIndex * 2}); }
else { ${character("{")} ${name(branchName(other))} ${character(":")} out.byte(${(1 - nullIndex) * 2});
${code}
${character("}")} }`;
  }

  private record(schema: AvroRecord): string | undefined {
    if (this.inside.has(schema)) return undefined;
    this.inside.add(schema);
    const parts: string[] = [];
    for (const field of schema.fields) {
      const code = this.value(field.type);
      if (code === undefined) return undefined;
      parts.push(`${name(field.name)} ${character(":")}\n${code}`);
    }
    this.inside.delete(schema);
    return `${character("{")}\n${parts.join(`\n${character(",")}\n`)}\n${character("}")}`;
  }
}

function space(b: Buffer, p: number): number {
  for (let c = b[p]; c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09; c = b[p]) p++;
  return p;
}

/** The position behind the closing quote, or -1 where there is no text or one with escapes. */
function quoted(b: Buffer, p: number, end: number): number {
  if (b[p] !== 0x22) return -1;
  for (p++; p < end; p++) {
    const c = b[p]!;
    if (c === 0x22) return p + 1;
    if (c === 0x5c || c < 0x20) return -1;
  }
  return -1;
}

function text(b: Buffer, p: number, end: number, out: ByteWriter): number {
  const after = quoted(b, p, end);
  if (after < 0) return -1;
  const start = p + 1;
  const length = after - 1 - start;
  out.varint(length);
  out.ensure(length);
  const to = out.buffer;
  let at = out.position;
  if (length < 32) for (let i = start; i < after - 1; i++) to[at++] = b[i]!;
  else at += b.copy(to, at, start, after - 1);
  out.position = at;
  return after;
}

function symbol(b: Buffer, p: number, end: number, out: ByteWriter, symbols: readonly string[]): number {
  const after = quoted(b, p, end);
  if (after < 0) return -1;
  const index = symbols.indexOf(b.latin1Slice(p + 1, after - 1));
  if (index < 0) return -1;
  out.varint(index);
  return after;
}
