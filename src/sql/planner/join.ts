import { MillraceError } from "../../common/errors.js";
import { formatSqlType, sameSqlType } from "../../data/sql-type.js";
import { analyzeExpression, condition, fail } from "../analyzer/expression.js";
import type { QualifiedQuery } from "../analyzer/query.js";
import type { ParsedExpression } from "../parser/ast.js";
import { formatExpression } from "../parser/format-expression.js";
import { namesIn } from "../parser/walk.js";
import type { Expression } from "../plan/expression.js";
import type { Formats, JoinStep } from "../plan/step.js";
import { withKeyFormat } from "./formats.js";
import { planSource } from "./from.js";
import { type Equality, isKeyedBy, joinCondition, stands } from "./join-condition.js";
import {
  columnAt,
  environmentOf,
  inClause,
  type KeyColumn,
  type PlanTools,
  pseudoColumn,
  type Relation,
  type RelationColumn,
} from "./relation.js";

type Join = QualifiedQuery["joins"][number];

function refused(message: string): MillraceError {
  return new MillraceError("SQL_STATEMENT", message);
}

/** FROM and its joins, left to right. Only columns that the query uses pass through a join. */
export function planFrom(query: QualifiedQuery, tools: PlanTools, defaultKeyFormat: string): Relation {
  if (query.joins.length === 0) return planSource(query.sources[0]!, "");
  const kafka = query.sources.filter((s) => s.source.formats.value.format === "KAFKA").map((s) => s.source.name);
  if (kafka.length > 0)
    throw refused(
      `Source(s) ${kafka.join(", ")} are using the 'KAFKA' value format. This format does not yet support JOIN.\nEither use a different format or, if the data is not needed, remove the value columns.`,
    );
  let left = planSource(query.sources[0]!, `${query.sources[0]!.alias}-`);
  query.joins.forEach((join, i) => {
    const right = planSource(join.source, `${join.source.alias}-`);
    left = planJoin(query, join, left, right, query.joins.length === 1 ? "Join" : `Join-${i + 1}`, tools, defaultKeyFormat, i);
  });
  return left;
}

/** `ALIAS.NAME` of every column that is named by what comes after the keys of the join at hand have met. */
function usedAfter(query: QualifiedQuery, nth: number, foreign: boolean, residual: ParsedExpression | null): Set<string> {
  const all: (ParsedExpression | null)[] = [
    ...query.select.map((s) => s.expression),
    residual,
    ...query.joins.slice(nth + 1).map((j) => j.on),
    query.where,
    query.having,
    ...(query.groupBy ?? []),
    ...(query.partitionBy ?? []),
  ];
  const uses = new Map<string, number>();
  for (const n of all.flatMap((e) => (e ? namesIn(e) : [])))
    uses.set(`${n.qualifier}.${n.name}`, (uses.get(`${n.qualifier}.${n.name}`) ?? 0) + 1);
  const key = foreign ? undefined : keyOnly(query, nth);
  if (key !== undefined && uses.get(key) === 1) uses.delete(key);
  return new Set(uses.keys());
}

/** A column that the select list names for the result's key, which need not be among the values then. */
function keyOnly(query: QualifiedQuery, nth: number): string | undefined {
  const { on, type } = query.joins[nth]!;
  if (nth < query.joins.length - 1 || nth > 0 || type === "FULL" || query.groupBy || query.partitionBy || on.kind !== "binary")
    return undefined;
  const right = query.joins[nth]!.source.alias;
  const plain = [on.left, on.right]
    .filter((e) => e.kind === "name")
    .sort((a, b) => Number(a.qualifier === right) - Number(b.qualifier === right));
  const key = plain.find((e) => query.select.some((s) => formatExpression(s.expression) === formatExpression(e)));
  return key?.kind === "name" ? `${key.qualifier}.${key.name}` : undefined;
}

