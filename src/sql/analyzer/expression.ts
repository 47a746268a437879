import { MillraceError } from "../../common/errors.js";
import { formatSqlType, type SqlType, sameSqlType } from "../../data/sql-type.js";
import type { FunctionRegistry } from "../functions/registry.js";
import type { ParsedExpression, Position } from "../parser/ast.js";
import { formatExpression } from "../parser/format-expression.js";
import { mapNames } from "../parser/walk.js";
import type { Expression } from "../plan/expression.js";
import { analyzeCall } from "./call.js";
import { analyzeComparison } from "./comparison.js";
import { arithmeticType, type CustomTypes, commonType, decimalType, isCastable, isNumeric, resolveType, sqlTypes } from "./types.js";

/** What an expression may refer to, and how its parts are named in messages. */
export interface Environment {
  readonly functions: FunctionRegistry;
  readonly types: CustomTypes;
  /** SELECT, WHERE, GROUP BY, … */
  readonly clause: string;
  column(qualifier: string | null, name: string, at: Position): Expression;
  /** takes over for an expression as a whole (a group's expression, an aggregate, a table function); undefined: go on */
  replace?(e: ParsedExpression): Expression | undefined;
  readonly lambda?: ReadonlyMap<string, SqlType>;
  /** of a join: in messages a column carries its source's alias */
  readonly joined?: boolean;
}

/** An expression as messages show it: columns by the names that they have in the row at hand. */
export function shown(e: ParsedExpression, env: Environment): string {
  const name = (n: { qualifier: string | null; name: string }) =>
    n.qualifier !== null && env.joined ? `${n.qualifier}_${n.name}` : n.name;
  return formatExpression(mapNames(e, (n) => ({ ...n, qualifier: null, name: name(n) })));
}

const stages: Readonly<Record<string, string>> = {
  SELECT: "Invalid Select: ",
  WHERE: "Invalid Predicate: ",
  HAVING: "Invalid Predicate: ",
  "GROUP BY": "Invalid Group By: ",
  "PARTITION BY": "Invalid Partition By: ",
};
/** What is found wrong once the types are known. */
export function invalid(message: string, e: ParsedExpression, env: Environment): MillraceError {
  return fail(`${stages[env.clause] ?? ""}${message}${message.endsWith(".") ? "" : "."} expression:${shown(e, env)}`, e.at);
}

export function fail(message: string, at?: Position): MillraceError {
  return new MillraceError("SQL_STATEMENT", message, at ? { context: { line: at.line, column: at.column } } : {});
}
export const plainType = (type: SqlType) => formatSqlType(type);

export function isNull(e: Expression): boolean {
  return e.kind === "literal" && e.value === null;
}
/** The type, or null of an untyped NULL. */
export function typeOf(e: Expression): SqlType | null {
  return isNull(e) && untyped.has(e) ? null : e.type;
}
const untyped = new WeakSet<Expression>();
/** NULL as written: it takes on the type that is wanted; STRING where nobody cares. */
export function nullLiteral(): Expression {
  const e: Expression = { kind: "literal", value: null, type: sqlTypes.string };
  untyped.add(e);
  return e;
}

/** The value as a `type`; a NULL takes the type on, a literal number too. */
export function coerce(e: Expression, type: SqlType): Expression {
  if (typeOf(e) === null) return { kind: "literal", value: null, type };
  if (sameSqlType(e.type, type)) return e;
  if (e.kind === "literal" && e.value !== null) {
    if (e.type.base === "INTEGER" && type.base === "BIGINT") return { kind: "literal", value: String(e.value), type };
    if ((e.type.base === "INTEGER" || e.type.base === "BIGINT" || e.type.base === "DECIMAL") && type.base === "DOUBLE")
      return { kind: "literal", value: Number(e.value), type };
  }
  return { kind: "cast", operand: e, type };
}

