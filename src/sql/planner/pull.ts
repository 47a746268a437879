import { MillraceError } from "../../common/errors.js";
import { formatSqlType } from "../../data/sql-type.js";
import { analyzeExpression, condition } from "../analyzer/expression.js";
import { inMetastore, type QualifiedQuery, qualifyQuery } from "../analyzer/query.js";
import { isWindowBound } from "../analyzer/scope.js";
import type { Query } from "../parser/ast.js";
import { namesIn, visit } from "../parser/walk.js";
import type { Expression } from "../plan/expression.js";
import { planSource } from "./from.js";
import type { Bound, Bounds, KeyLookup, PlanContext, PullPlan } from "./plan-statement.js";
import { checkPullWhere } from "./pull-where.js";
import { environmentOf, inClause, type Relation } from "./relation.js";
import { defaults } from "./settings.js";

function refused(message: string): MillraceError {
  return new MillraceError("SQL_STATEMENT", message);
}

function unsupportedInPull(what: string): MillraceError {
  return refused(
    `Pull queries don't support ${what}. See https://cnfl.io/queries for more info.\nAdd EMIT CHANGES if you intended to issue a push query.`,
  );
}

/** A query without EMIT: reads what is there. */
export function planPull(query: Query, context: PlanContext): PullPlan {
  const unsupported: [unknown, string][] = [
    [query.joins.length > 0, "JOIN"],
    [query.window, "WINDOW"],
    [query.groupBy, "GROUP BY"],
    [query.partitionBy, "PARTITION BY"],
    [query.having, "HAVING"],
  ];
  for (const [there, clause] of unsupported) if (there) throw unsupportedInPull(`${clause} clauses`);
  if (query.limit !== null && query.limit < 0)
    throw refused("Pull queries don't support negative integers in the LIMIT clause. See https://cnfl.io/queries for more info.");
  const qualified = qualifyQuery(query, inMetastore(context.metastore), true);
  refusePositions(qualified);
  for (const s of qualified.select)
    visit(s.expression, (x) => {
      if (x.kind === "call" && context.functions.kind(x.name) === "table") throw unsupportedInPull("table functions");
      return undefined;
    });
  const tools = { functions: context.functions, types: (name: string) => context.metastore.type(name) };
  const { source } = qualified.sources[0]!;
  const relation = planSource(qualified.sources[0]!, "");
  const residual = qualified.where && whereOf(qualified, relation, tools);
  const environment = environmentOf(relation, tools, "SELECT");
  const projection = qualified.select.map((s) => inClause("", () => analyzeExpression(s.expression, environment)));
  const keyCount = relation.step.schema.key.length;
  const columns = qualified.select.map((s, index) => {
    const e = projection[index]!;
    return { name: s.name, type: e.type, index, isKey: e.kind === "column" && e.index < keyCount };
  });
  refuseDuplicates(columns);
  const { pullTableScan } = defaults(context.properties);
  if (qualified.where && source.kind === "table")
    checkPullWhere(qualified.where, source, pullTableScan, environmentOf(relation, tools, "WHERE"));
  const alternatives = residual ? disjuncts(residual) : [];
  const lookup = lookupOf(alternatives, keyCount);
  if (lookup.kind === "scan" && source.kind === "table" && !pullTableScan)
    throw refused(
      "WHERE clause missing key column for disjunct or table scans are disabled. Set ksql.query.pull.table.scan.enabled=true to allow them.",
    );
  const single = alternatives.length === 1 ? conjuncts(alternatives[0]!) : [];
  return {
    source,
    lookup,
    windowStart: source.window ? boundsOf(single, relation, "WINDOWSTART") : null,
    windowEnd: source.window ? boundsOf(single, relation, "WINDOWEND") : null,
    residual,
    columns,
    projection,
    limit: query.limit,
  };
}

/** Where a record stood says nothing of a table's row. @throws SQL_STATEMENT */
function refusePositions({ select, where }: QualifiedQuery): void {
  const clauses = [
    ["SELECT", select.map((s) => s.expression)],
    ["WHERE", where ? [where] : []],
  ] as const;
  for (const [clause, expressions] of clauses) {
    const names = expressions.flatMap(namesIn).map((n) => n.name);
    const bad = [...new Set(names)].filter((name) => name === "ROWPARTITION" || name === "ROWOFFSET");
    if (bad.length > 0)
      throw refused(`Pull queries don't support the following columns in ${clause} clauses: ${bad.map((b) => `\`${b}\``).join(", ")}`);
  }
}

function refuseDuplicates(columns: PullPlan["columns"]): void {
  const twice = columns.filter((c, i) => columns.findIndex((d) => d.name === c.name) !== i);
  if (twice.length === 0) return;
  const { name, type, isKey } = twice[0]!;
  throw refused(`Duplicate ${isKey ? "key" : "value"} columns found in schema: \`${name}\` ${formatSqlType(type)}`);
}

