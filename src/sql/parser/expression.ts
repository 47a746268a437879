import type { BinaryOp, ParsedExpression, Position } from "./ast.js";
import { reserved } from "./keywords.js";
import { parseSubquery } from "./query.js";
import type { TokenStream } from "./token-stream.js";
import { parseType } from "./types.js";

/*
 * From loose to tight: OR; AND; NOT; comparison, IS, LIKE, IN, BETWEEN; + - ||; * / %; unary + -; -> [] .
 */
export function parseExpr(ts: TokenStream): ParsedExpression {
  return or(ts);
}

/** What GROUP BY and PARTITION BY take: no condition, unless in brackets. */
export function parseValueExpr(ts: TokenStream): ParsedExpression {
  return additive(ts);
}

function binary(at: Position, op: BinaryOp, left: ParsedExpression, right: ParsedExpression): ParsedExpression {
  return { kind: "binary", at, op, left, right };
}

function or(ts: TokenStream): ParsedExpression {
  let left = and(ts);
  while (ts.accept("OR")) left = binary(left.at, "OR", left, and(ts));
  return left;
}

function and(ts: TokenStream): ParsedExpression {
  let left = not(ts);
  while (ts.accept("AND")) left = binary(left.at, "AND", left, not(ts));
  return left;
}

function not(ts: TokenStream): ParsedExpression {
  const at = ts.position();
  return ts.accept("NOT") ? { kind: "unary", at, op: "NOT", operand: not(ts) } : predicate(ts);
}

const comparisons = ["=", "<>", "<", "<=", ">", ">="] as const;

function predicate(ts: TokenStream): ParsedExpression {
  let left = additive(ts);
  for (;;) {
    const op = comparisons.find((c) => ts.at(c));
    if (op !== undefined) {
      ts.advance();
      left = binary(left.at, op, left, additive(ts));
      continue;
    }
    if (ts.accept("IS")) {
      const negated = ts.accept("NOT");
      if (ts.accept("DISTINCT", "FROM")) left = binary(left.at, negated ? "IS NOT DISTINCT FROM" : "IS DISTINCT FROM", left, additive(ts));
      else {
        ts.expect("NULL");
        left = { kind: "is-null", at: left.at, operand: left, negated };
      }
      continue;
    }
    const next = ts.at("NOT") ? ts.peek(1).value : ts.current.type === "word" ? ts.current.value : "";
    if (next !== "BETWEEN" && next !== "IN" && next !== "LIKE") return left;
    left = between(ts, left, ts.accept("NOT"));
  }
}

function between(ts: TokenStream, operand: ParsedExpression, negated: boolean): ParsedExpression {
  const at = operand.at;
  const word = ts.expectOneOf("BETWEEN", "IN", "LIKE");
  if (word === "BETWEEN") {
    const low = additive(ts);
    ts.expect("AND");
    return { kind: "between", at, operand, low, high: additive(ts), negated };
  }
  if (word === "IN") {
    const inside = ts.peek(1);
    if (inside.type === "word" && (inside.value === "SELECT" || inside.value === "WITH"))
      return { kind: "in-query", at, operand, query: parseSubquery(ts), negated };
    ts.expect("(");
    const list = ts.list(() => parseExpr(ts));
    ts.expect(")");
    return { kind: "in", at, operand, list, negated };
  }
  const pattern = additive(ts);
  const escapeChar = ts.accept("ESCAPE") ? ts.string() : null;
  if (escapeChar !== null && [...escapeChar].length !== 1) throw ts.error(`Expected exactly one character in escape, got: ${escapeChar}`);
  return { kind: "like", at, operand, pattern, escape: escapeChar, negated };
}

function additive(ts: TokenStream): ParsedExpression {
  let left = multiplicative(ts);
  for (;;) {
    const op = (["+", "-", "||"] as const).find((c) => ts.at(c));
    if (op === undefined) return left;
    ts.advance();
    left = binary(left.at, op, left, multiplicative(ts));
  }
}

function multiplicative(ts: TokenStream): ParsedExpression {
  let left = unary(ts);
  for (;;) {
    const op = (["*", "/", "%"] as const).find((c) => ts.at(c));
    if (op === undefined) return left;
    ts.advance();
    left = binary(left.at, op, left, unary(ts));
  }
}

function unary(ts: TokenStream): ParsedExpression {
  const at = ts.position();
  const op = ts.at("-") ? "-" : ts.at("+") ? "+" : null;
  if (op === null) return postfix(ts);
  ts.advance();
  const { type } = ts.current;
  if (op === "-" && (type === "integer" || type === "decimal" || type === "double")) return numeric(ts, at, "-");
  return { kind: "unary", at, op, operand: unary(ts) };
}

function postfix(ts: TokenStream): ParsedExpression {
  let operand = primary(ts);
  for (;;) {
    if (ts.accept("[")) {
      const index = additive(ts);
      ts.expect("]");
      operand = { kind: "subscript", at: operand.at, operand, index };
    } else if (ts.accept("->")) {
      if (ts.accept("*")) return { kind: "struct-all", at: operand.at, operand };
      operand = { kind: "dereference", at: operand.at, operand, field: ts.name() };
    } else return operand;
  }
}

function primary(ts: TokenStream): ParsedExpression {
  const at = ts.position();
  const token = ts.current;
  switch (token.type) {
    case "string":
      return { kind: "string", at, value: ts.advance().value };
    case "integer":
    case "decimal":
    case "double":
      return numeric(ts, at, "");
    case "symbol":
      if (lambdaAhead(ts)) return lambda(ts, at);
      if (ts.accept("(")) {
        const inner = parseExpr(ts);
        ts.expect(")");
        return inner;
      }
      break;
    case "word":
    case "quoted":
      if (token.type === "word") {
        const special = keyword(ts, at);
        if (special) return special;
      }
      if (ts.atName()) return named(ts, at);
      break;
  }
  ts.note("an expression");
  throw ts.error();
}

