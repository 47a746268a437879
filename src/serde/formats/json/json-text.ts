import { MillraceError } from "../../../common/errors.js";
import { Decimal } from "../../../data/schema.js";

export type Json = null | boolean | number | bigint | string | Decimal | Json[] | { [name: string]: Json };

const special = /["\\\u0000-\u001f\ud800-\udfff]/;

/**
 * A JSON string as Jackson writes it to bytes: short escapes, `\u00XX` in capitals, characters beyond the basic plane as two
 * escapes, everything else as it is.
 */
export function jsonString(text: string): string {
  if (!special.test(text)) return `"${text}"`;
  let out = '"';
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c >= 0x20 && c !== 0x22 && c !== 0x5c && (c & 0xf800) !== 0xd800) continue;
    out += text.slice(from, i) + escapeOf(c);
    from = i + 1;
  }
  return `${out}${text.slice(from)}"`;
}

/** The escape of a control character, quote, backslash or surrogate. */
export function escapeOf(c: number): string {
  switch (c) {
    case 0x22:
      return '\\"';
    case 0x5c:
      return "\\\\";
    case 8:
      return "\\b";
    case 9:
      return "\\t";
    case 10:
      return "\\n";
    case 12:
      return "\\f";
    case 13:
      return "\\r";
    default:
      return `\\u${c.toString(16).toUpperCase().padStart(4, "0")}`;
  }
}

/**
 * JSON with every number exact: whole numbers beyond 2^53 as bigint and, where `decimals`, those with a fraction or an
 * exponent as Decimal with the digits as written.
 * @throws DESERIALIZATION with the position
 */
export function parseJson(text: string, decimals = false): Json {
  if (!decimals && !/\d{16}/.test(text)) {
    try {
      return JSON.parse(text) as Json;
    } catch (cause) {
      throw new MillraceError("DESERIALIZATION", `Invalid JSON: ${(cause as Error).message}`, { cause });
    }
  }
  return new Parser(text, decimals).document();
}

const whitespace = /[ \t\n\r]*/y;
const number = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const plainString = /"[^"\\\u0000-\u001f]*"/y;
const anyString = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;

class Parser {
  private at = 0;
  constructor(
    private readonly text: string,
    private readonly decimals: boolean,
  ) {}

  document(): Json {
    const value = this.value();
    this.space();
    if (this.at < this.text.length) throw this.unexpected();
    return value;
  }

  private value(): Json {
    this.space();
    switch (this.text[this.at]) {
      case "{":
        return this.object();
      case "[":
        return this.array();
      case '"':
        return this.string();
      case "t":
        return this.word("true", true);
      case "f":
        return this.word("false", false);
      case "n":
        return this.word("null", null);
      default:
        return this.number();
    }
  }

  private object(): Json {
    const out: { [name: string]: Json } = {};
    this.at++;
    this.space();
    if (this.take("}")) return out;
    for (;;) {
      this.space();
      const name = this.string();
      this.space();
      this.expect(":");
      const value = this.value();
      if (name === "__proto__") Object.defineProperty(out, name, { value, enumerable: true, configurable: true, writable: true });
      else out[name] = value;
      this.space();
      if (this.take("}")) return out;
      this.expect(",");
    }
  }

  private array(): Json {
    const out: Json[] = [];
    this.at++;
    this.space();
    if (this.take("]")) return out;
    for (;;) {
      out.push(this.value());
      this.space();
      if (this.take("]")) return out;
      this.expect(",");
    }
  }

  private string(): string {
    plainString.lastIndex = this.at;
    if (plainString.test(this.text)) {
      const from = this.at + 1;
      this.at = plainString.lastIndex;
      return this.text.slice(from, this.at - 1);
    }
    anyString.lastIndex = this.at;
    if (!anyString.test(this.text)) throw this.unexpected();
    const from = this.at;
    this.at = anyString.lastIndex;
    return JSON.parse(this.text.slice(from, this.at)) as string;
  }

  private number(): Json {
    number.lastIndex = this.at;
    const m = number.exec(this.text);
    if (!m) throw this.unexpected();
    this.at = number.lastIndex;
    const n = Number(m[0]);
    // a Decimal has no negative zero
    if (m[1] !== undefined || m[2] !== undefined) return this.decimals && !Object.is(n, -0) ? Decimal.parse(m[0])! : n;
    return Number.isSafeInteger(n) ? n : BigInt(m[0]);
  }

  private word<T extends Json>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.at)) throw this.unexpected();
    this.at += word.length;
    return value;
  }
  private take(char: string): boolean {
    if (this.text[this.at] !== char) return false;
    this.at++;
    return true;
  }
  private expect(char: string): void {
    if (!this.take(char)) throw this.unexpected();
  }
  private space(): void {
    whitespace.lastIndex = this.at;
    whitespace.test(this.text);
    this.at = whitespace.lastIndex;
  }
  private unexpected(): MillraceError {
    const found = this.at < this.text.length ? `"${this.text[this.at]}"` : "the end";
    return new MillraceError("DESERIALIZATION", `Invalid JSON: unexpected ${found} at position ${this.at}`);
  }
}
