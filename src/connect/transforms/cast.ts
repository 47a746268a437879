import { javaDecimal, javaDouble, javaFloat } from "../../data/java-number.js";
import { Decimal, type Field, type Schema, type SchemaType, type Value } from "../../data/schema.js";
import { dateText } from "../../data/value-text.js";
import type { ConnectRecord } from "../api/record.js";
import type { RecordShape } from "../api/shape.js";
import type { ConnectorConfig } from "../api/source.js";
import type { TransformPlugin } from "../api/transform.js";
import { isJavaDate, javaTime } from "./dates.js";
import { fieldsOf, javaClass, listOf, refused, replaceNull, replacesNull, type Side, setting, sided } from "./side.js";
import { convertNode, edit, kept, type NewField, type StructEdit, StructTransform, sourceOf } from "./struct-edit.js";

const outputs: readonly SchemaType[] = ["int8", "int16", "int32", "int64", "float32", "float64", "boolean", "string"];
const inputs: readonly SchemaType[] = [...outputs, "bytes"];
const bits: Partial<Record<SchemaType, number>> = { int8: 8, int16: 16, int32: 32, int64: 64 };

/** A value as Java would cast it. @throws TRANSFORM in Connect's words */
export function castValue(value: Value, to: SchemaType, schema: Schema | null): Value {
  if (value === null) return null;
  const from = schema?.type ?? (value instanceof Map ? "map" : Array.isArray(value) ? "array" : undefined);
  if (from !== undefined && !inputs.includes(from))
    throw refused(
      `Cast transformation does not support casting from ${from.toUpperCase()}; supported types are [${inputs.map((t) => t.toUpperCase()).join(", ")}]`,
    );
  if (to === "string") return castText(value, schema);
  if (typeof value === "string") return castString(value, to, schema);
  const unexpected = () => refused(`Unexpected type in Cast transformation: class ${javaClass(value, schema)}`);
  if (value instanceof Uint8Array) throw unexpected();
  if (to === "boolean") return typeof value === "boolean" ? value : whole(value, 64) !== 0n;
  const width = bits[to];
  if (width !== undefined) return narrowed(typeof value === "boolean" ? BigInt(value) : whole(value, width));
  const n = typeof value === "boolean" ? Number(value) : value instanceof Decimal ? value.toNumber() : Number(value);
  return to === "float32" ? single(n, schema) : n;
}

/** Without a schema only the digits can tell that it was a float: those that Java prints for it. */
function single(n: number, schema: Schema | null): number {
  return schema ? Math.fround(n) : Number(javaFloat(n));
}

/** Number.byteValue() and its like: a float's is that of its int, which stops at the bounds; whole numbers wrap around. */
function whole(value: Value, width: number): bigint {
  if (value instanceof Decimal) {
    const { unscaled, scale } = value;
    return BigInt.asIntN(width, scale > 0 ? unscaled / 10n ** BigInt(scale) : unscaled * 10n ** BigInt(-scale));
  }
  if (typeof value === "bigint" || Number.isInteger(value)) {
    // a whole double beyond 64 bits is no long, so only what may be one wraps around
    const n = BigInt(value as number | bigint);
    if (BigInt.asIntN(64, n) === n) return BigInt.asIntN(width, n);
  }
  const n = Number(value);
  if (Number.isNaN(n)) return 0n;
  const [low, high] = width === 64 ? [-(2n ** 63n), 2n ** 63n - 1n] : [-(2n ** 31n), 2n ** 31n - 1n];
  const truncated = n >= Number(high) ? high : n <= Number(low) ? low : BigInt(Math.trunc(n));
  return BigInt.asIntN(width, truncated);
}

function narrowed(n: bigint): number | bigint {
  const number = Number(n);
  return Number.isSafeInteger(number) ? number : n;
}

function castString(text: string, to: SchemaType, schema: Schema | null): Value {
  if (to === "boolean") return text.toLowerCase() === "true";
  const outside = () => refused(`Value (${text}) was out of range for requested data type`);
  const width = bits[to];
  if (width !== undefined) {
    if (!/^[+-]?\d+$/.test(text)) throw outside();
    const n = BigInt(text.replace(/^\+/, ""));
    if (BigInt.asIntN(width, n) !== n) throw outside();
    return narrowed(n);
  }
  const trimmed = text.replace(/^[\0-\x20]+|[\0-\x20]+$/g, "");
  const m = /^([+-]?)(NaN|Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[fFdD]?)$/.exec(trimmed);
  if (!m) throw outside();
  const n = Number(m[2]!.replace(/[fFdD]$/, "")) * (m[1] === "-" ? -1 : 1);
  return to === "float32" ? single(n, schema) : n;
}

