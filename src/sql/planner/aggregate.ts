import { MillraceError } from "../../common/errors.js";
import type { SqlType } from "../../data/sql-type.js";
import { analyzeExpression, coerce, type Environment, fail, typeOf } from "../analyzer/expression.js";
import type { QualifiedQuery } from "../analyzer/query.js";
import { isWindowBound } from "../analyzer/scope.js";
import { requiredType } from "../functions/match.js";
import type { ParsedExpression, WindowClause } from "../parser/ast.js";
import { formatExpression } from "../parser/format-expression.js";
import { mapNames, namesIn, visit } from "../parser/walk.js";
import type { Expression } from "../plan/expression.js";
import type { AggregateCall, AggregateStep, Column, GroupByStep, SelectStep, WindowSpec } from "../plan/step.js";
import { withKeyFormat } from "./formats.js";
import { columnAt, environmentOf, inClause, type KeyColumn, type PlanTools, type Relation } from "./relation.js";

type Call = Extract<ParsedExpression, { kind: "call" }>;
const nested: ReadonlySet<SqlType["base"]> = new Set(["ARRAY", "MAP", "STRUCT"]);

/** The relation of a GROUP BY and what its select list may use: the group's expressions and the aggregates. */
export interface Aggregated {
  readonly relation: Relation;
  /** finds group expressions and aggregate calls in the aggregate's row */
  readonly replace: (e: ParsedExpression) => Expression | undefined;
}

export function planAggregate(query: QualifiedQuery, source: Relation, tools: PlanTools, defaultKeyFormat: string): Aggregated {
  if (query.sources.some((s) => s.source.formats.value.format === "KAFKA"))
    throw new MillraceError(
      "SQL_STATEMENT",
      `Source(s) ${query.sources.map((s) => s.source.name).join(", ")} are using the 'KAFKA' value format. This format does not yet support GROUP BY.`,
    );
  if (query.query.window && source.kind === "table")
    throw fail("WINDOW clause is only supported on streams: GROUP BY on a table cannot be windowed.");
  const groups = query.groupBy!;
  if (groups.length === 0) throw fail("GROUP BY requires at least one expression");
  const environment = environmentOf(source, tools, "GROUP BY");
  const groupExpressions = groups.map((g) => inClause("", () => analyzeExpression(g, environment)));
  const texts = groups.map(formatExpression);
  const names = keyNames(query, groups, texts);
  const calls = aggregateCalls(query, tools);
  checkFunctions(query, tools);
  if (calls.length === 0) throw fail("GROUP BY requires aggregate functions in either the SELECT or HAVING clause.");
  checkGrouping(query, tools);

  // ahead of the group: the columns that aggregates and group expressions need, nothing else
  const prepared: { name: string; e: Expression }[] = [];
  const prepare = (e: Expression): Expression => {
    if (e.kind === "literal") return e;
    const text = JSON.stringify(e);
    let at = prepared.findIndex((p) => JSON.stringify(p.e) === text);
    if (at < 0)
      at =
        prepared.push({
          name: e.kind === "column" && !prepared.some((p) => p.name === e.name) ? e.name : `KSQL_INTERNAL_COL_${prepared.length}`,
          e,
        }) - 1;
    return { kind: "column", index: at, name: prepared[at]!.name, type: e.type };
  };
  const keyCount = source.step.schema.key.length;
  const by = groupExpressions.map((e) => (e.kind === "column" && e.index < keyCount ? e : prepare(e)));
  const matched = calls.map((call) => matchCall(call, environmentOf(source, tools, "SELECT", nestedAggregates(tools))));
  if (source.kind === "table") refuseOverTable(matched, calls);
  const args = matched.map((m) => m.args.map(prepare));
  const sourceKey = source.step.schema.key;
  const shift = (e: Expression, keys: number): Expression => (e.kind === "column" ? { ...e, index: e.index + keys } : e);
  const prepareStep: SelectStep = {
    step: "select",
    id: "Aggregate-Prepare",
    source: source.step,
    columns: prepared.map((p) => p.e),
    schema: { key: sourceKey, value: prepared.map((p) => ({ name: p.name, type: p.e.type })) },
  };
  const key: Column[] = names.map((name, i) => ({ name, type: groupExpressions[i]!.type }));
  const sameKey =
    source.kind === "stream" &&
    !source.window &&
    !source.scattered &&
    by.length === keyCount &&
    by.every((e, i) => e.kind === "column" && e.index === i && groupExpressions[i] === e);
  const keyFormat = source.formats.key.format === "NONE" ? { format: defaultKeyFormat } : source.formats.key;
  const formats = withKeyFormat(source.formats, keyFormat, key);
  const groupStep: GroupByStep = {
    step: source.kind === "stream" ? "stream-group-by" : "table-group-by",
    id: "Aggregate-GroupBy",
    source: prepareStep,
    by: by.map((e, i) => (groupExpressions[i] === e && e.kind === "column" ? e : shift(e, keyCount))),
    repartition: { formats, needed: !sameKey },
    schema: { key, value: prepareStep.schema.value },
  };
  const aggregates: AggregateCall[] = matched.map((m, i) => {
    const shifted = args[i]!.map((e) => shift(e, key.length));
    const { resultType, stateType } = m.aggregator(shifted);
    if (source.formats.value.format === "DELIMITED" && nested.has(stateType.base))
      throw fail(
        "One of the functions used in the statement has an intermediate type that the value format can not handle. Please remove the function or change the format.",
      );
    return { overload: m.id, args: shifted, constants: m.constants, type: resultType };
  });
  const window = query.query.window ? windowSpec(query.query.window, query.query.emit === "FINAL") : undefined;
  const aggregateStep: AggregateStep = {
    step: "aggregate",
    id: "Aggregate",
    source: groupStep,
    carried: [],
    aggregates,
    formats,
    ...(window ? { window } : {}),
    schema: { key, value: aggregates.map((a, i) => ({ name: `KSQL_AGG_VARIABLE_${i}`, type: a.type })) },
  };
  const keys: KeyColumn[] = key.map((c, i) => ({ ...c, viable: [texts[i]!], shown: [unqualified(groups[i]!)] }));
  const relation: Relation = {
    step:
      window?.emit === "final"
        ? { step: "suppress", id: "Suppress", source: aggregateStep, window, schema: aggregateStep.schema }
        : aggregateStep,
    kind: "table",
    columns: [],
    keys,
    origin: "grouping expression",
    formats,
    ...(window ? { window: { type: window.type, ...(window.type === "SESSION" ? {} : { size: window.size }) } } : {}),
  };
  const callTexts = calls.map(formatExpression);
  const replace = (e: ParsedExpression): Expression | undefined => {
    const text = formatExpression(e);
    const group = texts.indexOf(text);
    if (group >= 0) return columnAt(aggregateStep.schema, group);
    const call = callTexts.indexOf(text);
    return call >= 0 ? columnAt(aggregateStep.schema, key.length + call) : undefined;
  };
  return { relation, replace };
}

