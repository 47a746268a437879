import { asError, MillraceError } from "../../common/errors.js";
import { formatSqlType, type SqlField, type SqlType, sameSqlType } from "../../data/sql-type.js";
import { analyzeExpression, coerce, fail, typeOf } from "../analyzer/expression.js";
import { commonType, isNumeric, wideningSteps } from "../analyzer/types.js";
import { type DataSource, rowSchemaOf } from "../metastore/data-source.js";
import type { InsertValues } from "../parser/ast.js";
import { formatExpression } from "../parser/format-expression.js";
import type { Expression } from "../plan/expression.js";
import type { InsertPlan, PlanContext } from "./plan-statement.js";

function refused(message: string): MillraceError {
  return new MillraceError("SQL_STATEMENT", message);
}

/** A source of that name in another case. */
function hint(name: string, { metastore }: PlanContext): string {
  const other = metastore.sources().find((s) => s.name.toUpperCase() === name.toUpperCase());
  return other ? `\nDid you mean "${other.name}"? Hint: wrap the source name in double quotes to make it case-sensitive.` : "";
}

/** INSERT INTO t (a, b) VALUES (1, 'x'): one constant expression a column. */
export function planInsertValues(statement: InsertValues, context: PlanContext): InsertPlan {
  const source = context.metastore.source(statement.target);
  if (!source)
    throw refused(`Cannot insert values into an unknown stream/table: \`${statement.target}\`${hint(statement.target, context)}`);
  if (source.isSource) throw refused(`Cannot insert values into read-only ${source.kind}: ${source.name}`);
  if (source.window) throw refused("Cannot insert values into windowed stream/table");
  const schema = rowSchemaOf(source);
  const headers = new Set(source.columns.filter((c) => c.role === "headers").map((c) => c.name));
  const all = [...schema.key, ...schema.value].filter((c) => !headers.has(c.name));
  if (statement.columns.length === 0 && headers.size > 0 && statement.values.length !== all.length)
    throw refused(`Cannot insert into HEADER columns: ${[...headers].join(", ")}`);
  const names = statement.columns.length > 0 ? statement.columns : all.map((c) => c.name);
  const bad = names.filter((n) => headers.has(n));
  if (bad.length > 0) throw refused(`Cannot insert into HEADER columns: ${bad.join(", ")}`);
  return inserting(source.name, () => planRow(statement, source, names, all, context));
}

/** Says into what the values were not inserted. */
export function inserting<T>(target: string, work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    const error = asError(thrown);
    throw new MillraceError("SQL_STATEMENT", `Failed to insert values into '${target}'. ${error.message}`, {
      cause: error.cause,
      context: error instanceof MillraceError ? error.context : {},
    });
  }
}

function planRow(
  statement: InsertValues,
  source: DataSource,
  names: readonly string[],
  all: readonly SqlField[],
  context: PlanContext,
): InsertPlan {
  const schema = rowSchemaOf(source);
  if (names.length !== statement.values.length)
    throw refused(
      `Expected a value for each column. Expected Columns: [${names.join(", ")}]. Got [${statement.values.map(formatExpression).join(", ")}]`,
    );
  const given = new Map<string, Expression>();
  let rowtime: Expression | null = null;
  names.forEach((name, i) => {
    if (given.has(name)) throw refused(`Column ${name} is named twice.`);
    const written = statement.values[i]!;
    const e = analyzeExpression(written, {
      functions: context.functions,
      types: (type) => context.metastore.type(type),
      clause: "INSERT",
      column: (_, column, at) => {
        throw fail(`Only constant expressions may be inserted, but there is a column: ${column}`, at);
      },
    });
    if (name === "ROWTIME") {
      rowtime = assigned(e, { base: "BIGINT" }, name);
      return;
    }
    const column = all.find((c) => c.name === name);
    if (!column) throw refused(`Column name(s) \`${name}\` do not exist in the schema.`);
    given.set(name, assigned(e, column.type, name));
  });
  const pick = (c: { name: string; type: SqlType }): Expression => given.get(c.name) ?? { kind: "literal", value: null, type: c.type };
  if (source.kind === "table") {
    const missing = schema.key.filter((c) => pick(c).kind === "literal" && (pick(c) as { value: unknown }).value === null);
    if (missing.length > 0)
      throw refused(`Value for primary key column(s) ${missing.map((c) => `\`${c.name}\``).join(", ")} is required for tables`);
  }
  const onlyKey = source.kind === "table" && statement.columns.length > 0 && !schema.value.some((c) => given.has(c.name));
  return { source, key: schema.key.map(pick), value: schema.value.map(pick), rowtime, onlyKey };
}

/** A value for a column: what widens to its type without loss, and text for the types that have no literal. */
function assigned(e: Expression, type: SqlType, name: string): Expression {
  const from = typeOf(e);
  if (from === null || sameSqlType(from, type) || wideningSteps(from, type.base) !== undefined) return coerce(e, type);
  const text = from.base === "STRING" && ["DECIMAL", "TIME", "DATE", "TIMESTAMP", "BYTES"].includes(type.base);
  const nested =
    (type.base === "ARRAY" || type.base === "MAP" || type.base === "STRUCT") &&
    from.base === type.base &&
    commonType(from, type) !== undefined;
  const fits =
    isNumeric(type) &&
    e.kind === "literal" &&
    isNumeric(from) &&
    type.base === "INTEGER" &&
    Number.isInteger(Number(e.value)) &&
    Math.abs(Number(e.value)) < 2 ** 31;
  if (text || nested || fits) return { kind: "cast", operand: e, type };
  throw refused(
    `Expected type ${formatSqlType(type)} for field \`${name}\` but got ${formatSqlType(from)}`.concat(
      e.kind === "literal" ? `(${e.value})` : "",
    ),
  );
}
