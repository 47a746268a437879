import type { Setting } from "../../common/config-def.js";
import { Decimal, type Schema, type SchemaType, Struct, type Value } from "../../data/schema.js";
import type { ConnectRecord } from "../api/record.js";
import type { Node, RecordShape } from "../api/shape.js";
import type { ConnectorConfig } from "../api/source.js";
import type { Transformation, TransformPlugin } from "../api/transform.js";
import { formatDate, parseDate, SetSchemaMetadata } from "./routing.js";
import { kindOf, refused, requireMap, requireStruct, type Side, sided } from "./side.js";
import { convertNode, edit, kept, type NewField, type StructEdit, StructTransform } from "./struct-edit.js";

const listOf = (text: string | undefined) =>
  (text ?? "")
    .split(",")
    .map((s) => s.trim())
    .filter(Boolean);

/** A schema of another type, keeping whether it is optional. */
function retyped(schema: Schema, to: Partial<Schema> & { type: SchemaType }): Schema {
  return Object.freeze({ ...to, optional: schema.optional });
}

/** A transform of one field, or of the whole key or value where it names none. */
abstract class ValueTransform extends StructTransform {
  protected abstract convertWhole(schema: Schema | null, value: Value): { schema: Schema | null; value: Value } | undefined;
  protected abstract wholeNode(node: Node): Node | undefined;

  override apply<R extends ConnectRecord>(record: R): R | null {
    const whole = this.convertWhole(this.side.schema(record), this.side.value(record));
    return whole ? this.side.with(record, whole.schema, whole.value) : super.apply(record);
  }
}

const castTypes: readonly SchemaType[] = ["int8", "int16", "int32", "int64", "float32", "float64", "boolean", "string", "bytes"];
const bits: Partial<Record<SchemaType, number>> = { int8: 8, int16: 16, int32: 32, int64: 64 };

export function castValue(value: Value, to: SchemaType, from?: Schema): Value {
  if (value === null) return null;
  if (to === "string")
    return typeof value === "string" ? value : value instanceof Uint8Array ? Buffer.from(value).toString("base64") : castText(value, from);
  if (to === "bytes") {
    if (value instanceof Uint8Array) return value;
    throw refused(`Unexpected type in Cast transformation: ${kindOf(value)} to bytes`);
  }
  if (to === "boolean") return typeof value === "string" ? value.toLowerCase() === "true" : Number(value) !== 0;
  const width = bits[to];
  if (width === undefined) {
    const n = typeof value === "boolean" ? Number(value) : value instanceof Decimal ? value.toNumber() : Number(value);
    if (typeof value === "string" && (value.trim() === "" || Number.isNaN(n)) && value.trim() !== "NaN")
      throw refused(`Invalid value: ${value} is not a number`);
    return to === "float32" ? Math.fround(n) : n;
  }
  let n: bigint;
  if (typeof value === "string") {
    if (!/^[+-]?\d+$/.test(value.trim())) throw refused(`Invalid value: ${value} is not a whole number`);
    n = BigInt(value.trim());
    if (BigInt.asIntN(width, n) !== n) throw refused(`Value out of range: ${value} for ${to}`);
  } else if (value instanceof Decimal) n = value.unscaled / 10n ** BigInt(Math.max(0, value.scale));
  else
    n = BigInt(
      typeof value === "bigint"
        ? value
        : typeof value === "boolean"
          ? Number(value)
          : Number.isFinite(Number(value))
            ? Math.trunc(Number(value))
            : 0,
    );
  const narrow = BigInt.asIntN(width, n);
  return Number.isSafeInteger(Number(narrow)) ? Number(narrow) : narrow;
}

/** As Java prints it: a whole float has its `.0`. */
function castText(value: Value, from: Schema | undefined): string {
  if (
    typeof value === "number" &&
    (from?.type === "float32" || from?.type === "float64") &&
    Number.isInteger(value) &&
    Math.abs(value) < 1e7
  )
    return `${value}.0`;
  return String(value);
}

