import { MillraceError } from "../../common/errors.js";
import type { SqlField } from "../../data/sql-type.js";
import { qualifyQuery } from "../analyzer/query.js";
import type { FunctionRegistry } from "../functions/registry.js";
import type { DataSource } from "../metastore/data-source.js";
import type { Metastore } from "../metastore/metastore.js";
import type { Query } from "../parser/ast.js";
import type { ParsedStatement } from "../parser/parse.js";
import type { PlannedCommand } from "../plan/command.js";
import type { Expression } from "../plan/expression.js";
import { type Column, PLAN_VERSION, type QueryPlan } from "../plan/step.js";
import { alterSource, command, controlQuery, defineAs, defineSource, dropSource, planType } from "./commands.js";
import { planInsertSelect, sinkSchemaNeed } from "./create-as.js";
import { sourceSchemaNeed } from "./create-source.js";
import { planInsertValues } from "./insert-values.js";
import { planPull } from "./pull.js";
import { type BatchPlan, hasAggregate, isBatch, planBatch } from "./pull-batch.js";
import { namesOf, planQuery } from "./query.js";
import { defaults } from "./settings.js";
import { withSubqueries } from "./subquery.js";

export interface PlanContext {
  readonly metastore: Metastore;
  readonly functions: FunctionRegistry;
  /** session and request properties over the server's: `ksql.persistence.default.format.value`, … */
  readonly properties: Readonly<Record<string, string>>;
  /** `CTAS_NAME` gives `CTAS_NAME_7`; called once a persistent query */
  nextQueryId(prefix: string): string;
  /** whether a push query of somebody's session has this id */
  isPushQuery?(queryId: string): boolean;
  /** partitions of a topic that exists; undefined where it does not (or in a test) */
  topicPartitions?(topic: string): number | undefined;
  /** columns from the registry, where `schemaNeeded` said that they must be looked up */
  readonly inferred?: { readonly key?: readonly SqlField[]; readonly value?: readonly SqlField[] };
}

export type PlannedStatement =
  /** goes on the command topic; `metastore` is what it leaves behind, for the statements after it */
  | {
      readonly kind: "command";
      /** null: nothing to do (IF NOT EXISTS, IF EXISTS); `message` says why */
      readonly command: PlannedCommand | null;
      readonly metastore: Metastore;
      readonly message: string;
      readonly warnings: readonly string[];
    }
  | { readonly kind: "push-query"; readonly plan: QueryPlan; readonly columns: readonly OutputColumn[]; readonly limit: number | null }
  | { readonly kind: "pull-query"; readonly pull: PullPlan }
  | { readonly kind: "batch-query"; readonly batch: BatchPlan }
  | { readonly kind: "insert-values"; readonly insert: InsertPlan }
  /** SET, LIST, DESCRIBE, PRINT, EXPLAIN, connectors, ASSERT: nothing to plan, the engine acts on the statement itself */
  | { readonly kind: "direct" };

/** Of a transient query, in the order of the select list. */
export interface OutputColumn extends Column {
  readonly isKey: boolean;
  /** position in the root step's row, `[...key, ...value]` */
  readonly index: number;
}

/** A pull query on `source`. Expressions see `[...key, ...value, ROWTIME, ROWPARTITION, ROWOFFSET, WINDOWSTART, WINDOWEND]` of its row. */
export interface PullPlan {
  readonly source: DataSource;
  /** how keys are found; `residual` is the whole WHERE clause where lookup alone does not decide it */
  readonly lookup: KeyLookup;
  readonly windowStart: Bounds | null;
  readonly windowEnd: Bounds | null;
  readonly residual: Expression | null;
  readonly columns: readonly OutputColumn[];
  /** one an output column */
  readonly projection: readonly Expression[];
  readonly limit: number | null;
}
/** Expressions are constant (no columns). One key = one expression a key column. */
export type KeyLookup =
  | { readonly kind: "keys"; readonly keys: readonly (readonly Expression[])[] }
  /** of a single key column */
  | { readonly kind: "range"; readonly lower: Bound | null; readonly upper: Bound | null }
  | { readonly kind: "scan" };
export interface Bound {
  readonly value: Expression;
  readonly inclusive: boolean;
}
/** ms */
export interface Bounds {
  readonly lower: { readonly value: number; readonly inclusive: boolean } | null;
  readonly upper: { readonly value: number; readonly inclusive: boolean } | null;
}
/** A row for `source`'s topic; absent columns are null. Constant expressions; `rowtime` null is now. */
export interface InsertPlan {
  readonly source: DataSource;
  readonly key: readonly Expression[];
  readonly value: readonly Expression[];
  readonly rowtime: Expression | null;
  /** no value column was named: a tombstone for a table */
  readonly onlyKey: boolean;
}

