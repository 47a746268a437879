import { MillraceError } from "../../common/errors.js";
import { formatSqlType, sameSqlType } from "../../data/sql-type.js";
import { resolveType } from "../analyzer/types.js";
import type { DataSource, SourceColumn } from "../metastore/data-source.js";
import type { Metastore } from "../metastore/metastore.js";
import type { CreateAs, CreateSource, Statement } from "../parser/ast.js";
import { COMMAND_VERSION, type PlannedCommand } from "../plan/command.js";
import { planCreateAs } from "./create-as.js";
import { planCreateSource } from "./create-source.js";
import type { PlanContext, PlannedStatement } from "./plan-statement.js";

type Of<K extends Statement["kind"]> = Extract<Statement, { kind: K }>;
type Body = PlannedCommand extends infer C ? (C extends PlannedCommand ? Omit<C, "version" | "statement" | "properties"> : never) : never;

function refused(message: string): MillraceError {
  return new MillraceError("SQL_STATEMENT", message);
}

export function command(
  body: Body,
  text: string,
  context: PlanContext,
  metastore: Metastore,
  message: string,
  warnings: readonly string[] = [],
): PlannedStatement {
  const planned = { version: COMMAND_VERSION, statement: text, properties: context.properties, ...body } as PlannedCommand;
  return { kind: "command", command: planned, metastore, message, warnings };
}
function nothing(context: PlanContext, message: string): PlannedStatement {
  return { kind: "command", command: null, metastore: context.metastore, message, warnings: [message] };
}

function word(kind: DataSource["kind"]): string {
  return kind === "stream" ? "Stream" : "Table";
}

/** What stands in the way of a new source of this name; undefined where it may be made (or replaced). */
function existing(statement: CreateSource | CreateAs, context: PlanContext): DataSource | undefined {
  const old = context.metastore.source(statement.name);
  if (!old || statement.ifNotExists) return old;
  if (!statement.orReplace)
    throw refused(`Cannot add ${statement.source} '${statement.name}': A ${old.kind} with the same name already exists`);
  if (old.isSource)
    throw refused(`Cannot add ${statement.source} '${statement.name}': CREATE OR REPLACE is not supported on source ${old.kind}s.`);
  if (old.kind !== statement.source)
    throw refused(`Cannot add ${statement.source} '${statement.name}': A ${old.kind} with the same name already exists`);
  return old;
}

export function defineSource(statement: CreateSource, text: string, context: PlanContext): PlannedStatement {
  const old = existing(statement, context);
  if (old && statement.ifNotExists)
    return nothing(context, `Cannot add ${statement.source} \`${statement.name}\`: A ${old.kind} with the same name already exists.`);
  if (statement.isSource && statement.orReplace)
    throw refused(`Cannot add ${statement.source} '${statement.name}': CREATE OR REPLACE is not supported on source ${statement.source}s.`);
  const { source, topic, warnings, plan } = planCreateSource(statement, text, context);
  if (old) checkReplaceable(old, source);
  let metastore = context.metastore.withSource(source);
  if (plan) metastore = metastore.withQuery({ id: plan.queryId, sources: plan.sources, sink: null });
  return command(
    { command: "create-source", source, topic, orReplace: statement.orReplace, ...(plan ? { plan } : {}) },
    text,
    context,
    metastore,
    `${word(statement.source)} created`,
    warnings,
  );
}

/** A source in use may gain columns at the end; what is there stays in its place. */
function checkReplaceable(old: DataSource, source: DataSource): void {
  const no = (what: string, from: string, to: string, why = "") =>
    refused(`Cannot upgrade data source: DataSource '\`${old.name}\`' has ${what} = ${from} which is not upgradeable to ${to}.${why}`);
  const moved = (["key", "value", "headers"] as const).flatMap((role) => {
    const now = source.columns.filter((c) => c.role === role);
    const then = old.columns.filter((c) => c.role === role);
    return then.filter((c, i) => now[i]?.name !== c.name || !sameSqlType(now[i].type, c.type));
  });
  if (moved.length > 0)
    throw no(
      "schema",
      columnsText(old.columns),
      columnsText(source.columns),
      ` (The following columns are changed, missing or reordered: [${columnsText(moved)}])`,
    );
  if (old.topic !== source.topic) throw no("topic", old.topic, source.topic);
}

function columnsText(columns: readonly SourceColumn[]): string {
  return columns.map((c) => `\`${c.name}\` ${formatSqlType(c.type)}${c.role === "key" ? " KEY" : ""}`).join(", ");
}

export function defineAs(statement: CreateAs, text: string, context: PlanContext): PlannedStatement {
  const old = existing(statement, context);
  if (old && statement.ifNotExists)
    return nothing(context, `Cannot add ${statement.source} \`${statement.name}\`: A ${old.kind} with the same name already exists.`);
  const prefix = `${statement.source === "table" ? "CTAS" : "CSAS"}_${statement.name}`;
  const running = old ? context.metastore.queriesWriting(old.name).find((id) => id.startsWith(`${prefix}_`)) : undefined;
  const { source, topic, plan } = planCreateAs(statement, text, context, running);
  if (old) checkReplaceable(old, source);
  const metastore = context.metastore.withSource(source).withQuery({ id: plan.queryId, sources: plan.sources, sink: plan.sink });
  return command(
    { command: "create-as", source, topic, plan, ...(running ? { replaces: running } : {}) },
    text,
    context,
    metastore,
    `Created query with ID ${plan.queryId}`,
  );
}