export function analyzeExpression(e: ParsedExpression, env: Environment): Expression {
  const replaced = env.replace?.(e);
  if (replaced) return replaced;
  const go = (x: ParsedExpression) => analyzeExpression(x, env);
  switch (e.kind) {
    case "null":
      return nullLiteral();
    case "boolean":
      return { kind: "literal", value: e.value, type: sqlTypes.boolean };
    case "string":
      return { kind: "literal", value: e.value, type: sqlTypes.string };
    case "integer":
    case "decimal":
    case "double":
      return numberLiteral(e.kind, e.text);
    case "name": {
      const parameter = e.qualifier === null ? env.lambda?.get(e.name) : undefined;
      return parameter ? { kind: "parameter", name: e.name, type: parameter } : env.column(e.qualifier, e.name, e.at);
    }
    case "call":
      return analyzeCall(e, env);
    case "lambda":
      throw fail("A lambda can only be an argument of a function that takes one", e.at);
    case "binary":
      return binary(e, env);
    case "unary": {
      const operand = go(e.operand);
      if (e.op === "NOT") return { kind: "not", operand: condition(operand, e, env), type: sqlTypes.boolean };
      if (!isNumeric(operand.type))
        throw fail(`Unsupported arithmetic unary operation: '${shown(e, env)}' on ${plainType(operand.type)}`, e.at);
      return e.op === "+" ? operand : { kind: "negate", operand, type: operand.type };
    }
    case "is-null":
      return { kind: "is-null", operand: go(e.operand), negated: e.negated, type: sqlTypes.boolean };
    case "like": {
      const [operand, pattern] = [go(e.operand), go(e.pattern)];
      for (const x of [operand, pattern])
        if (typeOf(x) !== null && x.type.base !== "STRING")
          throw fail(`The column type for Like condition must be VARCHAR. The column type is ${plainType(x.type)}: ${shown(e, env)}`, e.at);
      return negate(e.negated, { kind: "like", operand, pattern, escape: e.escape, type: sqlTypes.boolean });
    }
    case "in": {
      const operand = go(e.operand);
      // the list is as many comparisons, each with its own coercions
      const items = e.list.map((item) => analyzeListed(e.operand, item, operand, listed(go(item), operand.type, item, env), e, env));
      const type = items.reduce<SqlType>((t, c) => (c.kind === "compare" ? c.left.type : t), operand.type);
      const same = items.every((c) => c.kind === "compare" && c.left === operand);
      if (same) {
        const list = items.map((c) => (c as Extract<Expression, { kind: "compare" }>).right);
        return negate(e.negated, { kind: "in", operand, list: list.map((x) => coerce(x, type)), type: sqlTypes.boolean });
      }
      const either = items.reduce((left, right): Expression => ({ kind: "logical", op: "OR", left, right, type: sqlTypes.boolean }));
      return negate(e.negated, either);
    }
    case "in-query":
      throw fail("IN (SELECT …) is supported only in the WHERE of persistent and push queries.", e.at);
    case "between": {
      const operand = go(e.operand);
      const bound = (op: ">=" | "<=", written: ParsedExpression) => {
        try {
          return analyzeComparison(op, e.operand, written, operand, go(written), e, env);
        } catch (thrown) {
          if (!(thrown instanceof MillraceError) || !thrown.message.startsWith("Cannot compare")) throw thrown;
          throw fail(`Invalid expression: ${thrown.message}`, e.at);
        }
      };
      const low = bound(">=", e.low);
      const high = bound("<=", e.high);
      return negate(e.negated, { kind: "logical", op: "AND", left: low, right: high, type: sqlTypes.boolean });
    }
    case "case":
      return caseWhen(e, env);
    case "cast": {
      const operand = go(e.operand);
      const type = resolveType(e.type, env.types);
      if (typeOf(operand) !== null && !isCastable(operand.type, type))
        throw invalid(`Cast of ${plainType(operand.type)} to ${plainType(type)} is not supported`, e, env);
      return typeOf(operand) === null ? { kind: "literal", value: null, type } : coerce(operand, type);
    }
    case "subscript": {
      const operand = go(e.operand);
      const index = go(e.index);
      if (operand.type.base === "ARRAY")
        return { kind: "subscript", operand, index: coerce(index, sqlTypes.integer), type: operand.type.element };
      if (operand.type.base === "MAP")
        return { kind: "subscript", operand, index: coerce(index, operand.type.key), type: operand.type.value };
      throw fail(`Subscript expression '${shown(e, env)}' do not apply to ${plainType(operand.type)}.`, e.at);
    }
    case "dereference": {
      const operand = go(e.operand);
      if (operand.type.base !== "STRUCT") throw fail(`Expected STRUCT type but got ${plainType(operand.type)}: '${shown(e, env)}'`, e.at);
      const field = operand.type.fields.findIndex((f) => f.name === e.field);
      if (field < 0)
        throw fail(
          `Could not find field '${e.field}' in '${shown(e.operand, env)}'. The available fields are: [${operand.type.fields.map((f) => f.name).join(", ")}]`,
          e.at,
        );
      return { kind: "dereference", operand, field, type: operand.type.fields[field]!.type };
    }
    case "struct-all":
      throw fail(`'${shown(e, env)}' may only stand in a select list`, e.at);
    case "array": {
      if (e.items.length === 0)
        throw fail(
          "Array constructor cannot be empty. Please supply at least one element (see https://github.com/confluentinc/ksql/issues/4239).",
          e.at,
        );
      const items = asFirst(e.items.map(go), e.items, env);
      const element = unify(items, e.items, "Array", e, env);
      return { kind: "array", items: items.map((x) => coerce(x, element)), type: { base: "ARRAY", element } };
    }
    case "map": {
      if (e.entries.length === 0)
        throw fail(
          "Map constructor cannot be empty. Please supply at least one key value pair (see https://github.com/confluentinc/ksql/issues/4239).",
          e.at,
        );
      const writtenKeys = e.entries.map((p) => p.key);
      const writtenValues = e.entries.map((p) => p.value);
      const keys = asFirst(writtenKeys.map(go), writtenKeys, env);
      const values = asFirst(writtenValues.map(go), writtenValues, env);
      const key = unify(
        keys,
        e.entries.map((p) => p.key),
        "Map key",
        e,
        env,
      );
      const value = unify(
        values,
        e.entries.map((p) => p.value),
        "Map value",
        e,
        env,
      );
      const entries = keys.map((k, i) => ({ key: coerce(k, key), value: coerce(values[i]!, value) }));
      return { kind: "map", entries, type: { base: "MAP", key, value } };
    }
    case "struct": {
      const fields = e.fields.map((f) => ({ name: f.name, value: go(f.value) }));
      for (const [i, f] of fields.entries())
        if (fields.findIndex((g) => g.name === f.name) !== i)
          throw fail(`Duplicate field names found in STRUCT: '${shown(e, env)}'. Fields must have unique names`, e.at);
      return { kind: "struct", fields, type: { base: "STRUCT", fields: fields.map((f) => ({ name: f.name, type: f.value.type })) } };
    }
    case "interval-unit":
      return { kind: "literal", value: e.unit, type: sqlTypes.string };
  }
}

