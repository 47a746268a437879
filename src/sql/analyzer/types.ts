import { MillraceError } from "../../common/errors.js";
import { type SqlField, type SqlType, sameSqlType } from "../../data/sql-type.js";
import type { ParsedType } from "../parser/ast.js";

export const sqlTypes = {
  boolean: { base: "BOOLEAN" },
  integer: { base: "INTEGER" },
  bigint: { base: "BIGINT" },
  double: { base: "DOUBLE" },
  string: { base: "STRING" },
  bytes: { base: "BYTES" },
  time: { base: "TIME" },
  date: { base: "DATE" },
  timestamp: { base: "TIMESTAMP" },
} as const satisfies Record<string, SqlType>;

export type CustomTypes = (name: string) => SqlType | undefined;

/** A type as written, with custom types looked up. @throws SQL_STATEMENT on an unknown one, DECIMAL bounds */
export function resolveType(type: ParsedType, custom: CustomTypes): SqlType {
  switch (type.base) {
    case "NAMED": {
      const known = custom(type.name);
      if (known) return known;
      throw new MillraceError("SQL_STATEMENT", `Cannot resolve unknown type: ${type.name}`, {
        context: { type: type.name, line: type.at.line, column: type.at.column },
      });
    }
    case "DECIMAL":
      return decimalType(type.precision, type.scale);
    case "ARRAY":
      return { base: "ARRAY", element: resolveType(type.element, custom) };
    case "MAP":
      return { base: "MAP", key: resolveType(type.key, custom), value: resolveType(type.value, custom) };
    case "STRUCT": {
      const fields: SqlField[] = [];
      for (const f of type.fields) {
        if (fields.some((g) => g.name === f.name))
          throw new MillraceError("SQL_STATEMENT", `Duplicate field names found in STRUCT: '\`${f.name}\`'. Fields must have unique names`);
        fields.push({ name: f.name, type: resolveType(f.type, custom) });
      }
      return { base: "STRUCT", fields };
    }
    default:
      return { base: type.base };
  }
}

export type DecimalType = Extract<SqlType, { base: "DECIMAL" }>;

export function decimalType(precision: number, scale: number): DecimalType {
  const wrong = (text: string) => new MillraceError("SQL_STATEMENT", text);
  if (precision < 1) throw wrong(`DECIMAL precision must be >= 1: DECIMAL(${precision},${scale})`);
  if (scale < 0) throw wrong(`DECIMAL scale must be >= 0: DECIMAL(${precision},${scale})`);
  if (precision < scale) throw wrong(`DECIMAL precision must be >= scale: DECIMAL(${precision},${scale})`);
  return { base: "DECIMAL", precision, scale };
}

export function isNumeric(type: SqlType): boolean {
  return type.base === "INTEGER" || type.base === "BIGINT" || type.base === "DOUBLE" || type.base === "DECIMAL";
}

/** INTEGER and BIGINT as the DECIMAL that holds them. */
export function asDecimal(type: SqlType): DecimalType {
  if (type.base === "DECIMAL") return type;
  return decimalType(type.base === "INTEGER" ? 10 : 19, 0);
}

const rank: Readonly<Partial<Record<SqlType["base"], number>>> = { INTEGER: 0, BIGINT: 1, DECIMAL: 2, DOUBLE: 3 };

/** Where a value of `from` may stand for `to` without being asked: INTEGER, BIGINT, DECIMAL, DOUBLE, each for those after it. */
export function wideningSteps(from: SqlType, to: SqlType["base"]): number | undefined {
  const a = rank[from.base];
  const b = rank[to];
  return a === undefined || b === undefined || b < a ? undefined : b - a;
}

/** The type that values of both have without loss of kind; null is an untyped NULL. undefined where there is none. */
export function commonType(a: SqlType | null, b: SqlType | null): SqlType | null | undefined {
  if (a === null) return b;
  if (b === null || sameSqlType(a, b)) return a;
  if (isNumeric(a) && isNumeric(b)) {
    if (a.base === "DOUBLE" || b.base === "DOUBLE") return sqlTypes.double;
    if (a.base === "DECIMAL" || b.base === "DECIMAL") {
      const [x, y] = [asDecimal(a), asDecimal(b)];
      const scale = Math.max(x.scale, y.scale);
      return decimalType(Math.max(x.precision - x.scale, y.precision - y.scale) + scale, scale);
    }
    return sqlTypes.bigint;
  }
  if (a.base === "ARRAY" && b.base === "ARRAY") {
    const element = commonType(a.element, b.element);
    return element ? { base: "ARRAY", element } : undefined;
  }
  if (a.base === "MAP" && b.base === "MAP") {
    const key = commonType(a.key, b.key);
    const value = commonType(a.value, b.value);
    return key && value ? { base: "MAP", key, value } : undefined;
  }
  if (a.base === "STRUCT" && b.base === "STRUCT") {
    const names = [...new Set([...a.fields, ...b.fields].map((f) => f.name))];
    const fields: SqlField[] = [];
    for (const name of names) {
      const of = (t: typeof a) => t.fields.find((f) => f.name === name)?.type ?? null;
      const type = commonType(of(a), of(b));
      if (!type) return undefined;
      fields.push({ name, type });
    }
    return { base: "STRUCT", fields };
  }
  return undefined;
}

export type ArithmeticOp = "+" | "-" | "*" | "/" | "%";

/** Of a numeric operation, as ksqlDB documents it for DECIMAL. */
export function arithmeticType(op: ArithmeticOp, left: SqlType, right: SqlType): SqlType {
  if (left.base === "DOUBLE" || right.base === "DOUBLE") return sqlTypes.double;
  if (left.base !== "DECIMAL" && right.base !== "DECIMAL")
    return left.base === "BIGINT" || right.base === "BIGINT" ? sqlTypes.bigint : sqlTypes.integer;
  const { precision: p1, scale: s1 } = asDecimal(left);
  const { precision: p2, scale: s2 } = asDecimal(right);
  switch (op) {
    case "*":
      return decimalType(p1 + p2 + 1, s1 + s2);
    case "/": {
      const scale = Math.max(6, s1 + p2 + 1);
      return decimalType(p1 - s1 + s2 + scale, scale);
    }
    case "%":
      return decimalType(Math.min(p1 - s1, p2 - s2) + Math.max(s1, s2), Math.max(s1, s2));
    default:
      return decimalType(Math.max(s1, s2) + Math.max(p1 - s1, p2 - s2) + 1, Math.max(s1, s2));
  }
}

/** Whether CAST may be written between them. */
export function isCastable(from: SqlType, to: SqlType): boolean {
  if (sameSqlType(from, to)) return true;
  if (from.base === "ARRAY" && to.base === "ARRAY") return isCastable(from.element, to.element);
  if (from.base === "MAP" && to.base === "MAP") return isCastable(from.key, to.key) && isCastable(from.value, to.value);
  if (from.base === "STRUCT" && to.base === "STRUCT")
    return to.fields.every((t) => {
      const f = from.fields.find((field) => field.name === t.name);
      return f === undefined || isCastable(f.type, t.type);
    });
  if (to.base === "STRING") return from.base !== "BYTES";
  if (isNumeric(to)) return isNumeric(from) || from.base === "STRING" || (to.base === "BIGINT" && from.base === "TIMESTAMP");
  switch (to.base) {
    case "BOOLEAN":
      return from.base === "STRING";
    case "TIMESTAMP":
      return from.base === "STRING" || from.base === "DATE" || from.base === "BIGINT";
    case "DATE":
    case "TIME":
      return from.base === "STRING" || from.base === "TIMESTAMP";
    default:
      return false;
  }
}
