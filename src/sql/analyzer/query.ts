import { MillraceError } from "../../common/errors.js";
import type { SqlType } from "../../data/sql-type.js";
import type { DataSource } from "../metastore/data-source.js";
import { rowSchemaOf } from "../metastore/data-source.js";
import type { Metastore } from "../metastore/metastore.js";
import type { FromSource, JoinClause, ParsedExpression, Query } from "../parser/ast.js";
import { formatExpression } from "../parser/format-expression.js";
import { conjuncts, mapNames, namesIn } from "../parser/walk.js";
import type { ExecutionStep } from "../plan/step.js";
import { isPseudo, isWindowBound, pseudoColumns, Scope, type ScopeColumn, unknownSource } from "./scope.js";

export interface QuerySource {
  readonly alias: string;
  /** of a subquery: what it would be as a source of its own, without a topic */
  readonly source: DataSource;
  readonly derived?: Derived;
}
/** A subquery that is planned. */
export interface Derived {
  readonly step: ExecutionStep;
  /** rows of one key lie in several partitions */
  readonly scattered: boolean;
  /** the sources that it reads */
  readonly reads: readonly DataSource[];
}
/** Finds what a FROM or JOIN names; undefined where there is none. @param members a subquery of IN: its rows are each there once */
export type FindSource = (from: FromSource, members?: boolean) => { readonly source: DataSource; readonly derived?: Derived } | undefined;
export interface SelectColumn {
  readonly expression: ParsedExpression;
  readonly name: string;
  /** stands for a `*` */
  readonly fromStar?: boolean;
}
/**
 * A query whose names all carry their source's alias (pseudo columns of the row at hand carry none), whose `*` are written out
 * and whose columns have names.
 */
export interface QualifiedQuery {
  readonly sources: readonly QuerySource[];
  readonly select: readonly SelectColumn[];
  readonly joins: readonly (Omit<JoinClause, "source"> & { readonly source: QuerySource })[];
  readonly where: ParsedExpression | null;
  readonly groupBy: readonly ParsedExpression[] | null;
  readonly partitionBy: readonly ParsedExpression[] | null;
  readonly having: ParsedExpression | null;
  readonly query: Query;
  /** all columns of all sources; the positions mean nothing */
  readonly scope: Scope;
  readonly syntheticKey: string;
}

/** The key column that a join makes up where no column is the join's key: ROWKEY, or the first ROWKEY_n behind those that there are. */
function syntheticKeyOf(scope: Scope): string {
  const taken = scope.columns.flatMap((c) => {
    const found = /^ROWKEY(?:_(\d+))?$/.exec(c.name);
    return found ? [Number(found[1] ?? 0)] : [];
  });
  return taken.length === 0 ? "ROWKEY" : `ROWKEY_${Math.max(...taken) + 1}`;
}

/** @param transient a push or pull query, whose `SELECT *` of a windowed source shows the window too */
export function qualifyQuery(query: Query, find: FindSource, transient: boolean): QualifiedQuery {
  const sources: QuerySource[] = [];
  const add = (from: FromSource): QuerySource => {
    const found = find(from);
    if (!found) throw missingSource(from);
    const { source, derived } = found;
    const alias = from.alias ?? from.name;
    if (!derived && sources.some((s) => !s.derived && s.source.name === source.name))
      throw new MillraceError(
        "SQL_STATEMENT",
        query.joins.length > 1
          ? `N-way joins do not support multiple occurrences of the same source. Source: '${source.name}'`
          : `Can not join '${source.name}' to '${source.name}': self joins are not yet supported.`,
      );
    if (sources.some((s) => s.alias === alias)) throw new MillraceError("SQL_STATEMENT", `The alias '${alias}' is used twice.`);
    const own: QuerySource = { alias, source, ...(derived ? { derived } : {}) };
    sources.push(own);
    return own;
  };
  add(query.from);
  const joined = query.joins.map((j) => add(j.source));
  const scope = scopeOf(sources);
  const syntheticKey = syntheticKeyOf(scope);
  const many = sources.length > 1;
  const qualify = (e: ParsedExpression, clause: string) =>
    mapNames(e, (n) => {
      if (isPseudo(n.name) && (n.qualifier === null || !many)) {
        const ofWindow = isWindowBound(n.name) && query.window && n.qualifier === sources[0]!.alias;
        if (n.qualifier !== null && !ofWindow) scope.resolve(n.qualifier, n.name, n.at, clause);
        if (!isWindowBound(n.name) || query.window || sources.some((s) => s.source.window)) return { ...n, qualifier: null };
      }
      if (many && n.qualifier === null && n.name === syntheticKey) return n;
      const column = scope.resolve(n.qualifier, n.name, n.at, clause);
      return { ...n, qualifier: column.source };
    });
  const all = (list: readonly ParsedExpression[] | null, clause: string) => (list === null ? null : list.map((e) => qualify(e, clause)));
  // A source that there is not comes before a column that could be several's.
  for (const { on } of query.joins)
    for (const n of namesIn(on)) if (n.qualifier !== null && !scope.aliases.includes(n.qualifier)) throw unknownSource(n.qualifier, n.at);
  const joins = query.joins.map((j, i) => ({ ...j, source: joined[i]!, on: qualify(j.on, "JOIN ON") }));
  const where = query.where && qualify(query.where, "WHERE");
  const groupBy = all(query.groupBy, "GROUP BY");
  const partitionBy = all(query.partitionBy, "PARTITION BY");
  const select = nameColumns(expandStars(query, sources, joins, scope, partitionBy, transient), qualify, scope, many);
  const having = query.having && qualify(query.having, "HAVING");
  return { sources, select, joins, where, groupBy, partitionBy, having, query, scope, syntheticKey };
}

