import type { ValueKind } from "../../../cdc/value-kind.js";
import { Decimal, type Struct, type Value } from "../../../data/schema.js";
import { toText } from "../text.js";

/** A value inside an array or a map as JSON: numbers exact, bytes as base64, times as text. */
export function jsonText(kind: ValueKind, value: Value): string {
  if (value === null) return "null";
  switch (kind.kind) {
    case "array":
      return `[${(value as readonly Value[]).map((v) => jsonText(kind.element, v)).join(",")}]`;
    case "map":
      return `{${[...(value as Map<Value, Value>)].map(([k, v]) => `${JSON.stringify(String(k))}:${plainJson(v)}`).join(",")}}`;
    case "sparse-vector": {
      const struct = value as Struct;
      return `{"dimensions":${struct.get("dimensions")},"vector":${jsonText({ kind: "map" }, struct.get("vector") as Value)}}`;
    }
    case "json":
      return value as string;
    case "int":
    case "boolean":
    case "variable-decimal":
      return toText(kind, value);
    case "float":
    case "decimal":
      return numberText(Number.isFinite(value) || value instanceof Decimal ? toText(kind, value) : String(value));
    case "bytes":
      return plainJson(value);
    default:
      return JSON.stringify(toText(kind, value));
  }
}

/** Values of a map, whose kind is told by the value alone. */
function plainJson(value: Value): string {
  if (value === null) return "null";
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value.buffer, value.byteOffset, value.length).toString("base64"));
  if (Array.isArray(value)) return `[${value.map(plainJson).join(",")}]`;
  if (value instanceof Map) return jsonText({ kind: "map" }, value);
  if (value instanceof Decimal || typeof value === "bigint" || typeof value === "boolean") return value.toString();
  return typeof value === "number" ? numberText(String(value)) : JSON.stringify(value);
}

function numberText(text: string): string {
  if (/^-?(NaN|Infinity)$/.test(text)) throw new RangeError(`JSON has no ${text}`);
  return text;
}
