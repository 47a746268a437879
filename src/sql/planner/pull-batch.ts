import { fail } from "../analyzer/expression.js";
import { qualifyQuery, sourcesRead } from "../analyzer/query.js";
import type { DataSource } from "../metastore/data-source.js";
import { rowSchemaOf } from "../metastore/data-source.js";
import type { OrderItem, ParsedExpression, Query, SelectItem } from "../parser/ast.js";
import { visit } from "../parser/walk.js";
import { sourceKey, sourceSteps } from "../plan/source-steps.js";
import type { ExecutionStep, SourceStep } from "../plan/step.js";
import type { OutputColumn, PlanContext, PullPlan } from "./plan-statement.js";
import { planPull } from "./pull.js";
import { planQuery } from "./query.js";
import { rowColumns } from "./relation.js";
import { defaults } from "./settings.js";
import { withSubqueries } from "./subquery.js";

/** A pull query that joins, groups or sorts what it reads. Where `root` reads rows, its step is `Rows`. */
export interface BatchPlan {
  readonly inputs: readonly BatchInput[];
  /** makes one row of the inputs' rows; null where there is one input, whose rows are read as they are */
  readonly joined: ExecutionStep | null;
  readonly root: ExecutionStep;
  readonly columns: readonly OutputColumn[];
  /** of equal rows one */
  readonly distinct: boolean;
  readonly order: readonly OrderBy[];
  readonly limit: number | null;
}
export interface BatchInput {
  /** id of the source step of `joined`, or of `root` */
  readonly step: string;
  readonly read: PullPlan;
}
export interface OrderBy {
  /** position in the root's row */
  readonly index: number;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

const rowsStep = "Rows";
const unordered: ReadonlySet<string> = new Set(["ARRAY", "MAP", "STRUCT"]);
/** No record is late where all are there. */
const forever = { ms: 2 ** 52, text: "" };

/** Whether the query takes more than look-ups, conditions and expressions row by row. */
export function isBatch(query: Query, { functions }: PlanContext): boolean {
  if (query.joins.length > 0 || query.window || query.groupBy || query.having || query.orderBy) return true;
  if (query.with || query.unionAll || query.distinct || query.from.query) return true;
  return query.select.some((s) => s.kind === "column" && hasAggregate(s.expression, functions));
}

export function hasAggregate(e: ParsedExpression, functions: PlanContext["functions"]): boolean {
  let found = false;
  visit(e, (x) => {
    found ||= x.kind === "call" && functions.kind(x.name) === "aggregate";
    return undefined;
  });
  return found;
}

/** @throws SQL_STATEMENT */
export function planBatch(query: Query, context: PlanContext): BatchPlan {
  if (query.limit !== null && query.limit < 0)
    throw fail("Pull queries don't support negative integers in the LIMIT clause. See https://cnfl.io/queries for more info.");
  if (query.partitionBy) throw fail("Pull queries don't support PARTITION BY clauses. See https://cnfl.io/queries for more info.");
  const { orderBy: order = [], distinct = false, ...unsorted } = query;
  const { query: combined, find } = withSubqueries({ ...unsorted, window: query.window && inTime(query.window) }, context);
  const written = { ...implicitGroup(combined, context), select: [...combined.select, ...order.map((o, i) => orderColumn(o, i, query))] };
  const qualified = qualifyQuery(written, find, true);
  const single = qualified.sources.length === 1 && !qualified.sources[0]!.derived;
  const { keyFormat, extensions } = defaults(context.properties);
  let joined: ExecutionStep | null = null;
  const planned = planQuery(
    // What a single source has of it is found by its keys where that can be.
    single ? { ...qualified, where: null } : qualified,
    {
      functions: context.functions,
      types: (name) => context.metastore.type(name),
      extensions,
      rowsOf(relation) {
        const { schema } = relation.step;
        if (!single) joined = relation.step;
        refuseOpenEnds(relation.step, query);
        const formats = { key: { format: "JSON" }, value: { format: "JSON" } };
        const step: SourceStep = {
          step: "stream-source",
          id: rowsStep,
          schema,
          topic: rowsStep,
          formats,
          ...(relation.window ? { window: relation.window } : {}),
        };
        return { ...relation, step, kind: "stream", formats };
      },
    },
    null,
    keyFormat,
  );
  const inputs = single
    ? [{ step: rowsStep, read: planPull(readOf(query, qualified.sources[0]!.source, true), context) }]
    : distinctSteps(sourceSteps(joined!)).map((step) => ({
        step: step.id,
        read: planPull(readOf(query, sourceOf(step, sourcesRead(qualified)), false), context),
      }));
  const shown = planned.columns.length - order.length;
  const sorted = planned.columns.slice(shown);
  sorted.forEach((c, i) => {
    if (unordered.has(c.type.base)) throw fail(`ORDER BY cannot sort by a value of type ${c.type.base}.`, order[i]!.at);
  });
  return {
    inputs,
    joined,
    root: planned.step,
    columns: planned.columns.slice(0, shown),
    distinct,
    order: sorted.map((c, i) => ({ index: c.index, descending: order[i]!.descending, nullsFirst: order[i]!.nullsFirst })),
    limit: query.limit,
  };
}

/** `SELECT COUNT(*) FROM t`: one group of all rows. */
function implicitGroup(query: Query, { functions }: PlanContext): Query {
  const aggregates = query.having !== null || query.select.some((s) => s.kind === "column" && hasAggregate(s.expression, functions));
  return query.groupBy === null && query.window === null && aggregates
    ? { ...query, groupBy: [{ kind: "integer", at: query.at, text: "0" }] }
    : query;
}

function inTime(window: NonNullable<Query["window"]>): NonNullable<Query["window"]> {
  const { retention: _, ...rest } = window;
  return { ...rest, grace: forever };
}

/** What ORDER BY names by its place in the select list or by its alias, or an expression of its own. */
function orderColumn({ expression, at }: OrderItem, nth: number, { select }: Query): SelectItem {
  const named = select.find((s) => {
    if (s.kind !== "column") return false;
    return s.alias !== null && expression.kind === "name" && expression.qualifier === null && s.alias === expression.name;
  });
  const place = expression.kind === "integer" ? select[Number(expression.text) - 1] : undefined;
  if (expression.kind === "integer" && place?.kind !== "column")
    throw fail(`ORDER BY ${expression.text}: the select list has no such column.`, at);
  const found = named ?? place;
  return { kind: "column", at, expression: found?.kind === "column" ? found.expression : expression, alias: `KSQL_ORDER_BY_${nth}` };
}

/** `SELECT * FROM source [WHERE …]` */
function readOf(query: Query, source: DataSource, conditional: boolean): Query {
  const { at } = query;
  return {
    at,
    select: [{ kind: "all", at, source: null }],
    from: conditional ? query.from : { at, name: source.name, alias: null },
    joins: [],
    window: null,
    where: conditional ? query.where : null,
    groupBy: null,
    partitionBy: null,
    having: null,
    emit: null,
    limit: null,
  };
}

/** A record of a stream that has no match yet may get one: nothing tells that its time is over. */
function refuseOpenEnds(step: ExecutionStep, query: Query): void {
  if (step.step === "stream-stream-join" && step.join !== "INNER")
    throw fail("Pull queries only support INNER joins of streams.", query.joins[0]?.at ?? query.at);
  if ("left" in step) for (const side of [step.left, step.right]) refuseOpenEnds(side, query);
  else if ("source" in step) refuseOpenEnds(step.source, query);
}

/** A topic that is read in the same way twice is read once. */
function distinctSteps(steps: readonly SourceStep[]): SourceStep[] {
  return steps.filter((step, i) => steps.findIndex((other) => sourceKey(other) === sourceKey(step)) === i);
}

function sourceOf(step: SourceStep, sources: readonly DataSource[]): DataSource {
  const names = (schema: SourceStep["schema"]) => JSON.stringify(rowColumns(schema).map((c) => c.name));
  return sources.find(
    (s) =>
      s.topic === step.topic &&
      s.kind === (step.step === "table-source" ? "table" : "stream") &&
      names(rowSchemaOf(s)) === names(step.schema),
  )!;
}