export function inMetastore(metastore: Metastore): FindSource {
  return ({ name }) => {
    const source = metastore.source(name);
    return source && { source };
  };
}

/** The sources that a query reads, those of its subqueries among them. */
export function sourcesRead({ sources }: Pick<QualifiedQuery, "sources">): DataSource[] {
  const all = sources.flatMap(({ source, derived }) => derived?.reads ?? [source]);
  return all.filter((s, i) => all.findIndex((t) => t.name === s.name) === i);
}

function missingSource(from: FromSource): MillraceError {
  const { line, column } = from.at;
  return new MillraceError("SQL_STATEMENT", `Line: ${line}, Col: ${column}: Source \`${from.name}\` does not exist.`, {
    context: { source: from.name, line, column },
  });
}

export function scopeOf(sources: readonly QuerySource[]): Scope {
  const columns: ScopeColumn[] = [];
  for (const { alias, source } of sources) {
    const { key, value } = rowSchemaOf(source);
    let index = 0;
    const push = (c: { name: string; type: SqlType }, isKey: boolean, pseudo: boolean) =>
      columns.push({ source: alias, name: c.name, type: c.type, index: index++, isKey, isPseudo: pseudo });
    for (const c of key) push(c, true, false);
    for (const c of value) push(c, false, false);
    for (const c of pseudoColumns) if (!isWindowBound(c.name) || source.window) push(c, false, true);
  }
  return new Scope(
    columns,
    sources.map((s) => s.alias),
  );
}

interface Item {
  readonly expression: ParsedExpression;
  readonly alias: string | null;
  /** of a `*` over a join: the name carries the source's alias */
  readonly prefixed?: boolean;
  readonly fromStar?: boolean;
}

function expandStars(
  query: Query,
  sources: readonly QuerySource[],
  joins: readonly { readonly type: JoinClause["type"]; readonly on: ParsedExpression }[],
  scope: Scope,
  partitionBy: readonly ParsedExpression[] | null,
  transient: boolean,
): Item[] {
  const items: Item[] = [];
  for (const item of query.select) {
    if (item.kind === "column") {
      items.push({ expression: item.expression, alias: item.alias });
      continue;
    }
    const wanted = sources.filter((s) => item.source === null || s.alias === item.source);
    if (wanted.length === 0) throw new MillraceError("SQL_STATEMENT", `'${item.source}' is not a valid stream/table name or alias.`);
    const columns = scope.columns.filter((c) => !c.isPseudo && wanted.some((s) => s.alias === c.source));
    const name = (c: ScopeColumn): ParsedExpression => ({ kind: "name", at: item.at, qualifier: c.source, name: c.name });
    const named = columns.map(name);
    if (sources.length > 1) {
      if (item.source === null && !partitionBy && needsSyntheticKey(joins))
        items.push({ expression: { kind: "name", at: item.at, qualifier: null, name: syntheticKeyOf(scope) }, alias: null });
      for (const expression of partitionBy
        ? behindPartitionBy(wanted, scope, partitionBy, item.at)
        : wanted.flatMap((s) => withBounds(s, scope).map(name)))
        items.push({ expression, alias: null, prefixed: true, fromStar: true });
      continue;
    }
    if (partitionBy) {
      // the new key, then the other columns, the old key last
      const news = partitionBy.filter((e) => e.kind !== "null");
      const taken = new Set(news.map(formatExpression));
      const others = columns.map((c, i) => ({ c, e: named[i]! })).filter(({ e }) => !taken.has(formatExpression(e)));
      const order = [...others.filter(({ c }) => !c.isKey), ...others.filter(({ c }) => c.isKey)];
      for (const expression of [...news, ...order.map(({ e }) => e)]) items.push({ expression, alias: null, fromStar: true });
      continue;
    }
    const bounds = transient && wanted[0]!.source.window ? ["WINDOWSTART", "WINDOWEND"] : [];
    const keys = columns.filter((c) => c.isKey).length;
    const extra = bounds.map((name): ParsedExpression => ({ kind: "name", at: item.at, qualifier: null, name }));
    for (const expression of [...named.slice(0, keys), ...extra, ...named.slice(keys)]) items.push({ expression, alias: null });
  }
  return items;
}