function numeric(ts: TokenStream, at: Position, sign: "" | "-"): ParsedExpression {
  const { type, value } = ts.current;
  const limit = sign ? 9223372036854775808n : 9223372036854775807n;
  if (type === "integer" && BigInt(value) > limit) {
    const { line, column } = ts.current;
    throw ts.refused(`Failed to prepare statement: line ${line}:${column + 1}: Invalid numeric literal: ${value}`);
  }
  ts.advance();
  return { kind: type as "integer" | "decimal" | "double", at, text: sign + value };
}

function keyword(ts: TokenStream, at: Position): ParsedExpression | undefined {
  switch (ts.current.value) {
    case "NULL":
      ts.advance();
      return { kind: "null", at };
    case "TRUE":
    case "FALSE":
      return { kind: "boolean", at, value: ts.advance().value === "TRUE" };
    case "CASE":
      return caseWhen(ts, at);
    case "CAST": {
      ts.advance();
      ts.expect("(");
      const operand = parseExpr(ts);
      ts.expect("AS");
      const type = parseType(ts);
      ts.expect(")");
      return { kind: "cast", at, operand, type };
    }
    case "ARRAY": {
      if (!ts.accept("ARRAY", "[")) return undefined;
      const items = ts.at("]") ? [] : ts.list(() => parseExpr(ts));
      ts.expect("]");
      return { kind: "array", at, items };
    }
    case "MAP": {
      if (!ts.accept("MAP", "(")) return undefined;
      const entry = () => {
        const key = parseExpr(ts);
        ts.expect(":=");
        return { key, value: parseExpr(ts) };
      };
      const entries = ts.at(")") ? [] : ts.list(entry);
      ts.expect(")");
      return { kind: "map", at, entries };
    }
    case "STRUCT": {
      if (!ts.accept("STRUCT", "(")) return undefined;
      const field = () => {
        const name = ts.name();
        ts.expect(":=");
        return { name, value: parseExpr(ts) };
      };
      const fields = ts.at(")") ? [] : ts.list(field);
      ts.expect(")");
      return { kind: "struct", at, fields };
    }
    default:
      return undefined;
  }
}

function caseWhen(ts: TokenStream, at: Position): ParsedExpression {
  ts.expect("CASE");
  const operand = ts.at("WHEN") ? null : parseExpr(ts);
  const branches: { when: ParsedExpression; then: ParsedExpression }[] = [];
  do {
    ts.expect("WHEN");
    const when = parseExpr(ts);
    ts.expect("THEN");
    branches.push({ when, then: parseExpr(ts) });
  } while (ts.at("WHEN"));
  const otherwise = ts.accept("ELSE") ? parseExpr(ts) : null;
  ts.expect("END");
  return { kind: "case", at, operand, branches, otherwise };
}

/** `(a, b) =>` */
function lambdaAhead(ts: TokenStream): boolean {
  if (!ts.at("(")) return false;
  for (let i = 1; ; i += 2) {
    const name = ts.peek(i);
    if (name.type !== "word" && name.type !== "quoted") return false;
    const after = ts.peek(i + 1);
    if (after.type !== "symbol") return false;
    if (after.value === ")") return ts.peek(i + 2).value === "=>" && ts.peek(i + 2).type === "symbol";
    if (after.value !== ",") return false;
  }
}

function lambda(ts: TokenStream, at: Position): ParsedExpression {
  let parameters: string[];
  if (ts.accept("(")) {
    parameters = ts.list(() => ts.name());
    ts.expect(")");
  } else parameters = [ts.name()];
  ts.expect("=>");
  return { kind: "lambda", at, parameters, body: parseExpr(ts) };
}

/** Elsewhere SECOND is a name as any other. */
const takesUnit = /^(DATE|TIME|TIMESTAMP)(ADD|SUB)$/;
const units = /^(MILLISECOND|SECOND|MINUTE|HOUR|DAY|WEEK|MONTH|YEAR|MICROSECOND|NANOSECOND)S?$/;

function named(ts: TokenStream, at: Position): ParsedExpression {
  const after = ts.peek(1);
  if (after.type === "symbol" && after.value === "=>") return lambda(ts, at);
  if (after.type === "symbol" && after.value === "(") return call(ts, at);
  const first = ts.name();
  if (!ts.accept(".")) return { kind: "name", at, qualifier: null, name: first };
  // after a qualifier no keyword is in doubt
  const token = ts.current;
  if (token.type === "word" && reserved.has(token.value)) throw ts.error();
  return { kind: "name", at, qualifier: first, name: ts.name() };
}

function call(ts: TokenStream, at: Position): ParsedExpression {
  const name = ts.name().toUpperCase();
  ts.expect("(");
  if (ts.accept("*")) {
    ts.expect(")");
    return { kind: "call", at, name, args: [], star: true };
  }
  const args: ParsedExpression[] = [];
  const token = ts.current;
  const follows = ts.peek(1);
  if (takesUnit.test(name) && token.type === "word" && units.test(token.value) && follows.type === "symbol" && follows.value === ",") {
    ts.advance();
    ts.expect(",");
    args.push({ kind: "interval-unit", at: { line: token.line, column: token.column }, unit: token.value.replace(/S?$/, "S") });
  }
  if (!ts.at(")")) args.push(...ts.list(() => parseExpr(ts)));
  ts.expect(")");
  return { kind: "call", at, name, args, star: false };
}
