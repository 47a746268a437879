import type { ValueKind } from "../../../cdc/value-kind.js";
import { Decimal, type Schema, type Value } from "../../../data/schema.js";
import { INFINITY, inZone, MINUS_INFINITY, micros, parseInstant } from "../instant.js";
import { toText } from "../text.js";
import type { TimeZone } from "../time-zone.js";
import type { BinaryArray } from "./binary-array.js";

/** How a column's values go into an `unnest`: the array's element type, a writer, and the cast to the column's type if any. */
export interface ColumnWriter {
  readonly elementType: string;
  readonly elementOid: number;
  /** the type to cast to in the SELECT over the unnest; null where assignment does */
  readonly cast: string | null;
  readonly write: (array: BinaryArray, value: Exclude<Value, null>) => void;
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
export function columnWriter(kind: ValueKind, target: string, zone: TimeZone | null): ColumnWriter {
  const to = (type: string) => (target === type ? null : target);
  switch (kind.kind) {
    case "int":
      if (kind.bits === 64) return { elementType: "int8", elementOid: 20, cast: to("bigint"), write: (a, v) => a.int64(v as number) };
      if (kind.bits === 32) return { elementType: "int4", elementOid: 23, cast: to("integer"), write: (a, v) => a.int32(v as number) };
      return { elementType: "int2", elementOid: 21, cast: to("smallint"), write: (a, v) => a.int16(v as number) };
    case "float":
      if (kind.bits === 64)
        return { elementType: "float8", elementOid: 701, cast: to("double precision"), write: (a, v) => a.float64(v as number) };
      return { elementType: "float4", elementOid: 700, cast: to("real"), write: (a, v) => a.float32(v as number) };
    case "boolean":
      return { elementType: "bool", elementOid: 16, cast: to("boolean"), write: (a, v) => a.boolean(v as boolean) };
    case "date":
      if (target !== "date") break;
      return { elementType: "date", elementOid: 1082, cast: null, write: (a, v) => a.int32((v as number) - 10957) };
    case "timestamp": {
      const perUnit = kind.microsPerUnit;
      const zoned = target === "timestamp with time zone";
      const local = target === "timestamp without time zone";
      if (zoned || local) return timestampWriter(zoned, (v) => inZone(micros(v as number | bigint, perUnit), local ? zone : null));
      break;
    }
    case "timestamptz": {
      const zoned = target === "timestamp with time zone";
      const local = target === "timestamp without time zone";
      if (zoned || local)
        return timestampWriter(zoned, (v) => {
          const at = parseInstant(v as string);
          if (at === undefined) throw new RangeError(`${v} is no timestamp with a time zone`);
          return inZone(at, local ? zone : null);
        });
      break;
    }
    case "array":
      // pgvector's types write theirs in brackets
      if (/^(vector|halfvec)$/.test(target))
        return { elementType: "text", elementOid: 25, cast: target, write: (a, v) => a.text(`[${(v as readonly Value[]).join(",")}]`) };
      break;
    case "bytes":
      if (target !== "bytea") break;
      return { elementType: "bytea", elementOid: 17, cast: null, write: (a, v) => a.bytes(v as Uint8Array) };
    case "geometry":
      if (target !== "bytea") break;
      return { elementType: "text", elementOid: 25, cast: "bytea", write: (a, v) => a.text(`\\x${toText(kind, v)}`) };
    case "string":
      return {
        elementType: "text",
        elementOid: 25,
        cast: textCast(target),
        write: (a, v) => a.text(typeof v === "string" ? v : String(v)),
      };
    case "decimal":
      if (target === "numeric")
        return {
          elementType: "numeric",
          elementOid: 1700,
          cast: null,
          write: (a, v) => a.numeric((v as Decimal).unscaled, (v as Decimal).scale),
        };
      return {
        elementType: "text",
        elementOid: 25,
        cast: textCast(target),
        write: (a, v) => a.text(v instanceof Decimal ? v.toString() : String(v)),
      };
    default:
  }
  return { elementType: "text", elementOid: 25, cast: textCast(target), write: (a, v) => a.text(toText(kind, v)) };
}

/** Postgres counts µs from 2000-01-01. */
function timestampWriter(zoned: boolean, microsOf: (value: Exclude<Value, null>) => number | bigint): ColumnWriter {
  return {
    elementType: zoned ? "timestamptz" : "timestamp",
    elementOid: zoned ? 1184 : 1114,
    cast: null,
    write(a, v) {
      const at = microsOf(v);
      if (typeof at === "number") a.int64(at - 946_684_800_000_000);
      else a.int64(at === INFINITY || at === MINUS_INFINITY ? at : at - 946_684_800_000_000n);
    },
  };
}

/** An explicit cast would cut a text to `varchar(n)` silently, and `bit` means one bit: there assignment checks the length. */
function textCast(target: string): string | null {
  if (target === "text" || target === "character varying" || target === "character" || target === "citext")
    return target === "citext" ? target : null;
  return target === "bit" ? "bit varying" : target;
}