function numberLiteral(kind: "integer" | "decimal" | "double", text: string): Expression {
  if (kind === "double") return { kind: "literal", value: Number(text), type: sqlTypes.double };
  if (kind === "decimal") {
    const [whole, fraction = ""] = text.replace("-", "").split(".");
    const digits = whole!.replace(/^0+/, "");
    const scale = fraction.length;
    const type = decimalType(Math.max(digits.length + scale, scale, 1), scale);
    return { kind: "literal", value: `${text.startsWith("-") ? "-" : ""}${digits || "0"}${scale ? `.${fraction}` : ""}`, type };
  }
  const n = BigInt(text);
  if (n >= -2147483648n && n <= 2147483647n) return { kind: "literal", value: Number(n), type: sqlTypes.integer };
  return { kind: "literal", value: n.toString(), type: sqlTypes.bigint };
}

/** A BOOLEAN (or NULL) where a condition must stand. */
export function condition(e: Expression, written: ParsedExpression, env?: Environment): Expression {
  if (typeOf(e) === null) return { kind: "literal", value: null, type: sqlTypes.boolean };
  if (e.type.base === "BOOLEAN") return e;
  throw fail(
    `Should evaluate to boolean but is ${env ? shown(written, env) : formatExpression(written)} (${plainType(e.type)}) instead.`,
    written.at,
  );
}

/** One of an IN list against the operand. */
function analyzeListed(
  operandText: ParsedExpression,
  itemText: ParsedExpression,
  operand: Expression,
  item: Expression,
  whole: ParsedExpression,
  env: Environment,
): Expression {
  if (typeOf(item) !== null && typeOf(operand) !== null && commonType(operand.type, item.type) === undefined)
    throw noCommonType(operand.type, item.type, itemText, whole, env);
  if (typeOf(item) === null) return { kind: "compare", op: "=", left: operand, right: coerce(item, operand.type), type: sqlTypes.boolean };
  return analyzeComparison("=", operandText, itemText, operand, item, whole, env);
}