function joinText(join: Join["type"]): string {
  return join === "INNER" ? "[INNER] JOIN" : `${join} [OUTER] JOIN`;
}

function planJoin(
  query: QualifiedQuery,
  join: Join,
  left: Relation,
  right: Relation,
  id: string,
  tools: PlanTools,
  defaultKeyFormat: string,
  nth: number,
): Relation {
  const got = `Got ${formatExpression(join.on).replace(/^\((.*)\)$/, "$1")}.`;
  const { equalities, residual } = joinCondition(join, left, right, tools.extensions === true);
  const [leftOn, rightOn] = [equalities.map((e) => e.left), equalities.map((e) => e.right)];
  const leftName = namesIn(leftOn[0]!).find((n) => n.qualifier !== null)?.qualifier ?? query.sources[nth]!.alias;
  const rightName = join.source.alias;
  if (left.kind === "table" && right.kind === "stream")
    throw refused(
      `Invalid join order: table-stream joins are not supported; only stream-table joins. Got ${leftName} ${joinText(join.type)} ${rightName}.`,
    );
  const windows = left.kind === "stream" && right.kind === "stream";
  if (windows && !join.within)
    throw refused(
      `${leftName} ${joinText(join.type)} ${rightName}: Stream-stream joins must have a WITHIN clause specified. None was provided.`,
    );
  if (!windows && join.within)
    throw refused(
      "A window definition was provided for a Table-Table or Stream-Table join. These joins are not windowed. Please drop the window definition (ie. the WITHIN clause) and try to execute your join again.",
    );
  const [leftKey, rightKey] = [[] as Expression[], [] as Expression[]];
  for (const e of equalities) {
    const l = analyzeExpression(e.left, environmentOf(left, tools, "JOIN ON"));
    const r = analyzeExpression(e.right, environmentOf(right, tools, "JOIN ON"));
    if (!sameSqlType(l.type, r.type)) {
      const shown = [l, r].map((k) => formatSqlType(k.type));
      throw refused(
        `Invalid join condition: types don't match. Got ${formatExpression(e.left)}{${shown[0]}} = ${formatExpression(e.right)}{${shown[1]}}.`,
      );
    }
    leftKey.push(l);
    rightKey.push(r);
  }
  if (!windows && left.kind === "stream" && (join.type === "FULL" || join.type === "RIGHT"))
    throw refused(`${join.type === "FULL" ? "Full" : "Right"} outer joins between streams and tables are not supported.`);
  const kindOf = ({ window }: Relation) => (window === undefined ? "not windowed" : window.type === "SESSION" ? "SESSION" : "TIME");
  if (kindOf(left) !== kindOf(right))
    throw refused(
      `Incompatible windowed sources.\nLeft source: ${leftName}: ${kindOf(left)}\nRight source: ${rightName}: ${kindOf(right)}`,
    );
  const leftIsKey = isKeyedBy(left, leftOn);
  const rightIsKey = isKeyedBy(right, rightOn);
  if (right.kind === "table" && !rightIsKey)
    throw refused(
      left.kind === "stream"
        ? `Invalid join condition: stream-table joins require to join on the table's primary key. ${got}`
        : `Invalid join condition: table-table joins require to join on the primary key of the right input table. ${got}`,
    );
  const foreign = left.kind === "table" && !leftIsKey;
  if (foreign && nth > 0 && !tools.extensions)
    throw refused(`Invalid join condition: foreign-key table-table joins are not supported as part of n-way joins. ${got}`);
  if (foreign && equalities.length > 1)
    throw fail(`Foreign-key joins with a table whose primary key has several columns are not supported. ${got}`, join.on.at);
  if (foreign && join.type !== "INNER" && join.type !== "LEFT") throw refused(`${join.type} OUTER JOIN on a foreign key is not supported`);
  if (residual && join.type === "FULL" && left.kind === "table")
    throw fail(
      `A FULL OUTER JOIN of tables takes no condition beyond their keys' equality: where it does not hold, both rows would stand alone under one key. ${got}`,
      residual.at,
    );
  if (left.window && !leftIsKey)
    throw refused("Implicit repartitioning of windowed sources is not supported. See https://github.com/confluentinc/ksql/issues/4385.");

  const used = usedAfter(query, nth, foreign, residual);
  const keyFormat = joinKeyFormat(left, leftIsKey, right, defaultKeyFormat);
  const liesWell = equalities.length === 1 || right.kind === "table" || right.formats.key.format === keyFormat.format;
  const l =
    foreign || leftIsKey ? withPseudo(left, used, `${id}-Left`) : rekey(left, leftKey, used, `${id}-left`, keyFormat, query.syntheticKey);
  const r =
    rightIsKey && liesWell
      ? withPseudo(right, used, `${id}-Right`)
      : rekey(right, rightKey, used, `${id}-right`, keyFormat, query.syntheticKey);
  const joined = foreign
    ? foreignKeyJoin(join, l, r, leftOn[0]!, id, used, tools)
    : coPartitionedJoin(join, l, r, equalities, id, used, keyFormat, query.syntheticKey);
  return residual ? withResidual(joined, residual, tools) : joined;
}

