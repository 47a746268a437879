import { MillraceError } from "../../../common/errors.js";
import type {} from "../../../data/buffer-text.js";
import type { SqlField, SqlType } from "../../../data/sql-type.js";
import type { Row } from "../../row-serde.js";
import { isObject } from "./connect-json.js";
import { type Json, parseJson } from "./json-text.js";
import { membersOf } from "./scan.js";
import { sqlFromJson } from "./sql-json.js";
import {
  booleanCode,
  decimalCode,
  doubleCode,
  integerCode,
  scanHelpers,
  scanVariables,
  stringCode,
  wideLiteral,
  wideSkipCode,
} from "./value-code.js";

/** Fills the row's columns from `at` on; false, and nothing touched, where the bytes lie in another way. */
type Layout = (b: Buffer, start: number, end: number, row: Row, at: number) => boolean;

/**
 * Reads objects whose members lie as in ones met before (same names, order and spaces) with code generated for that layout,
 * and everything else through a parsed document. Both give the same rows; a layout gives up on any odd byte.
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
    const row: Row = new Array(this.columns.length).fill(null);
    this.into(b, start, end, row, 0);
    return row;
  }

  /** The needed columns into `row[at]` and on. */
  into(b: Buffer, start: number, end: number, row: Row, at: number): void {
    const { layouts } = this;
    for (let i = 0; i < layouts.length; i++) if (layouts[i]!(b, start, end, row, at)) return;
    this.parse(b, start, end, row, at);
  }

  private parse(b: Buffer, start: number, end: number, row: Row, at: number): void {
    const json = parseJson(b.utf8Slice(start, end), this.exact);
    if (json === null) return;
    if (!isObject(json)) throw new MillraceError("DESERIALIZATION", "Can't convert type. The value is not a JSON object, path: $");
    const upper = new Map<string, Json>();
    for (const [k, v] of Object.entries(json)) upper.set(k.toUpperCase(), v);
    for (const c of this.needed) {
      const { name, type } = this.columns[c]!;
      row[at + c] = sqlFromJson(type, Object.hasOwn(json, name) ? json[name] : upper.get(name.toUpperCase()), `$.${name}`);
    }
    this.learn(b, start, end);
  }

  /** A layout that comes back is compiled; one that was compiled and gave up on a value is not compiled again. */
  private learn(b: Buffer, start: number, end: number): void {
    if (this.compiled >= 16 || (this.misses++ > 8 && this.misses % 1024 !== 0)) return;
    const found = membersOf(b, start, end);
    if (!found) return;
    const layout = this.compile(found);
    if (layout?.(b, start, end, new Array(this.columns.length), 0) !== true) return;
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
      code.push(wideLiteral(member.literal));
      code.push(column !== undefined && wanted.has(column) ? valueCode(this.columns[column]!, column) : wideSkipCode);
    }
    code.push(wideLiteral(tail), "if (p !== end) return false;");
    const values = this.needed.map((i) => `v${i}`);
    const source = `let last, w; return (b, p, end, row, at) => {
if (b !== last) { last = b; w = new DataView(b.buffer, b.byteOffset, b.length); }
${scanVariables}
${values.length > 0 ? `let ${values.map((v) => `${v} = null`).join(", ")};` : ""}
${code.join("\n").replaceAll("return undefined", "return false")}
${this.needed.map((i) => `row[at + ${i}] = v${i};`).join("\n")}
return true;
};`;
    return new Function("h", source)(helpers(this.columns)) as Layout;
  }
}

/** Leaves the value in `v{column}`, p behind it; returns undefined where the general way must look. */
function valueCode({ type }: SqlField, column: number): string {
  const v = `v${column}`;
  switch (type.base) {
    case "INTEGER":
      return integerCode(v, 2147483647);
    case "BIGINT":
    case "DATE":
    case "TIME":
    case "TIMESTAMP":
      return integerCode(v);
    case "DOUBLE":
      return doubleCode(v);
    case "DECIMAL":
      return decimalCode(v, type.scale, type.precision);
    case "BOOLEAN":
      return booleanCode(v);
    case "STRING":
      return stringCode(v);
    default:
      return `s = p; p = h.skip(b, p, end); if (p < 0) return undefined; ${v} = h.general(b, s, p, ${column});`;
  }
}

function helpers(columns: readonly SqlField[]) {
  return {
    ...scanHelpers,
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
