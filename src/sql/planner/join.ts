import { MillraceError } from "../../common/errors.js";
import { formatSqlType, sameSqlType } from "../../data/sql-type.js";
import { analyzeExpression } from "../analyzer/expression.js";
import type { QualifiedQuery } from "../analyzer/query.js";
import type { ParsedExpression } from "../parser/ast.js";
import { formatExpression } from "../parser/format-expression.js";
import { namesIn } from "../parser/walk.js";
import type { Expression } from "../plan/expression.js";
import type { Formats, JoinStep } from "../plan/step.js";
import { withKeyFormat } from "./formats.js";
import { planSource } from "./from.js";
import { columnAt, environmentOf, type KeyColumn, type PlanTools, pseudoColumn, type Relation, type RelationColumn } from "./relation.js";

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

/** `ALIAS.NAME` of every column that is named by what comes after the join at hand. */
function usedAfter(query: QualifiedQuery, nth: number, foreign: boolean): Set<string> {
  const all: (ParsedExpression | null)[] = [
    ...query.select.map((s) => s.expression),
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
  if (join.on.kind === "binary" && join.on.op === "AND")
    throw refused(`Invalid join condition: joins on multiple conditions are not yet supported. Got ${formatExpression(join.on)}.`);
  if (join.on.kind !== "binary" || join.on.op !== "=")
    throw refused(`Unsupported join expression: ${formatExpression(join.on)}. The join criteria must be an equality.`);
  const [leftOn, rightOn] = sides(join, left, right);
  const leftName = namesIn(leftOn).find((n) => n.qualifier !== null)?.qualifier ?? query.sources[nth]!.alias;
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
  const leftKey = analyzeExpression(leftOn, environmentOf(left, tools, "JOIN ON"));
  const rightKey = analyzeExpression(rightOn, environmentOf(right, tools, "JOIN ON"));
  if (!sameSqlType(leftKey.type, rightKey.type)) {
    const shown = [leftKey, rightKey].map((k) => formatSqlType(k.type));
    throw refused(
      `Invalid join condition: types don't match. Got ${formatExpression(leftOn)}{${shown[0]}} = ${formatExpression(rightOn)}{${shown[1]}}.`,
    );
  }
  if (!windows && left.kind === "stream" && (join.type === "FULL" || join.type === "RIGHT"))
    throw refused(`${join.type === "FULL" ? "Full" : "Right"} outer joins between streams and tables are not supported.`);
  const kindOf = ({ window }: Relation) => (window === undefined ? "not windowed" : window.type === "SESSION" ? "SESSION" : "TIME");
  if (kindOf(left) !== kindOf(right))
    throw refused(
      `Incompatible windowed sources.\nLeft source: ${leftName}: ${kindOf(left)}\nRight source: ${rightName}: ${kindOf(right)}`,
    );
  const isKey = (relation: Relation, e: ParsedExpression) => relation.keys.length === 1 && stands(relation.keys[0]!, formatExpression(e));
  const leftIsKey = isKey(left, leftOn);
  if (right.kind === "table" && !isKey(right, rightOn))
    throw refused(
      left.kind === "stream"
        ? `Invalid join condition: stream-table joins require to join on the table's primary key. ${got}`
        : `Invalid join condition: table-table joins require to join on the primary key of the right input table. ${got}`,
    );
  const foreign = left.kind === "table" && !leftIsKey;
  if (foreign && nth > 0)
    throw refused(`Invalid join condition: foreign-key table-table joins are not supported as part of n-way joins. ${got}`);
  if (foreign && join.type !== "INNER" && join.type !== "LEFT") throw refused(`${join.type} OUTER JOIN on a foreign key is not supported`);
  if (left.window && !leftIsKey)
    throw refused("Implicit repartitioning of windowed sources is not supported. See https://github.com/confluentinc/ksql/issues/4385.");

  const used = usedAfter(query, nth, foreign);
  const keyFormat = joinKeyFormat(left, leftIsKey, right, defaultKeyFormat);
  const l =
    foreign || leftIsKey ? withPseudo(left, used, `${id}-Left`) : rekey(left, leftKey, used, `${id}-left`, keyFormat, query.syntheticKey);
  const r =
    right.kind === "table" || isKey(right, rightOn)
      ? withPseudo(right, used, `${id}-Right`)
      : rekey(right, rightKey, used, `${id}-right`, keyFormat, query.syntheticKey);
  return foreign
    ? foreignKeyJoin(join, l, r, leftOn, id, used, tools)
    : coPartitionedJoin(join, l, r, leftOn, rightOn, id, used, keyFormat, query.syntheticKey);
}

function stands(key: KeyColumn, text: string): boolean {
  return key.viable.includes(text) || (key.same?.includes(text) ?? false);
}

/** Which side of the `=` belongs to what was joined so far, and which to the new source. */
function sides(join: Join, left: Relation, right: Relation): [ParsedExpression, ParsedExpression] {
  const on = join.on as Extract<ParsedExpression, { kind: "binary" }>;
  const of = (e: ParsedExpression): "left" | "right" => {
    const names = namesIn(e);
    const isRight = names.filter((n) => n.qualifier === join.source.alias).length;
    const isLeft = names.filter(
      (n) => left.columns.some((c) => c.source === n.qualifier && c.name === n.name) || n.qualifier === null,
    ).length;
    if (names.length === 0 || (isRight > 0 && isLeft > 0))
      throw refused(
        `Invalid comparison expression '${formatExpression(e)}' in join '${formatExpression(on)}'. Each side of the join comparision must contain references from exactly one source.`,
      );
    return isRight > 0 ? "right" : "left";
  };
  const [a, b] = [of(on.left), of(on.right)];
  if (a === b)
    throw refused(
      `Each side of the join must reference exactly one source and not the same source. Left side references ${on.left.kind === "name" ? on.left.qualifier : right.columns[0]?.source} and right references the same.`,
    );
  return a === "left" ? [on.left, on.right] : [on.right, on.left];
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
  key: Expression,
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
  const keyName = key.kind === "column" ? key.name : syntheticKey;
  const step = {
    step: "select-key",
    id: `${id}-SelectKey`,
    source: relation.step,
    key: [key],
    columns,
    schema: { key: [{ name: keyName, type: key.type }], value },
    repartition: { formats: withKeyFormat(relation.formats, keyFormat, [{ name: keyName, type: key.type }]) },
  } as const;
  const own = [
    ...kept.map((c, i) => ({ ...c, index: 1 + i })),
    ...pseudo.map((name, i) => ({ source: aliases[0]!, name, type: value[kept.length + i]!.type, index: 1 + kept.length + i })),
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
  leftOn: ParsedExpression,
  rightOn: ParsedExpression,
  id: string,
  used: ReadonlySet<string>,
  keyFormat: Formats["key"],
  syntheticKey: string,
): Relation {
  const joined = joinedColumns(l, r, used);
  const earlier = l.origin === "join expression" && stands(l.keys[0]!, formatExpression(leftOn)) ? l.keys[0]!.viable : [];
  const plain = [leftOn, rightOn].filter((e) => e.kind === "name" && e.qualifier !== null);
  const synthetic = join.type === "FULL" || (plain.length === 0 && earlier.length === 0) || earlier.includes(syntheticKey);
  const texts = [...new Set([...earlier, ...plain.map(formatExpression)])];
  const type = r.step.schema.key[0]!.type;
  const first = (plain[0] ?? null) as Extract<ParsedExpression, { kind: "name" }> | null;
  const name = synthetic ? syntheticKey : earlier.length > 0 ? l.keys[0]!.name : `${first!.qualifier}_${first!.name}`;
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
    schema: { key: [{ name, type }], value },
  };
  const columns = joined.map(({ column }, i) => ({ ...column, index: 1 + i }));
  const viable = synthetic ? [syntheticKey] : texts;
  // a FULL join's key is neither side's: either may be NULL
  const same =
    join.type === "FULL"
      ? []
      : [...(earlier.length > 0 ? (l.keys[0]!.same ?? []) : []), formatExpression(leftOn), formatExpression(rightOn)];
  return {
    ...l,
    step,
    columns,
    keys: [{ name, type, viable, shown: viable, same, ...(synthetic ? { synthetic } : {}) }],
    origin: "join expression",
    formats: { ...l.formats, key: keyFormat },
  };
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
