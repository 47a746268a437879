import { analyzeExpression, condition, fail, isNull } from "../analyzer/expression.js";
import { type QualifiedQuery, sourcesRead } from "../analyzer/query.js";
import type { DataSource } from "../metastore/data-source.js";
import type { ParsedExpression } from "../parser/ast.js";
import { formatExpression, formatName } from "../parser/format-expression.js";
import { namesIn, visit } from "../parser/walk.js";
import type { Expression } from "../plan/expression.js";
import type { ExecutionStep, FlatMapStep, SelectKeyStep } from "../plan/step.js";
import { planAggregate, ungroupedSelect, unqualified } from "./aggregate.js";
import { checkKeyTypes, withKeyFormat } from "./formats.js";
import { planFrom } from "./join.js";
import { withMembers } from "./membership.js";
import { type Projected, projectPersistent, projectTransient } from "./project.js";
import { columnAt, environmentOf, inClause, type KeyColumn, type PlanTools, type Relation, valueColumns } from "./relation.js";

export interface PlannedQuery extends Projected {
  /** what the select list was taken from: its kind, window and formats are the result's */
  readonly relation: Relation;
  /** the sources that it reads, in the order written; those of subqueries too */
  readonly reads: readonly DataSource[];
}

/** @param sink name of the source to be written; null for a query whose rows go to a client */
export function planQuery(query: QualifiedQuery, given: PlanTools, sink: string | null, defaultKeyFormat: string): PlannedQuery {
  const { query: written } = query;
  const tools = { ...given, joined: query.sources.length > 1 };
  if (written.having && !query.groupBy) throw fail("HAVING clause requires a GROUP BY clause.");
  if (written.emit === "FINAL" && !written.window) throw fail("EMIT FINAL is only supported for windowed aggregations.");
  if (query.groupBy && query.partitionBy) throw fail("PARTITION BY cannot be used with GROUP BY.");
  checkWindowBounds(query);
  let relation = planFrom(query, tools, defaultKeyFormat);
  if (tools.rowsOf) relation = tools.rowsOf(relation);
  const members = withMembers(query, relation, tools);
  if (members) relation = members.relation;
  if (query.where) relation = filtered(relation, query.where, tools, "WHERE", "WhereFilter", members?.replace);
  const tableCalls = tableFunctionCalls(query, tools);
  let replace: ((e: ParsedExpression) => Expression | undefined) | undefined;
  if (tableCalls.length > 0) {
    if (query.groupBy) throw fail("Table functions cannot be used with aggregations.");
    if (relation.kind === "table") throw fail("Table source is not supported with table functions");
    ({ relation, replace } = flatMapped(relation, tableCalls, tools));
  }
  if (query.groupBy) {
    const aggregated = planAggregate(query, relation, tools, defaultKeyFormat);
    ({ relation, replace } = aggregated);
    if (query.having) relation = filtered(relation, query.having, tools, "HAVING", "HavingFilter", replace);
  } else {
    for (const e of query.partitionBy ?? []) refuseFunctions(e, "PARTITION BY", tools);
    refuseAggregates(query, tools, sink);
  }
  if (query.partitionBy) relation = partitioned(relation, query, tools, defaultKeyFormat, replace);
  checkKeyTypes(relation.step.schema.key);
  const projected =
    sink === null ? projectTransient(query, relation, tools, replace) : projectPersistent(query, relation, tools, sink, replace);
  return { ...projected, relation, reads: [...sourcesRead(query), ...(members?.reads ?? [])] };
}

/** @throws SQL_STATEMENT where a clause that is evaluated row by row holds an aggregate or a table function */
function refuseFunctions(e: ParsedExpression, clause: string, { functions }: PlanTools): void {
  visit(e, (x) => {
    const kind = x.kind === "call" ? functions.kind(x.name) : undefined;
    if (x.kind === "call" && (kind === "aggregate" || kind === "table"))
      throw fail(`${clause} does not support ${kind} functions: ${x.name} is ${kind === "table" ? "a" : "an"} ${kind} function.`, x.at);
    return undefined;
  });
}

