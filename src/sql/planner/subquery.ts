import { MillraceError } from "../../common/errors.js";
import { formatSqlType, type SqlType, sameSqlType } from "../../data/sql-type.js";
import { coerce, fail } from "../analyzer/expression.js";
import { type Derived, type FindSource, type QualifiedQuery, qualifyQuery } from "../analyzer/query.js";
import { commonType } from "../analyzer/types.js";
import type { DataSource } from "../metastore/data-source.js";
import type { CommonTable, FromSource, ParsedExpression, Query, SelectItem } from "../parser/ast.js";
import type { Expression } from "../plan/expression.js";
import type { Column, ExecutionStep, Formats, RowSchema } from "../plan/step.js";
import type { PlanContext } from "./plan-statement.js";
import { type PlannedQuery, planQuery } from "./query.js";
import { columnAt, type PlanTools, rowColumns } from "./relation.js";
import { defaults } from "./settings.js";

/** A subquery's rows, as a source that a query may read. */
interface PlannedSubquery extends Derived {
  readonly kind: DataSource["kind"];
  readonly formats: Formats;
  readonly window?: NonNullable<DataSource["window"]>;
  /** of the columns, in the order of the select list; in the step keys go first */
  readonly names: readonly string[];
}

/**
 * A query that reads sources only: the subqueries of FROM and WITH are planned, and found by their names; a UNION ALL or a SELECT
 * DISTINCT is one of them, whose columns the query selects.
 */
export function withSubqueries(query: Query, context: PlanContext): { readonly query: Query; readonly find: FindSource } {
  if (query.orderBy) throw fail("ORDER BY is only supported in pull queries: what goes on has no last row to sort.", query.orderBy[0]!.at);
  const tables = query.with ?? [];
  if (!query.unionAll && !query.distinct) return { query, find: finder(tables, context) };
  const { emit, limit, ...rest } = query;
  const { at } = query;
  const name = query.unionAll ? "UNION" : "DISTINCT";
  const planned = planSubquery({ ...rest, emit: null, limit: null }, [], name, context);
  const from: FromSource = { at, name, alias: null };
  const select = planned.names.map(
    (name): SelectItem => ({ kind: "column", at, expression: { kind: "name", at, qualifier: null, name }, alias: null }),
  );
  const none = { joins: [], window: null, where: null, groupBy: null, partitionBy: null, having: null };
  return { query: { at, select, from, ...none, emit, limit }, find: () => asSource(name, query.unionAll ? "" : name, planned) };
}

/** Names of WITH go ahead of those of sources. */
function finder(tables: readonly CommonTable[], context: PlanContext): FindSource {
  return (from, members = false) => {
    const alias = from.alias ?? from.name;
    if (from.query) return asSource(alias, alias, planSubquery(from.query, tables, alias, context, members));
    const at = tables.findIndex((t) => t.name === from.name);
    // a name of WITH knows those before it
    if (at >= 0) return asSource(alias, alias, planSubquery(tables[at]!.query, tables.slice(0, at), from.name, context));
    const source = context.metastore.source(from.name);
    return source && { source };
  };
}

function asSource(name: string, prefix: string, planned: PlannedSubquery): { source: DataSource; derived: Derived } {
  const { kind, formats, window, scattered, reads } = planned;
  const step = prefix === "" ? planned.step : prefixed(planned.step, prefix);
  const { key, value } = step.schema;
  const columns = [...key.map((c) => ({ ...c, role: "key" as const })), ...value.map((c) => ({ ...c, role: "value" as const }))];
  return {
    source: { kind, name, columns, topic: "", formats, ...(window ? { window } : {}), sql: "" },
    derived: { step, scattered, reads },
  };
}

