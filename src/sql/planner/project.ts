import { MillraceError } from "../../common/errors.js";
import { formatSqlType } from "../../data/sql-type.js";
import { analyzeExpression, typeOf } from "../analyzer/expression.js";
import type { QualifiedQuery, SelectColumn } from "../analyzer/query.js";
import { isPseudo } from "../analyzer/scope.js";
import type { ParsedExpression } from "../parser/ast.js";
import { formatExpression } from "../parser/format-expression.js";
import type { Expression } from "../plan/expression.js";
import type { Column, ExecutionStep, SelectKeyStep, SelectStep } from "../plan/step.js";
import type { OutputColumn } from "./plan-statement.js";
import { columnAt, environmentOf, inClause, type KeyColumn, type PlanTools, type Relation, valueColumns } from "./relation.js";

export interface Projected {
  readonly step: ExecutionStep;
  readonly columns: readonly OutputColumn[];
}
type Replace = (e: ParsedExpression) => Expression | undefined;

/** The select list of a persistent query: its key columns must be there once each, under the name they get. */
export function projectPersistent(query: QualifiedQuery, relation: Relation, tools: PlanTools, sink: string, replace?: Replace): Projected {
  for (const { name, fromStar } of query.select)
    if (isPseudo(name) && !fromStar) {
      const selected = query.select.find((s) => s.name === name)!.expression;
      throw refused(
        selected.kind === "name" && selected.name === name
          ? `Reserved column name in select: \`${name}\`. Please remove or alias the column.`
          : `\`${name}\` is a reserved column name. You cannot use it as an alias for a column.`,
      );
    }
  const chosen = relation.keys.map((key) => {
    const text = key.viable.find((v) => query.select.some((s) => formatExpression(s.expression) === v));
    return text === undefined ? undefined : query.select.filter((s) => formatExpression(s.expression) === text);
  });
  const lacking = relation.keys.filter((_, i) => chosen[i] === undefined);
  const keyless = lacking.length > 0 && relation.kind === "stream" && tools.keyMayGo === true;
  if (lacking.length > 0 && !keyless) {
    // what else is wrong in the select list is said first
    for (const s of query.select) inClause("", () => analyzeExpression(s.expression, environmentOf(relation, tools, "SELECT", replace)));
    throw missingKeys(relation, relation.origin === "grouping expression" || relation.foreignKeyOf ? lacking : relation.keys, sink);
  }
  for (const [i, columns] of chosen.entries())
    if (columns !== undefined && columns.length > 1) {
      const names = columns!.map((c) => c.name).sort();
      if (relation.origin === "grouping expression")
        throw refused(`The projection contains a key column more than once: ${and(names.map(quoted))}.`);
      throw refused(`The projection contains a key column (\`${relation.keys[i]!.name}\`) more than once, aliased as: ${and(names)}.`);
    }
  const keyColumns = keyless ? [] : chosen.map((c) => c![0]!);
  const values = query.select.filter((s) => !keyColumns.includes(s));
  const step = selectStep(
    keyless ? withoutKey(relation) : relation,
    keyColumns.map((c, i) => ({ name: c.name, type: relation.keys[i]!.type })),
    values,
    tools,
    replace,
  );
  const all = [...step.schema.key, ...step.schema.value];
  const twice = all.filter((c, i) => all.findIndex((d) => d.name === c.name) !== i);
  if (twice.length > 0)
    throw refused(`Duplicate value columns found in schema: ${twice.map((c) => `\`${c.name}\` ${formatSqlType(c.type)}`).join(", ")}`);
  const columns = all.map((c, index) => ({ ...c, index, isKey: index < step.schema.key.length }));
  return { step, columns };
}

/** The select list of a query whose rows go to a client: any columns, in any order. */
export function projectTransient(query: QualifiedQuery, relation: Relation, tools: PlanTools, replace?: Replace): Projected {
  const texts = query.select.map((s) => formatExpression(s.expression));
  const keyOf = texts.map((text, i) => (texts.indexOf(text) === i ? relation.keys.findIndex((k) => k.viable.includes(text)) : -1));
  const taken = keyOf.map((k, i) => (k >= 0 && keyOf.indexOf(k) === i ? k : -1));
  const values = query.select.filter((_, i) => taken[i]! < 0);
  const key = relation.step.schema.key.map((c, k) => ({ name: query.select[taken.indexOf(k)]?.name ?? c.name, type: c.type }));
  const step = selectStep(relation, key, values, tools, replace);
  let value = key.length;
  const columns = query.select.map((s, i): OutputColumn => {
    const index = taken[i]! >= 0 ? taken[i]! : value++;
    const { type } = index < key.length ? key[index]! : step.schema.value[index - key.length]!;
    return { name: s.name, type, index, isKey: taken[i]! >= 0 };
  });
  return { step, columns };
}

function selectStep(
  relation: Relation,
  key: readonly Column[],
  values: readonly SelectColumn[],
  tools: PlanTools,
  replace?: Replace,
): SelectStep {
  const environment = environmentOf(relation, tools, "SELECT", replace);
  const columns = values.map((s) => inClause("", () => analyzeExpression(s.expression, environment)));
  columns.forEach((e) => {
    if (typeOf(e) === null)
      throw refused("Can't infer a type of null. Please explicitly cast it to a required type, e.g. CAST(null AS VARCHAR).");
  });
  const value = columns.map((e, i) => ({ name: values[i]!.name, type: e.type }));
  return { step: "select", id: "Project", source: relation.step, columns, schema: { key, value } };
}

function refused(message: string): MillraceError {
  return new MillraceError("SQL_STATEMENT", message);
}

function and(names: readonly string[], word = "and"): string {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(", ")} ${word} ${names[names.length - 1]}`;
}

/** A stream without its key: its columns are still found. */
function withoutKey(relation: Relation): Relation {
  const { schema } = relation.step;
  const step: SelectKeyStep = {
    step: "select-key",
    id: "DropKey",
    source: relation.step,
    key: [],
    columns: [...schema.key.map((_, i) => columnAt(schema, i)), ...valueColumns(schema)],
    schema: { key: [], value: [...schema.key, ...schema.value] },
  };
  return { ...relation, step, keys: [] };
}

function missingKeys(relation: Relation, keys: readonly KeyColumn[], sink: string): MillraceError {
  const { origin, foreignKeyOf } = relation;
  if (origin === "key column" && foreignKeyOf !== undefined) {
    const s = keys.length > 1 ? "s" : "";
    return refused(
      `Primary key column${s} missing in projection. For foreign-key table-table joins, the projection must include all primary key columns from the left input table (${quoted(foreignKeyOf)}). Missing column${s}: ${keys.map((k) => quoted(k.own ?? k.name)).join(", ")}.`,
    );
  }
  const isJoin = origin === "join expression" && keys.length === 1;
  const shown = isJoin ? keys[0]!.shown : keys.map((k) => k.shown[0]!);
  const synthetic = isJoin && keys[0]!.synthetic === true;
  const eg = isJoin ? shown[0]! : shown.join(", ");
  const reason = synthetic
    ? `\n${keys[0]!.name} was added as a synthetic key column because the join criteria did not match any source column. This expression must be included in the projection and may be aliased.`
    : "";
  return refused(
    `Key missing from projection (ie, SELECT). See https://cnfl.io/2LV7ouS.\nThe query used to build \`${sink}\` must include the ${origin}${shown.length > 1 ? "s" : ""} ${and(shown, isJoin ? "or" : "and")} in its projection (eg, SELECT ${eg}...).${reason}`,
  );
}

function quoted(name: string): string {
  return `\`${name}\``;
}
