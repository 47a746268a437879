import { MillraceError } from "../common/errors.js";
import { javaDouble, javaFloat } from "../data/java-number.js";
import { Decimal, type Schema, Struct, type Value } from "../data/schema.js";
import { type ExactJson, formatExact, JsonNumber } from "./exact-json.js";

const DECIMAL = "org.apache.kafka.connect.data.Decimal";

/**
 * JSON as a value of the schema: a struct's fields are found by name, otherwise by name without case, and those that it does
 * not have are dropped; bytes are base64; a decimal is a number or a text. @throws DATA_INVALID naming the path
 */
export function connectFromExact(json: ExactJson | undefined, schema: Schema, path = "$"): Value {
  if (json === undefined || json === null) return schema.default ?? null;
  const wrong = () => new MillraceError("DATA_INVALID", `${path}: ${formatExact(json)} is no ${schema.name ?? schema.type}`);
  switch (schema.type) {
    case "boolean":
      if (typeof json !== "boolean") throw wrong();
      return json;
    case "string":
      return typeof json === "string" ? json : formatExact(json);
    case "int8":
    case "int16":
    case "int32":
    case "int64": {
      const raw = json instanceof JsonNumber ? json.raw : typeof json === "string" ? json : undefined;
      const whole = raw === undefined ? undefined : Decimal.parse(raw);
      if (!whole) throw wrong();
      const big = whole.scale > 0 ? whole.unscaled / 10n ** BigInt(whole.scale) : whole.rescale(0).unscaled;
      const n = Number(big);
      return Number.isSafeInteger(n) ? n : big;
    }
    case "float32":
    case "float64":
      if (!(json instanceof JsonNumber) && typeof json !== "string") throw wrong();
      return Number(json instanceof JsonNumber ? json.raw : json);
    case "bytes": {
      if (schema.name !== DECIMAL) {
        if (typeof json !== "string") throw wrong();
        return Buffer.from(json, "base64");
      }
      const decimal = Decimal.parse(json instanceof JsonNumber ? json.raw : String(json));
      if (!decimal) throw wrong();
      return decimal.rescale(Number(schema.parameters?.["scale"] ?? 0));
    }
    case "array":
      if (!Array.isArray(json)) throw wrong();
      return json.map((item, i) => connectFromExact(item, schema.valueSchema!, `${path}[${i}]`));
    case "map": {
      const map = new Map<Value, Value>();
      if (json instanceof Map)
        for (const [k, v] of json)
          map.set(connectFromExact(k, schema.keySchema!, `${path}.key`), connectFromExact(v, schema.valueSchema!, `${path}.${k}`));
      else throw wrong();
      return map;
    }
    case "struct": {
      if (!(json instanceof Map)) throw wrong();
      const byUpper = new Map([...json].map(([k, v]) => [k.toUpperCase(), v]));
      const values = schema.fields!.map((f) =>
        connectFromExact(json.get(f.name) ?? byUpper.get(f.name.toUpperCase()), f.schema, `${path}.${f.name}`),
      );
      return new Struct(schema, values);
    }
  }
}

/** A value as JSON text: decimals as text, bytes as base64, doubles as Java prints them. */
export function exactFromConnect(value: Value, schema: Schema): string {
  if (value === null || value === undefined) return "null";
  if (value instanceof Decimal) return JSON.stringify(value.toString());
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString("base64"));
  if (Array.isArray(value)) return `[${value.map((v: Value) => exactFromConnect(v, schema.valueSchema!)).join(",")}]`;
  if (value instanceof Map)
    return `{${[...value].map(([k, v]) => `${JSON.stringify(String(k))}:${exactFromConnect(v, schema.valueSchema!)}`).join(",")}}`;
  if (value instanceof Struct)
    return `{${schema.fields!.map((f, i) => `${JSON.stringify(f.name)}:${exactFromConnect(value.values[i] ?? null, f.schema)}`).join(",")}}`;
  if (typeof value === "number" && !Number.isFinite(value)) return `"${value}"`; // JSON has no such numbers
  if (typeof value === "number" && schema.type === "float64") return javaDouble(value);
  if (typeof value === "number" && schema.type === "float32") return javaFloat(value);
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