/** @throws SQL_STATEMENT naming every aggregate that cannot take a row back */
function refuseOverTable(matched: readonly { overTables: boolean }[], calls: readonly Call[]): void {
  const names = [...new Set(calls.filter((_, i) => !matched[i]!.overTables).map((c) => c.name))];
  if (names.length === 0) return;
  const shown = names.length === 1 ? ` ${names[0]}` : `s ${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}`;
  throw fail(`The aggregation function${shown} cannot be applied to a table source, only to a stream source.`);
}

export function windowSpec(w: WindowClause, final: boolean): WindowSpec {
  checkWindow(w);
  return {
    type: w.type,
    size: w.size.ms,
    ...(w.advance ? { advance: w.advance.ms } : {}),
    ...(w.retention ? { retention: w.retention.ms } : {}),
    ...(w.grace ? { grace: w.grace.ms } : {}),
    emit: final ? "final" : "changes",
  };
}

export function unqualified(e: ParsedExpression): string {
  return formatExpression(mapNames(e, (n) => ({ ...n, qualifier: null })));
}

/** @throws SQL_STATEMENT where no window could be so, in the words of Kafka Streams */
function checkWindow({ type, size, advance, retention, grace, at }: WindowClause): void {
  const session = type === "SESSION";
  if (size.ms <= 0 && !session) throw fail("Window size (sizeMs) must be larger than zero.", at);
  if (advance && (advance.ms <= 0 || advance.ms > size.ms))
    throw fail(
      `Window advancement should be more than zero and less than window duration which is ${size.ms}ms, but given advancement duration is: ${advance.ms}ms.`,
      at,
    );
  const late = grace?.ms ?? 0;
  if (!retention || retention.ms >= size.ms + late) return;
  const [store, length, name] = session ? ["session", "the session inactivity gap", "gap"] : ["window", "its window size", "size"];
  throw fail(
    `The retention period of the ${store} store Aggregate-Aggregate-Materialize must be no smaller than ${length} plus the grace period. Got ${name}=[${size.ms}], grace=[${late}], retention=[${retention.ms}]`,
    at,
  );
}