class Cast extends ValueTransform {
  private readonly fields = new Map<string, SchemaType>();
  private readonly whole: SchemaType | undefined;

  constructor(config: ConnectorConfig, side: Side) {
    super(side, "cast types");
    let whole: SchemaType | undefined;
    for (const spec of listOf(config["spec"])) {
      const [name, type] = spec.includes(":") ? spec.split(":", 2) : [undefined, spec];
      if (name === undefined) whole = type!.trim().toLowerCase() as SchemaType;
      else this.fields.set(name.trim(), type!.trim().toLowerCase() as SchemaType);
    }
    this.whole = whole;
  }

  protected convertWhole(schema: Schema | null, value: Value) {
    if (!this.whole) return undefined;
    return { schema: schema && retyped(schema, { type: this.whole }), value: castValue(value, this.whole, schema ?? undefined) };
  }

  protected wholeNode(node: Node): Node | undefined {
    const to = this.whole!;
    return convertNode(node, retyped(node.schema, { type: to }), (v) => castValue(v, to, node.schema));
  }

  override compile(shape: RecordShape): RecordShape | undefined {
    if (!this.whole) return super.compile(shape);
    const node = this.side.node(shape);
    const next = node && this.wholeNode(node);
    return next ? this.side.withNode(shape, next) : undefined;
  }

  protected plan(schema: Schema): StructEdit {
    return edit(
      schema,
      schema.fields!.map((f): NewField => {
        const to = this.fields.get(f.name);
        if (!to) return kept(f);
        return {
          name: f.name,
          schema: retyped(f.schema, { type: to }),
          source: { from: f.index, convert: (v) => castValue(v, to, f.schema) },
        };
      }),
    );
  }

  protected schemaless(map: Map<Value, Value>): Map<Value, Value> {
    const out = new Map(map);
    for (const [name, to] of this.fields) if (map.has(name)) out.set(name, castValue(map.get(name)!, to));
    return out;
  }
}

const dateNames = {
  Date: "org.apache.kafka.connect.data.Date",
  Time: "org.apache.kafka.connect.data.Time",
  Timestamp: "org.apache.kafka.connect.data.Timestamp",
};
const day = 86_400_000;

/** Between a time as text, as a number since the epoch, and Connect's Date, Time and Timestamp. */
class TimestampConverter extends ValueTransform {
  private readonly field: string;
  private readonly target: string;
  private readonly format: string;
  private readonly unit: number;

  constructor(config: ConnectorConfig, side: Side) {
    super(side, "converting timestamp formats");
    this.field = config["field"]?.trim() ?? "";
    this.target = config["target.type"]?.trim() ?? "";
    this.format = config["format"]?.trim() ?? "";
    // how many ms one unit is
    this.unit =
      { seconds: 1000, milliseconds: 1, microseconds: 1e-3, nanoseconds: 1e-6 }[
        config["unix.precision"]?.trim().toLowerCase() ?? "milliseconds"
      ] ?? 1;
  }

  protected convertWhole(schema: Schema | null, value: Value) {
    if (this.field) return undefined;
    return { schema: schema && this.targetSchema(schema), value: this.convert(value, schema) };
  }

  protected wholeNode(node: Node): Node | undefined {
    return convertNode(node, this.targetSchema(node.schema), (v) => this.convert(v, node.schema));
  }

  override compile(shape: RecordShape): RecordShape | undefined {
    if (this.field) return super.compile(shape);
    const node = this.side.node(shape);
    const next = node && this.wholeNode(node);
    return next ? this.side.withNode(shape, next) : undefined;
  }

  protected plan(schema: Schema): StructEdit {
    return edit(
      schema,
      schema.fields!.map((f): NewField => {
        if (f.name !== this.field) return kept(f);
        return { name: f.name, schema: this.targetSchema(f.schema), source: { from: f.index, convert: (v) => this.convert(v, f.schema) } };
      }),
    );
  }

