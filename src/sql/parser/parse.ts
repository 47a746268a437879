import type { MillraceError } from "../../common/errors.js";
import type { ParsedExpression, Statement } from "./ast.js";
import { parseExpr } from "./expression.js";
import { type Token, tokenize } from "./lexer.js";
import { parseStatement } from "./statements/statement.js";
import { TokenStream } from "./token-stream.js";
import { substitute } from "./variables.js";

export interface ParsedStatement {
  /** its own text, without what surrounds it, with the closing `;` where it has one */
  readonly text: string;
  readonly statement: Statement;
  /** SQL_PARSE, where the statement is not in ksqlDB's grammar: what that would say */
  readonly extension?: MillraceError;
}

/**
 * All statements of a request.
 * @param variables values of `${name}` by name, in any case, substituted ahead of parsing; DEFINE and UNDEFINE in the text
 *   hold for the statements after them; null leaves `${name}` as it is
 * @throws SQL_PARSE with context {statement, line, column, expected}; line and column count from 1 within the whole text
 */
export function parse(sql: string, variables: ReadonlyMap<string, string> | null = new Map()): ParsedStatement[] {
  const defined = new Map([...(variables ?? [])].map(([name, value]) => [name.toUpperCase(), value]));
  const statements: ParsedStatement[] = [];
  for (const tokens of split(tokenize(sql))) {
    const { start, line, column } = tokens[0]!;
    const end = tokens[tokens.length - 1]!.end;
    const written = sql.slice(start, end);
    const text = variables !== null && written.includes("${") ? substitute(written, defined) : written;
    const own =
      text === written
        ? [...tokens.map((t) => ({ ...t, start: t.start - start, end: t.end - start })), endOf(tokens, start)]
        : tokenize(text, { line, column });
    const ts = new TokenStream(text, own);
    const statement = parseStatement(ts);
    if (!ts.accept(";") || !ts.atEnd()) if (!ts.atEnd()) throw ts.error();
    if (statement.kind === "define") defined.set(statement.name.toUpperCase(), statement.value);
    if (statement.kind === "undefine") defined.delete(statement.name.toUpperCase());
    statements.push({ text, statement, ...(ts.extension ? { extension: ts.extension } : {}) });
  }
  return statements;
}

/** @throws SQL_PARSE */
export function parseExpression(sql: string): ParsedExpression {
  const ts = new TokenStream(sql, tokenize(sql));
  const expression = parseExpr(ts);
  if (!ts.atEnd()) throw ts.error();
  return expression;
}

function endOf(tokens: readonly Token[], start: number): Token {
  const last = tokens[tokens.length - 1]!;
  const length = last.end - start;
  return { type: "end", value: "<EOF>", start: length, end: length, line: last.line, column: last.column + (last.end - last.start) };
}

/** The tokens of each statement, its `;` among them; empty statements are left out. */
function split(tokens: readonly Token[]): Token[][] {
  const statements: Token[][] = [];
  let own: Token[] = [];
  for (const token of tokens) {
    if (token.type === "end") break;
    const closes = token.type === "symbol" && token.value === ";";
    if (closes && own.length === 0) continue;
    own.push(token);
    if (closes) {
      statements.push(own);
      own = [];
    }
  }
  if (own.length > 0) statements.push(own);
  return statements;
}