/** The join matches only where this holds besides. */
function withResidual(joined: Relation, written: ParsedExpression, tools: PlanTools): Relation {
  const residual = inClause("Error in JOIN ON expression: ", () =>
    condition(analyzeExpression(written, environmentOf({ ...joined, keys: [] }, tools, "JOIN ON")), written),
  );
  return { ...joined, step: { ...(joined.step as JoinStep), residual } };
}

function joinKeyFormat(left: Relation, leftIsKey: boolean, right: Relation, defaultKeyFormat: string): Formats["key"] {
  const usable = (f: Formats["key"]) => f.format !== "NONE";
  if (leftIsKey && usable(left.formats.key)) return left.formats.key;
  if (right.kind === "table" && usable(right.formats.key)) return right.formats.key;
  if (usable(left.formats.key)) return left.formats.key;
  if (usable(right.formats.key)) return right.formats.key;
  return { format: defaultKeyFormat };
}

/** A side's own ROWTIME and so on, where used after the join, ride along as value columns. */
function withPseudo(relation: Relation, used: ReadonlySet<string>, id: string): Relation {
  const alias = relation.columns[0]!.source;
  const pseudo = pseudoUsed(alias, used);
  if (pseudo.length === 0 || new Set(relation.columns.map((c) => c.source)).size > 1) return relation;
  const { schema } = relation.step;
  const kept = relation.columns.filter((c) => c.index >= schema.key.length);
  const columns = [...kept.map((c) => columnAt(schema, c.index)), ...pseudo.map((name) => pseudoColumn(schema, name))];
  const value = [
    ...kept.map((c) => ({ name: c.name, type: c.type })),
    ...columns.slice(kept.length).map((e, i) => ({ name: pseudo[i]!, type: e.type })),
  ];
  const step = { step: "select", id: `${id}-Select`, source: relation.step, columns, schema: { key: schema.key, value } } as const;
  return {
    ...relation,
    step,
    columns: placed(
      alias,
      step.schema.key.length,
      value,
      relation.columns.filter((c) => c.index < schema.key.length),
    ),
  };
}

function pseudoUsed(alias: string, used: ReadonlySet<string>): string[] {
  return ["ROWTIME", "ROWPARTITION", "ROWOFFSET", "WINDOWSTART", "WINDOWEND"].filter((name) => used.has(`${alias}.${name}`));
}

function placed(
  alias: string,
  keys: number,
  value: readonly { name: string; type: RelationColumn["type"] }[],
  keyColumns: readonly RelationColumn[],
): RelationColumn[] {
  return [...keyColumns, ...value.map((c, i) => ({ source: alias, name: c.name, type: c.type, index: keys + i }))];
}