  protected schemaless(map: Map<Value, Value>): Map<Value, Value> {
    return new Map(map).set(this.field, this.convert(map.get(this.field) ?? null, null));
  }

  private targetSchema(schema: Schema): Schema {
    switch (this.target) {
      case "string":
        return retyped(schema, { type: "string" });
      case "unix":
        return retyped(schema, { type: "int64" });
      case "Date":
      case "Time":
        return retyped(schema, { type: "int32", name: dateNames[this.target], version: 1 });
      default:
        return retyped(schema, { type: "int64", name: dateNames.Timestamp, version: 1 });
    }
  }

  private convert(value: Value, schema: Schema | null): Value {
    if (value === null) return null;
    const ms = this.toMs(value, schema);
    switch (this.target) {
      case "string":
        return formatDate(ms, this.format);
      case "unix":
        return Math.trunc(ms / this.unit);
      case "Date":
        return Math.floor(ms / day);
      case "Time":
        return ((ms % day) + day) % day;
      default:
        return ms;
    }
  }

  private toMs(value: Value, schema: Schema | null): number {
    if (typeof value === "string") return parseDate(value, this.format);
    if (typeof value !== "number" && typeof value !== "bigint")
      throw refused(`TimestampConverter does not support values of type ${kindOf(value)}`);
    const n = Number(value);
    if (schema?.name === dateNames.Date) return n * day;
    if (schema?.name === dateNames.Timestamp || schema?.name === dateNames.Time) return n;
    if (schema && schema.type !== "int64") throw refused(`Schema type ${schema.type} is not supported by TimestampConverter`);
    return Math.trunc(n * this.unit);
  }
}

/** Nested structs as fields of one level, named with a delimiter between. */
class Flatten implements Transformation {
  private readonly plans = new WeakMap<Schema, { schema: Schema; paths: readonly (readonly number[])[] }>();

  constructor(
    private readonly delimiter: string,
    private readonly side: Side,
  ) {}

  apply<R extends ConnectRecord>(record: R): R {
    const { side } = this;
    const value = side.value(record);
    if (value === null) return record;
    if (side.schema(record) === null) return side.with(record, null, this.flatMap(requireMap(value, "flattening"), "", new Map()));
    const struct = requireStruct(value, "flattening");
    const { schema, paths } = this.planOf(struct.schema);
    const values = paths.map((path) => path.reduce<Value>((at, i) => (at instanceof Struct ? at.values[i]! : null), struct));
    return side.with(record, schema, new Struct(schema, values));
  }

  compile(shape: RecordShape): RecordShape | undefined {
    const node = this.side.node(shape);
    if (node === null || (node.kind === "const" && node.value === null)) return shape;
    if (node.kind !== "struct") return undefined;
    const { schema, paths } = this.planOf(node.schema);
    const fields: Node[] = [];
    for (const [n, path] of paths.entries()) {
      let at: Node | undefined = node;
      for (const i of path) {
        if (at?.kind === "struct") at = at.fields[i];
        else if (at?.kind === "const")
          at = { kind: "const", schema: at.schema.fields![i]!.schema, value: at.value instanceof Struct ? at.value.values[i]! : null };
        else return undefined;
      }
      fields.push({ ...at!, schema: schema.fields![n]!.schema } as Node);
    }
    return this.side.withNode(shape, { kind: "struct", schema, fields });
  }