function noCommonType(a: SqlType, b: SqlType, item: ParsedExpression, whole: ParsedExpression, env: Environment): MillraceError {
  const text = `operator does not exist: ${plainType(a)} = ${plainType(b)} (${shown(item, env)})`;
  return invalid(`${text}\nHint: You might need to add explicit type casts`, whole, env);
}

/** Of a list whose items are of one kind: literals are read as the kind of the first that is not NULL. */
function asFirst(items: readonly Expression[], written: readonly ParsedExpression[], env: Environment): Expression[] {
  const first = items.find((item) => typeOf(item) !== null);
  return first ? items.map((item, i) => (item === first ? item : listed(item, first.type, written[i]!, env))) : [...items];
}

/** A literal (or a constructor's literals), read as the wanted kind of value where it is written as another. */
function listed(item: Expression, type: SqlType, written: ParsedExpression, env: Environment): Expression {
  if (item.kind === "array" && type.base === "ARRAY" && written.kind === "array") {
    const items = item.items.map((x, i) => listed(asWritten(x), type.element, written.items[i]!, env));
    const element = unify(items, written.items, "Array", written, env);
    return { kind: "array", items: items.map((x) => coerce(x, element)), type: { base: "ARRAY", element } };
  }
  if (item.kind === "map" && type.base === "MAP" && written.kind === "map") {
    const keys = item.entries.map((p, i) => listed(asWritten(p.key), type.key, written.entries[i]!.key, env));
    const values = item.entries.map((p, i) => listed(asWritten(p.value), type.value, written.entries[i]!.value, env));
    const key = unify(keys, [], "Map key", written, env);
    const value = unify(values, [], "Map value", written, env);
    const entries = keys.map((k, i) => ({ key: coerce(k, key), value: coerce(values[i]!, value) }));
    return { kind: "map", entries, type: { base: "MAP", key, value } };
  }
  if (item.kind === "struct" && type.base === "STRUCT" && written.kind === "struct") {
    const fields = item.fields.map((f, i) => {
      const wanted = type.fields.find((g) => g.name === f.name);
      return wanted ? { name: f.name, value: listed(f.value, wanted.type, written.fields[i]!.value, env) } : f;
    });
    return { kind: "struct", fields, type: { base: "STRUCT", fields: fields.map((f) => ({ name: f.name, type: f.value.type })) } };
  }
  if (item.kind !== "literal" || item.value === null) return item;
  if (type.base === "STRING" && (isNumeric(item.type) || item.type.base === "BOOLEAN"))
    return { kind: "literal", value: String(item.value), type };
  if (item.type.base !== "STRING" || (!isNumeric(type) && type.base !== "BOOLEAN")) return item;
  const text = String(item.value).trim();
  if (type.base === "BOOLEAN") {
    const word = text.toLowerCase();
    const says = (full: string) => word !== "" && full.startsWith(word);
    if (says("true") || says("yes")) return { kind: "literal", value: true, type };
    if (says("false") || says("no")) return { kind: "literal", value: false, type };
  } else {
    if (/^[+-]?\d+$/.test(text)) return numberLiteral("integer", text.replace("+", ""));
    if (/^[+-]?(\d+\.?\d*|\.\d+)$/.test(text)) return numberLiteral("decimal", text.replace("+", ""));
    if (/^[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+$/.test(text)) return numberLiteral("double", text);
  }
  throw invalid(`invalid input syntax for type ${type.base}: "${item.value}"`, written, env);
}
/** Without the cast that made it one of a kind with its neighbours. */
function asWritten(e: Expression): Expression {
  return e.kind === "cast" && e.operand.kind === "literal" ? e.operand : e;
}

function negate(negated: boolean, e: Expression): Expression {
  return negated ? { kind: "not", operand: e, type: sqlTypes.boolean } : e;
}

function unify(
  items: readonly Expression[],
  written: readonly ParsedExpression[],
  what: string,
  whole: ParsedExpression,
  env: Environment,
): SqlType {
  let type: SqlType | null = null;
  for (const [i, item] of items.entries()) {
    const common: SqlType | null | undefined = commonType(type, typeOf(item));
    if (common === undefined) throw noCommonType(type!, item.type, written[i] ?? whole, whole, env);
    type = common;
  }
  if (type === null)
    throw fail(
      `Cannot construct ${what === "Array" ? "an array" : "a map"} with all NULL ${what === "Array" ? "elements" : what === "Map key" ? "keys" : "values"} (see https://github.com/confluentinc/ksql/issues/4239). As a workaround, you may cast a NULL value to the desired type.`,
      whole.at,
    );
  return type;
}

function binary(e: Extract<ParsedExpression, { kind: "binary" }>, env: Environment): Expression {
  const left = analyzeExpression(e.left, env);
  const right = analyzeExpression(e.right, env);
  switch (e.op) {
    case "AND":
    case "OR":
      return {
        kind: "logical",
        op: e.op,
        left: condition(left, e.left, env),
        right: condition(right, e.right, env),
        type: sqlTypes.boolean,
      };
    case "+":
    case "-":
    case "*":
    case "/":
    case "%":
    case "||":
      break;
    default:
      return analyzeComparison(e.op, e.left, e.right, left, right, e, env);
  }
  const [lt, rt] = [typeOf(left), typeOf(right)];
  if (lt === null || rt === null) {
    const types = [lt, rt].map((t) => (t === null ? "null" : plainType(t))).join(" and ");
    throw fail(`Error processing expression: ${shown(e, env)}. Arithmetic on types ${types} are not supported.`, e.at);
  }
  if ((e.op === "+" || e.op === "||") && lt.base === "STRING" && rt.base === "STRING")
    return { kind: "arithmetic", op: "+", left: coerce(left, lt), right: coerce(right, rt), type: sqlTypes.string };
  if (e.op === "||" || !isNumeric(lt) || !isNumeric(rt))
    throw fail(`Error processing expression: ${shown(e, env)}. Unsupported arithmetic types. ${lt.base} ${rt.base}`, e.at);
  const type = arithmeticType(e.op, lt, rt);
  // DECIMAL operands keep their own scale: the operation aligns them
  const to = (t: SqlType) => (type.base === "DECIMAL" ? (t.base === "DECIMAL" ? t : decimalType(t.base === "INTEGER" ? 10 : 19, 0)) : type);
  return { kind: "arithmetic", op: e.op, left: coerce(left, to(lt)), right: coerce(right, to(rt)), type };
}

function caseWhen(e: Extract<ParsedExpression, { kind: "case" }>, env: Environment): Expression {
  const whens = e.branches.map((b) => {
    if (e.operand === null) {
      const when = analyzeExpression(b.when, env);
      if (typeOf(when) !== null && when.type.base !== "BOOLEAN")
        throw fail(`WHEN operand type should be boolean.\nType for '${shown(b.when, env)}' is ${plainType(when.type)}`, b.when.at);
      return condition(when, b.when, env);
    }
    return analyzeComparison("=", e.operand, b.when, analyzeExpression(e.operand, env), analyzeExpression(b.when, env), e, env);
  });
  const thens = e.branches.map((b) => analyzeExpression(b.then, env));
  const otherwise = e.otherwise === null ? null : analyzeExpression(e.otherwise, env);
  let type: SqlType | null = null;
  for (const [i, x] of [...thens, ...(otherwise ? [otherwise] : [])].entries()) {
    const common: SqlType | null | undefined = commonType(type, typeOf(x));
    if (common === undefined) {
      const which =
        i < thens.length ? `THEN expression '${shown(e.branches[i]!.then, env)}'` : `ELSE expression '${shown(e.otherwise!, env)}'`;
      throw fail(
        `Invalid Case expression. Type for all 'THEN' clauses should be the same.\n${which} has type: ${plainType(x.type)}. Previous: ${plainType(type!)}.`,
        e.at,
      );
    }
    type = common;
  }
  if (type === null) throw fail("Invalid Case expression. All case branches have a NULL type", e.at);
  const result = type;
  const branches = whens.map((when, i) => ({ when, then: coerce(thens[i]!, result) }));
  return { kind: "case", branches, otherwise: otherwise && coerce(otherwise, result), type: result };
}
