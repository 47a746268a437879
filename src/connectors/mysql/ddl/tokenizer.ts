import { MillraceError } from "../../../common/errors.js";

export type TokenKind = "word" | "quoted" | "string" | "number" | "hex" | "bits" | "symbol" | "end";

export interface Token {
  readonly kind: TokenKind;
  /** of words as written, of quoted names and strings unescaped, of hexadecimal and bit literals the digits */
  readonly text: string;
  /** a word in upper case, a symbol itself; empty for all others, so that a quoted name is never taken for a keyword */
  readonly keyword: string;
  readonly start: number;
  readonly end: number;
}

export interface Dialect {
  readonly flavor: "mysql" | "mariadb";
  /** as version comments write it: 80036, 100611; without it, every version comment counts */
  readonly serverVersion?: number;
  readonly ansiQuotes: boolean;
  readonly noBackslashEscapes: boolean;
}

/** What a parser says about a text that it cannot read. */
export function ddlError(sql: string, at: number, what: string): MillraceError {
  const before = sql.slice(0, at);
  const line = before.split("\n").length;
  const column = at - before.lastIndexOf("\n");
  const near = sql.slice(at, at + 40).replace(/\s+/g, " ");
  return new MillraceError("SQL_PARSE", `DDL at line ${line}, column ${column}: ${what}${near ? `, near "${near}"` : " at the end"}`, {
    context: { statement: sql.length > 4000 ? `${sql.slice(0, 4000)}…` : sql, position: at, line, column },
  });
}

const nameChar = /[0-9A-Za-z$_\u0080-\uffff]/;
const nameRun = /[0-9A-Za-z$_\u0080-\uffff]*/y;
const space = /\s/;
const number = /(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?/y;
const escapes: Record<string, string> = { "0": "\0", b: "\b", n: "\n", r: "\r", t: "\t", Z: "\x1a" };

/** Splits MySQL's and MariaDB's SQL into tokens; comments are left out, version comments are read as the server does. */
export class Tokenizer {
  private at = 0;
  private inVersionComment = false;
  private afterDot = false;

  constructor(
    readonly sql: string,
    private readonly dialect: Dialect,
  ) {}

  /** @throws MillraceError SQL_PARSE on an unfinished string, name or comment */
  next(): Token {
    const { sql } = this;
    this.skip();
    const start = this.at;
    const afterDot = this.afterDot;
    this.afterDot = false;
    if (start >= sql.length) return { kind: "end", text: "", keyword: "", start, end: start };
    const c = sql[start]!;
    if (c === "`" || (c === '"' && this.dialect.ansiQuotes)) return this.quoted("quoted", c, false);
    if (c === "'" || c === '"') return this.quoted("string", c, !this.dialect.noBackslashEscapes);
    if (nameChar.test(c)) return this.nameOrNumber(start, c, afterDot);
    if (c === "." && /[0-9]/.test(sql[start + 1] ?? "") && !nameChar.test(sql[start - 1] ?? "") && sql[start - 1] !== "`")
      return this.number(start);
    this.at++;
    this.afterDot = c === ".";
    return { kind: "symbol", text: c, keyword: c, start, end: this.at };
  }

  private nameOrNumber(start: number, c: string, afterDot: boolean): Token {
    const { sql } = this;
    nameRun.lastIndex = start;
    const run = nameRun.exec(sql)![0];
    if (c >= "0" && c <= "9" && !afterDot) {
      if (/^0x[0-9a-fA-F]+$/.test(run)) return this.literal("hex", run.slice(2), start, start + run.length);
      if (/^0b[01]+$/.test(run)) return this.literal("bits", run.slice(2), start, start + run.length);
      number.lastIndex = start;
      const end = start + number.exec(sql)![0].length;
      if (end >= start + run.length) return this.number(start);
    }
    if (sql[start + run.length] === "'" && run.length === 1) {
      const kind = c === "x" || c === "X" ? "hex" : c === "b" || c === "B" ? "bits" : null;
      if (kind) {
        const end = sql.indexOf("'", start + 2);
        if (end < 0) throw ddlError(sql, start, "a literal without an end");
        return this.literal(kind, sql.slice(start + 2, end), start, end + 1);
      }
      if (c === "n" || c === "N") {
        this.at++;
        return { ...this.quoted("string", "'", !this.dialect.noBackslashEscapes), start };
      }
    }
    this.at = start + run.length;
    return { kind: "word", text: run, keyword: run.toUpperCase(), start, end: this.at };
  }

  private number(start: number): Token {
    number.lastIndex = start;
    const text = number.exec(this.sql)![0];
    return this.literal("number", text, start, start + text.length);
  }

  private literal(kind: TokenKind, text: string, start: number, end: number): Token {
    this.at = end;
    return { kind, text, keyword: "", start, end };
  }

  private quoted(kind: "quoted" | "string", quote: string, backslash: boolean): Token {
    const { sql } = this;
    const start = this.at;
    let text = "";
    let from = start + 1;
    for (let i = from; i < sql.length; i++) {
      const c = sql[i];
      if (c === "\\" && backslash) {
        const e = sql[++i] ?? "";
        // before % and _ the backslash stays: they are patterns in LIKE
        text += sql.slice(from, i - 1) + (e === "%" || e === "_" ? `\\${e}` : (escapes[e] ?? e));
        from = i + 1;
      } else if (c === quote) {
        text += sql.slice(from, i);
        if (sql[i + 1] !== quote) return this.literal(kind, text, start, i + 1);
        text += quote;
        from = ++i + 1;
      }
    }
    throw ddlError(sql, start, kind === "string" ? "a string without an end" : "a quoted name without an end");
  }

  /** Moves over white space and comments, into version comments that count and out of them. */
  private skip(): void {
    const { sql } = this;
    for (;;) {
      const c = sql[this.at];
      if (c === undefined) return;
      if (space.test(c)) this.at++;
      else if (c === "#" || (c === "-" && sql[this.at + 1] === "-" && !/[^\s\0-\x1f]/.test(sql[this.at + 2] ?? " "))) {
        const end = sql.indexOf("\n", this.at);
        this.at = end < 0 ? sql.length : end + 1;
      } else if (c === "/" && sql[this.at + 1] === "*") this.comment();
      else if (c === "*" && sql[this.at + 1] === "/" && this.inVersionComment) {
        this.inVersionComment = false;
        this.at += 2;
      } else return;
      this.afterDot = false;
    }
  }

  private comment(): void {
    const { sql } = this;
    const version = /^\/\*(M?)!([0-9]{5,6})?/.exec(sql.slice(this.at, this.at + 10));
    if (version && this.counts(version[1] === "M", version[2] ? Number(version[2]) : 0)) {
      this.inVersionComment = true;
      this.at += version[0].length;
      return;
    }
    const end = sql.indexOf("*/", this.at + 2);
    if (end < 0) throw ddlError(sql, this.at, "a comment without an end");
    this.at = end + 2;
  }

  private counts(mariadbOnly: boolean, version: number): boolean {
    const { flavor, serverVersion = Number.POSITIVE_INFINITY } = this.dialect;
    if (flavor === "mysql" && mariadbOnly) return false;
    // MariaDB does not read what is meant for MySQL 5.7 and later
    if (flavor === "mariadb" && !mariadbOnly && version >= 50700 && version <= 99999) return false;
    return version <= serverVersion;
  }
}
