import type { Schema, Value } from "../../data/schema.js";
import { DECIMAL } from "../../serde/formats/avro/connect-names.js";
import { type JsonDataOptions, valueToJson } from "../../serde/formats/json/connect-json.js";
import { jsonString } from "../../serde/formats/json/json-text.js";
import type { NodeWriter } from "../api/converter.js";
import type { ColumnNode, Node, StructNode } from "../api/shape.js";
import { firstColumn, parseDecimal, WriterCode } from "./writer-code.js";

/** A writer of the node's rows as JSON between constant text: the envelope with the schema, or nothing. */
export function compileJsonWriter(node: Node, head: string, tail: string, options: JsonDataOptions): NodeWriter {
  const code = new WriterCode();
  code.constant(Buffer.from(head));
  walk(code, node, options, "");
  code.constant(Buffer.from(tail));
  return code.build();
}

const quote = Buffer.from('"');

function walk(code: WriterCode, node: Node, options: JsonDataOptions, path: string): void {
  if (node.kind === "struct") {
    const base = path === "" ? undefined : firstColumn(node);
    if (base === undefined) {
      fields(code, node, options, path);
      return;
    }
    const row = new WriterCode(base);
    fields(row, node, options, path);
    code.part(row.build(), base);
    return;
  }
  const write = (value: Value) => Buffer.from(valueToJson(node.schema, value, options, path));
  switch (node.kind) {
    case "const":
      code.constant(write(node.value));
      return;
    case "template":
      code.constant(quote);
      code.template(node, (text) => Buffer.from(jsonString(text).slice(1, -1)), false);
      code.constant(quote);
      return;
  }
  let onNull: Uint8Array | Error;
  try {
    onNull = write(node.kind === "column" ? (node.ifNull ?? null) : null);
  } catch (error) {
    onNull = error as Error;
  }
  const whole = node.schema.type.startsWith("int");
  if (node.kind === "slot") code.slot(node, onNull, write, whole ? "p = putDigits(out, p, n);" : undefined);
  else code.column(node, onNull, (b, s, e) => write(node.decode(b, s, e)), columnCode(code, node, whole, options));
}

function fields(code: WriterCode, node: StructNode, options: JsonDataOptions, path: string): void {
  node.schema.fields!.forEach((field, i) => {
    code.constant(Buffer.from(`${i === 0 ? "{" : ","}${jsonString(field.name)}:`));
    walk(code, node.fields[i]!, options, path ? `${path}.${field.name}` : field.name);
  });
  code.constant(Buffer.from(node.fields.length ? "}" : "{}"));
}

/** Code for the column's text, or undefined where only the general encoder does. */
function columnCode(
  code: WriterCode,
  { text, schema }: ColumnNode,
  whole: boolean,
  options: JsonDataOptions,
): ((giveUp: string) => string) | undefined {
  switch (text.as) {
    case "int":
      // the digits as they are, once they are known to be what the number would be written as
      return whole
        ? (giveUp) => `q = b[s] === 45 ? s + 1 : s; if (!onlyDigits(b, q, e) || (b[q] === 48 && (e - q > 1 || q > s))) ${giveUp}
for (i = s; i < e; i++) out[p++] = b[i];`
        : undefined;
    case "utf8":
      return schema.type === "string"
        ? () => `out[p++] = 34; i = copyPlain(out, p, b, s, e);
if (i >= 0) p = i; else { extra += escapedLength(b, s, e) - (e - s); if (position + need + extra > out.length) return -1; p = copyEscaped(out, p, b, s, e); }
out[p++] = 34;`
        : undefined;
    case "bool":
      return schema.type === "boolean"
        ? (giveUp) => `c = b[s]; if (e - s !== 1) ${giveUp}
if (c === 116) { ${code.store(Buffer.from("true"))} } else if (c === 102) { ${code.store(Buffer.from("false"))} } else ${giveUp}`
        : undefined;
    case "float": {
      if (schema.type !== "float64" && schema.type !== "float32") return undefined;
      const digits = schema.type === "float64" ? 15 : 6;
      // plain digits that Java would print the same way: a digit ahead of the point, no exponent, at least 0.1, below 10^7
      return (giveUp) => `i = b[s] === 45 ? s + 1 : s; q = i; f = -1;
if (e - i > ${digits} || i >= e) ${giveUp}
for (; i < e; i++) { c = b[i] - 48; if (c < 0 || c > 9) { if (c !== -2 || f >= 0) ${giveUp} f = i; } }
i = f < 0 ? e : f;
if (i - q < 1 || i - q > 7 || (b[q] === 48 && (i - q > 1 || f < 0 || b[f + 1] === 48)) || (f >= 0 && (f === e - 1 || (b[e - 1] === 48 && f < e - 2)))) ${giveUp}
for (i = s; i < e; i++) out[p++] = b[i];
if (f < 0) { out[p++] = 46; out[p++] = 48; }`;
    }
    case "decimal": {
      const scale = Number(schema.parameters?.["scale"] ?? 0);
      if (schema.name !== DECIMAL || scale > 15 || scale < 0) return undefined;
      if (!options.numericDecimals) return (giveUp) => `${parseDecimal(scale, giveUp)}\np = putBase64Decimal(out, p, n);`;
      // the text as it is, where BigDecimal.toString is plain and prints the same
      return (giveUp) => `${parseDecimal(scale, giveUp)}
if (f !== ${scale} || (b[q] === 48 && (b[q + 1] !== 46 && e - q > 1)) || (q > s && n === 0) || b[q] === 46 || b[e - 1] === 46${scale > 6 ? " || b[q] === 48" : ""}) ${giveUp}
for (i = s; i < e; i++) out[p++] = b[i];`;
    }
    case "date":
      return whole
        ? (giveUp) => `if (e - s !== 10) ${giveUp}\nn = daysOf(b, s); if (n !== n) ${giveUp}\np = putDigits(out, p, n);`
        : undefined;
    case "timestamp": {
      if (!whole || text.unit === "ns") return undefined;
      const perSecond = text.unit === "ms" ? 1000 : 1_000_000;
      return (giveUp) => `n = timestampOf(b, s, e, ${perSecond}); if (n !== n) ${giveUp}\np = putDigits(out, p, n);`;
    }
    case "timestamptz-utc": {
      if (schema.type !== "string") return undefined;
      const target = text.fraction === undefined ? "c" : String(text.fraction);
      return (giveUp) => `c = utcFraction(b, s, e); if (c < 0 || c > ${target}) ${giveUp}
out[p++] = 34; p = putUtc(out, p, b, s, c, ${target}); out[p++] = 34;`;
    }
    case "number":
      return numberCode(schema, whole, `n = ${code.keep(text.read)}(b, s, e); if (n !== n) `, options);
    case "ascii":
      return schema.type === "string" && text.most < 30
        ? (giveUp) => `i = ${code.keep(text.write)}(out, p + 1, b, s, e); if (i < 0) ${giveUp}
out[p] = 34; p = i; out[p++] = 34;`
        : undefined;
    default:
      return undefined;
  }
}

function numberCode(schema: Schema, whole: boolean, read: string, options: JsonDataOptions): ((giveUp: string) => string) | undefined {
  if (whole) return (giveUp) => `${read}${giveUp}\np = putDigits(out, p, n);`;
  if (schema.name === DECIMAL && !options.numericDecimals)
    return (giveUp) => `${read}${giveUp}\nif (n > 9e15 || n < -9e15) ${giveUp}\np = putBase64Decimal(out, p, n);`;
  return undefined;
}
