import { javaDecimal, javaDouble, javaFloat } from "./java-number.js";
import { Decimal, type Schema, Struct, type Value } from "./schema.js";

const DATE = "org.apache.kafka.connect.data.Date";
const TIME = "org.apache.kafka.connect.data.Time";
const TIMESTAMP = "org.apache.kafka.connect.data.Timestamp";

/** What Java's toString gives for the value; bytes, whose toString means nothing, as base64. */
export function javaText(value: Value, schema: Schema | null | undefined): string {
  if (value === null || value === undefined) return "null";
  switch (typeof value) {
    case "string":
      return value;
    case "boolean":
    case "bigint":
      return String(value);
    case "number":
      if (schema?.type === "float64" || (schema == null && !Number.isInteger(value))) return javaDouble(value);
      if (schema?.type === "float32") return javaFloat(value);
      if (schema?.name === DATE) return javaDate(value * 86_400_000);
      if (schema?.name === TIME || schema?.name === TIMESTAMP) return javaDate(value);
      return String(value);
  }
  if (value instanceof Decimal) return javaDecimal(value.unscaled, value.scale);
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length).toString("base64");
  if (value instanceof Map)
    return `{${[...value].map(([k, v]) => `${javaText(k, schema?.keySchema)}=${javaText(v, schema?.valueSchema)}`).join(", ")}}`;
  if (value instanceof Struct) {
    const parts: string[] = [];
    for (const f of value.schema.fields!) {
      const v = value.values[f.index] ?? null;
      if (v !== null) parts.push(`${f.name}=${javaText(v, f.schema)}`);
    }
    return `Struct{${parts.join(",")}}`;
  }
  return `[${(value as readonly Value[]).map((v) => javaText(v, schema?.valueSchema)).join(", ")}]`;
}

const days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** java.util.Date.toString in UTC. */
function javaDate(ms: number): string {
  const d = new Date(ms);
  const two = (n: number) => String(n).padStart(2, "0");
  const time = `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`;
  return `${days[d.getUTCDay()]} ${months[d.getUTCMonth()]} ${two(d.getUTCDate())} ${time} UTC ${d.getUTCFullYear()}`;
}
