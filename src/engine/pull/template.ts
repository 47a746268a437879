import type { Expression } from "../../sql/plan/expression.js";
import type { PullPlan } from "../../sql/planner/plan-statement.js";

/** A query's text with its strings and whole numbers taken out: what many requests have in common, and what each of them says. */
export interface Template {
  readonly text: string;
  readonly values: readonly (string | number)[];
}

const token = /[A-Za-z_][A-Za-z0-9_@]*|'(?:[^']|'')*'|`[^`]*`|"[^"]*"|\d+|./gs;
/** Outside of what a test would write, within INTEGER. */
const firstNumber = 1_900_000_001;
const mostDigits = 9;

/** Undefined where the text is no plain SELECT that answers and ends, or holds what is not looked into: comments, variables. */
export function templateOf(sql: string): Template | undefined {
  if (!/^\s*select\s/i.test(sql) || /--|\/\*|\\|\$\{|19000000|[\u0001\u0002]|\bemit\b/i.test(sql)) return undefined;
  const values: (string | number)[] = [];
  let text = "";
  let last = "";
  token.lastIndex = 0;
  for (let found = token.exec(sql); found; found = token.exec(sql)) {
    const [part] = found;
    const first = part.charCodeAt(0);
    if (first === 39 && part.length > 1) {
      values.push(part.slice(1, -1).replaceAll("''", "'"));
      text += "'\u0002'";
    } else if (first >= 48 && first <= 57 && isWhole(sql, found.index, part, last)) {
      values.push(Number(part));
      text += "\u0002";
    } else text += part;
    if (first > 32) last = part;
  }
  return { text, values };
}

/** A number by itself: no part of a decimal, no LIMIT, which is the plan's own. */
function isWhole(sql: string, start: number, digits: string, last: string): boolean {
  if (digits.length > mostDigits || last === "." || last.toUpperCase() === "LIMIT") return false;
  const next = sql.charCodeAt(start + digits.length);
  return !(next === 46 || (next >= 48 && next <= 57) || (next >= 64 && next <= 90) || next === 95 || (next >= 97 && next <= 122));
}

/** A statement with a mark in each place of a value, by which its plan shows where it has gone. */
export function marked({ text, values }: Template): string {
  let i = 0;
  return text.replace(/'\u0002'|\u0002/g, () => {
    const mark = markOf(values, i++);
    return typeof mark === "string" ? `'${mark}'` : String(mark);
  });
}

function markOf(values: readonly (string | number)[], i: number): string | number {
  return typeof values[i] === "string" ? `\u0001${i}\u0001` : firstNumber + i;
}

/**
 * The plan of a marked statement with columns in place of the marks: value `i` stands behind the row's own, at `width + i`.
 * Undefined where a mark is not found as it was written: the planner has looked at its value.
 */
export function parameterized(plan: PullPlan, { values }: Template, width: number): PullPlan | undefined {
  const marks = new Map(values.map((_, i) => [markOf(values, i), i]));
  const found = new Set<number>();
  const replace = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(replace);
    if (typeof node !== "object" || node === null) return node;
    const e = node as Expression;
    if (e.kind === "literal") {
      const { base } = e.type;
      const i = marks.get(base === "BIGINT" ? Number(e.value) : (e.value as string | number));
      if (i === undefined || !["STRING", "INTEGER", "BIGINT", "DOUBLE"].includes(base)) return node;
      found.add(i);
      return { kind: "column", index: width + i, name: "", type: e.type };
    }
    return Object.fromEntries(Object.entries(node).map(([name, value]) => [name, name === "type" ? value : replace(value)]));
  };
  const { lookup, residual, projection, ...rest } = plan;
  const made = { lookup: replace(lookup), residual: replace(residual), projection: replace(projection) } as Pick<
    PullPlan,
    "lookup" | "residual" | "projection"
  >;
  if (found.size !== values.length) return undefined;
  const text = JSON.stringify([made, rest.columns, rest.windowStart, rest.windowEnd, rest.limit]);
  return text.includes("\\u0001") || text.includes("19000000") ? undefined : { ...rest, ...made };
}