/** A stream keyed anew by its join expression, through a repartition topic that holds only what is used. */
function rekey(
  relation: Relation,
  key: readonly Expression[],
  used: ReadonlySet<string>,
  id: string,
  keyFormat: Formats["key"],
  syntheticKey: string,
): Relation {
  const { schema } = relation.step;
  const kept = relation.columns.filter((c) => used.has(`${c.source}.${c.name}`));
  const aliases = [...new Set(relation.columns.map((c) => c.source))];
  const pseudo = aliases.length === 1 ? pseudoUsed(aliases[0]!, used) : [];
  const many = aliases.length > 1;
  const value = [
    ...kept.map((c) => ({ name: many ? `${c.source}_${c.name}` : c.name, type: c.type })),
    ...pseudo.map((name) => ({ name, type: pseudoColumn(schema, name).type })),
  ];
  const columns = [...kept.map((c) => columnAt(schema, c.index)), ...pseudo.map((name) => pseudoColumn(schema, name))];
  const names = key.map((e) => (e.kind === "column" ? e.name : syntheticKey));
  const keySchema = key.map((e, i) => ({ name: names.indexOf(names[i]!) === i ? names[i]! : `${names[i]}_${i}`, type: e.type }));
  const step = {
    step: "select-key",
    id: `${id}-SelectKey`,
    source: relation.step,
    key,
    columns,
    schema: { key: keySchema, value },
    repartition: { formats: withKeyFormat(relation.formats, keyFormat, keySchema) },
  } as const;
  const first = key.length;
  const own = [
    ...kept.map((c, i) => ({ ...c, index: first + i })),
    ...pseudo.map((name, i) => ({ source: aliases[0]!, name, type: value[kept.length + i]!.type, index: first + kept.length + i })),
  ];
  return { ...relation, step, columns: own, formats: { ...relation.formats, key: keyFormat } };
}

function joinedColumns(l: Relation, r: Relation, used: ReadonlySet<string>) {
  const pick = (relation: Relation, side: "left" | "right") => {
    const keys = relation.step.schema.key.length;
    return relation.columns
      .filter((c) => used.has(`${c.source}.${c.name}`))
      .map((column) => ({
        column,
        from: {
          side,
          part: column.index < keys ? ("key" as const) : ("value" as const),
          index: column.index < keys ? column.index : column.index - keys,
        },
      }));
  };
  return [...pick(l, "left"), ...pick(r, "right")];
}

function coPartitionedJoin(
  join: Join,
  l: Relation,
  r: Relation,
  equalities: readonly Equality[],
  id: string,
  used: ReadonlySet<string>,
  keyFormat: Formats["key"],
  syntheticKey: string,
): Relation {
  const joined = joinedColumns(l, r, used);
  const keys = equalities.length === 1 ? [singleKey(join, l, r, equalities[0]!, syntheticKey)] : compositeKey(join, l, r, equalities);
  const value = joined.map(({ column }) => ({ name: `${column.source}_${column.name}`, type: column.type }));
  const step: JoinStep = {
    step: l.kind === "table" ? "table-table-join" : r.kind === "table" ? "stream-table-join" : "stream-stream-join",
    id,
    join: join.type,
    left: l.step,
    right: r.step,
    columns: joined.map((j) => j.from),
    ...(join.within
      ? {
          within: {
            before: join.within.before.ms,
            after: join.within.after.ms,
            ...(join.within.grace ? { grace: join.within.grace.ms } : {}),
          },
        }
      : {}),
    formats: { left: l.formats, right: r.formats },
    ...(liesApart(l, r) ? { apart: true } : {}),
    schema: { key: keys.map(({ name, type }) => ({ name, type })), value },
  };
  const columns = joined.map(({ column }, i) => ({ ...column, index: keys.length + i }));
  const { scattered: _, ...rest } = l;
  return { ...rest, step, columns, keys, origin: "join expression", formats: { ...l.formats, key: keyFormat } };
}

