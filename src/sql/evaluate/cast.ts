import { Decimal } from "../../data/schema.js";
import { formatSqlType, type SqlType, sameSqlType } from "../../data/sql-type.js";
import { castDecimal, fitDecimal } from "./decimal.js";
import { formatDouble, parseDouble } from "./double-text.js";
import { type Long, normalizeLong } from "./long.js";
import { formatDate, formatTime, formatTimestamp, parseDate, parsePartialTimestamp, parseTime } from "./time-text.js";

type Cast = (value: unknown) => unknown;
// biome-ignore lint/suspicious/noExplicitAny: each cast knows what it is given
type Any = any;

const dayMs = 86_400_000;

/** The function that turns non-null values of a type into another's. Throws on a value that does not fit. */
export function castFunction(from: SqlType, to: SqlType): Cast {
  if (sameSqlType(from, to)) return (v) => v;
  switch (to.base) {
    case "STRING":
      return toText(from);
    case "BOOLEAN":
      return (v: Any) => String(v).trim().toLowerCase() === "true";
    case "INTEGER":
      return toInteger(from);
    case "BIGINT":
      return toBigint(from);
    case "DOUBLE":
      return toDouble(from);
    case "DECIMAL":
      return toDecimal(from, to.precision, to.scale);
    case "TIMESTAMP":
      if (from.base === "DATE") return (v: Any) => v * dayMs;
      if (from.base === "BIGINT") return (v: Any) => Number(v);
      return (v: Any) => parsed(parsePartialTimestamp(v), v, "timestamp", "yyyy-MM-dd'T'HH:mm:ss.SSS");
    case "DATE":
      if (from.base === "TIMESTAMP") return (v: Any) => Math.floor(v / dayMs);
      return (v: Any) => parsed(parseDate(v), v, "date", "yyyy-MM-dd");
    case "TIME":
      if (from.base === "TIMESTAMP") return (v: Any) => ((v % dayMs) + dayMs) % dayMs;
      return (v: Any) => parsed(parseTime(v), v, "time", "HH:mm:ss");
    case "BYTES":
      return (v: Any) => Buffer.from(v, "base64");
    case "ARRAY": {
      const element = castFunction((from as Extract<SqlType, { base: "ARRAY" }>).element, to.element);
      return (v: Any) => (v as unknown[]).map((x) => (x === null ? null : element(x)));
    }
    case "MAP": {
      const own = from as Extract<SqlType, { base: "MAP" }>;
      const key = castFunction(own.key, to.key);
      const value = castFunction(own.value, to.value);
      return (v: Any) =>
        new Map([...(v as Map<unknown, unknown>)].map(([k, x]) => [k === null ? null : key(k), x === null ? null : value(x)]));
    }
    case "STRUCT": {
      const own = from as Extract<SqlType, { base: "STRUCT" }>;
      const fields = to.fields.map((f) => {
        const index = own.fields.findIndex((g) => g.name === f.name);
        return { index, cast: index < 0 ? (v: unknown) => v : castFunction(own.fields[index]!.type, f.type) };
      });
      return (v: Any) => fields.map((f) => (f.index < 0 || v[f.index] === null ? null : f.cast(v[f.index])));
    }
  }
}

function parsed(value: number | undefined, text: string, what: string, wanted: string): number {
  if (value === undefined) throw new RangeError(`Failed to parse ${what} '${text}': expected ${wanted}`);
  return value;
}