/** A source's columns for a `*` over a join: its key, its window, its values. */
function withBounds({ alias }: QuerySource, scope: Scope): ScopeColumn[] {
  const own = scope.columns.filter((c) => c.source === alias);
  const plain = own.filter((c) => !c.isPseudo);
  return [...plain.filter((c) => c.isKey), ...own.filter((c) => isWindowBound(c.name)), ...plain.filter((c) => !c.isKey)];
}

/** `*` over a join that is partitioned anew: the new key, then each source's values, its pseudo columns and its key. */
function behindPartitionBy(
  sources: readonly QuerySource[],
  scope: Scope,
  partitionBy: readonly ParsedExpression[],
  at: ParsedExpression["at"],
): ParsedExpression[] {
  const news = partitionBy.filter((e) => e.kind !== "null");
  const taken = new Set(news.map(formatExpression));
  const order = (c: ScopeColumn) => (c.isKey ? 2 : c.isPseudo ? 1 : 0);
  const others = sources.flatMap((s) => {
    const own = scope.columns.filter((c) => c.source === s.alias);
    return [0, 1, 2].flatMap((group) => own.filter((c) => order(c) === group));
  });
  const named = others.map((c): ParsedExpression => ({ kind: "name", at, qualifier: c.source, name: c.name }));
  return [...news, ...named.filter((e) => !taken.has(formatExpression(e)))];
}

function needsSyntheticKey(joins: readonly { readonly type: JoinClause["type"]; readonly on: ParsedExpression }[]): boolean {
  const plain = (e: ParsedExpression) => e.kind === "binary" && (e.left.kind === "name" || e.right.kind === "name");
  // a key of several columns is made of the equalities themselves
  const keys = joins.map((j) => conjuncts(j.on).filter(isEquality));
  if (keys.some((k) => k.length > 1)) return false;
  return joins.some((j) => j.type === "FULL") || (joins.length > 0 && !joins.some((j, i) => plain(keys[i]![0] ?? j.on)));
}

/** Of one source's expression with another's. */
function isEquality(e: ParsedExpression): boolean {
  if (e.kind !== "binary" || e.op !== "=") return false;
  const [left, right] = [e.left, e.right].map((side) => new Set(namesIn(side).map((n) => n.qualifier)));
  return left!.size === 1 && right!.size === 1 && [...left!][0] !== [...right!][0];
}

function nameColumns(
  items: readonly Item[],
  qualify: (e: ParsedExpression, clause: string) => ParsedExpression,
  scope: Scope,
  many: boolean,
): SelectColumn[] {
  const columns: SelectColumn[] = [];
  const taken = new Set<string>([...items.map((i) => i.alias ?? ""), ...scope.columns.map((c) => c.name)]);
  let counter = 0;
  const generated = () => {
    let name: string;
    do name = `KSQL_COL_${counter++}`;
    while (taken.has(name));
    return name;
  };
  const fieldName = (field: string) => {
    let name = field;
    for (let i = 1; columns.some((c) => c.name === name); i++) name = `${field}_${i}`;
    return name;
  };
  for (const item of items) {
    if (item.expression.kind === "struct-all") {
      const operand = qualify(item.expression.operand, "SELECT");
      const type = structType(operand, scope);
      if (!type) throw new MillraceError("SQL_STATEMENT", `Expected STRUCT type for '${formatExpression(item.expression)}'`);
      for (const f of type.fields)
        columns.push({ expression: { kind: "dereference", at: item.expression.at, operand, field: f.name }, name: fieldName(f.name) });
      continue;
    }
    const e = qualify(item.expression, "SELECT");
    let name = item.alias;
    if (name === null && e.kind === "name") {
      const clash = many && e.qualifier !== null && (item.prefixed || scope.columns.filter((c) => c.name === e.name).length > 1);
      name = clash ? `${e.qualifier}_${e.name}` : e.name;
    }
    if (name === null && e.kind === "dereference") name = fieldName(e.field);
    columns.push({ expression: e, name: name ?? generated(), ...(item.fromStar ? { fromStar: true } : {}) });
  }
  return columns;
}

/** The STRUCT that a path of columns, fields and subscripts leads to. */
function structType(e: ParsedExpression, scope: Scope): Extract<SqlType, { base: "STRUCT" }> | undefined {
  const typeOf = (x: ParsedExpression): SqlType | undefined => {
    if (x.kind === "name") return scope.columns.find((c) => c.source === x.qualifier && c.name === x.name)?.type;
    if (x.kind === "dereference") {
      const inner = typeOf(x.operand);
      return inner?.base === "STRUCT" ? inner.fields.find((f) => f.name === x.field)?.type : undefined;
    }
    if (x.kind === "subscript") {
      const inner = typeOf(x.operand);
      return inner?.base === "ARRAY" ? inner.element : inner?.base === "MAP" ? inner.value : undefined;
    }
    return undefined;
  };
  const type = typeOf(e);
  return type?.base === "STRUCT" ? type : undefined;
}