function castText(value: Value, schema: Schema | null): string {
  if (typeof value === "string") return value;
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length).toString("base64");
  if (value instanceof Decimal) return javaDecimal(value.unscaled, value.scale);
  if (isJavaDate(schema)) return dateText(javaTime(value, schema));
  if (typeof value === "number") {
    if (schema?.type === "float32") return javaFloat(value);
    if (schema?.type === "float64" || (schema === null && !Number.isInteger(value))) return javaDouble(value);
  }
  return String(value);
}

class Cast extends StructTransform {
  private readonly fields = new Map<string, SchemaType>();
  private readonly whole: SchemaType | undefined;
  private readonly nullToDefault: boolean;

  constructor(config: ConnectorConfig, side: Side) {
    super(side, "cast types");
    let whole: SchemaType | undefined;
    for (const spec of listOf(config["spec"])) {
      const [name, type] = spec.includes(":") ? spec.split(":", 2) : [undefined, spec];
      if (name === undefined) whole = type!.trim().toLowerCase() as SchemaType;
      else this.fields.set(name.trim(), type!.trim().toLowerCase() as SchemaType);
    }
    this.whole = whole;
    this.nullToDefault = replacesNull(config);
  }

  override apply<R extends ConnectRecord>(record: R): R | null {
    const { side, whole } = this;
    const value = side.value(record);
    const schema = side.schema(record);
    if (schema && value !== null && !whole) fieldsOf(schema);
    if (value === null || !whole) return super.apply(record);
    return side.with(record, schema && this.wholeSchema(schema), castValue(value, whole, schema));
  }

  override compile(shape: RecordShape): RecordShape | undefined {
    const { side, whole } = this;
    if (!whole) return super.compile(shape);
    const node = side.node(shape);
    // a null value keeps its schema, so the rows would not be of one schema
    if (node === null || node.schema.optional) return node === null ? shape : undefined;
    try {
      const next = convertNode(node, this.wholeSchema(node.schema), (v) => castValue(v, whole, node.schema));
      return next && side.withNode(shape, next);
    } catch {
      return undefined;
    }
  }

  private readonly wholes = new WeakMap<Schema, Schema>();

  private wholeSchema(schema: Schema): Schema {
    let made = this.wholes.get(schema);
    if (!made) {
      const { name, version, doc, parameters, optional } = schema;
      // the logical type's name stays, and no default of another type goes with it
      if (schema.default != null && (isJavaDate(schema) || schema.default instanceof Decimal)) throw refused("Invalid default value");
      const extra = Object.entries({ name, version, doc, parameters }).filter(([, v]) => v !== undefined);
      made = Object.freeze({ ...Object.fromEntries(extra), type: this.whole!, optional, ...this.fallback(schema, this.whole!) });
      this.wholes.set(schema, made);
    }
    return made;
  }

  private fallback(schema: Schema, to: SchemaType): { default?: Value } {
    return schema.default === undefined || schema.default === null ? {} : { default: castValue(schema.default, to, schema) };
  }

  protected plan(schema: Schema, fields: readonly Field[]): StructEdit {
    return edit(
      schema,
      fields.map((f): NewField => {
        const to = this.fields.get(f.name);
        if (!to) return kept(f, this.nullToDefault);
        const cast: Schema = Object.freeze({ type: to, optional: f.schema.optional, ...this.fallback(f.schema, to) });
        return {
          name: f.name,
          schema: cast,
          source: { ...sourceOf(f, this.nullToDefault), convert: (v) => castValue(v, to, f.schema) },
        };
      }),
      { optional: schema.optional },
    );
  }

  protected schemaless(map: Map<Value, Value>): Map<Value, Value> {
    const out = new Map(map);
    for (const [name, to] of this.fields) out.set(name, castValue(map.get(name) ?? null, to, null));
    return out;
  }
}

function specProblem(value: unknown): string | undefined {
  const specs = value as readonly string[];
  if (specs.length === 0) return "Must specify at least one field to cast.";
  for (const s of specs) {
    const parts = s.split(":");
    if (parts.length > 2) return `Invalid rename mapping: ${s}`;
    const type = parts.at(-1)!.trim().toLowerCase() as SchemaType;
    if (type === "bytes" || !outputs.includes(type))
      return `Cast transformation does not support casting to ${type.toUpperCase()}; supported types are [${outputs.map((t) => t.toUpperCase()).join(", ")}]`;
  }
  return specs.some((s) => !s.includes(":")) && specs.length > 1
    ? "Cast transformations that specify a type to cast the entire value to may ONLY specify a single cast in their spec"
    : undefined;
}

export const castTransforms: readonly TransformPlugin[] = sided(
  "Cast",
  [
    setting("spec", "Fields and the type to cast them to: FIELD:TYPE,…, or a TYPE for the whole.", {
      type: "LIST",
      importance: "HIGH",
      check: specProblem,
    }),
    replaceNull,
  ],
  (c, side) => new Cast(c, side),
);
