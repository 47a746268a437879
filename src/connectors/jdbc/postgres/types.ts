import type { ValueKind } from "../../../cdc/value-kind.js";
import type { Decimal, Schema, Value } from "../../../data/schema.js";
import type { PlanColumn } from "../dialect.js";
import { INFINITY, inZone, MINUS_INFINITY, micros, parseInstant, parseInstantBytes } from "../instant.js";
import { toText } from "../text.js";
import type { TimeZone } from "../time-zone.js";
import type { BinaryArrays } from "./binary-array.js";

/** How a column's values go into an `unnest`: the array's element type, a writer, and the cast to the column's type if any. */
export interface ColumnWriter {
  readonly elementType: string;
  readonly elementOid: number;
  /** the type to cast to in the SELECT over the unnest; null where assignment does */
  readonly cast: string | null;
  readonly write: (array: BinaryArrays, value: Exclude<Value, null>) => void;
  /** Of a NumberColumn's number. */
  readonly number?: (array: BinaryArrays, n: number) => void;
  /** Of a SpanColumn's bytes. */
  readonly span?: (array: BinaryArrays, bytes: Buffer, start: number, end: number) => void;
}

/** The column type that a created table gets for a field. @returns undefined where no column can hold it */
export function columnType(kind: ValueKind, schema: Schema): string | undefined {
  const source = schema.parameters?.["__debezium.source.column.type"]?.toLowerCase();
  if (source !== undefined && ownTypes.has(source)) return source;
  switch (kind.kind) {
    case "int":
      return { 16: "smallint", 32: "integer", 64: "bigint" }[kind.bits];
    case "float":
      return kind.bits === 32 ? "real" : "double precision";
    case "decimal":
      return kind.precision !== undefined && kind.precision <= 1000 && kind.precision >= kind.scale
        ? `numeric(${kind.precision},${kind.scale})`
        : "numeric";
    case "variable-decimal":
      return "numeric";
    case "string":
      return "text";
    case "bytes":
      return "bytea";
    case "json":
      return "jsonb";
    case "iso-date":
      return "date";
    case "iso-time":
      return "time";
    case "iso-timestamp":
      return "timestamp";
    case "interval-iso":
    case "interval-us":
      return "interval";
    case "bits":
      return kind.length === undefined ? "varbit" : `bit(${kind.length})`;
    case "geometry":
      return "bytea";
    case "map":
      return "hstore";
    case "sparse-vector":
      return "text";
    case "array": {
      const element = columnType(kind.element, schema.valueSchema!);
      return element === undefined ? undefined : `${element}[]`;
    }
    default:
      return kind.kind;
  }
}

/** Types that travel as plain strings and are known only when the source says so (`column.propagate.source.type`). */
const ownTypes = new Set(
  "inet cidr macaddr macaddr8 citext money tsvector tsquery int4range int8range numrange tsrange tstzrange daterange jsonb json xml ltree vector halfvec sparsevec".split(
    " ",
  ),
);

