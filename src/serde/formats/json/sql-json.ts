import { MillraceError } from "../../../common/errors.js";
import { javaDecimal, javaDouble } from "../../../data/java-number.js";
import { Decimal } from "../../../data/schema.js";
import { formatSqlType, type SqlType } from "../../../data/sql-type.js";
import { parseDate, parseTime, parseTimestamp } from "../../temporal-text.js";
import { isObject } from "./connect-json.js";
import { type Json, jsonString } from "./json-text.js";

/**
 * JSON as a SQL value, with the conversions that ksqlDB's JSON format makes: numbers and booleans as text where the column is
 * a STRING, numbers from text, temporal values from numbers or ISO text.
 * @throws DESERIALIZATION that names the path
 */
export function sqlFromJson(type: SqlType, json: Json | undefined, path: string): unknown {
  if (json === null || json === undefined) return null;
  switch (type.base) {
    case "BOOLEAN":
      if (typeof json === "boolean") return json;
      break;
    case "INTEGER": {
      const n = integral(json);
      if (n !== undefined && Number(n) >= -0x8000_0000 && Number(n) <= 0x7fff_ffff) return Number(n);
      break;
    }
    case "BIGINT": {
      const n = integral(json);
      if (n !== undefined && BigInt.asIntN(64, BigInt(n)) === BigInt(n)) return n;
      break;
    }
    case "DOUBLE": {
      const n =
        json instanceof Decimal
          ? json.toNumber()
          : typeof json === "string"
            ? doubleOf(json)
            : typeof json === "number" || typeof json === "bigint"
              ? Number(json)
              : undefined;
      if (n !== undefined) return n;
      break;
    }
    case "DECIMAL": {
      const d =
        json instanceof Decimal
          ? json
          : typeof json === "string" || typeof json === "number" || typeof json === "bigint"
            ? Decimal.parse(String(json).trim())
            : undefined;
      if (d) return fitDecimal(d, type.precision, type.scale, path);
      break;
    }
    case "STRING":
      return typeof json === "string" ? json : jsonText(json);
    case "BYTES":
      if (typeof json === "string") return Buffer.from(json, "base64");
      break;
    case "DATE":
    case "TIME":
    case "TIMESTAMP": {
      if (typeof json === "number" && Number.isInteger(json)) return json;
      if (typeof json === "string" && /^[+-]?\d{1,15}$/.test(json)) return Number(json);
      const n =
        typeof json !== "string"
          ? undefined
          : type.base === "DATE"
            ? parseDate(json)
            : type.base === "TIME"
              ? parseTime(json)
              : parseTimestamp(json);
      if (n !== undefined) return n;
      break;
    }
    case "ARRAY":
      if (Array.isArray(json)) return json.map((v, i) => sqlFromJson(type.element, v, `${path}[${i}]`));
      break;
    case "MAP": {
      if (!isObject(json)) break;
      const map = new Map<unknown, unknown>();
      for (const [k, v] of Object.entries(json))
        map.set(type.key.base === "STRING" ? k : sqlFromJson(type.key, k, path), sqlFromJson(type.value, v, `${path}.${k}`));
      return map;
    }
    case "STRUCT": {
      if (!isObject(json)) break;
      const byName = new Map<string, Json>();
      for (const [k, v] of Object.entries(json)) byName.set(k.toUpperCase(), v);
      return type.fields.map((f) =>
        sqlFromJson(f.type, Object.hasOwn(json, f.name) ? json[f.name] : byName.get(f.name.toUpperCase()), `${path}.${f.name}`),
      );
    }
  }
  throw mismatch(json, type, path);
}

/** @throws DESERIALIZATION where it has more digits than the type */
export function fitDecimal(d: Decimal, precision: number, scale: number, path: string): Decimal {
  const fitted = d.scale > scale ? undefined : d.rescale(scale);
  if (fitted === undefined && d.unscaled % 10n ** BigInt(d.scale - scale) !== 0n)
    throw new MillraceError(
      "DESERIALIZATION",
      `Cannot fit decimal '${d}' into DECIMAL(${precision}, ${scale}) without rounding, path: ${path}`,
    );
  const out = fitted ?? d.rescale(scale);
  const magnitude = out.unscaled < 0n ? -out.unscaled : out.unscaled;
  if (magnitude >= 10n ** BigInt(precision))
    throw new MillraceError("DESERIALIZATION", `Cannot fit decimal '${d}' into DECIMAL(${precision}, ${scale}), path: ${path}`);
  return out;
}

