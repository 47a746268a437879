import { javaDouble, javaFloat } from "../../data/java-number.js";
import { Decimal, type Schema, type SchemaType, Struct, type Value } from "../../data/schema.js";
import { DATE, DECIMAL, TIME, TIMESTAMP } from "../../serde/formats/avro/connect-names.js";
import type { Converter } from "../api/converter.js";

type Parsed = { schema: Schema | null; value: Value };
const of = (type: SchemaType, name?: string): Schema => Object.freeze({ type, optional: false, ...(name ? { name, version: 1 } : {}) });
const schemas = {
  string: of("string"),
  boolean: of("boolean"),
  int8: of("int8"),
  int16: of("int16"),
  int32: of("int32"),
  int64: of("int64"),
  float32: of("float32"),
  float64: of("float64"),
  date: of("int32", DATE),
  time: of("int32", TIME),
  timestamp: of("int64", TIMESTAMP),
};

/** Connect's default for headers: values as text, read back as the narrowest type that the text can be. */
export class SimpleHeaderConverter implements Converter {
  fromConnect(_topic: string, schema: Schema | null, value: Value): Uint8Array | null {
    return value === null ? null : Buffer.from(headerText(value, schema, false));
  }
  toConnect(_topic: string, bytes: Uint8Array | null): Parsed {
    if (bytes === null) return { schema: null, value: null };
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
    return parseHeader(text) ?? { schema: schemas.string, value: text };
  }
}

function headerText(value: Value, schema: Schema | null | undefined, embedded: boolean): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "string") return embedded ? `"${value.replace(/\\/g, "\\\\").replace(/"/g, '\\"')}"` : value;
  if (typeof value === "number") {
    if (schema?.name === DATE) return new Date(value * 86_400_000).toISOString().slice(0, 10);
    if (schema?.name === TIME) return new Date(value).toISOString().slice(11);
    if (schema?.name === TIMESTAMP) return new Date(value).toISOString();
    if (schema?.type === "float32") return javaFloat(value);
    return schema?.type === "float64" ? javaDouble(value) : String(value);
  }
  if (value instanceof Decimal) return value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length).toString("base64");
  if (value instanceof Map)
    return `{${[...value].map(([k, v]) => `${headerText(k, schema?.keySchema, true)}:${headerText(v, schema?.valueSchema, true)}`).join(",")}}`;
  if (value instanceof Struct)
    return `{${value.schema.fields!.map((f) => `"${f.name}":${headerText(value.values[f.index]!, f.schema, true)}`).join(",")}}`;
  if (Array.isArray(value)) return `[${value.map((v: Value) => headerText(v, schema?.valueSchema, true)).join(",")}]`;
  return String(value);
}

/** undefined where the text is just text */
export function parseHeader(text: string): Parsed | undefined {
  const t = text.trim();
  if (t === "") return undefined;
  if (t === "null") return { schema: null, value: null };
  if (/^true$/i.test(t)) return { schema: schemas.boolean, value: true };
  if (/^false$/i.test(t)) return { schema: schemas.boolean, value: false };
  return numberOf(t) ?? timeOf(t) ?? quoted(t) ?? collection(t);
}

function numberOf(t: string): Parsed | undefined {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(t)) return undefined;
  const decimal = Decimal.parse(t);
  if (!decimal) return undefined;
  const integral = decimal.scale <= 0 || decimal.unscaled % 10n ** BigInt(decimal.scale) === 0n;
  if (integral) {
    const n = decimal.rescale(0).unscaled;
    for (const [bits, type] of [
      [8, "int8"],
      [16, "int16"],
      [32, "int32"],
      [64, "int64"],
    ] as const)
      if (BigInt.asIntN(bits, n) === n) return { schema: schemas[type], value: Number.isSafeInteger(Number(n)) ? Number(n) : n };
  }
  if (decimal.scale !== 0 && Number.isFinite(Math.fround(decimal.toNumber())))
    return { schema: schemas.float32, value: Math.fround(decimal.toNumber()) };
  if (decimal.scale !== 0 && Number.isFinite(decimal.toNumber())) return { schema: schemas.float64, value: decimal.toNumber() };
  return { schema: { ...of("bytes", DECIMAL), parameters: { scale: String(decimal.scale) } }, value: decimal };
}

function timeOf(t: string): Parsed | undefined {
  if (/^\d{4}-\d\d-\d\d$/.test(t)) return { schema: schemas.date, value: Date.parse(`${t}T00:00:00Z`) / 86_400_000 };
  if (/^\d\d:\d\d:\d\d\.\d{3}Z$/.test(t)) return { schema: schemas.time, value: Date.parse(`1970-01-01T${t}`) };
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(t)) return { schema: schemas.timestamp, value: Date.parse(t) };
  return undefined;
}

function quoted(t: string): Parsed | undefined {
  return /^"(?:[^"\\]|\\.)*"$/s.test(t) ? { schema: schemas.string, value: t.slice(1, -1).replace(/\\(.)/gs, "$1") } : undefined;
}

function collection(t: string): Parsed | undefined {
  if (!/^(\[.*\]|\{.*\})$/s.test(t)) return undefined;
  const parts = split(t.slice(1, -1), ",");
  if (parts === undefined) return undefined;
  if (t[0] === "[") {
    const items = parts.map(item);
    const value = items.map((i) => i.value);
    const inner = common(items);
    return { schema: Object.freeze({ type: "array", optional: false, ...(inner ? { valueSchema: inner } : {}) }), value };
  }
  const map = new Map<Value, Value>();
  const keys: Parsed[] = [];
  const values: Parsed[] = [];
  for (const part of parts) {
    const pair = split(part, ":");
    if (pair?.length !== 2) return undefined;
    keys.push(item(pair[0]!));
    values.push(item(pair[1]!));
    map.set(keys[keys.length - 1]!.value, values[values.length - 1]!.value);
  }
  const keySchema = common(keys);
  const valueSchema = common(values);
  return {
    schema: Object.freeze({ type: "map", optional: false, ...(keySchema ? { keySchema } : {}), ...(valueSchema ? { valueSchema } : {}) }),
    value: map,
  };
}

function item(text: string): Parsed {
  return parseHeader(text) ?? { schema: schemas.string, value: text.trim() };
}
function common(items: readonly Parsed[]): Schema | undefined {
  const first = items.find((i) => i.schema !== null)?.schema;
  return first && items.every((i) => i.schema === null || i.schema.type === first.type) ? first : undefined;
}

/** The parts between separators that stand outside quotes and brackets. */
function split(text: string, separator: string): string[] | undefined {
  if (text.trim() === "") return [];
  const parts: string[] = [];
  let depth = 0;
  let inQuotes = false;
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (inQuotes) {
      if (c === "\\") i++;
      else if (c === '"') inQuotes = false;
    } else if (c === '"') inQuotes = true;
    else if (c === "[" || c === "{") depth++;
    else if (c === "]" || c === "}") depth--;
    else if (c === separator && depth === 0) {
      parts.push(text.slice(from, i));
      from = i + 1;
    }
  }
  if (depth !== 0 || inQuotes) return undefined;
  parts.push(text.slice(from));
  return parts;
}