/** @throws SQL_STATEMENT where aggregates or a window stand without GROUP BY */
function refuseAggregates(query: QualifiedQuery, tools: PlanTools, sink: string | null): void {
  const calls = new Set<string>();
  const aggregates = (e: ParsedExpression) => {
    let any = false;
    visit(e, (x) => {
      if (x.kind !== "call" || tools.functions.kind(x.name) !== "aggregate") return undefined;
      any = true;
      calls.add(unqualified(x).replace(/\((\*?)\)$/, "(ROWTIME)"));
      return false;
    });
    return any;
  };
  const others = query.select.filter((s) => !aggregates(s.expression)).map((s) => unqualified(s.expression));
  if (calls.size > 0 && others.length > 0) throw ungroupedSelect(others);
  if (calls.size > 0) {
    const what = sink === null ? "SELECT" : "CREATE TABLE AS SELECT";
    throw fail(`${what} statement does not support aggregate function [${[...calls].join(", ")}] without a GROUP BY clause.`);
  }
  if (query.query.window) throw fail("WINDOW clause requires a GROUP BY clause.", query.query.window.at);
}

function checkWindowBounds(query: QualifiedQuery): void {
  if (query.sources.some((s) => s.source.window) || !query.query.window) return;
  const clauses: [string, readonly (ParsedExpression | null)[]][] = [
    ["WHERE", [query.where]],
    ["GROUP BY", query.groupBy ?? []],
    ["HAVING", [query.having]],
  ];
  for (const [, list] of clauses)
    for (const e of list)
      for (const n of e ? namesIn(e) : [])
        if (n.qualifier === null && (n.name === "WINDOWSTART" || n.name === "WINDOWEND"))
          throw fail(
            `Window bounds column ${n.name} can only be used in the SELECT clause of windowed aggregations and can not be passed to aggregate functions`,
            n.at,
          );
}

function filtered(
  relation: Relation,
  where: ParsedExpression,
  tools: PlanTools,
  clause: "WHERE" | "HAVING",
  id: string,
  replace?: (e: ParsedExpression) => Expression | undefined,
): Relation {
  const predicate = inClause(`Error in ${clause} expression: `, () =>
    analyzeExpression(where, environmentOf(relation, tools, clause, replace)),
  );
  const checked = inClause(`Type error in ${clause} expression: `, () => condition(predicate, where));
  return { ...relation, step: { step: "filter", id, source: relation.step, predicate: checked, schema: relation.step.schema } };
}

function tableFunctionCalls(query: QualifiedQuery, tools: PlanTools): Extract<ParsedExpression, { kind: "call" }>[] {
  const calls = new Map<string, Extract<ParsedExpression, { kind: "call" }>>();
  const each = (e: ParsedExpression, seen: (call: Extract<ParsedExpression, { kind: "call" }>) => void) =>
    visit(e, (x) => {
      if (x.kind === "case")
        visit(x, (y) => {
          if (y.kind === "call" && tools.functions.kind(y.name) === "table")
            throw fail(`Table functions cannot be used in CASE: ${unqualified(x)}`, y.at);
          return undefined;
        });
      if (x.kind !== "call" || tools.functions.kind(x.name) !== "table") return undefined;
      seen(x);
      return false;
    });
  for (const s of query.select)
    each(s.expression, (call) => {
      for (const arg of call.args)
        each(arg, () => {
          throw fail(`Table functions cannot be nested: ${unqualified(call)}`, call.at);
        });
      calls.set(formatExpression(call), call);
    });
  return [...calls.values()];
}

function flatMapped(relation: Relation, calls: readonly Extract<ParsedExpression, { kind: "call" }>[], tools: PlanTools) {
  const environment = environmentOf(relation, tools, "SELECT");
  const functions = calls.map((call) => analyzeExpression(call, environment));
  const made = functions.map((e, i) => {
    if (e.type.base !== "ARRAY") throw fail(`Table function ${calls[i]!.name} does not give rows`, calls[i]!.at);
    return { name: `KSQL_SYNTH_${i}`, type: e.type.element };
  });
  const { key, value } = relation.step.schema;
  const step: FlatMapStep = {
    step: "flat-map",
    id: "FlatMap",
    source: relation.step,
    functions,
    schema: { key, value: [...value, ...made] },
  };
  const texts = calls.map(formatExpression);
  const replace = (e: ParsedExpression) => {
    const i = texts.indexOf(formatExpression(e));
    return i < 0 ? undefined : columnAt(step.schema, key.length + value.length + i);
  };
  return { relation: { ...relation, step } as Relation, replace };
}

