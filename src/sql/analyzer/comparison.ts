import { type SqlType, sameSqlType } from "../../data/sql-type.js";
import { parsePartialTimestamp } from "../evaluate/time-text.js";
import type { BinaryOp, ParsedExpression } from "../parser/ast.js";
import type { Expression } from "../plan/expression.js";
import { coerce, type Environment, fail, plainType, shown, typeOf } from "./expression.js";
import { isWindowBound } from "./scope.js";
import { commonType, isNumeric, sqlTypes } from "./types.js";

type Op = Extract<Expression, { kind: "compare" }>["op"];

const names: Readonly<Record<Op, string>> = {
  "=": "EQUAL",
  "<>": "NOT_EQUAL",
  "<": "LESS_THAN",
  "<=": "LESS_THAN_OR_EQUAL",
  ">": "GREATER_THAN",
  ">=": "GREATER_THAN_OR_EQUAL",
  "IS DISTINCT FROM": "IS_DISTINCT_FROM",
  "IS NOT DISTINCT FROM": "IS_NOT_DISTINCT_FROM",
};
const equality: ReadonlySet<Op> = new Set(["=", "<>", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"]);

/** A comparison with both sides brought to one type. @throws SQL_STATEMENT where they have none or the operator does not fit it */
export function analyzeComparison(
  operator: BinaryOp,
  leftText: ParsedExpression,
  rightText: ParsedExpression,
  left: Expression,
  right: Expression,
  whole: ParsedExpression,
  env: Environment,
): Expression {
  const op = operator as Op;
  const compare = (l: Expression, r: Expression): Expression => ({ kind: "compare", op, left: l, right: r, type: sqlTypes.boolean });
  const [lt, rt] = [typeOf(left), typeOf(right)];
  if ((lt === null || rt === null) && !op.startsWith("IS")) {
    const types = [lt, rt].map((t) => (t === null ? "NULL" : plainType(t))).join(` ${op} `);
    throw fail(
      `Comparison with NULL not supported: ${types}\nUse 'IS NULL' or 'IS NOT NULL' instead.\nStatement: ${shown(whole, env)}`,
      whole.at,
    );
  }
  if (lt === null || rt === null) {
    const type = lt ?? rt ?? sqlTypes.string;
    return compare(coerce(left, type), coerce(right, type));
  }
  const magic = timeOfText(leftText, left, right) ?? timeOfText(rightText, right, left);
  if (magic) return left === magic.column ? compare(left, magic.literal) : compare(magic.literal, right);
  const type = comparable(lt, rt, op);
  if (!type)
    throw fail(
      `Cannot compare ${shown(leftText, env)} (${plainType(lt)}) to ${shown(rightText, env)} (${plainType(rt)}) with ${names[op]}.\nStatement: ${shown(whole, env)}`,
      whole.at,
    );
  return compare(coerce(left, type), coerce(right, type));
}

function comparable(a: SqlType, b: SqlType, op: Op): SqlType | undefined {
  if (isNumeric(a) && isNumeric(b)) return commonType(a, b) ?? undefined;
  const temporal = (t: SqlType) => t.base === "TIME" || t.base === "DATE" || t.base === "TIMESTAMP";
  if (temporal(a) && b.base === "STRING") return a;
  if (temporal(b) && a.base === "STRING") return b;
  if ((a.base === "DATE" && b.base === "TIMESTAMP") || (a.base === "TIMESTAMP" && b.base === "DATE")) return sqlTypes.timestamp;
  const type = sameSqlType(a, b) ? a : (commonType(a, b) ?? undefined);
  const nested = a.base === "ARRAY" || a.base === "MAP" || a.base === "STRUCT" || a.base === "BOOLEAN";
  return type && nested && !equality.has(op) ? undefined : type;
}

/** `ROWTIME > '2020-01-01T10'`: text stands for a time where a pseudo column of times is compared. */
function timeOfText(text: ParsedExpression, column: Expression, other: Expression) {
  if (text.kind !== "name" || (text.name !== "ROWTIME" && !isWindowBound(text.name))) return undefined;
  if (column.type.base !== "BIGINT" || other.kind !== "literal" || other.type.base !== "STRING" || other.value === null) return undefined;
  const ms = parsePartialTimestamp(String(other.value));
  if (ms === undefined) throw fail(`Failed to parse timestamp '${other.value}': expected yyyy-MM-dd'T'HH:mm:ss.SSS`, text.at);
  const literal: Expression = { kind: "literal", value: String(ms), type: sqlTypes.bigint };
  return { column, literal };
}