/** Both as they lie, by keys that are encoded each in its own way. */
function liesApart(l: Relation, r: Relation): boolean {
  const lies = ({ step }: Relation) => step.step !== "select-key" || step.repartition === undefined;
  return lies(l) && lies(r) && l.formats.key.format !== r.formats.key.format;
}

function singleKey(join: Join, l: Relation, r: Relation, { left, right }: Equality, syntheticKey: string): KeyColumn {
  const earlier =
    l.origin === "join expression" && l.keys.length === 1 && stands(l.keys[0]!, formatExpression(left)) ? l.keys[0]!.viable : [];
  const plain = [left, right].filter((e) => e.kind === "name" && e.qualifier !== null);
  const synthetic = join.type === "FULL" || (plain.length === 0 && earlier.length === 0) || earlier.includes(syntheticKey);
  const texts = [...new Set([...earlier, ...plain.map(formatExpression)])];
  const { type } = r.step.schema.key[0]!;
  const first = (plain[0] ?? null) as Extract<ParsedExpression, { kind: "name" }> | null;
  const name = synthetic ? syntheticKey : earlier.length > 0 ? l.keys[0]!.name : `${first!.qualifier}_${first!.name}`;
  const viable = synthetic ? [syntheticKey] : texts;
  // a FULL join's key is neither side's: either may be NULL
  const same =
    join.type === "FULL" ? [] : [...(earlier.length > 0 ? (l.keys[0]!.same ?? []) : []), formatExpression(left), formatExpression(right)];
  return { name, type, viable, shown: viable, same, ...(synthetic ? { synthetic } : {}) };
}

/** Each column is either side's expression; of a FULL join, where either may be NULL, the one that is not. */
function compositeKey(join: Join, l: Relation, r: Relation, equalities: readonly Equality[]): KeyColumn[] {
  return equalities.map(({ left, right }, i) => {
    const pair = [formatExpression(left), formatExpression(right)];
    const earlier = l.keys.find((k) => stands(k, pair[0]!))?.viable ?? [];
    const viable =
      join.type === "FULL" ? ["COALESCE", "IFNULL"].map((f) => `${f}(${pair.join(", ")})`) : [...new Set([...earlier, ...pair])];
    const plain = [left, right].find((e) => e.kind === "name");
    const name = plain?.kind === "name" ? `${plain.qualifier}_${plain.name}` : `KEY_${i}`;
    return { name, type: r.step.schema.key[i]!.type, viable, shown: viable, same: join.type === "FULL" ? [] : pair };
  });
}

function foreignKeyJoin(
  join: Join,
  l: Relation,
  r: Relation,
  leftOn: ParsedExpression,
  id: string,
  used: ReadonlySet<string>,
  tools: PlanTools,
): Relation {
  const joined = joinedColumns(l, r, used);
  const keys = l.step.schema.key;
  const alias = l.columns[0]!.source;
  const step: JoinStep = {
    step: "foreign-key-join",
    id,
    join: join.type,
    left: l.step,
    right: r.step,
    columns: joined.map((j) => j.from),
    foreignKey: analyzeExpression(leftOn, environmentOf(l, tools, "JOIN ON")),
    formats: { left: l.formats, right: r.formats },
    schema: {
      key: keys.map((k) => ({ name: `${alias}_${k.name}`, type: k.type })),
      value: joined.map(({ column }) => ({ name: `${column.source}_${column.name}`, type: column.type })),
    },
  };
  const columns = joined.map(({ column }, i) => ({ ...column, index: keys.length + i }));
  return {
    ...l,
    step,
    columns,
    keys: l.keys.map((k, i) => ({ ...k, name: step.schema.key[i]!.name, own: k.name })),
    origin: "key column",
    foreignKeyOf: alias,
  };
}