  private planOf(schema: Schema) {
    let plan = this.plans.get(schema);
    if (!plan) {
      const fields: NewField[] = [];
      const paths: number[][] = [];
      const walk = (s: Schema, prefix: string, path: readonly number[], optionalAbove: boolean) => {
        for (const f of s.fields!) {
          const name = prefix ? `${prefix}${this.delimiter}${f.name}` : f.name;
          const here = [...path, f.index];
          if (f.schema.type === "struct") walk(f.schema, name, here, optionalAbove || f.schema.optional);
          else {
            // Below an optional struct every field may be missing.
            const own = optionalAbove && !f.schema.optional ? Object.freeze({ ...f.schema, optional: true }) : f.schema;
            fields.push({ name, schema: own, source: { from: 0 } });
            paths.push(here);
          }
        }
      };
      walk(schema, "", [], schema.optional);
      plan = { schema: edit(schema, fields).schema, paths };
      this.plans.set(schema, plan);
    }
    return plan;
  }

  private flatMap(map: Map<Value, Value>, prefix: string, out: Map<Value, Value>): Map<Value, Value> {
    for (const [k, v] of map) {
      const name = prefix ? `${prefix}${this.delimiter}${String(k)}` : String(k);
      if (v instanceof Map) this.flatMap(v as Map<Value, Value>, name, out);
      else out.set(name, v);
    }
    return out;
  }
}

const setting = (name: string, doc: string, more: Partial<Setting> = {}): Setting => ({
  name,
  type: "STRING",
  importance: "MEDIUM",
  doc,
  ...more,
});

function specProblem(value: unknown): string | undefined {
  const specs = value as readonly string[];
  if (specs.length === 0) return "Must specify at least one field to cast.";
  for (const s of specs) {
    const type = (s.includes(":") ? s.split(":", 2)[1]! : s).trim().toLowerCase() as SchemaType;
    if (!castTypes.includes(type) || type === "bytes")
      return `Cast transformation only supports casting to/from ${castTypes.slice(0, -1).join(", ")}; not ${type}`;
  }
  return specs.filter((s) => !s.includes(":")).length > 0 && specs.length > 1
    ? "Cast transformations that specify a type to cast the entire value to may ONLY specify a single cast"
    : undefined;
}

export const convertTransforms: readonly TransformPlugin[] = [
  ...sided(
    "Cast",
    [
      setting("spec", "Fields and the type to cast them to: FIELD:TYPE,…, or a TYPE for the whole.", {
        type: "LIST",
        importance: "HIGH",
        check: specProblem,
      }),
      setting("replace.null.with.default", "Accepted; nulls stay null.", { type: "BOOLEAN", default: true }),
    ],
    (c, side) => new Cast(c, side),
  ),
  ...sided(
    "Flatten",
    [setting("delimiter", "Delimiter between the names of fields.", { default: "." })],
    (c, side) => new Flatten(c["delimiter"] ?? ".", side),
  ),
  ...sided(
    "TimestampConverter",
    [
      setting("target.type", "The desired type.", { importance: "HIGH", values: ["string", "unix", "Date", "Time", "Timestamp"] }),
      setting("field", "The field with the time; empty: the whole value.", { default: "", importance: "HIGH" }),
      setting("format", "A pattern as java.text.SimpleDateFormat, for text.", {
        default: "",
        check: (v, c) =>
          c["target.type"]?.trim() === "string" && String(v) === "" ? "format is needed where target.type is string" : undefined,
      }),
      setting("unix.precision", "What a number counts.", {
        default: "milliseconds",
        values: ["nanoseconds", "microseconds", "milliseconds", "seconds"],
        importance: "LOW",
      }),
      setting("replace.null.with.default", "Accepted; nulls stay null.", { type: "BOOLEAN", default: true }),
    ],
    (c, side) => new TimestampConverter(c, side),
  ),
  ...sided(
    "SetSchemaMetadata",
    [
      setting("schema.name", "Schema name to set.", { default: null, importance: "HIGH" }),
      setting("schema.version", "Schema version to set.", { type: "INT", default: null, importance: "HIGH" }),
      setting("replace.null.with.default", "Accepted; nulls stay null.", { type: "BOOLEAN", default: true }),
    ],
    (c, side) => new SetSchemaMetadata(c, side),
  ),
];
