import { javaDecimal, javaDouble, javaFloat } from "./java-number.js";
import { Decimal, type Schema, type SchemaType, Struct, type Value } from "./schema.js";

const DATE = "org.apache.kafka.connect.data.Date";
const TIME = "org.apache.kafka.connect.data.Time";
const TIMESTAMP = "org.apache.kafka.connect.data.Timestamp";
const DECIMAL = "org.apache.kafka.connect.data.Decimal";

export type Parsed = { schema: Schema | null; value: Value };
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

/** A value as Connect's Values prints it, `embedded` within another one; null is `null`. */
export function valueText(value: Value, schema: Schema | null | undefined, embedded = false): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "string") return embedded ? `"${value.replace(/\\/g, "\\\\").replace(/"/g, '\\"')}"` : value;
  if (typeof value === "number") {
    if (schema?.name === DATE) return dateText(value * 86_400_000);
    if (schema?.name === TIME || schema?.name === TIMESTAMP) return dateText(value);
    if (schema?.type === "float32") return javaFloat(value);
    return schema?.type === "float64" || (schema == null && !Number.isInteger(value)) ? javaDouble(value) : String(value);
  }
  if (value instanceof Decimal) return javaDecimal(value.unscaled, value.scale);
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length).toString("base64");
  if (value instanceof Map)
    return `{${[...value].map(([k, v]) => `${valueText(k, schema?.keySchema, true)}:${valueText(v, schema?.valueSchema, true)}`).join(",")}}`;
  if (value instanceof Struct)
    return `{${value.schema.fields!.map((f) => `"${f.name}":${valueText(value.values[f.index] ?? f.schema.default ?? null, f.schema, true)}`).join(",")}}`;
  if (Array.isArray(value)) return `[${value.map((v: Value) => valueText(v, schema?.valueSchema, true)).join(",")}]`;
  return String(value);
}

/** A java.util.Date as Connect's Values prints it: before the epoch's second day a time, at midnight a date, else both. */
export function dateText(ms: number): string {
  const iso = new Date(ms).toISOString();
  if (ms < 86_400_000) return iso.slice(11);
  return ms % 86_400_000 === 0 ? iso.slice(0, 10) : iso;
}

/**
 * What Connect's Values reads: the narrowest type that the text can be; undefined where it is just text. Quotes count only
 * within arrays and maps. Where Connect reads a number at the text's begin and forgets the rest (`12:30` is 12), the text stays
 * text here.
 */
export function parseValue(text: string): Parsed | undefined {
  const reader = new ValueReader(text.trim());
  const value = reader.value(false);
  return value !== undefined && reader.atEnd() ? value : undefined;
}

const pieces: readonly (readonly [pattern: RegExp, read: (text: string) => Parsed | undefined])[] = [
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/y, (t) => ({ schema: schemas.timestamp, value: dateOf(t.slice(0, 10)) + timeOf(t.slice(11)) })],
  [/\d{4}-\d\d-\d\d/y, (t) => ({ schema: schemas.date, value: dateOf(t) / 86_400_000 })],
  [/\d\d:\d\d:\d\d\.\d{3}Z/y, (t) => ({ schema: schemas.time, value: timeOf(t) })],
  [/[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?/y, numberOf],
  [/true/y, () => ({ schema: schemas.boolean, value: true })],
  [/false/y, () => ({ schema: schemas.boolean, value: false })],
  [/null/y, () => ({ schema: null, value: null })],
];

class ValueReader {
  private at = 0;

  constructor(private readonly text: string) {}

  atEnd(): boolean {
    return this.at === this.text.length;
  }