/** Values that the writer cannot encode are refused rows. `zone`: the wall clock of instants in columns without a zone. */
export function columnWriter(
  { kind, schema, type: target }: Pick<PlanColumn, "kind" | "schema" | "type">,
  zone: TimeZone | null,
): ColumnWriter {
  const to = (type: string) => (target === type ? null : target);
  switch (kind.kind) {
    case "int":
      if (kind.bits === 64) return numberWriter("int8", 20, to("bigint"), (a, n) => a.int64(n));
      if (kind.bits === 32) return numberWriter("int4", 23, to("integer"), (a, n) => a.int32(n));
      return numberWriter("int2", 21, to("smallint"), (a, n) => a.int16(n));
    case "float":
      if (kind.bits === 64) return numberWriter("float8", 701, to("double precision"), (a, n) => a.float64(n));
      return numberWriter("float4", 700, to("real"), (a, n) => a.float32(n));
    case "boolean":
      return {
        elementType: "bool",
        elementOid: 16,
        cast: to("boolean"),
        write: (a, v) => a.boolean(v as boolean),
        number: (a, n) => a.boolean(n !== 0),
      };
    case "date":
      if (target !== "date") break;
      return numberWriter("date", 1082, null, (a, n) => a.int32(n - 10957));
    case "timestamp": {
      const perUnit = kind.microsPerUnit;
      const zoned = target === "timestamp with time zone";
      const local = target === "timestamp without time zone";
      if (!zoned && !local) break;
      const shift = local ? zone : null;
      const write = (a: BinaryArrays, v: number | bigint) => timestamp(a, inZone(micros(v, perUnit), shift));
      return { ...timestampType(zoned), write: (a, v) => write(a, v as number | bigint), number: write };
    }
    case "timestamptz": {
      const zoned = target === "timestamp with time zone";
      const local = target === "timestamp without time zone";
      if (!zoned && !local) break;
      const shift = local ? zone : null;
      return {
        ...timestampType(zoned),
        write(a, v) {
          const at = parseInstant(v as string);
          if (at === undefined) throw new RangeError(`${v} is no timestamp with a time zone`);
          timestamp(a, inZone(at, shift));
        },
        span(a, b, start, end) {
          const at = parseInstantBytes(b, start, end);
          if (at === undefined) throw new RangeError(`${b.toString("utf8", start, end)} is no timestamp with a time zone`);
          timestamp(a, inZone(at, shift));
        },
      };
    }
    case "array":
      // pgvector's types write theirs in brackets
      if (/^(vector|halfvec)$/.test(target))
        return { elementType: "text", elementOid: 25, cast: target, write: (a, v) => a.text(`[${(v as readonly Value[]).join(",")}]`) };
      break;
    case "bytes":
      if (target !== "bytea") break;
      return { elementType: "bytea", elementOid: 17, cast: null, write: (a, v) => a.bytes(v as Uint8Array), span: copy };
    case "geometry":
      if (target !== "bytea") break;
      return { elementType: "text", elementOid: 25, cast: "bytea", write: (a, v) => a.text(`\\x${toText(kind, v)}`) };
    case "decimal": {
      if (target !== "numeric") break;
      const { scale } = kind;
      return {
        elementType: "numeric",
        elementOid: 1700,
        cast: null,
        write: (a, v) => a.numeric((v as Decimal).unscaled, (v as Decimal).scale),
        number: (a, n) => a.smallNumeric(n, scale),
      };
    }
    default:
  }
  const text: ColumnWriter = { elementType: "text", elementOid: 25, cast: textCast(target), write: (a, v) => a.text(toText(kind, v)) };
  // a text is a text whatever it stands for
  return schema.type === "string" ? { ...text, span: copy } : text;
}

const copy = (a: BinaryArrays, bytes: Buffer, start: number, end: number) => a.span(bytes, start, end);

function numberWriter(
  elementType: string,
  elementOid: number,
  cast: string | null,
  number: (array: BinaryArrays, n: number) => void,
): ColumnWriter {
  return { elementType, elementOid, cast, write: (a, v) => number(a, v as number), number };
}

const timestampType = (zoned: boolean) => ({
  elementType: zoned ? "timestamptz" : "timestamp",
  elementOid: zoned ? 1184 : 1114,
  cast: null,
});

/** Postgres counts µs from 2000-01-01, which takes those of before 1714 out of the safe integers. */
function timestamp(a: BinaryArrays, at: number | bigint): void {
  if (typeof at === "number" && at >= -8e15) a.int64(at - 946_684_800_000_000);
  else a.int64(at === INFINITY || at === MINUS_INFINITY ? at : BigInt(at) - 946_684_800_000_000n);
}

/** An explicit cast would cut a text to `varchar(n)` silently, and `bit` means one bit: there assignment checks the length. */
function textCast(target: string): string | null {
  if (target === "text" || target === "character varying" || target === "character" || target === "citext")
    return target === "citext" ? target : null;
  return target === "bit" ? "bit varying" : target;
}
