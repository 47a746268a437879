import { formatSqlType, sameSqlType } from "../../data/sql-type.js";
import { analyzeExpression, coerce, fail } from "../analyzer/expression.js";
import { type FindSource, type QualifiedQuery, type QuerySource, sourcesRead } from "../analyzer/query.js";
import { isPseudo, isWindowBound } from "../analyzer/scope.js";
import { commonType, sqlTypes } from "../analyzer/types.js";
import type { DataSource } from "../metastore/data-source.js";
import type { ParsedExpression } from "../parser/ast.js";
import { formatExpression } from "../parser/format-expression.js";
import { namesIn, visit } from "../parser/walk.js";
import type { Expression } from "../plan/expression.js";
import type { JoinStep, RowSchema } from "../plan/step.js";
import { withKeyFormat } from "./formats.js";
import { planSource } from "./from.js";
import { isKeyedBy } from "./join-condition.js";
import { columnAt, environmentOf, type PlanTools, type Relation, valueColumns } from "./relation.js";

type In = Extract<ParsedExpression, { kind: "in-query" }>;
type Replace = (e: ParsedExpression) => Expression | undefined;

/** WHERE's relation with a column for each `IN (SELECT …)` that says whether there is such a row, and what stands for it in WHERE. */
export interface WithMembers {
  readonly relation: Relation;
  readonly replace: Replace;
  readonly reads: readonly DataSource[];
}

/**
 * Each `x IN (SELECT k …)` of a WHERE is an outer join with the table of those k, by x. A stream's record meets the table as it is by
 * then; a table follows it. The rows stay what they were, under their own key.
 * @throws SQL_STATEMENT where the subquery gives no table of one column, or one of another type
 */
export function withMembers(query: QualifiedQuery, relation: Relation, tools: PlanTools): WithMembers | undefined {
  const found: In[] = [];
  if (query.where)
    visit(query.where, (e) => {
      if (e.kind === "in-query") found.push(e);
      return undefined;
    });
  if (found.length === 0) return undefined;
  refuse(query, relation, found[0]!, tools);
  let joined = relation;
  const members = new Map<In, number>();
  const reads: DataSource[] = [];
  for (const [i, e] of found.entries()) {
    const name = `IN${i + 1}`;
    const table = tableOf(e, name, tools.find!);
    reads.push(...sourcesRead({ sources: [table] }));
    joined = joinMembers(joined, e, planSource(table, ""), name, tools);
    members.set(e, joined.step.schema.key.length + joined.step.schema.value.length - 1);
  }
  const environment = environmentOf(joined, tools, "WHERE");
  const { schema } = joined.step;
  const replace: Replace = (e) => {
    const index = e.kind === "in-query" ? members.get(e) : undefined;
    if (index === undefined) return undefined;
    const { operand, negated } = e as In;
    const boolean = sqlTypes.boolean;
    const member: Expression = { kind: "is-null", operand: columnAt(schema, index), negated: true, type: boolean };
    const unknown: Expression = { kind: "is-null", operand: analyzeExpression(operand, environment), negated: false, type: boolean };
    const is: Expression = {
      kind: "case",
      branches: [{ when: unknown, then: { kind: "literal", value: null, type: boolean } }],
      otherwise: member,
      type: boolean,
    };
    return negated ? { kind: "not", operand: is, type: boolean } : is;
  };
  return { relation: joined, replace, reads };
}

function refuse(query: QualifiedQuery, relation: Relation, e: In, tools: PlanTools): void {
  if (!tools.find) throw fail("IN (SELECT …) is supported only in the WHERE of persistent and push queries.", e.at);
  if (relation.window) throw fail("IN (SELECT …) over a windowed source is not supported.", e.at);
  const all = [...query.select.map((s) => s.expression), query.where!, ...(query.groupBy ?? []), ...(query.partitionBy ?? [])];
  for (const n of all.flatMap(namesIn))
    if (n.qualifier === null && isPseudo(n.name) && n.name !== "ROWTIME" && !isWindowBound(n.name))
      throw fail(`${n.name} cannot be used beside IN (SELECT …): the rows have moved to where the table's lie.`, n.at);
}