export function dropSource(statement: Of<"drop-source">, text: string, context: PlanContext): PlannedStatement {
  const { name } = statement;
  const source = context.metastore.source(name);
  if (!source) {
    if (statement.ifExists) return nothing(context, `Source \`${name}\` does not exist.`);
    throw refused(`${word(statement.source)} ${name} does not exist.`);
  }
  if (source.kind !== statement.source)
    throw refused(
      `Incompatible data source type is ${source.kind.toUpperCase()}, but statement was DROP ${statement.source.toUpperCase()}`,
    );
  if (source.isSource && statement.deleteTopic) throw refused(`Cannot delete topic for read-only source: ${name}`);
  // the query that made it (or materializes it) ends with it
  const own = [
    ...context.metastore.queriesWriting(name).filter((id) => /^C[ST]AS_/.test(id)),
    ...context.metastore.queriesReading(name).filter((id) => id.startsWith(`CST_${name}_`)),
  ];
  let metastore = context.metastore;
  for (const id of own) metastore = metastore.withoutQuery(id);
  metastore = metastore.withoutSource(name);
  return command(
    { command: "drop-source", kind: source.kind, name, deleteTopic: statement.deleteTopic ? source.topic : null, terminates: own },
    text,
    context,
    metastore,
    `Source \`${name}\` (topic: ${source.topic}) was dropped.`,
  );
}

export function alterSource(statement: Of<"alter-source">, text: string, context: PlanContext): PlannedStatement {
  const source = context.metastore.source(statement.name);
  if (!source) throw refused(`Source ${statement.name} does not exist.`);
  if (source.kind !== statement.source)
    throw refused(
      `Incompatible data source type is ${source.kind.toUpperCase()}, but statement was ALTER ${statement.source.toUpperCase()}`,
    );
  if (source.isCasTarget) throw refused("ALTER command is not supported for CREATE ... AS statements.");
  if (source.isSource)
    throw refused(`Cannot alter ${source.kind} '${source.name}': ALTER operations are not supported on source ${source.kind}s.`);
  const added = statement.columns.map(
    (c): SourceColumn => ({ name: c.name, type: resolveType(c.type, (name) => context.metastore.type(name)), role: "value" }),
  );
  for (const c of added)
    if (source.columns.some((d) => d.name === c.name))
      throw refused(`Cannot add column \`${c.name}\` to schema. A column with the same name already exists.`);
  const altered: DataSource = { ...source, columns: [...source.columns, ...added], sql: `${source.sql}\n${text}` };
  return command(
    { command: "alter-source", source: altered },
    text,
    context,
    context.metastore.withSource(altered),
    `${word(source.kind)} ${source.name} altered.`,
  );
}

export function planType(statement: Of<"create-type"> | Of<"drop-type">, text: string, context: PlanContext): PlannedStatement {
  const known = context.metastore.type(statement.name);
  if (statement.kind === "create-type") {
    if (known) {
      if (statement.ifNotExists) return nothing(context, `${statement.name} is already registered with type ${formatSqlType(known)}`);
      throw refused(`Cannot register custom type '${statement.name}' since it is already registered with type: ${formatSqlType(known)}`);
    }
    const type = resolveType(statement.type, (name) => context.metastore.type(name));
    const metastore = context.metastore.withType(statement.name, type);
    return command(
      { command: "register-type", name: statement.name, type },
      text,
      context,
      metastore,
      `Registered custom type with name '${statement.name}' and SQL type ${formatSqlType(type)}`,
    );
  }
  if (!known) {
    if (statement.ifExists) return nothing(context, `Type '${statement.name}' does not exist`);
    throw refused(`Type ${statement.name} does not exist.`);
  }
  return command(
    { command: "drop-type", name: statement.name },
    text,
    context,
    context.metastore.withoutType(statement.name),
    `Dropped type '${statement.name}'`,
  );
}

export function controlQuery(statement: Of<"terminate" | "pause" | "resume">, text: string, context: PlanContext): PlannedStatement {
  const { kind, queryId } = statement;
  // it is on no topic, so neither is its end
  if (kind === "terminate" && queryId !== null && context.isPushQuery?.(queryId)) return { kind: "direct" };
  if (queryId !== null && !context.metastore.query(queryId)) throw refused(`Unknown queryId: ${queryId}`);
  let { metastore } = context;
  if (kind === "terminate")
    for (const id of queryId === null ? metastore.queries().map((q) => q.id) : [queryId]) metastore = metastore.withoutQuery(id);
  const done = kind === "terminate" ? "terminated" : kind === "pause" ? "paused" : "resumed";
  return command({ command: kind, queryId }, text, context, metastore, `Query ${done}.`);
}
