import { MillraceError } from "../../../common/errors.js";
import type {} from "../../../data/buffer-text.js";
import { Decimal } from "../../../data/schema.js";
import type { SqlField, SqlType } from "../../../data/sql-type.js";
import type { Row } from "../../row-serde.js";
import { asciiText } from "../../text-cache.js";
import { isObject } from "./connect-json.js";
import { type Json, parseJson } from "./json-text.js";
import { membersOf, skipString, skipValue } from "./scan.js";
import { sqlFromJson } from "./sql-json.js";

type Layout = (b: Buffer, start: number, end: number) => Row | undefined;

/**
 * Reads objects whose members lie as in ones met before (same names, order and spaces) with code generated for that layout,
 * and everything else through a parsed document. Both give the same rows; a layout gives up (undefined) on any odd byte.
 */
export class JsonRowReader {
  private readonly layouts: Layout[] = [];
  private misses = 0;
  private compiled = 0;
  private readonly exact: boolean;
  private readonly byName = new Map<string, number>();
  private readonly byUpperName = new Map<string, number>();

  constructor(
    private readonly columns: readonly SqlField[],
    private readonly needed: readonly number[],
  ) {
    this.exact = needed.some((c) => holdsDecimal(columns[c]!.type));
    columns.forEach((c, i) => {
      this.byName.set(c.name, i);
      this.byUpperName.set(c.name.toUpperCase(), i);
    });
  }

  read(b: Buffer, start: number, end: number): Row {
    for (let i = 0; i < this.layouts.length; i++) {
      const row = this.layouts[i]!(b, start, end);
      if (row !== undefined) return row;
    }
    return this.parse(b, start, end);
  }

  private parse(b: Buffer, start: number, end: number): Row {
    const json = parseJson(b.utf8Slice(start, end), this.exact);
    const row: Row = new Array(this.columns.length).fill(null);
    if (json === null) return row;
    if (!isObject(json)) throw new MillraceError("DESERIALIZATION", "Can't convert type. The value is not a JSON object, path: $");
    const upper = new Map<string, Json>();
    for (const [k, v] of Object.entries(json)) upper.set(k.toUpperCase(), v);
    for (const c of this.needed) {
      const { name, type } = this.columns[c]!;
      row[c] = sqlFromJson(type, Object.hasOwn(json, name) ? json[name] : upper.get(name.toUpperCase()), `$.${name}`);
    }
    this.learn(b, start, end);
    return row;
  }

  /** A layout that comes back is compiled; one that was compiled and gave up on a value is not compiled again. */
  private learn(b: Buffer, start: number, end: number): void {
    if (this.compiled >= 16 || (this.misses++ > 8 && this.misses % 1024 !== 0)) return;
    const found = membersOf(b, start, end);
    if (!found) return;
    const layout = this.compile(found);
    if (layout?.(b, start, end) === undefined) return;
    this.compiled++;
    this.misses = 0;
    this.layouts.unshift(layout);
    if (this.layouts.length > 4) this.layouts.pop();
  }

  private compile({ members, tail }: NonNullable<ReturnType<typeof membersOf>>): Layout | undefined {
    const wanted = new Set(this.needed);
    const used = new Set<number>();
    const code: string[] = [];
    for (const member of members) {
      const column = this.byName.get(member.key) ?? this.byUpperName.get(member.key.toUpperCase());
      if (column !== undefined && used.has(column)) return undefined;
      if (column !== undefined) used.add(column);
      code.push(literal(member.literal));
      code.push(column !== undefined && wanted.has(column) ? valueCode(this.columns[column]!, column) : skipCode);
    }
    code.push(literal(tail), "if (p !== end) return undefined;");
    const values = this.columns.map((_, i) => `v${i}`);
    const source = `return (b, p, end) => {
let c = 0, n = 0, s = 0, f = 0, o = 0, k = 0;
let ${values.map((v) => `${v} = null`).join(", ")};
${code.join("\n")}
return [${values.join(", ")}];
};`;
    return new Function("h", source)(helpers(this.columns)) as Layout;
  }
}

function literal(bytes: Buffer): string {
  if (bytes.length === 0) return "";
  const tests = Array.from(bytes, (c, i) => `b[p + ${i}] !== ${c}`);
  return `if (${tests.join(" || ")}) return undefined;\np += ${bytes.length};`;
}

const skipCode = `c = b[p];
if (c === 34) { p++; while (p < end && (c = b[p]) !== 34) p += c === 92 ? 2 : 1; p++; }
else if (c === 45 || (c >= 48 && c <= 57)) { do { c = b[++p]; } while ((c >= 48 && c <= 57) || c === 46 || c === 101 || c === 69 || c === 43 || c === 45); }
else { p = h.skip(b, p, end); if (p < 0) return undefined; }`;