function whereOf(query: QualifiedQuery, relation: Relation, tools: Parameters<typeof environmentOf>[1]): Expression {
  const predicate = inClause("Error in WHERE expression: ", () => analyzeExpression(query.where!, environmentOf(relation, tools, "WHERE")));
  return inClause("Type error in WHERE expression: ", () => condition(predicate, query.where!));
}

function conjuncts(e: Expression): Expression[] {
  return e.kind === "logical" && e.op === "AND" ? [...conjuncts(e.left), ...conjuncts(e.right)] : [e];
}
function disjuncts(e: Expression): Expression[] {
  return e.kind === "logical" && e.op === "OR" ? [...disjuncts(e.left), ...disjuncts(e.right)] : [e];
}

type Op = "=" | "<" | "<=" | ">" | ">=";
const mirrored: Readonly<Record<Op, Op>> = { "=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<=" };

/** `column op constant`, whichever way round it is written */
function constraint(e: Expression): { index: number; op: Op; value: Expression } | undefined {
  if (e.kind !== "compare" || !(e.op in mirrored)) return undefined;
  const op = e.op as Op;
  if (e.left.kind === "column" && isConstant(e.right)) return { index: e.left.index, op, value: e.right };
  if (e.right.kind === "column" && isConstant(e.left)) return { index: e.right.index, op: mirrored[op], value: e.left };
  return undefined;
}

function isConstant(e: Expression): boolean {
  if (e.kind === "literal") return true;
  if (e.kind === "column" || e.kind === "parameter" || e.kind === "call" || e.kind === "lambda") return false;
  return Object.values(e).every((part) => parts(part).every(isConstant));
}
function parts(x: unknown): Expression[] {
  if (Array.isArray(x)) return x.flatMap(parts);
  if (typeof x !== "object" || x === null || "base" in x) return [];
  return "kind" in x ? [x as Expression] : Object.values(x).flatMap(parts);
}

const maxKeys = 10_000;

/** Every alternative must name keys; a single one may name a range of them. Else all rows are read. */
function lookupOf(alternatives: readonly Expression[], keyCount: number): KeyLookup {
  const scan: KeyLookup = { kind: "scan" };
  if (alternatives.length === 0 || keyCount === 0) return scan;
  const keys: (readonly Expression[])[] = [];
  for (const alternative of alternatives) {
    const found = keysOf(conjuncts(alternative), keyCount);
    if (!found || keys.length + found.length > maxKeys)
      return alternatives.length === 1 && keyCount === 1 ? rangeOf(conjuncts(alternative)) : scan;
    keys.push(...found);
  }
  const distinct = new Map(keys.map((key) => [JSON.stringify(key), key]));
  return { kind: "keys", keys: [...distinct.values()] };
}

/** The keys that `a = 1 AND b IN (2, 3)` names: all combinations. */
function keysOf(list: readonly Expression[], keyCount: number): Expression[][] | undefined {
  let keys: Expression[][] = [[]];
  for (let k = 0; k < keyCount; k++) {
    const values = list.flatMap((e): (readonly Expression[])[] => {
      const c = constraint(e);
      if (c?.op === "=" && c.index === k) return [[c.value]];
      return e.kind === "in" && e.operand.kind === "column" && e.operand.index === k && e.list.every(isConstant) ? [e.list] : [];
    })[0];
    if (!values || keys.length * values.length > maxKeys) return undefined;
    keys = keys.flatMap((key) => values.map((v) => [...key, v]));
  }
  return keys;
}

function rangeOf(list: readonly Expression[]): KeyLookup {
  let lower: Bound | null = null;
  let upper: Bound | null = null;
  for (const e of list) {
    const c = constraint(e);
    if (c?.index !== 0) continue;
    if (c.op === ">" || c.op === ">=") lower = { value: c.value, inclusive: c.op === ">=" };
    if (c.op === "<" || c.op === "<=") upper = { value: c.value, inclusive: c.op === "<=" };
  }
  return lower || upper ? { kind: "range", lower, upper } : { kind: "scan" };
}

function boundsOf(list: readonly Expression[], relation: Relation, name: "WINDOWSTART" | "WINDOWEND"): Bounds | null {
  let lower: Bounds["lower"] = null;
  let upper: Bounds["upper"] = null;
  const own = (e: Expression) =>
    e.kind === "column" && e.index >= relation.step.schema.key.length && isWindowBound(e.name) && e.name === name;
  for (const e of list) {
    const c = e.kind === "compare" && (own(e.left) || own(e.right)) ? constraint(e) : undefined;
    if (c?.value.kind !== "literal" || c.value.value === null) continue;
    const value = Number(c.value.value);
    if (c.op !== "<" && c.op !== "<=") lower = { value, inclusive: c.op !== ">" };
    if (c.op !== ">" && c.op !== ">=") upper = { value, inclusive: c.op !== "<" };
  }
  return lower || upper ? { lower, upper } : null;
}
