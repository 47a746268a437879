import type { MillraceError } from "../../../common/errors.js";
import { type Dialect, ddlError, type Token, Tokenizer } from "./tokenizer.js";

/** A name of a table: the database is null where the statement leaves it to the session. */
export interface TableName {
  readonly database: string | null;
  readonly name: string;
}

/** The tokens of a text with a place among them, and the small grammar that all statements share. */
export class Cursor {
  private readonly tokenizer: Tokenizer;
  private readonly tokens: Token[] = [];
  private index = 0;

  constructor(
    readonly sql: string,
    readonly dialect: Dialect,
  ) {
    this.tokenizer = new Tokenizer(sql, dialect);
  }

  peek(ahead = 0): Token {
    while (this.tokens.length <= this.index + ahead && this.tokens.at(-1)?.kind !== "end") this.tokens.push(this.tokenizer.next());
    return this.tokens[this.index + ahead] ?? this.tokens.at(-1)!;
  }

  take(): Token {
    const token = this.peek();
    if (token.kind !== "end") this.index++;
    return token;
  }

  /** Where the last token that was taken ends. */
  get taken(): number {
    return this.index === 0 ? 0 : this.tokens[this.index - 1]!.end;
  }

  is(keyword: string, ahead = 0): boolean {
    return this.peek(ahead).keyword === keyword;
  }

  isOneOf(keywords: ReadonlySet<string>, ahead = 0): boolean {
    return keywords.has(this.peek(ahead).keyword);
  }

  /** Takes these keywords or symbols if all of them come next. */
  accept(...keywords: readonly string[]): boolean {
    for (let i = 0; i < keywords.length; i++) if (!this.is(keywords[i]!, i)) return false;
    this.index += keywords.length;
    return true;
  }

  /** @throws MillraceError SQL_PARSE where something else comes next */
  expect(...keywords: readonly string[]): void {
    for (const k of keywords) if (!this.accept(k)) throw this.fail(`expected ${k}`);
  }

  fail(what: string): MillraceError {
    return ddlError(this.sql, this.peek().start, what);
  }

  get ended(): boolean {
    const { kind, keyword } = this.peek();
    return kind === "end" || keyword === ";";
  }

  isName(ahead = 0): boolean {
    const { kind } = this.peek(ahead);
    return kind === "word" || kind === "quoted";
  }

  name(what: string): string {
    if (!this.isName()) throw this.fail(`expected ${what}`);
    return this.take().text;
  }

  tableName(): TableName {
    this.accept("."); // ODBC's `.table`
    const first = this.name("the name of a table");
    return this.accept(".") ? { database: first, name: this.name("the name of a table") } : { database: null, name: first };
  }

  /** A column's name, of which the last part counts. */
  columnName(): string {
    let name = this.name("the name of a column");
    while (this.accept(".")) name = this.name("the name of a column");
    return name;
  }

  integer(): number {
    const token = this.peek();
    if (token.kind !== "number" || !/^[0-9]+$/.test(token.text)) throw this.fail("expected a whole number");
    this.index++;
    return Number(token.text);
  }

  /** The character of strings that stand side by side count as one. */
  string(what: string): string {
    if (this.peek().kind !== "string") throw this.fail(`expected ${what}`);
    let text = this.take().text;
    while (this.peek().kind === "string") text += this.take().text;
    return text;
  }

  /** A name or a string, as character sets, collations and option values are written. */
  nameOrString(what: string): string {
    return this.peek().kind === "string" ? this.string(what) : this.name(what);
  }

  /** Takes a parenthesised text; returns it with its parentheses. */
  parenthesised(): string {
    const start = this.peek().start;
    if (!this.accept("(")) throw this.fail("expected (");
    for (let depth = 1; depth > 0; ) {
      const { kind, keyword } = this.take();
      if (kind === "end") throw ddlError(this.sql, start, "a parenthesis without an end");
      if (keyword === "(") depth++;
      else if (keyword === ")") depth--;
    }
    return this.sql.slice(start, this.taken);
  }

  /** Takes one token, or all of a parenthesised text. */
  skip(): void {
    if (this.is("(")) this.parenthesised();
    else this.take();
  }

  /** Skips to the next comma, closing parenthesis or end that is not inside parentheses. */
  skipClause(): void {
    while (!this.ended && !this.is(",") && !this.is(")")) this.skip();
  }

  skipStatement(): void {
    while (!this.ended) this.take();
  }

  /** Takes all of the text that is left, whatever is in it. */
  rest(): void {
    const end = this.sql.length;
    this.tokens.length = this.index;
    this.tokens.push({ kind: "symbol", text: "", keyword: "", start: end, end }, { kind: "end", text: "", keyword: "", start: end, end });
    this.index++;
  }

  ifExists(): boolean {
    return this.accept("IF", "EXISTS");
  }

  ifNotExists(): boolean {
    return this.accept("IF", "NOT", "EXISTS");
  }

  /** CHARSET, CHARACTER SET, CHAR SET: true where taken. */
  charsetWord(): boolean {
    return this.accept("CHARSET") || this.accept("CHARACTER", "SET") || this.accept("CHAR", "SET");
  }
}