function partitioned(
  relation: Relation,
  query: QualifiedQuery,
  tools: PlanTools,
  defaultKeyFormat: string,
  replace?: (e: ParsedExpression) => Expression | undefined,
): Relation {
  const by = query.partitionBy!;
  if (relation.kind === "table") throw fail("PARTITION BY is not supported on tables.");
  if (by.length === 0) throw fail("PARTITION BY requires at least one expression");
  if (relation.window)
    throw fail("Implicit repartitioning of windowed sources is not supported. See https://github.com/confluentinc/ksql/issues/4385.");
  const environment = environmentOf(relation, tools, "PARTITION BY", replace);
  const all = by.map((e) => analyzeExpression(e, environment));
  if (all.length > 1 && all.some(isNull)) throw fail("Cannot PARTITION BY multiple columns including NULL");
  const none = all.length === 1 && isNull(all[0]!);
  const exprs = none ? [] : all;
  const { schema } = relation.step;
  const own = schema.key.length;
  // already keyed so
  if (!none && exprs.length === own && exprs.every((e, i) => e.kind === "column" && e.index === i)) {
    const keys = relation.keys.map((k, i) => ({ ...k, shown: [formatExpression(by[i]!)] }));
    return relation.origin === "key column" ? { ...relation, keys, origin: "partitioning expression" } : relation;
  }
  const names = exprs.map((e, i) => nameOf(by[i]!, e, query));
  const columns = [...valueColumns(schema), ...schema.key.map((_, i) => columnAt(schema, i))];
  const key = exprs.map((e, i) => ({ name: names[i]!, type: e.type }));
  const value = columns.map((e) => ({ name: (e as { name: string }).name, type: e.type }));
  const step: SelectKeyStep = { step: "select-key", id: "PartitionBy", source: relation.step, key: exprs, columns, schema: { key, value } };
  const place = (index: number) => exprs.length + (index < own ? schema.value.length + index : index - own);
  const keys: KeyColumn[] = key.map((c, i) => {
    const text = formatExpression(by[i]!);
    return { ...c, viable: viableOf(relation, text), shown: [text] };
  });
  const format = none ? { format: "NONE" } : relation.formats.key.format === "NONE" ? { format: defaultKeyFormat } : relation.formats.key;
  return {
    ...relation,
    step,
    columns: relation.columns.map((c) => ({ ...c, index: place(c.index) })),
    keys,
    origin: "partitioning expression",
    scattered: true,
    formats: withKeyFormat(relation.formats, format, key),
  };
}

/** What else a join has made the same as this column. */
function viableOf(relation: Relation, text: string): readonly string[] {
  const same = relation.keys.find((k) => k.viable.includes(text) && !k.synthetic);
  return same ? [text, ...same.viable.filter((v) => v !== text)] : [text];
}

function nameOf(e: ParsedExpression, analyzed: Expression, query: QualifiedQuery): string {
  const selected = query.select.find((s) => formatExpression(s.expression) === formatExpression(e));
  if (selected) return selected.name;
  if (analyzed.kind === "column") return analyzed.name;
  return e.kind === "dereference" ? e.field : formatName(unqualified(e));
}

/** Of the sources that a plan reads, each once. */
export function namesOf(reads: readonly DataSource[]): string[] {
  return [...new Set(reads.map((s) => s.name))];
}

/** The ids of all steps, to see that none stands twice. */
export function stepIds(step: ExecutionStep): string[] {
  if ("left" in step) return [step.id, ...stepIds(step.left), ...stepIds(step.right)];
  return "source" in step ? [step.id, ...stepIds(step.source)] : [step.id];
}
