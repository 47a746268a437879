import type {} from "../../../data/buffer-text.js";
import { Decimal } from "../../../data/schema.js";
import type { SqlField } from "../../../data/sql-type.js";
import { putDigits } from "../../digits.js";
import { DOUBLE_TEXT, putDouble } from "../../double-digits.js";
import type { Row } from "../../row-serde.js";
import { jsonString } from "./json-text.js";
import { sqlToJson } from "./sql-json.js";

/** Writes the columns `row[at]` and on at the position and returns the end, or -1 where there is no room. */
export type WriteRow = (out: Buffer, position: number, row: Row, at: number) => number;

/** What a number takes at most, with what follows it. */
const NUMBER = DOUBLE_TEXT + 1;

/** Code for an object of all columns, or for the bare value of the only one. */
export function generateRowWriter(columns: readonly SqlField[], unwrapped: boolean): WriteRow {
  const code = columns.map((column, i) => {
    const head = unwrapped ? Buffer.alloc(0) : Buffer.from(`${i === 0 ? "{" : ","}${jsonString(column.name)}:`);
    const literal = Array.from(head, (c, j) => `out[p + ${j}] = ${c};`).join(" ");
    return `if (p + ${head.length + NUMBER} > n) return -1;
${literal} p += ${head.length};
v = row[at + ${i}];
if (v === null) { out[p] = 110; out[p + 1] = 117; out[p + 2] = 108; out[p + 3] = 108; p += 4; }
else { ${valueCode(column, i)} }`;
  });
  const open = columns.length === 0 ? "out[p++] = 123;" : "";
  const close = unwrapped ? "" : "out[p++] = 125;";
  const source = `"use strict"; return (out, p, row, at) => {
const n = out.length; let v;
${code.join("\n")}
if (p + 2 > n) return -1;
${open}${close}
return p;
};`;
  const general = (out: Buffer, p: number, value: unknown, column: number): number => {
    const { name, type } = columns[column]!;
    const text = sqlToJson(type, value, name);
    if (p + text.length * 3 > out.length && p + Buffer.byteLength(text) > out.length) return -1;
    return p + out.utf8Write(text, p);
  };
  const helpers = { digits: putDigits, double: putDouble, ascii: putAscii, string: putString, Decimal, general };
  return new Function("h", source)(helpers) as WriteRow;
}

/** Leaves p behind the value in `v`, which is not null. */
function valueCode({ type }: SqlField, column: number): string {
  const general = `{ p = h.general(out, p, v, ${column}); if (p < 0) return -1; }`;
  switch (type.base) {
    case "INTEGER":
    case "BIGINT":
    case "DATE":
    case "TIME":
    case "TIMESTAMP":
      return `if (Number.isSafeInteger(v)) p = h.digits(out, p, v); else ${general}`;
    case "DOUBLE":
      return `if (typeof v === "number" && v - v === 0) p = h.double(out, p, v); else ${general}`;
    case "DECIMAL":
      return `if (v instanceof h.Decimal) { p = h.ascii(out, p, v.toString()); if (p < 0) return -1; } else ${general}`;
    case "BOOLEAN":
      return `if (typeof v === "boolean") p = h.ascii(out, p, v ? "true" : "false"); else ${general}`;
    case "STRING": {
      return `{ const end = typeof v === "string" ? h.string(out, p, v) : -1; if (end >= 0) p = end; else ${general} }`;
    }
    default:
      return general;
  }
}

function putAscii(out: Buffer, p: number, text: string): number {
  const n = text.length;
  if (p + n > out.length) return -1;
  for (let i = 0; i < n; i++) out[p + i] = text.charCodeAt(i);
  return p + n;
}

/** Plain ASCII of up to 64 characters where there is room; -1 for everything else. */
function putString(out: Buffer, p: number, text: string): number {
  const n = text.length;
  if (n > 64 || p + n + 2 > out.length) return -1;
  out[p] = 0x22;
  for (let i = 0; i < n; i++) {
    const c = text.charCodeAt(i);
    if (c < 0x20 || c > 0x7e || c === 0x22 || c === 0x5c) return -1;
    out[p + 1 + i] = c;
  }
  out[p + n + 1] = 0x22;
  return p + n + 2;
}