/** The name under which the select list has the group's expression, else the column's own, else a generated one. */
function keyNames(query: QualifiedQuery, groups: readonly ParsedExpression[], texts: readonly string[]): string[] {
  let generated = 0;
  return groups.map((g, i) => {
    const selected = query.select.find((s) => formatExpression(s.expression) === texts[i]);
    if (selected) return selected.name;
    if (g.kind === "name") return g.name;
    if (g.kind === "dereference") return g.field;
    while (query.select.some((s) => s.name === `KSQL_COL_${generated}`)) generated++;
    return `KSQL_COL_${generated++}`;
  });
}

/** Each different aggregate call of the select list and HAVING, in order. */
function aggregateCalls(query: QualifiedQuery, tools: PlanTools): Call[] {
  const calls = new Map<string, Call>();
  for (const e of [...query.select.map((s) => s.expression), ...(query.having ? [query.having] : [])])
    visit(e, (x) => {
      if (x.kind !== "call" || tools.functions.kind(x.name) !== "aggregate") return undefined;
      calls.set(formatExpression(x), x);
      return false;
    });
  return [...calls.values()];
}

/** @throws SQL_STATEMENT on a function that there is not, and on a window's bound in an aggregate */
function checkFunctions(query: QualifiedQuery, tools: PlanTools): void {
  for (const { expression } of query.select)
    visit(expression, (x) => {
      if (x.kind !== "call") return undefined;
      if (tools.functions.kind(x.name) === undefined) throw fail(`Can't find any functions with the name '${x.name}'`, x.at);
      if (tools.functions.kind(x.name) !== "aggregate" || !query.query.window) return undefined;
      for (const bound of x.args.flatMap(namesIn))
        if (bound.qualifier === null && isWindowBound(bound.name))
          throw fail(
            `Window bounds column ${bound.name} can only be used in the SELECT clause of windowed aggregations and can not be passed to aggregate functions`,
            bound.at,
          );
      return undefined;
    });
}

function nestedAggregates(tools: PlanTools) {
  return (e: ParsedExpression): undefined => {
    if (e.kind === "call" && tools.functions.kind(e.name) === "aggregate")
      throw fail(`Aggregate functions can not be nested: ${unqualified(e)}`, e.at);
  };
}

export function ungroupedSelect(columns: readonly string[]): MillraceError {
  return fail(
    `Non-aggregate SELECT expression(s) not part of GROUP BY: ${columns.join(", ")}\nEither add the column(s) to the GROUP BY or remove them from the SELECT.`,
  );
}

/** @throws SQL_STATEMENT where the select list or HAVING has a column that is neither grouped nor aggregated */
function checkGrouping(query: QualifiedQuery, tools: PlanTools): void {
  // marked, a column's name differs from a lambda's parameter
  const mark = (e: ParsedExpression) => mapNames(e, (n) => ({ ...n, qualifier: n.qualifier ?? "" }));
  const grouped = query.groupBy!.map((g) => formatExpression(mark(g)));
  const ungrouped = (e: ParsedExpression): string[] => {
    const names: string[] = [];
    visit(mark(e), (x) => {
      if (grouped.includes(formatExpression(x)) || (x.kind === "call" && tools.functions.kind(x.name) === "aggregate")) return false;
      if (x.kind === "name" && x.qualifier !== null && !(isWindowBound(x.name) && query.query.window)) names.push(unqualified(x));
      return undefined;
    });
    return names;
  };
  const bad = query.select.filter((s) => ungrouped(s.expression).length > 0).map((s) => unqualified(s.expression));
  if (bad.length > 0) throw ungroupedSelect(bad);
  const having = query.having ? ungrouped(query.having) : [];
  if (having.length > 0)
    throw fail(
      `Non-aggregate HAVING expression not part of GROUP BY: ${having.join(", ")}\nEither add the column(s) to the GROUP BY or remove them from the HAVING.`,
    );
}

function matchCall(call: Call, env: Environment) {
  const analyzed = call.args.map((a) => analyzeExpression(a, env));
  const match = env.functions.matchAggregate(call.name, analyzed.map(typeOf));
  const cast = (e: Expression, i: number): Expression => {
    const type: SqlType | null = requiredType(match.parameters[i]!, typeOf(e), match.bound);
    return type === null ? e : coerce(e, type);
  };
  const columns = analyzed.slice(0, match.columns).map(cast);
  const constants = analyzed.slice(match.columns).map((e, i) => {
    if (e.kind !== "literal")
      throw fail(
        `Parameter ${match.columns + i + 1} passed to function ${call.name} must be a literal constant, but was expression: '${unqualified(call.args[match.columns + i]!)}'`,
        call.at,
      );
    return e.value;
  });
  const aggregator = (args: readonly Expression[]) =>
    match.overload.make(
      args.map((a) => a.type),
      constants,
      {},
    );
  return { id: match.id, args: columns, constants, aggregator, overTables: match.overload.overTables };
}
