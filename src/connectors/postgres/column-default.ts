import type { Value } from "../../data/schema.js";
import type { ColumnType } from "./types/column-type.js";

/**
 * The value of a column's default as schemas declare it, or undefined: a literal by the column's own rules; a function call
 * (a serial, the time of insertion) by the type's zero; anything else declares none.
 */
export function columnDefault(expression: string | null, type: ColumnType): Value | undefined {
  if (expression === null || !type.defaults) return undefined;
  const text = literalText(expression);
  if (text === null) return undefined;
  if (text === undefined) return isFunction(expression) ? type.functionDefault : undefined;
  try {
    const value = type.parse(text);
    return value === null ? undefined : value;
  } catch {
    return undefined;
  }
}

/** The literal's text; null for NULL; undefined where the expression is none. */
function literalText(expression: string): string | null | undefined {
  let e = expression.trim();
  while (e.startsWith("(") && e.endsWith(")") && balanced(e)) e = e.slice(1, -1).trim();
  const cast = /^(.*?)::[a-z_"][\w ."]*(?:\(\d+(?:,\s*-?\d+)?\))?(?:\[\])?(?: with(?:out)? time zone)?$/is.exec(e);
  if (cast && !/^'.*'::.*'/s.test(e)) return literalText(cast[1]!);
  if (/^NULL$/i.test(e)) return null;
  if (/^(true|false)$/i.test(e)) return e.toLowerCase() === "true" ? "t" : "f";
  const bits = /^B'([01]*)'$/.exec(e);
  if (bits) return bits[1];
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(e)) return e;
  const string = /^E?'((?:[^']|'')*)'$/s.exec(e);
  if (string) {
    const plain = string[1]!.replace(/''/g, "'");
    return e.startsWith("E") ? plain.replace(/\\(.)/g, "$1") : plain;
  }
  return undefined;
}

function balanced(e: string): boolean {
  let depth = 0;
  for (let i = 0; i < e.length - 1; i++) {
    if (e[i] === "(") depth++;
    else if (e[i] === ")" && --depth === 0) return false;
  }
  return true;
}

function isFunction(expression: string): boolean {
  return /^\(?[A-Za-z_][\w."]*\(/.test(expression) || /^\(?(CURRENT_|LOCAL)(DATE|TIME|TIMESTAMP)/i.test(expression);
}
