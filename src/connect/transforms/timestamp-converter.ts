import type { Field, Schema, Value } from "../../data/schema.js";
import { Struct } from "../../data/schema.js";
import type { ConnectRecord } from "../api/record.js";
import type { Node, RecordShape } from "../api/shape.js";
import type { ConnectorConfig } from "../api/source.js";
import type { Transformation, TransformPlugin } from "../api/transform.js";
import { dateNames, isJavaDate, javaTime } from "./dates.js";
import { fieldsOf, javaClass, refused, replaceNull, replacesNull, requireMap, requireStruct, type Side, setting, sided } from "./side.js";
import { SimpleDateFormat } from "./simple-date-format.js";
import { applyEdit, convertNode, edit, editNode, kept, type NewField, type StructEdit, sourceOf } from "./struct-edit.js";

const day = 86_400_000;
/** How many of a unit a millisecond has; below one, its inverse. */
const perMs: Readonly<Record<string, bigint>> = { microseconds: 1000n, nanoseconds: 1_000_000n };

/** Between a time as text, as a number since the epoch, and Connect's Date, Time and Timestamp. */
class TimestampConverter implements Transformation {
  private readonly field: string;
  private readonly target: string;
  private readonly format: SimpleDateFormat | undefined;
  private readonly precision: string;
  private readonly nullToDefault: boolean;
  private readonly edits = new WeakMap<Schema, StructEdit>();

  constructor(
    config: ConnectorConfig,
    private readonly side: Side,
  ) {
    this.field = config["field"]?.trim() ?? "";
    this.target = config["target.type"]?.trim() ?? "";
    const pattern = config["format"]?.trim() ?? "";
    this.format = pattern ? new SimpleDateFormat(pattern) : undefined;
    this.precision = config["unix.precision"]?.trim() ?? "milliseconds";
    this.nullToDefault = replacesNull(config);
  }

  apply<R extends ConnectRecord>(record: R): R {
    const { side, field } = this;
    const schema = side.schema(record);
    const value = side.value(record);
    if (schema === null) {
      if (value === null || field === "") return side.with(record, null, this.convert(value, null));
      const map = requireMap(value, "converting timestamp formats");
      return side.with(record, null, new Map(map).set(field, this.convert(map.get(field) ?? null, null)));
    }
    if (field === "") return side.with(record, this.targetSchema(schema), this.convert(value, schema));
    if (value !== null) requireStruct(value, schema, "converting timestamp formats");
    const change = this.editOf(schema);
    return side.with(record, change.schema, value === null ? null : applyEdit(change, value as Struct));
  }

  compile(shape: RecordShape): RecordShape | undefined {
    const { side, field } = this;
    const node = side.node(shape);
    if (node === null) return shape;
    try {
      const next = field === "" ? this.wholeNode(node) : this.editedNode(node);
      return next && side.withNode(shape, next);
    } catch {
      return undefined;
    }
  }

  private wholeNode(node: Node): Node | undefined {
    return convertNode(node, this.targetSchema(node.schema), (v) => this.convert(v, node.schema));
  }

  private editedNode(node: Node): Node | undefined {
    const change = this.editOf(node.schema);
    return node.kind === "const" && node.value === null ? { kind: "const", schema: change.schema, value: null } : editNode(change, node);
  }

  private editOf(schema: Schema): StructEdit {
    let change = this.edits.get(schema);
    if (!change) {
      const fields = fieldsOf(schema).map((f) => this.edited(f));
      const extra = { optional: schema.optional };
      change = edit(schema, fields, extra);
      if (schema.default instanceof Struct) change = edit(schema, fields, { ...extra, default: applyEdit(change, schema.default) });
      this.edits.set(schema, change);
    }
    return change;
  }

  private edited(f: Field): NewField {
    if (f.name !== this.field) return kept(f, this.nullToDefault);
    const source = { ...sourceOf(f, this.nullToDefault), convert: (v: Value) => this.convert(v, f.schema) };
    return { name: f.name, schema: this.targetSchema(f.schema), source };
  }

