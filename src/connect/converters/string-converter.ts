import { MillraceError } from "../../common/errors.js";
import { javaDecimal, javaDouble, javaFloat } from "../../data/java-number.js";
import { Decimal, type Schema, Struct, type Value } from "../../data/schema.js";
import { DATE, TIME, TIMESTAMP } from "../../serde/formats/avro/connect-names.js";
import { utf8Text } from "../../serde/text-cache.js";
import type { ColumnReader, Converter, NodeWriter } from "../api/converter.js";
import type { Node } from "../api/shape.js";
import { parseInteger, WriterCode } from "./writer-code.js";

const optionalString: Schema = Object.freeze({ type: "string", optional: true });

/** Connect's StringConverter: a value's `toString` as UTF-8. */
export class StringConverter implements Converter {
  fromConnect(_topic: string, schema: Schema | null, value: Value): Uint8Array | null {
    if (value === null) return null;
    return Buffer.from(typeof value === "string" ? value : javaText(value, schema));
  }

  toConnect(_topic: string, bytes: Uint8Array | null): { schema: Schema | null; value: Value } {
    if (bytes === null) return { schema: optionalString, value: null };
    return { schema: optionalString, value: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8") };
  }

  compileReader(): ColumnReader {
    return {
      schema: optionalString,
      accepts: () => true,
      read(b, start, end, columns, row) {
        columns[0]![row] = utf8Text(b, start, end);
      },
    };
  }

  compileWriter(topic: string, node: Node): NodeWriter | undefined {
    // null is no bytes at all, which a writer cannot say
    if (node.kind !== "column" || node.schema.optional) return undefined;
    const { schema, text } = node;
    const code = new WriterCode();
    const copy = "for (i = s; i < e; i++) out[p++] = b[i];";
    const fast =
      text.as === "utf8" && schema.type === "string"
        ? () => "p = copyText(out, p, b, s, e);"
        : text.as === "int" && schema.type.startsWith("int") && schema.name === undefined
          ? (giveUp: string) => `${parseInteger(giveUp)}\nif (b[q] === 48 && (e - q > 1 || q > s)) ${giveUp}\n${copy}`
          : undefined;
    const missing = new MillraceError("SERIALIZATION", `Topic ${topic}: null for a value that is required`);
    const onNull = node.ifNull == null ? missing : this.fromConnect(topic, schema, node.ifNull)!;
    code.column(node, onNull, (b, s, e) => this.fromConnect(topic, schema, node.decode(b, s, e))!, fast);
    return code.build();
  }
}

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