  value(embedded: boolean): Parsed | undefined {
    const c = this.text[this.at];
    if (c === "[") return this.list();
    if (c === "{") return this.map();
    if (c === '"') return embedded ? this.quoted() : undefined;
    for (const [pattern, read] of pieces) {
      pattern.lastIndex = this.at;
      const found = pattern.exec(this.text);
      if (!found) continue;
      const end = this.at + found[0].length;
      // a longer token than the piece is no such piece
      if (end < this.text.length && !/[\s,:\]}]/.test(this.text[end]!)) continue;
      this.at = end;
      return read(found[0]);
    }
    return undefined;
  }

  /** Backslashes stay in the text. */
  private quoted(): Parsed | undefined {
    const found = /"(?:[^"\\]|\\.)*"/sy;
    found.lastIndex = this.at;
    const m = found.exec(this.text);
    if (!m) return undefined;
    this.at += m[0].length;
    return { schema: schemas.string, value: m[0].slice(1, -1) };
  }

  private list(): Parsed | undefined {
    const items = this.items("]", () => this.value(true));
    if (!items) return undefined;
    const common = commonOf(items);
    if (common === "none") return undefined;
    const schema: Schema = { type: "array", optional: false, ...(common ? { valueSchema: common } : {}) };
    return { schema, value: items.map((i) => aligned(i, common)) };
  }

  private map(): Parsed | undefined {
    const keys: Parsed[] = [];
    const values = this.items("}", () => {
      const key = this.value(true);
      this.space();
      if (key === undefined || key.value === null || this.text[this.at] !== ":") return undefined;
      this.at++;
      this.space();
      keys.push(key);
      return this.value(true);
    });
    if (!values) return undefined;
    const keySchema = commonOf(keys);
    const valueSchema = commonOf(values);
    if (keySchema === "none" || valueSchema === "none") return undefined;
    const entries = keys.map((k, i) => [aligned(k, keySchema), aligned(values[i]!, valueSchema)] as const);
    const extra = { ...(keySchema ? { keySchema } : {}), ...(valueSchema ? { valueSchema } : {}) };
    return { schema: { type: "map", optional: false, ...extra }, value: new Map(entries) };
  }

  /** What stands between brackets, with commas between and one allowed at the end. */
  private items(close: string, item: () => Parsed | undefined): Parsed[] | undefined {
    const out: Parsed[] = [];
    this.at++;
    for (;;) {
      this.space();
      if (this.text[this.at] === close) {
        this.at++;
        return out;
      }
      const found = item();
      if (found === undefined) return undefined;
      out.push(found);
      this.space();
      if (this.text[this.at] === ",") this.at++;
      else if (this.text[this.at] !== close) return undefined;
    }
  }

  private space(): void {
    while (/\s/.test(this.text[this.at] ?? "")) this.at++;
  }
}

function numberOf(t: string): Parsed | undefined {
  const decimal = Decimal.parse(t);
  if (!decimal) return undefined;
  const integral = decimal.scale <= 0 || decimal.unscaled % 10n ** BigInt(decimal.scale) === 0n;
  // beyond 20 digits it is no integer, and writing them out may cost without a bound
  if (integral && decimal.scale > -20) {
    const n = decimal.rescale(0).unscaled;
    for (const [bits, type] of [
      [8, "int8"],
      [16, "int16"],
      [32, "int32"],
      [64, "int64"],
    ] as const)
      if (BigInt.asIntN(bits, n) === n) return { schema: schemas[type], value: Number.isSafeInteger(Number(n)) ? Number(n) : n };
  }
  const n = Number(t);
  if (decimal.scale !== 0 && Number.isFinite(Math.fround(n))) return { schema: schemas.float32, value: Math.fround(n) };
  if (decimal.scale !== 0 && Number.isFinite(n)) return { schema: schemas.float64, value: n };
  return { schema: { ...of("bytes", DECIMAL), parameters: { scale: String(decimal.scale) } }, value: decimal };
}

/** ms; a month or day beyond its bounds goes on in the next one, as in Java. */
function dateOf(t: string): number {
  const [year, month, day] = t.split("-").map(Number) as [number, number, number];
  return new Date(0).setUTCFullYear(year, month - 1, day);
}

function timeOf(t: string): number {
  const [hour, minute, second] = t.slice(0, -1).split(":").map(Number) as [number, number, number];
  return (hour * 60 + minute) * 60_000 + Math.round(second * 1000);
}

const numbers: readonly SchemaType[] = ["int8", "int16", "int32", "int64", "float32", "float64"];

/** The schema that all of them fit; undefined where there is none; "none" where some are null and some are not. */
function commonOf(items: readonly Parsed[]): Schema | undefined | "none" {
  const present = items.filter((i) => i.schema !== null);
  if (present.length === 0) return undefined;
  if (present.length < items.length) return "none";
  return present.map((i) => i.schema ?? undefined).reduce(merged);
}

function merged(a: Schema | undefined, b: Schema | undefined): Schema | undefined {
  if (!a || !b) return undefined;
  if (a.type === b.type && a.name === b.name) {
    if (a.type !== "array" && a.type !== "map") return a;
    const inner = (x: Schema | undefined, y: Schema | undefined) => (x && y ? merged(x, y) : (x ?? y));
    const keySchema = inner(a.keySchema, b.keySchema);
    const valueSchema = inner(a.valueSchema, b.valueSchema);
    return { type: a.type, optional: false, ...(keySchema ? { keySchema } : {}), ...(valueSchema ? { valueSchema } : {}) };
  }
  if (a.name === undefined && b.name === undefined && numbers.includes(a.type) && numbers.includes(b.type))
    return numbers.indexOf(a.type) > numbers.indexOf(b.type) ? a : b;
  if (a.name === TIMESTAMP && b.name === DATE) return a;
  return b.name === TIMESTAMP && a.name === DATE ? b : undefined;
}

function aligned({ schema, value }: Parsed, to: Schema | undefined): Value {
  if (to?.name === TIMESTAMP && schema?.name === DATE) return Number(value) * 86_400_000;
  if (to?.type === "float32" && to !== schema) return Math.fround(Number(value));
  return to?.type === "float64" && to !== schema ? Number(value) : value;
}
