import { MillraceError } from "../../common/errors.js";
import { fail } from "../analyzer/expression.js";
import type { QualifiedQuery } from "../analyzer/query.js";
import { isPseudo } from "../analyzer/scope.js";
import type { ParsedExpression } from "../parser/ast.js";
import { formatExpression } from "../parser/format-expression.js";
import { conjuncts, namesIn } from "../parser/walk.js";
import type { KeyColumn, Relation } from "./relation.js";

type Join = QualifiedQuery["joins"][number];

/** An equality of an expression over what was joined so far with one over the new source. */
export interface Equality {
  readonly left: ParsedExpression;
  readonly right: ParsedExpression;
  readonly whole: ParsedExpression;
}
/** What an ON asks for: equalities that make the join's key, in the key's order, and what must hold besides. */
export interface JoinCondition {
  readonly equalities: readonly Equality[];
  readonly residual: ParsedExpression | null;
}

function refused(message: string): MillraceError {
  return new MillraceError("SQL_STATEMENT", message);
}

/** @throws SQL_STATEMENT where no equality is among the conditions */
export function joinCondition(join: Join, left: Relation, right: Relation, extensions: boolean): JoinCondition {
  const { on } = join;
  const parts = conjuncts(on);
  if (!extensions) {
    if (parts.length > 1)
      throw refused(`Invalid join condition: joins on multiple conditions are not yet supported. Got ${formatExpression(on)}.`);
    if (on.kind !== "binary" || on.op !== "=")
      throw refused(`Unsupported join expression: ${formatExpression(on)}. The join criteria must be an equality.`);
  }
  if (parts.length === 1 && on.kind === "binary" && on.op === "=") return { equalities: [sidesOf(join, left, right)], residual: null };
  const equalities: Equality[] = [];
  const others: ParsedExpression[] = [];
  for (const part of parts) {
    const equality = asEquality(part, join, left);
    if (equality) equalities.push(equality);
    else others.push(part);
  }
  if (equalities.length === 0)
    throw fail(
      `Invalid join condition: ${formatExpression(on)} holds no equality of an expression over ${join.source.alias} with one over what it is joined with.`,
      on.at,
    );
  const chosen = keyOf(equalities, left, right);
  const rest = [...equalities.filter((e) => !chosen.includes(e)).map((e) => e.whole), ...others];
  for (const n of rest.flatMap(namesIn))
    if (n.qualifier === null && isPseudo(n.name))
      throw fail(`${n.name} in a join condition must name its source, as in ${join.source.alias}.${n.name}.`, n.at);
  const all = (a: ParsedExpression, b: ParsedExpression): ParsedExpression => ({ kind: "binary", at: a.at, op: "AND", left: a, right: b });
  return { equalities: chosen, residual: rest.length === 0 ? null : rest.reduce(all) };
}

/** Whether the relation's rows lie by these expressions already, in this order. */
export function isKeyedBy(relation: Relation, expressions: readonly ParsedExpression[]): boolean {
  const { keys, scattered } = relation;
  return !scattered && keys.length === expressions.length && keys.every((k, i) => stands(k, formatExpression(expressions[i]!)));
}

export function stands(key: KeyColumn, text: string): boolean {
  return key.viable.includes(text) || (key.same?.includes(text) ?? false);
}

/**
 * The equalities that rows come together by: a table's are those of its primary key. Of streams those of the keys that both have
 * already, where there are such, so that no row has to move; else all.
 */
function keyOf(equalities: readonly Equality[], left: Relation, right: Relation): readonly Equality[] {
  const ofRight = right.keys.map((k) => equalities.filter((e) => stands(k, formatExpression(e.right))));
  const covered = right.keys.length > 0 && ofRight.every((found) => found.length > 0);
  if (right.kind === "table") return covered ? ofRight.map((found, i) => preferred(found, left, i)) : equalities;
  if (!covered) return equalities;
  const both = ofRight.map((found, i) => preferred(found, left, i));
  return isKeyedBy(
    right,
    both.map((e) => e.right),
  ) &&
    isKeyedBy(
      left,
      both.map((e) => e.left),
    )
    ? both
    : equalities;
}

/** Of several equalities with one key column the one with the other side's key. */
function preferred(found: readonly Equality[], left: Relation, i: number): Equality {
  return found.find((e) => left.keys[i] !== undefined && stands(left.keys[i], formatExpression(e.left))) ?? found[0]!;
}

function sideOf(e: ParsedExpression, join: Join, left: Relation): "left" | "right" | undefined {
  const names = namesIn(e);
  const isRight = names.some((n) => n.qualifier === join.source.alias);
  const isLeft = names.some((n) => n.qualifier === null || left.columns.some((c) => c.source === n.qualifier && c.name === n.name));
  return names.length === 0 || (isRight && isLeft) ? undefined : isRight ? "right" : "left";
}

function asEquality(e: ParsedExpression, join: Join, left: Relation): Equality | undefined {
  if (e.kind !== "binary" || e.op !== "=") return undefined;
  const [a, b] = [sideOf(e.left, join, left), sideOf(e.right, join, left)];
  if (a === undefined || b === undefined || a === b) return undefined;
  return a === "left" ? { left: e.left, right: e.right, whole: e } : { left: e.right, right: e.left, whole: e };
}

/** Of a condition that is one equality: which side belongs to what was joined so far, and which to the new source. */
function sidesOf(join: Join, left: Relation, right: Relation): Equality {
  const on = join.on as Extract<ParsedExpression, { kind: "binary" }>;
  const of = (e: ParsedExpression): "left" | "right" => {
    const side = sideOf(e, join, left);
    if (side === undefined)
      throw refused(
        `Invalid comparison expression '${formatExpression(e)}' in join '${formatExpression(on)}'. Each side of the join comparision must contain references from exactly one source.`,
      );
    return side;
  };
  const [a, b] = [of(on.left), of(on.right)];
  if (a === b)
    throw refused(
      `Each side of the join must reference exactly one source and not the same source. Left side references ${on.left.kind === "name" ? on.left.qualifier : right.columns[0]?.source} and right references the same.`,
    );
  return a === "left" ? { left: on.left, right: on.right, whole: on } : { left: on.right, right: on.left, whole: on };
}
