import { MillraceError } from "../../common/errors.js";
import type { Position } from "./ast.js";
import { reserved } from "./keywords.js";
import type { Token } from "./lexer.js";
import { maskStatement } from "./mask.js";

/** A cursor over tokens that remembers what would have been accepted at its place, for the error. */
export class TokenStream {
  private index = 0;
  private expected = new Set<string>();
  /** What ksqlDB's grammar would have said of the first thing that it does not have. */
  extension: MillraceError | undefined;

  constructor(
    readonly text: string,
    private readonly tokens: readonly Token[],
  ) {}

  get current(): Token {
    return this.tokens[this.index]!;
  }
  peek(ahead: number): Token {
    return this.tokens[Math.min(this.index + ahead, this.tokens.length - 1)]!;
  }
  position(): Position {
    return { line: this.current.line, column: this.current.column };
  }
  advance(): Token {
    const token = this.current;
    if (this.index < this.tokens.length - 1) this.index++;
    this.expected.clear();
    return token;
  }
  /** Whether the word or symbol stands here. */
  at(value: string): boolean {
    const token = this.current;
    if (token.value === value && (token.type === "word" || token.type === "symbol")) return true;
    this.expected.add(`'${value}'`);
    return false;
  }
  /** Whether these words or symbols follow one another. */
  atAll(...values: string[]): boolean {
    for (let i = 1; i < values.length; i++) {
      const token = this.peek(i);
      if (token.value !== values[i] || (token.type !== "word" && token.type !== "symbol")) return false;
    }
    return this.at(values[0]!);
  }
  accept(...values: string[]): boolean {
    if (!this.atAll(...values)) return false;
    for (const _ of values) this.advance();
    return true;
  }
  expect(...values: string[]): void {
    for (const value of values) {
      if (!this.at(value)) throw this.error();
      this.advance();
    }
  }
  /** The one of these words that stands here. */
  expectOneOf(...values: string[]): string {
    for (const value of values) if (this.at(value)) return this.advance().value;
    throw this.error();
  }
  atName(): boolean {
    const { type, value } = this.current;
    if (type === "quoted" || (type === "word" && !reserved.has(value))) return true;
    this.expected.add("a name");
    return false;
  }
  /** A name: unquoted in upper case, quoted as written. */
  name(): string {
    if (this.atName()) return this.advance().value;
    const { type, value } = this.current;
    if (type === "word")
      throw this.error(
        `"${value}" is a reserved keyword and it can't be used as an identifier. You can use it as an identifier by escaping it as '${value}'`,
      );
    throw this.error();
  }
  string(): string {
    if (this.current.type === "string") return this.advance().value;
    this.expected.add("STRING");
    throw this.error();
  }
  integer(): number {
    const value = Number(this.current.value);
    if (this.current.type === "integer" && Number.isSafeInteger(value)) {
      this.advance();
      return value;
    }
    this.expected.add("INTEGER_VALUE");
    throw this.error();
  }
  atEnd(): boolean {
    return this.current.type === "end";
  }
  /** One or more, separated by commas. */
  list<T>(item: () => T): T[] {
    const items = [item()];
    while (this.accept(",")) items.push(item());
    return items;
  }
  /** What stands here is not in ksqlDB's grammar. */
  extend(): void {
    this.extension ??= this.error();
  }
  note(expected: string): void {
    this.expected.add(expected);
  }

  /** What stands here does not fit. */
  error(message?: string, at: Token | Position = this.current): MillraceError {
    const { line, column } = at;
    return this.refused(`line ${line}:${column}: ${message ?? this.syntaxError(line, column)}`, at);
  }
  /** As `error`, the whole message given. */
  refused(message: string, at: Token | Position = this.current): MillraceError {
    const { line, column } = at;
    const expected = [...this.expected].sort();
    return new MillraceError("SQL_PARSE", message, { context: { statement: this.text.trim(), line, column, expected } });
  }

  private syntaxError(line: number, column: number): string {
    const token = this.current;
    const found = token.type === "end" ? "the end of the statement" : `'${this.text.slice(token.start, token.end)}'`;
    const expected = [...this.expected].sort();
    const wanted = expected.length === 0 ? "" : `Expecting ${expected.length === 1 ? expected[0] : `{${expected.join(", ")}}`}`;
    const statement = `Statement: ${maskStatement(this.text.trim())}`;
    if (token.type === "word" && reserved.has(token.value) && this.expected.has("a name"))
      return `Syntax Error\nSyntax error at or near ${found} at line ${line}:${column}\n${statement}\n${wanted}`;
    // a long list comes last
    return expected.length <= 3
      ? `Syntax Error\n${wanted}\n${statement}\nFound ${found}`
      : `Syntax Error\n\n${statement}\n${wanted}\nFound ${found}`;
  }
}