/** Steps' ids are a plan's own: those of a subquery carry its name. */
function prefixed<S extends ExecutionStep>(step: S, prefix: string): S {
  const id = `${prefix}-${step.id}`;
  if ((step.step === "stream-group-by" || step.step === "table-group-by") && step.repartition.needed)
    return { ...step, id, source: prefixed(step.source, prefix), repartition: { ...step.repartition, keyed: true } };
  if ("left" in step) return { ...step, id, left: prefixed(step.left, prefix), right: prefixed(step.right, prefix) };
  return "source" in step ? { ...step, id, source: prefixed(step.source, prefix) } : { ...step, id };
}

function planSubquery(query: Query, tables: readonly CommonTable[], name: string, context: PlanContext, members = false): PlannedSubquery {
  const all = [...tables, ...(query.with ?? [])];
  const selects = [query, ...(query.unionAll ?? [])];
  const planned = selects.map((s) => planSelect(s, all, name, context, members));
  return planned.length === 1 ? planned[0]!.subquery : unionAll(planned);
}

interface PlannedSelect {
  readonly subquery: PlannedSubquery;
  readonly qualified: QualifiedQuery;
}

function planSelect(query: Query, tables: readonly CommonTable[], name: string, context: PlanContext, members: boolean): PlannedSelect {
  try {
    const find = finder(tables, context);
    const written = qualifyQuery(query, find, false);
    const table = written.sources[0]!.source.kind === "table";
    const distinct = query.distinct === true || (members && table && !query.groupBy && !selectsKey(written));
    const qualified = distinct ? grouped(written, table) : written;
    const windowed = qualified.sources.find((s) => s.source.kind === "table" && s.source.window);
    if (windowed) throw fail(`Subqueries of windowed tables are not supported: ${windowed.alias} is one.`, query.at);
    const tools: PlanTools = {
      functions: context.functions,
      types: (type) => context.metastore.type(type),
      keyMayGo: true,
      extensions: true,
      find,
    };
    const planned: PlannedQuery = planQuery(qualified, tools, name, defaults(context.properties).keyFormat);
    const { relation } = planned;
    const step = distinct || members ? distinctRows(planned) : planned.step;
    if (relation.kind === "table" && relation.window)
      throw fail(`A windowed aggregation cannot be a subquery: make ${name} a table of its own with CREATE TABLE.`, query.at);
    const keyless = step.schema.key.length === 0;
    const subquery: PlannedSubquery = {
      step,
      kind: relation.kind,
      formats: keyless ? { ...relation.formats, key: { format: "NONE" } } : relation.formats,
      ...(relation.window ? { window: relation.window } : {}),
      scattered: relation.scattered === true,
      reads: planned.reads,
      names: qualified.select.map((s) => s.name),
    };
    return { subquery, qualified };
  } catch (thrown) {
    if (!(thrown instanceof MillraceError) || thrown.code !== "SQL_STATEMENT" || "line" in thrown.context) throw thrown;
    throw fail(thrown.message, query.at);
  }
}

/** Whether the one column of a subquery is the whole key of the one table that it reads. */
function selectsKey({ sources, select, joins }: QualifiedQuery): boolean {
  const keys = sources[0]!.source.columns.filter((c) => c.role === "key");
  const [column] = select;
  return (
    joins.length === 0 &&
    select.length === 1 &&
    keys.length === 1 &&
    column!.expression.kind === "name" &&
    column!.expression.name === keys[0]!.name
  );
}

/** Over a table, different rows are groups that have a member; over a stream they are what came. */
function grouped(query: QualifiedQuery, table: boolean): QualifiedQuery {
  const { at } = query.query;
  if (query.groupBy) throw fail("SELECT DISTINCT does not go with GROUP BY: its groups are different already.", at);
  if (!table) return query;
  const count: ParsedExpression = { kind: "call", at, name: "COUNT", args: [], star: true };
  const having: ParsedExpression = { kind: "binary", at, op: ">", left: count, right: { kind: "integer", at, text: "0" } };
  return { ...query, groupBy: query.select.map((s) => s.expression), having };
}