function integral(json: Json): number | bigint | undefined {
  if (typeof json === "bigint") return json;
  if (typeof json === "number") return Number.isFinite(json) ? Math.trunc(json) : undefined;
  if (json instanceof Decimal)
    return safe((json.unscaled / 10n ** BigInt(Math.max(0, json.scale))) * 10n ** BigInt(Math.max(0, -json.scale)));
  if (typeof json !== "string" || !/^[+-]?\d+$/.test(json.trim())) return undefined;
  return safe(BigInt(json.trim().replace(/^\+/, "")));
}
function safe(n: bigint): number | bigint {
  const small = Number(n);
  return Number.isSafeInteger(small) ? small : n;
}
function doubleOf(text: string): number | undefined {
  const t = text.trim();
  if (/^[+-]?(NaN|Infinity|\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?)$/.test(t)) return Number(t);
  return undefined;
}

function mismatch(json: Json, type: SqlType, path: string): MillraceError {
  const node = Array.isArray(json)
    ? "ArrayNode"
    : isObject(json)
      ? "ObjectNode"
      : typeof json === "string"
        ? "TextNode"
        : typeof json === "boolean"
          ? "BooleanNode"
          : "NumericNode";
  return new MillraceError(
    "DESERIALIZATION",
    `Can't convert type. sourceType: ${node}, requiredType: ${formatSqlType(type)}, path: ${path}`,
    {
      context: { path },
    },
  );
}

/** Any JSON as text again: what a STRING column gets of a number, an object, an array. */
function jsonText(json: Json): string {
  if (json === null) return "null";
  if (typeof json === "string") return jsonString(json);
  if (json instanceof Decimal) return javaDecimal(json.unscaled, json.scale);
  if (Array.isArray(json)) return `[${json.map(jsonText).join(",")}]`;
  if (isObject(json))
    return `{${Object.entries(json)
      .map(([k, v]) => `${jsonString(k)}:${jsonText(v)}`)
      .join(",")}}`;
  return String(json);
}

/** A SQL value as ksqlDB's JSON format writes it. @throws SERIALIZATION that names the path */
export function sqlToJson(type: SqlType, value: unknown, path: string): string {
  if (value === null || value === undefined) return "null";
  switch (type.base) {
    case "BOOLEAN":
      if (typeof value === "boolean") return value ? "true" : "false";
      break;
    case "INTEGER":
    case "DATE":
    case "TIME":
    case "TIMESTAMP":
    case "BIGINT":
      if (typeof value === "number" ? Number.isInteger(value) : typeof value === "bigint") return String(value);
      break;
    case "DOUBLE":
      if (typeof value === "number") return Number.isFinite(value) ? javaDouble(value) : `"${value}"`;
      break;
    case "DECIMAL":
      if (value instanceof Decimal) return value.toString();
      break;
    case "STRING":
      if (typeof value === "string") return jsonString(value);
      break;
    case "BYTES":
      if (value instanceof Uint8Array) return `"${Buffer.from(value.buffer, value.byteOffset, value.length).toString("base64")}"`;
      break;
    case "ARRAY":
      if (Array.isArray(value)) return `[${value.map((v, i) => sqlToJson(type.element, v, `${path}[${i}]`)).join(",")}]`;
      break;
    case "MAP":
      if (value instanceof Map)
        return `{${[...value].map(([k, v]) => `${jsonString(typeof k === "string" ? k : sqlToJson(type.key, k, path))}:${sqlToJson(type.value, v, `${path}.${String(k)}`)}`).join(",")}}`;
      break;
    case "STRUCT":
      if (Array.isArray(value))
        return `{${type.fields.map((f, i) => `${jsonString(f.name)}:${sqlToJson(f.type, value[i], `${path}.${f.name}`)}`).join(",")}}`;
      break;
  }
  throw new MillraceError("SERIALIZATION", `Column ${path} is ${formatSqlType(type)}, not ${typeof value}`, { context: { path } });
}
