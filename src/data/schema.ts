/**
 * Kafka Connect's data model: what connectors, transforms and converters exchange. Schemas are immutable and compared by
 * identity first, so keep and share them: compiled encoders are cached on the object.
 */
export type SchemaType =
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "float32"
  | "float64"
  | "boolean"
  | "string"
  | "bytes"
  | "array"
  | "map"
  | "struct";

export interface Schema {
  readonly type: SchemaType;
  readonly optional: boolean;
  /** A logical type's or a struct's full name. */
  readonly name?: string;
  readonly version?: number;
  readonly doc?: string;
  readonly parameters?: Readonly<Record<string, string>>;
  /** Present (even if null) only where the schema declares a default. */
  readonly default?: Value;
  /** of a struct, in order */
  readonly fields?: readonly Field[];
  /** of a map */
  readonly keySchema?: Schema;
  /** of an array's elements or a map's values */
  readonly valueSchema?: Schema;
}

export interface Field {
  readonly name: string;
  readonly index: number;
  readonly schema: Schema;
}

/**
 * What a schema's type looks like in memory:
 * int8..int32, float32, float64: number. int64: number while it is a safe integer, else bigint. boolean. string.
 * bytes: Uint8Array. array: Value[]. map: Map. struct: Struct. Logical types: Decimal is a Decimal; Date (days), Time (ms
 * of the day) and Timestamp (ms) stay the number that their schema's type says. null where optional.
 */
export type Value = null | boolean | number | bigint | string | Uint8Array | Decimal | readonly Value[] | Map<Value, Value> | Struct;

/** Exact decimal: unscaled × 10^-scale. */
export class Decimal {
  constructor(
    readonly unscaled: bigint,
    readonly scale: number,
  ) {}

  /** @param text plain or with an exponent, as Postgres and Java print it; the scale is the number of fraction digits */
  static parse(text: string): Decimal | undefined {
    const m = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text);
    if (!m || (m[2] === "" && (m[3] ?? "") === "")) return undefined;
    const fraction = m[3] ?? "";
    const unscaled = BigInt(`${m[2]}${fraction}`);
    return new Decimal(m[1] === "-" ? -unscaled : unscaled, fraction.length - Number(m[4] ?? 0));
  }

  /** Plain notation, never an exponent: `-0.0010`; a negative scale is written out with zeros. */
  toString(): string {
    const negative = this.unscaled < 0n;
    let digits = (negative ? -this.unscaled : this.unscaled).toString();
    if (this.scale < 0) digits = digits === "0" ? digits : digits + "0".repeat(-this.scale);
    else if (this.scale > 0) {
      digits = digits.padStart(this.scale + 1, "0");
      digits = `${digits.slice(0, -this.scale)}.${digits.slice(-this.scale)}`;
    }
    return negative ? `-${digits}` : digits;
  }

  /** Exact at a larger scale; at a smaller one rounds half up (away from zero), as java.math.RoundingMode.HALF_UP. */
  rescale(scale: number): Decimal {
    if (scale === this.scale) return this;
    if (scale > this.scale) return new Decimal(this.unscaled * 10n ** BigInt(scale - this.scale), scale);
    const divisor = 10n ** BigInt(this.scale - scale);
    const magnitude = this.unscaled < 0n ? -this.unscaled : this.unscaled;
    const rounded = (magnitude + divisor / 2n) / divisor;
    return new Decimal(this.unscaled < 0n ? -rounded : rounded, scale);
  }

  toNumber(): number {
    return Number(this.toString());
  }

  /** The unscaled value as big-endian two's complement in the fewest bytes, as Connect's Decimal and Avro's decimal. */
  toBytes(): Buffer {
    let n = this.unscaled;
    const bytes: number[] = [];
    for (;;) {
      const byte = Number(n & 0xffn);
      bytes.push(byte);
      n >>= 8n;
      if ((n === 0n && byte < 128) || (n === -1n && byte >= 128)) break;
    }
    return Buffer.from(bytes.reverse());
  }

  static fromBytes(bytes: Uint8Array, scale: number): Decimal {
    if (bytes.length === 0) return new Decimal(0n, scale);
    const magnitude = BigInt(`0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")}`);
    return new Decimal(BigInt.asIntN(bytes.length * 8, magnitude), scale);
  }
}

/** A row of a struct schema; values by field position. */
export class Struct {
  readonly values: Value[];

  constructor(
    readonly schema: Schema,
    values?: Value[],
  ) {
    this.values = values ?? new Array<Value>(schema.fields!.length).fill(null);
  }

  /** null where the field holds null, undefined where there is no such field */
  get(name: string): Value | undefined {
    const field = fieldNamed(this.schema, name);
    return field === undefined ? undefined : this.values[field.index];
  }

  /** @throws RangeError where the schema has no such field */
  set(name: string, value: Value): this {
    const field = fieldNamed(this.schema, name);
    if (!field) throw new RangeError(`${name} is not a field of ${this.schema.name ?? "the struct"}`);
    this.values[field.index] = value;
    return this;
  }
}

const fieldsByName = new WeakMap<Schema, Map<string, Field>>();

export function fieldNamed(schema: Schema, name: string): Field | undefined {
  let byName = fieldsByName.get(schema);
  if (!byName) fieldsByName.set(schema, (byName = new Map(schema.fields!.map((f) => [f.name, f]))));
  return byName.get(name);
}

type Extra = Partial<Omit<Schema, "type" | "fields">>;

export function primitive(type: Exclude<SchemaType, "array" | "map" | "struct">, extra: Extra = {}): Schema {
  return Object.freeze({ type, optional: false, ...extra });
}
export function arrayOf(valueSchema: Schema, extra: Extra = {}): Schema {
  return Object.freeze({ type: "array", optional: false, valueSchema, ...extra } as Schema);
}
export function mapOf(keySchema: Schema, valueSchema: Schema, extra: Extra = {}): Schema {
  return Object.freeze({ type: "map", optional: false, keySchema, valueSchema, ...extra } as Schema);
}
export function structOf(fields: readonly (readonly [name: string, schema: Schema])[], extra: Extra = {}): Schema {
  const list = fields.map(([name, schema], index) => Object.freeze({ name, index, schema }));
  return Object.freeze({ type: "struct", optional: false, fields: Object.freeze(list), ...extra } as Schema);
}
export function optional(schema: Schema): Schema {
  return schema.optional ? schema : Object.freeze({ ...schema, optional: true });
}

/** Connect's own logical types; `scale` is a string parameter as Connect writes it. */
export const logical = {
  decimal: (scale: number, extra: Extra = {}) =>
    primitive("bytes", {
      name: "org.apache.kafka.connect.data.Decimal",
      version: 1,
      ...extra,
      parameters: { scale: String(scale), ...extra.parameters },
    }),
  date: (extra: Extra = {}) => primitive("int32", { name: "org.apache.kafka.connect.data.Date", version: 1, ...extra }),
  time: (extra: Extra = {}) => primitive("int32", { name: "org.apache.kafka.connect.data.Time", version: 1, ...extra }),
  timestamp: (extra: Extra = {}) => primitive("int64", { name: "org.apache.kafka.connect.data.Timestamp", version: 1, ...extra }),
};
