import { MillraceError } from "../../common/errors.js";
import type { Position } from "./ast.js";

export type TokenType = "word" | "quoted" | "string" | "integer" | "decimal" | "double" | "symbol" | "variable" | "end";

export interface Token extends Position {
  readonly type: TokenType;
  /** a word in upper case; a quoted name and a string without quotes and escapes; else as written */
  readonly value: string;
  /** offsets of the token in the text */
  readonly start: number;
  readonly end: number;
}

const symbols = [
  "->",
  "=>",
  ":=",
  "<>",
  "!=",
  "<=",
  ">=",
  "||",
  "(",
  ")",
  "[",
  "]",
  ",",
  ".",
  ";",
  "=",
  "<",
  ">",
  "+",
  "-",
  "*",
  "/",
  "%",
  ":",
];
const space = /(?:[ \t\r\n\f\u00a0]|\\[ \t]*\r?\n|--[^\n]*|\/\*[\s\S]*?\*\/)+/y;
const word = /[A-Za-z_][A-Za-z0-9_@]*/y;
const number = /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const variable = /\$\{[A-Za-z_][A-Za-z0-9_]*\}/y;

/**
 * Tokens of a text; the last is `end`. A `\` before a newline is whitespace, as older clients send it.
 * @param from where the text begins in the request, so that positions are the request's
 * @throws SQL_PARSE on what is no token
 */
export function tokenize(text: string, from: Position = { line: 1, column: 1 }): Token[] {
  const tokens: Token[] = [];
  const position = positions(text, from);
  let at = 0;
  while (at < text.length) {
    space.lastIndex = at;
    if (space.test(text)) {
      at = space.lastIndex;
      continue;
    }
    const token = next(text, at, position);
    tokens.push(token);
    at = token.end;
  }
  tokens.push({ type: "end", value: "<EOF>", start: text.length, end: text.length, ...position(text.length) });
  return tokens;
}

function next(text: string, start: number, position: (offset: number) => Position): Token {
  const make = (type: TokenType, value: string, end: number): Token => ({ type, value, start, end, ...position(start) });
  const ch = text[start]!;
  if (ch === "'" || ch === "`" || ch === '"') {
    let end = start + 1;
    for (;;) {
      end = text.indexOf(ch, end);
      if (end < 0)
        throw lexicalError(text, position(start), ch === "'" ? "an unclosed string" : "an unclosed quoted name", `closing ${ch}`);
      if (text[end + 1] !== ch) break;
      end += 2;
    }
    const value = text.slice(start + 1, end).replaceAll(ch + ch, ch);
    if (ch !== "'" && value === "") throw lexicalError(text, position(start), "an empty quoted name", "a name");
    return make(ch === "'" ? "string" : "quoted", value, end + 1);
  }
  word.lastIndex = start;
  if (word.test(text)) return make("word", text.slice(start, word.lastIndex).toUpperCase(), word.lastIndex);
  number.lastIndex = start;
  if (number.test(text)) {
    const end = number.lastIndex;
    const value = text.slice(start, end);
    // `1R` is a name
    const tail = /[A-Za-z0-9_@]*/y;
    tail.lastIndex = end;
    tail.test(text);
    if (tail.lastIndex > end && /^\d+$/.test(value)) return make("word", text.slice(start, tail.lastIndex).toUpperCase(), tail.lastIndex);
    return make(/[eE]/.test(value) ? "double" : value.includes(".") ? "decimal" : "integer", value, end);
  }
  variable.lastIndex = start;
  if (variable.test(text)) return make("variable", text.slice(start, variable.lastIndex), variable.lastIndex);
  for (const s of symbols) if (text.startsWith(s, start)) return make("symbol", s === "!=" ? "<>" : s, start + s.length);
  throw lexicalError(text, position(start), `'${ch}'`, "a word, a literal or an operator");
}

function lexicalError(text: string, at: Position, found: string, expected: string): MillraceError {
  return new MillraceError("SQL_PARSE", `line ${at.line}:${at.column}: Syntax Error\nFound ${found}\nExpecting ${expected}`, {
    context: { statement: text.trim(), line: at.line, column: at.column, expected: [expected] },
  });
}

/** Positions of increasing offsets, found in one pass over the text. */
function positions(text: string, from: Position): (offset: number) => Position {
  let line = from.line;
  let lineStart = 1 - from.column;
  let seen = 0;
  return (offset) => {
    for (let i = text.indexOf("\n", seen); i >= 0 && i < offset; i = text.indexOf("\n", i + 1)) {
      line++;
      lineStart = i + 1;
    }
    seen = Math.max(seen, offset);
    return { line, column: offset - lineStart + 1 };
  };
}