function distinctRows({ step, relation }: PlannedQuery): ExecutionStep {
  const { schema } = step;
  const map = rowColumns(schema).find((c) => formatSqlType(c.type).includes("MAP<"));
  if (map) throw fail(`SELECT DISTINCT cannot tell MAPs apart: ${map.name} is a ${formatSqlType(map.type)}.`);
  // Under one key equal rows lie together.
  const apart = relation.kind === "stream" && (schema.key.length === 0 || relation.scattered === true);
  return { step: "distinct", id: "Distinct", source: step, schema, ...(apart ? { repartition: true } : {}) };
}

/** The rows of all, column by column as the select lists have them; the names and the formats are the first's. */
function unionAll(selects: readonly PlannedSelect[]): PlannedSubquery {
  const [first] = selects;
  const { names, formats } = first!.subquery;
  for (const { subquery, qualified } of selects) {
    const { at } = qualified.query;
    if (subquery.kind === "table") throw fail("UNION ALL is of streams, and this SELECT gives a table.", at);
    if (subquery.window) throw fail("UNION ALL of windowed streams is not supported.", at);
    if (subquery.names.length !== names.length)
      throw fail(`Each SELECT of a UNION ALL has as many columns: the first has ${names.length}, this one ${subquery.names.length}.`, at);
  }
  const types = names.map((name, i) =>
    selects.reduce<SqlType>((type, { subquery, qualified }) => {
      const own = columnOf(subquery, i);
      const common = commonType(type, own.type);
      if (common) return common;
      const written = qualified.select[i]!.expression;
      throw fail(
        `Column ${i + 1} of the UNION ALL, ${name}, is ${formatSqlType(type)} ahead of this SELECT and ${formatSqlType(own.type)} in it.`,
        written.at,
      );
    }, columnOf(first!.subquery, i).type),
  );
  const keysOf = ({ subquery }: PlannedSelect) => names.map((_, i) => keyAt(subquery, i));
  const keys = keysOf(first!);
  const keyed =
    keys.some((k) => k >= 0) &&
    selects.every((s) => keysOf(s).every((k, i) => k === keys[i] && (k < 0 || sameSqlType(columnOf(s.subquery, i).type, types[i]!))));
  const column = (i: number): Column => ({ name: names[i]!, type: types[i]! });
  const positions = names.map((_, i) => i);
  const keyPositions = keyed ? positions.filter((i) => keys[i]! >= 0).sort((a, b) => keys[a]! - keys[b]!) : [];
  const valuePositions = positions.filter((i) => !keyPositions.includes(i));
  const schema: RowSchema = { key: keyPositions.map(column), value: valuePositions.map(column) };
  const branches = selects.map(({ subquery }, n): ExecutionStep => {
    const source = prefixed(subquery.step, `${n + 1}`);
    const columns = valuePositions.map((i): Expression => coerce(columnAt(source.schema, placeOf(subquery, i)), types[i]!));
    const base = { id: `${n + 1}-Union`, source, columns, schema };
    return keyed || source.schema.key.length === 0 ? { step: "select", ...base } : { step: "select-key", ...base, key: [] };
  });
  const step = branches.reduce((left, right, n) => ({ step: "union", id: `Union-${n}`, left, right, schema }));
  const reads = selects.flatMap(({ subquery }) => subquery.reads);
  return {
    step,
    kind: "stream",
    formats: keyed ? formats : { ...formats, key: { format: "NONE" } },
    scattered: true,
    reads: reads.filter((s, i) => reads.findIndex((t) => t.name === s.name) === i),
    names,
  };
}

/** Where the select list's column is in the step's row. */
function placeOf({ step, names }: PlannedSubquery, i: number): number {
  return rowColumns(step.schema).findIndex((c) => c.name === names[i]);
}
function columnOf(subquery: PlannedSubquery, i: number): Column {
  return rowColumns(subquery.step.schema)[placeOf(subquery, i)]!;
}
/** Which key column it is; -1 for a value. */
function keyAt(subquery: PlannedSubquery, i: number): number {
  const place = placeOf(subquery, i);
  return place < subquery.step.schema.key.length ? place : -1;
}