const nullCode = "if (b[p + 1] !== 117 || b[p + 2] !== 108 || b[p + 3] !== 108) return undefined; p += 4;";

/** Leaves the value in `v{column}`, p behind it; returns undefined where the general way must look. */
function valueCode({ type }: SqlField, column: number): string {
  const v = `v${column}`;
  switch (type.base) {
    case "INTEGER":
    case "BIGINT":
    case "DATE":
    case "TIME":
    case "TIMESTAMP":
      return `c = b[p];
if (c === 110) { ${nullCode} } else {
s = p; if (c === 45) c = b[++p];
f = p; n = c - 48; if (!(n >= 0 && n <= 9)) return undefined;
c = b[++p];
while (c >= 48 && c <= 57) { n = n * 10 + (c - 48); c = b[++p]; }
if (p - s > 15 || c === 46 || c === 101 || c === 69 || (b[f] === 48 && p - f > 1)) return undefined;
${type.base === "INTEGER" ? "if (n > 2147483647) return undefined;" : ""}
${v} = f > s ? 0 - n : n; }`;
    case "DOUBLE":
      return `c = b[p];
if (c === 110) { ${nullCode} } else {
${mantissa}
if (c === 101 || c === 69 || p - s > 16) {
while ((c >= 48 && c <= 57) || c === 46 || c === 101 || c === 69 || c === 43 || c === 45) c = b[++p];
n = +b.latin1Slice(s, p); if (n !== n) return undefined;
${v} = n;
} else { n = k === 0 ? n : n / h.pow10[k]; ${v} = b[s] === 45 ? -n : n; } }`;
    case "DECIMAL":
      return `c = b[p];
if (c === 110) { ${nullCode} } else {
${mantissa}
if (c === 101 || c === 69 || p - s > 15 || k > ${type.scale}) return undefined;
if (k < ${type.scale}) n *= h.pow10[${type.scale} - k];
if (n >= ${Math.min(10 ** type.precision, 1e15)}) return undefined;
${v} = new h.Decimal(BigInt(b[s] === 45 ? 0 - n : n), ${type.scale}); }`;
    case "BOOLEAN":
      return `c = b[p];
if (c === 116 && b[p + 1] === 114 && b[p + 2] === 117 && b[p + 3] === 101) { ${v} = true; p += 4; }
else if (c === 102 && b[p + 1] === 97 && b[p + 2] === 108 && b[p + 3] === 115 && b[p + 4] === 101) { ${v} = false; p += 5; }
else if (c === 110) { ${nullCode} } else return undefined;`;
    case "STRING":
      return `if (b[p] === 34) {
s = ++p; o = 0;
while (p < end && (c = b[p]) !== 34) { if (c === 92 || c < 32) return undefined; o |= c; p++; }
if (p >= end) return undefined;
${v} = o < 128 ? h.ascii(b, s, p) : b.utf8Slice(s, p); p++;
} else if (b[p] === 110) { ${nullCode} } else return undefined;`;
    default:
      return `s = p; p = h.skip(b, p, end); if (p < 0) return undefined; ${v} = h.general(b, s, p, ${column});`;
  }
}

/** n: the digits without the point; k: how many of them stand behind it; s: where the number begins. */
const mantissa = `s = p; if (c === 45) c = b[++p];
f = p; n = c - 48; k = 0; if (!(n >= 0 && n <= 9)) return undefined;
c = b[++p];
while (c >= 48 && c <= 57) { n = n * 10 + (c - 48); c = b[++p]; }
if (b[f] === 48 && p - f > 1) return undefined;
if (c === 46) { c = b[++p]; f = p; while (c >= 48 && c <= 57) { n = n * 10 + (c - 48); c = b[++p]; } k = p - f; if (k === 0) return undefined; }`;

const pow10 = Array.from({ length: 40 }, (_, i) => Number(`1e${i}`));

function helpers(columns: readonly SqlField[]) {
  return {
    pow10,
    Decimal,
    ascii: asciiText,
    skip: skipValue,
    skipString,
    general(b: Buffer, start: number, end: number, column: number): unknown {
      const { name, type } = columns[column]!;
      return sqlFromJson(type, parseJson(b.utf8Slice(start, end), holdsDecimal(type)), `$.${name}`);
    },
  };
}

export function holdsDecimal(type: SqlType): boolean {
  switch (type.base) {
    case "DECIMAL":
      return true;
    case "ARRAY":
      return holdsDecimal(type.element);
    case "MAP":
      return holdsDecimal(type.value);
    case "STRUCT":
      return type.fields.some((f) => holdsDecimal(f.type));
    default:
      return false;
  }
}
