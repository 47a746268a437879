import { MillraceError } from "../../../common/errors.js";
import type { AvroRecord, AvroSchema } from "../../../schema-registry/avro/schema.js";
import { ByteReader } from "../../byte-reader.js";
import { utf8Text } from "../../text-cache.js";
import { decimalAt, SMALL_BYTES, unscaledAt } from "./decoder.js";

/** How a field of the record is read: where its value goes and what is done for types without code of their own. */
export interface FieldPlan {
  /** JavaScript that keeps the value, given the variable it is in. */
  readonly store: (variable: string) => string;
  /** Instead of `store`, of a text or bytes: JavaScript that keeps where they lie. */
  readonly storeSpan?: (start: string, end: string) => string;
  /** Instead of `store`, of a decimal of up to 48 bits: JavaScript that keeps its unscaled number. */
  readonly storeUnscaled?: (variable: string) => string;
  /** Reads a value that no code is generated for; null branches of a union are left out. */
  readonly general: (reader: ByteReader) => unknown;
  /** Changes what the generated code read, where it must be changed. */
  readonly convert?: (value: unknown) => unknown;
  /** Read Avro's bytes or fixed as a Decimal of this scale. */
  readonly decimalScale?: number;
}

/** What the generated code is called with beside the bytes; returns what `result` says. */
export type RecordReader = (bytes: Buffer, start: number, end: number, columns: readonly unknown[], row: number) => unknown;

/**
 * Code that walks a record's bytes, keeps the fields that have a plan and steps over the others.
 * @param declare JavaScript ahead of the fields, @param result after them
 */
export function generateRecordReader(
  record: AvroRecord,
  plans: readonly (FieldPlan | undefined)[],
  general: (avro: AvroSchema) => (reader: ByteReader) => unknown,
  declare = "",
  result = "",
): RecordReader {
  const calls: ((reader: ByteReader) => unknown)[] = [];
  const converts: ((value: unknown) => unknown)[] = [];
  const code = record.fields.map((field, i) => {
    const plan = plans[i];
    if (!plan) return skipCode(field.type, (avro) => calls.push(general(avro)) - 1);
    const keep = (v: string) => {
      if (!plan.convert) return plan.store(v);
      return plan.store(`h.converts[${converts.push(plan.convert) - 1}](${v})`);
    };
    return readCode(field.type, keep, plan, () => calls.push(plan.general) - 1);
  });
  const source = `return (b, p, end, columns, row) => {
let c = 0, n = 0, s = 0;
r.set(b, p, end);
${declare}
${code.join("\n")}
if (p > end) h.short(end);
${result}
};`;
  const reader = new ByteReader();
  return new Function("r", "h", source)(reader, {
    calls,
    converts,
    text: utf8Text,
    decimal: decimalAt,
    unscaled: unscaledAt,
    short,
  }) as RecordReader;
}

function short(end: number): never {
  throw new MillraceError("DESERIALIZATION", `Avro data ends too early at byte ${end}`);
}

/** n: the int or long at p, p behind it. Up to 28 bits here, more in the reader. */
const varint = `c = b[p++]; n = c & 127;
if (c > 127) { c = b[p++]; n |= (c & 127) << 7;
if (c > 127) { c = b[p++]; n |= (c & 127) << 14;
if (c > 127) { c = b[p++]; n |= (c & 127) << 21;
if (c > 127) { r.position = p - 4; n = r.long(); p = r.position; } else n = (n >>> 1) ^ -(n & 1);
} else n = (n >>> 1) ^ -(n & 1); } else n = (n >>> 1) ^ -(n & 1); } else n = (n >>> 1) ^ -(n & 1);`;

const length = `${varint}\nif (n < 0 || p + n > end) h.short(end);`;

function readCode(avro: AvroSchema, keep: (v: string) => string, plan: FieldPlan, general: () => number): string {
  switch (avro.type) {
    case "int":
    case "long":
      return `${varint}\n${keep("n")}`;
    case "boolean":
      return `c = b[p++]; ${keep("c !== 0")}`;
    case "double":
      return `if (p + 8 > end) h.short(end); ${keep("b.readDoubleLE(p)")} p += 8;`;
    case "float":
      return `if (p + 4 > end) h.short(end); ${keep("b.readFloatLE(p)")} p += 4;`;
    case "string":
      return `${length}\ns = p; p += n; ${plan.storeSpan?.("s", "p") ?? keep("h.text(b, s, p)")}`;
    case "bytes":
    case "fixed": {
      const size = avro.type === "fixed" ? `n = ${avro.size}; if (p + n > end) h.short(end);` : length;
      if (plan.decimalScale !== undefined) {
        const decimal = keep(`h.decimal(b, s, p, ${plan.decimalScale})`);
        const small = plan.storeUnscaled && `if (n <= ${SMALL_BYTES}) { n = h.unscaled(b, s, p); ${plan.storeUnscaled("n")} } else`;
        return `${size}\ns = p; p += n; ${small ?? ""} { ${decimal} }`;
      }
      if (plan.storeSpan) return `${size}\ns = p; p += n; ${plan.storeSpan("s", "p")}`;
      break;
    }
    case "union": {
      const others = avro.branches.filter((b) => b.type !== "null");
      const nullIndex = avro.branches.findIndex((b) => b.type === "null");
      if (others.length !== 1 || nullIndex < 0) break;
      return `c = b[p++];
if (c === ${nullIndex * 2}) { ${plan.store("null")} } else { if (c !== ${(1 - nullIndex) * 2}) h.short(p);
${readCode(others[0]!, keep, plan, general)} }`;
    }
  }
  return `r.position = p; ${keep(`h.calls[${general()}](r)`)} p = r.position;`;
}

function skipCode(avro: AvroSchema, general: (avro: AvroSchema) => number): string {
  switch (avro.type) {
    case "null":
      return "";
    case "int":
    case "long":
    case "enum":
      return "while (b[p++] > 127);";
    case "boolean":
      return "p++;";
    case "double":
      return "p += 8;";
    case "float":
      return "p += 4;";
    case "fixed":
      return `p += ${avro.size};`;
    case "string":
    case "bytes":
      return `${length}\np += n;`;
    case "union": {
      const others = avro.branches.filter((b) => b.type !== "null");
      const nullIndex = avro.branches.findIndex((b) => b.type === "null");
      if (others.length !== 1 || nullIndex < 0) break;
      return `c = b[p++]; if (c !== ${nullIndex * 2}) {\n${skipCode(others[0]!, general)} }`;
    }
    case "record":
      return avro.fields.map((f) => skipCode(f.type, general)).join("\n");
  }
  return `r.position = p; h.calls[${general(avro)}](r); p = r.position;`;
}