function toInteger(from: SqlType): Cast {
  switch (from.base) {
    case "BIGINT":
      return (v: Any) => (typeof v === "number" ? v | 0 : Number(BigInt.asIntN(32, v)));
    case "DOUBLE":
      return (v: Any) => (Number.isNaN(v) ? 0 : Math.trunc(Math.max(-2147483648, Math.min(2147483647, v))) + 0);
    case "DECIMAL":
      return (v: Any) => Number(BigInt.asIntN(32, whole(v)));
    default:
      return (v: Any) => {
        const n = wholeText(v);
        if (n === undefined || n < -2147483648n || n > 2147483647n) throw new RangeError(`For input string: "${v}"`);
        return Number(n);
      };
  }
}
function toBigint(from: SqlType): Cast {
  switch (from.base) {
    case "INTEGER":
    case "TIMESTAMP":
      return (v) => v;
    case "DOUBLE":
      return (v: Any): Long => {
        if (Number.isNaN(v)) return 0;
        if (v >= 2 ** 63) return 9223372036854775807n;
        return v <= -(2 ** 63) ? -9223372036854775808n : normalizeLong(BigInt(Math.trunc(v)));
      };
    case "DECIMAL":
      return (v: Any) => normalizeLong(BigInt.asIntN(64, whole(v)));
    default:
      return (v: Any) => {
        const n = wholeText(v);
        if (n === undefined || n < -9223372036854775808n || n > 9223372036854775807n) throw new RangeError(`For input string: "${v}"`);
        return normalizeLong(n);
      };
  }
}
/** towards zero */
function whole(v: Decimal): bigint {
  return v.scale <= 0 ? v.rescale(0).unscaled : v.unscaled / 10n ** BigInt(v.scale);
}
function wholeText(v: string): bigint | undefined {
  const t = v.trim();
  return /^[+-]?\d+$/.test(t) ? BigInt(t.replace("+", "")) : undefined;
}
function toDouble(from: SqlType): Cast {
  if (from.base === "DECIMAL") return (v: Any) => v.toNumber();
  if (from.base !== "STRING") return (v: Any) => Number(v);
  return (v: Any) => {
    const n = parseDouble(v);
    if (n === undefined) throw new RangeError(`For input string: "${v}"`);
    return n;
  };
}
function toDecimal(from: SqlType, precision: number, scale: number): Cast {
  switch (from.base) {
    case "INTEGER":
    case "BIGINT":
      return (v: Any) => fitDecimal(BigInt(v) * 10n ** BigInt(scale), precision, scale);
    case "DECIMAL":
      return (v: Any) => castDecimal(v, precision, scale);
    default:
      return (v: Any) => {
        const decimal = Decimal.parse(typeof v === "number" ? String(v) : v.trim());
        if (!decimal) throw new RangeError(`Cannot parse '${v}' as DECIMAL(${precision}, ${scale})`);
        return castDecimal(decimal, precision, scale);
      };
  }
}

/** The text of a non-null value, as CAST AS STRING gives it. */
export function toText(type: SqlType): Cast {
  switch (type.base) {
    case "DOUBLE":
      return (v: Any) => formatDouble(v);
    case "TIMESTAMP":
      return (v: Any) => formatTimestamp(v);
    case "DATE":
      return (v: Any) => formatDate(v);
    case "TIME":
      return (v: Any) => formatTime(v);
    case "ARRAY": {
      const element = nested(type.element);
      return (v: Any) => `[${(v as unknown[]).map(element).join(", ")}]`;
    }
    case "MAP": {
      const [key, value] = [nested(type.key), nested(type.value)];
      return (v: Any) => `{${[...(v as Map<unknown, unknown>)].map(([k, x]) => `${key(k)}=${value(x)}`).join(", ")}}`;
    }
    case "STRUCT": {
      const fields = type.fields.map((f) => nested(f.type));
      return (v: Any) =>
        `Struct{${type.fields
          .map((f, i) => `${f.name}=${fields[i]!(v[i])}`)
          .filter((_, i) => v[i] !== null)
          .join(",")}}`;
    }
    case "BYTES":
      throw new RangeError(`Cast of ${formatSqlType(type)} to STRING is not supported`);
    default:
      return (v) => String(v);
  }
}
function nested(type: SqlType): Cast {
  const text = toText(type);
  return (v) => (v === null ? "null" : text(v));
}