  private targetSchema({ optional }: Schema): Schema {
    switch (this.target) {
      case "string":
        return { type: "string", optional };
      case "unix":
        return { type: "int64", optional };
      case "Date":
      case "Time":
        return { type: "int32", optional, name: dateNames[this.target], version: 1 };
      default:
        return { type: "int64", optional, name: dateNames.Timestamp, version: 1 };
    }
  }

  private convert(value: Value, schema: Schema | null): Value {
    const read = schema && this.reader(schema);
    if (value === null) return null;
    const ms = read ? read(value) : this.inferred(value);
    switch (this.target) {
      case "string":
        return this.format!.format(ms);
      case "unix":
        return this.toUnix(ms);
      case "Date":
        return Math.floor(ms / day);
      case "Time":
        return ((ms % day) + day) % day;
      default:
        return ms;
    }
  }

  /** How values of the schema are read as ms. @throws TRANSFORM for one that holds no time, whatever the value */
  private reader(schema: Schema): (value: Value) => number {
    if (isJavaDate(schema)) return (v) => javaTime(v, schema);
    if (schema.type === "string") return (v) => this.parse(v as string);
    if (schema.type === "int64") return (v) => this.fromUnix(v as number | bigint);
    const name = schema.name === undefined ? "" : `${schema.name}:`;
    throw refused(`Schema Schema{${name}${schema.type.toUpperCase()}} does not correspond to a known timestamp type format`);
  }

  private inferred(value: Value): number {
    if (typeof value === "string") return this.parse(value);
    if (typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value))) return this.fromUnix(value);
    throw refused(`TimestampConverter does not support class ${javaClass(value, null)} objects as timestamps`);
  }

  private parse(text: string): number {
    const ms = this.format?.parse(text);
    if (ms === undefined) {
      if (!this.format) throw refused("TimestampConverter needs format to read a time from text");
      throw refused(`Could not parse timestamp: value (${text}) does not match pattern (${this.format.pattern})`);
    }
    return ms;
  }

  private fromUnix(value: number | bigint): number {
    if (this.precision === "milliseconds") return Number(value);
    if (this.precision === "seconds") return Number(value) * 1000;
    // cut towards zero, as java.util.concurrent.TimeUnit does
    return Number(BigInt(value) / perMs[this.precision]!);
  }

  private toUnix(ms: number): number | bigint {
    if (this.precision === "milliseconds") return ms;
    if (this.precision === "seconds") return Math.trunc(ms / 1000) + 0;
    const n = BigInt.asIntN(64, BigInt(ms) * perMs[this.precision]!);
    return Number.isSafeInteger(Number(n)) ? Number(n) : n;
  }
}

export const timestampTransforms: readonly TransformPlugin[] = sided(
  "TimestampConverter",
  [
    setting("target.type", "The desired type.", { importance: "HIGH", values: ["string", "unix", "Date", "Time", "Timestamp"] }),
    setting("field", "The field with the time; empty: the whole value.", { default: "", importance: "HIGH" }),
    setting("format", "A pattern as java.text.SimpleDateFormat, for text.", {
      default: "",
      check: (v, c) => {
        if (String(v).trim() === "")
          return c["target.type"]?.trim() === "string"
            ? "TimestampConverter requires format option to be specified when using string timestamps"
            : undefined;
        try {
          new SimpleDateFormat(String(v));
          return undefined;
        } catch (error) {
          return `TimestampConverter requires a SimpleDateFormat-compatible pattern for string timestamps: ${(error as Error).message}`;
        }
      },
    }),
    setting("unix.precision", "What a number counts.", {
      default: "milliseconds",
      values: ["nanoseconds", "microseconds", "milliseconds", "seconds"],
      importance: "LOW",
    }),
    replaceNull,
  ],
  (c, side) => new TimestampConverter(c, side),
);