/** What the registry must be asked before `planStatement`, or null. */
export interface SchemaNeed {
  readonly topic: string;
  readonly key: SchemaSide | null;
  readonly value: SchemaSide | null;
}
export interface SchemaSide {
  readonly format: string;
  /** of a schema whose names are taken as they are; else the subject's latest, in upper case */
  readonly schemaId?: number;
  readonly fullSchemaName?: string;
}
export function schemaNeeded(parsed: ParsedStatement, context: PlanContext): SchemaNeed | null {
  switch (parsed.statement.kind) {
    case "create-source":
      return sourceSchemaNeed(parsed.statement, context);
    case "create-as":
      return sinkSchemaNeed(parsed.statement, context);
    default:
      return null;
  }
}

/**
 * Analyses and plans one statement against a metastore; changes nothing.
 * @throws SQL_STATEMENT with ksqlDB's wording and, in its context, the statement's text and where known {line, column}
 */
export function planStatement(parsed: ParsedStatement, context: PlanContext): PlannedStatement {
  if (parsed.extension && !defaults(context.properties).extensions) throw parsed.extension;
  try {
    return planKind(parsed, context);
  } catch (thrown) {
    if (!(thrown instanceof MillraceError) || "statement" in thrown.context) throw thrown;
    throw new MillraceError(thrown.code, thrown.message, { cause: thrown.cause, context: { ...thrown.context, statement: parsed.text } });
  }
}

function planKind({ statement, text }: ParsedStatement, context: PlanContext): PlannedStatement {
  switch (statement.kind) {
    case "create-source":
      return defineSource(statement, text, context);
    case "create-as":
      return defineAs(statement, text, context);
    case "insert-select": {
      const plan = planInsertSelect(statement.target, statement.targetAt, statement.properties, statement.query, context);
      if (context.metastore.query(plan.queryId)) throw new MillraceError("SQL_STATEMENT", `Query ID '${plan.queryId}' already exists.`);
      const metastore = context.metastore.withQuery({ id: plan.queryId, sources: plan.sources, sink: plan.sink });
      return command({ command: "insert-into", plan }, text, context, metastore, `Created query with ID ${plan.queryId}`);
    }
    case "drop-source":
      return dropSource(statement, text, context);
    case "alter-source":
      return alterSource(statement, text, context);
    case "create-type":
    case "drop-type":
      return planType(statement, text, context);
    case "terminate":
    case "pause":
    case "resume":
      return controlQuery(statement, text, context);
    case "alter-system": {
      const { name, value } = statement;
      return command({ command: "alter-system", name, value }, text, context, context.metastore, "System property changed.");
    }
    case "insert-values":
      return { kind: "insert-values", insert: planInsertValues(statement, context) };
    case "query":
      return statement.query.emit === null ? planPullQuery(statement.query, context) : planPush(statement.query, context);
    default:
      return { kind: "direct" };
  }
}

/** A query whose rows go to a client as they come: the steps of a persistent one without its sink. */
function planPush(query: Query, context: PlanContext): PlannedStatement {
  if (query.limit !== null && query.limit < 0)
    throw new MillraceError(
      "SQL_STATEMENT",
      "Push queries don't support negative integers in the LIMIT clause. See https://cnfl.io/queries for more info.",
    );
  const { query: combined, find } = withSubqueries(query, context);
  const qualified = qualifyQuery(grouped(combined, context), find, true);
  const { keyFormat, extensions } = defaults(context.properties);
  const tools = { functions: context.functions, types: (name: string) => context.metastore.type(name), extensions, find };
  const { step, columns, reads } = planQuery(qualified, tools, null, keyFormat);
  const sources = namesOf(reads);
  const plan = {
    version: PLAN_VERSION,
    queryId: context.nextQueryId(isScalable(query, context) ? "SCALABLE_PUSH_QUERY" : "transient"),
    sources,
    sink: null,
    root: step,
  } as const;
  return { kind: "push-query", plan, columns, limit: query.limit };
}

function planPullQuery(query: Query, context: PlanContext): PlannedStatement {
  return defaults(context.properties).extensions && isBatch(query, context)
    ? { kind: "batch-query", batch: planBatch(query, context) }
    : { kind: "pull-query", pull: planPull(query, context) };
}

/** `SELECT COUNT(*) FROM s EMIT CHANGES`: one group of all rows. */
function grouped(query: Query, { functions }: PlanContext): Query {
  const all = query.select.length > 0 && query.select.every((s) => s.kind === "column" && hasAggregate(s.expression, functions));
  return all && query.groupBy === null && query.window === null
    ? { ...query, groupBy: [{ kind: "integer", at: query.at, text: "0" }] }
    : query;
}

/** A query that only follows what one persistent query writes, from now on. */
function isScalable(query: Query, { metastore, properties }: PlanContext): boolean {
  const combined = query.with || query.unionAll || query.distinct || query.from.query;
  const plain = !combined && !query.window && !query.groupBy && !query.partitionBy && !query.having && query.joins.length === 0;
  const latest = (properties["auto.offset.reset"] ?? "latest").toLowerCase() === "latest";
  return plain && latest && properties["ksql.query.push.v2.enabled"] === "true" && metastore.queriesWriting(query.from.name).length === 1;
}
