import { MillraceError } from "../../common/errors.js";
import { analyzeExpression, typeOf } from "../analyzer/expression.js";
import { type QualifiedQuery, type SelectColumn, syntheticKey } from "../analyzer/query.js";
import { isPseudo } from "../analyzer/scope.js";
import type { ParsedExpression } from "../parser/ast.js";
import { formatExpression } from "../parser/format-expression.js";
import type { Expression } from "../plan/expression.js";
import type { Column, ExecutionStep, SelectStep } from "../plan/step.js";
import type { OutputColumn } from "./plan-statement.js";
import { environmentOf, inClause, type PlanTools, type Relation } from "./relation.js";

export interface Projected {
  readonly step: ExecutionStep;
  readonly columns: readonly OutputColumn[];
}
type Replace = (e: ParsedExpression) => Expression | undefined;

/** The select list of a persistent query: its key columns must be there once each, under the name they get. */
export function projectPersistent(query: QualifiedQuery, relation: Relation, tools: PlanTools, sink: string, replace?: Replace): Projected {
  for (const { name } of query.select)
    if (isPseudo(name)) {
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
  if (chosen.some((c) => c === undefined)) throw missingKeys(relation, sink);
  for (const [i, columns] of chosen.entries())
    if (columns!.length > 1) {
      const names = columns!.map((c) => c.name).sort();
      throw refused(`The projection contains a key column (\`${relation.keys[i]!.name}\`) more than once, aliased as: ${and(names)}.`);
    }
  const keyColumns = chosen.map((c) => c![0]!);
  const values = query.select.filter((s) => !keyColumns.includes(s));
  const step = selectStep(
    relation,
    keyColumns.map((c, i) => ({ name: c.name, type: relation.keys[i]!.type })),
    values,
    tools,
    replace,
  );
  const all = [...step.schema.key, ...step.schema.value];
  all.forEach((c, i) => {
    if (all.findIndex((d) => d.name === c.name) !== i)
      throw refused(`The projection contains duplicate columns: \`${c.name}\`. Please give each column its own name.`);
  });
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

function missingKeys(relation: Relation, sink: string): MillraceError {
  const { origin, keys } = relation;
  const isJoin = origin === "join expression";
  const shown = isJoin ? keys[0]!.shown : keys.map((k) => k.shown[0]!);
  const synthetic = isJoin && shown[0] === syntheticKey;
  const eg = isJoin ? shown[0]! : shown.join(", ");
  const reason = synthetic
    ? `\n${syntheticKey} was added as a synthetic key column because the join criteria did not match any source column. This expression must be included in the projection and may be aliased.`
    : "";
  return refused(
    `Key missing from projection (ie, SELECT). See https://cnfl.io/2LV7ouS.\nThe query used to build \`${sink}\` must include the ${origin}${shown.length > 1 ? "s" : ""} ${and(shown, isJoin ? "or" : "and")} in its projection (eg, SELECT ${eg}...).${reason}`,
  );
}
