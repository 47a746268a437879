import { MillraceError } from "../../common/errors.js";
import { formatSqlType } from "../../data/sql-type.js";
import type { Environment } from "../analyzer/expression.js";
import { shown } from "../analyzer/expression.js";
import type { DataSource } from "../metastore/data-source.js";
import { rowSchemaOf } from "../metastore/data-source.js";
import type { BinaryOp, ParsedExpression } from "../parser/ast.js";
import { namesIn } from "../parser/walk.js";

type Binary = Extract<ParsedExpression, { kind: "binary" }>;

function refused(message: string): MillraceError {
  return new MillraceError("SQL_STATEMENT", message);
}

const comparisons: ReadonlySet<BinaryOp> = new Set(["=", "<>", "<", "<=", ">", ">="]);
const ranges: ReadonlySet<BinaryOp> = new Set(["<", "<=", ">", ">="]);

/**
 * What a pull query's WHERE may say of a table's key: every alternative names it by `=` or IN, or a single one a range of it,
 * unless all rows may be read.
 * @throws SQL_STATEMENT saying which condition is missing or wrong
 */
export function checkPullWhere(where: ParsedExpression, source: DataSource, scans: boolean, env: Environment): void {
  const keys = rowSchemaOf(source).key;
  const isKey = (e: ParsedExpression) => e.kind === "name" && keys.some((k) => k.name === e.name);
  const alternatives = disjuncts(where);
  for (const alternative of alternatives)
    for (const e of conjuncts(alternative)) if (e.kind === "binary" && e.op === "=") checkValue(e, isKey, keys, env);
  if (scans) return;
  for (const alternative of alternatives) checkAlternative(alternative, isKey, keys, env);
  const ranged = alternatives.filter((a) =>
    conjuncts(a).some((e) => e.kind === "binary" && ranges.has(e.op) && (isKey(e.left) || isKey(e.right))),
  );
  if (ranged.length === 0) return;
  if (keys.length > 1) throw refused("Multi-column sources must specify every key in the WHERE clause.");
  if (source.window || alternatives.length > 1)
    throw refused("Query requires table scan to be enabled. Table scans can be enabled by setting ksql.query.pull.table.scan.enabled=true");
}

type IsKey = (e: ParsedExpression) => boolean;
type Keys = ReturnType<typeof rowSchemaOf>["key"];

/** The key column first, if there is one. */
function sides(e: Binary, isKey: IsKey): [column: ParsedExpression, value: ParsedExpression] {
  return isKey(e.left) || !isKey(e.right) ? [e.left, e.right] : [e.right, e.left];
}

function checkValue(e: Binary, isKey: IsKey, keys: Keys, env: Environment): void {
  const [column, value] = sides(e, isKey);
  if (column.kind !== "name" || !isKey(column)) return;
  if (value.kind === "null") throw refused(`Primary key columns can not be NULL: ${shown(e, env)}`);
  const { type } = keys.find((k) => k.name === column.name)!;
  if (value.kind === "string" && ["INTEGER", "BIGINT", "DOUBLE", "BOOLEAN", "DECIMAL"].includes(type.base))
    throw refused(`'${value.value}' can not be converted to the type of the key column: ${column.name} ${formatSqlType(type)} KEY`);
}

function checkAlternative(alternative: ParsedExpression, isKey: IsKey, keys: Keys, env: Environment): void {
  const found = new Set<string>();
  for (const e of conjuncts(alternative)) {
    if (e.kind === "like" && namesIn(e).length === 0) throw refused("Like condition must be between strings");
    if (e.kind !== "binary" || !comparisons.has(e.op)) continue;
    const ofKeys = namesIn(e).filter(isKey);
    if (ofKeys.length === 0) continue;
    const [column, value] = sides(e, isKey);
    if (column.kind !== "name" || !isKey(column)) throw refused("A comparison must directly reference a key column.");
    if (namesIn(value).length > 0) throw refused("A comparison must be between a key column and a resolvable expression.");
    if (e.op === "<>")
      throw refused(
        `Bound on key columns '[${keys.map((k) => `\`${k.name}\` ${formatSqlType(k.type)} KEY`).join(", ")}]' must currently be '='. `,
      );
    if (found.has(column.name))
      throw refused("A comparison condition on the key column cannot be combined with other comparisons such as an IN predicate");
    found.add(column.name);
  }
  if (found.size === 0) throw refused(`WHERE clause missing key column for disjunct: ${shown(alternative, env)}`);
  if (found.size < keys.length)
    throw refused("Multi-column sources must specify every key in the WHERE clause. Specified: ".concat([...found].join(", ")));
}

/** With IN and BETWEEN as the comparisons that they stand for. */
function plain(e: ParsedExpression): ParsedExpression {
  const compare = (op: BinaryOp, left: ParsedExpression, right: ParsedExpression): ParsedExpression => ({
    kind: "binary",
    at: e.at,
    op,
    left,
    right,
  });
  if (e.kind === "between" && !e.negated) return compare("AND", compare(">=", e.operand, e.low), compare("<=", e.operand, e.high));
  if (e.kind === "in" && !e.negated)
    return e.list.map((item) => compare("=", e.operand, item)).reduce((left, right) => compare("OR", left, right));
  return e;
}

/** Conditions joined by AND, each list an alternative of the others. */
function alternativesOf(written: ParsedExpression): ParsedExpression[][] {
  const e = plain(written);
  if (e.kind === "binary" && e.op === "OR") return [...alternativesOf(e.left), ...alternativesOf(e.right)];
  if (e.kind !== "binary" || e.op !== "AND") return [[e]];
  const right = alternativesOf(e.right);
  return alternativesOf(e.left).flatMap((l) => right.map((r) => [...l, ...r]));
}
function disjuncts(e: ParsedExpression): ParsedExpression[] {
  return alternativesOf(e).map((list) =>
    list.reduce((left, right): ParsedExpression => ({ kind: "binary", at: e.at, op: "AND", left, right })),
  );
}
function conjuncts(e: ParsedExpression): ParsedExpression[] {
  return e.kind === "binary" && e.op === "AND" ? [...conjuncts(e.left), ...conjuncts(e.right)] : [e];
}