function tableOf(e: In, name: string, find: FindSource): QuerySource {
  const { source, derived } = find({ at: e.query.at, name, alias: null, query: e.query }, true)!;
  if (source.kind === "stream")
    throw fail(
      "IN (SELECT …) is over a table, and this SELECT gives a stream: GROUP BY the column, as SELECT a … GROUP BY a HAVING COUNT(*) > 0.",
      e.query.at,
    );
  if (source.columns.length !== 1)
    throw fail(`IN (SELECT …) takes one column, and this SELECT gives ${source.columns.length}.`, e.query.at);
  return { alias: name, source, derived: derived! };
}

function joinMembers(relation: Relation, e: In, members: Relation, id: string, tools: PlanTools): Relation {
  const written = analyzeExpression(e.operand, environmentOf(relation, tools, "WHERE"));
  const member = members.step.schema.key[0]!;
  const common = commonType(written.type, member.type);
  if (!common || !sameSqlType(common, member.type))
    throw fail(
      `Cannot compare ${formatExpression(e.operand)} (${formatSqlType(written.type)}) with the rows of the subquery (${formatSqlType(member.type)}).`,
      e.at,
    );
  const operand = coerce(written, member.type);
  const { schema } = relation.step;
  const lies = isKeyedBy(relation, [e.operand]) && sameSqlType(written.type, member.type);
  if (relation.kind === "table") return withMember(relation, relation, members, id, lies ? undefined : operand);
  if (lies) return withMember(relation, relation, members, id);
  // to where the table's rows lie, and back under its own key
  const carried: RowSchema = { key: [{ name: member.name, type: member.type }], value: [...schema.value, ...schema.key] };
  const moved: Relation = {
    ...relation,
    step: {
      step: "select-key",
      id: `${id}-SelectKey`,
      source: relation.step,
      key: [operand],
      columns: [...valueColumns(schema), ...schema.key.map((_, i) => columnAt(schema, i))],
      schema: carried,
      repartition: { formats: withKeyFormat(relation.formats, members.formats.key, carried.key) },
    },
    formats: { ...relation.formats, key: members.formats.key },
  };
  const { step } = withMember(relation, moved, members, id);
  const value = [...schema.value, { name: "MEMBER", type: member.type }];
  const own = 1 + schema.value.length;
  const places = [...schema.value.map((_, i) => 1 + i), own + schema.key.length];
  return {
    ...relation,
    step: {
      step: "select-key",
      id: `${id}-Back`,
      source: step,
      key: schema.key.map((_, i) => columnAt(step.schema, own + i)),
      columns: places.map((i) => columnAt(step.schema, i)),
      schema: { key: schema.key, value },
    },
    scattered: true,
  };
}

/** All of the left row, and the right key where there is one. @param foreignKey of a table whose key is another */
function withMember(relation: Relation, left: Relation, right: Relation, id: string, foreignKey?: Expression): Relation {
  const { schema } = left.step;
  const apart = left.step.step !== "select-key" && left.formats.key.format !== right.formats.key.format && foreignKey === undefined;
  const step: JoinStep = {
    step: foreignKey ? "foreign-key-join" : left.kind === "table" ? "table-table-join" : "stream-table-join",
    id,
    join: "LEFT",
    left: left.step,
    right: right.step,
    columns: [
      ...schema.value.map((_, index) => ({ side: "left", part: "value", index }) as const),
      { side: "right", part: "key", index: 0 } as const,
    ],
    ...(foreignKey ? { foreignKey } : {}),
    ...(apart ? { apart } : {}),
    formats: { left: left.formats, right: right.formats },
    schema: { key: schema.key, value: [...schema.value, { name: "MEMBER", type: right.step.schema.key[0]!.type }] },
  };
  return { ...relation, step };
}
