import { asError, MillraceError } from "../errors.js";
import { quoteChar } from "./char-set.js";
import { type Part, RegexParser } from "./syntax.js";

/**
 * A java.util.regex.Pattern: the settings of the stack that we replace hold Java's regular expressions, and JavaScript's differ
 * in possessive quantifiers, `\Q…\E`, flags within the pattern, POSIX classes, classes within classes and what `\s` and `.` are.
 * Each is translated; what cannot be is refused by name: `\G`, `\X`, `\N{…}`, (?U), blocks (`\p{InGreek}`). One thing stays
 * different: a group within a repetition holds what its last round gave it, where Java keeps that of an earlier round.
 */
export class JavaPattern {
  private readonly whole: RegExp;
  private readonly part: RegExp;
  /** JavaScript's number of each of Java's groups, by Java's: a possessive quantifier takes one for itself */
  private readonly numbers: readonly number[];
  private readonly names: ReadonlyMap<string, number>;

  /** @throws CONFIG_INVALID that says what is wrong and where */
  constructor(
    readonly text: string,
    options: { readonly ignoreCase?: boolean } = {},
  ) {
    const parsed = new RegexParser(text, options.ignoreCase ?? false).parse();
    const writer = new Writer();
    const source = writer.write(parsed.part);
    this.numbers = [0, ...Array.from({ length: parsed.groups }, (_, i) => writer.numbers.get(i + 1)!)];
    this.names = parsed.names;
    try {
      this.part = new RegExp(source, "v");
      this.whole = new RegExp(`^(?:${source})$`, "v");
    } catch (cause) {
      throw new MillraceError("CONFIG_INVALID", `the regular expression ${text} cannot be translated: ${asError(cause).message}`, {
        cause,
      });
    }
  }

  /** Whether it matches the whole text. */
  matches(text: string): boolean {
    return this.whole.test(text);
  }

  /** Whether it matches somewhere in the text. */
  found(text: string): boolean {
    return this.part.test(text);
  }

  /** The first match replaced; `$1` and `${name}` are groups, `\` takes the next character as it is. @throws CONFIG_INVALID */
  replaceFirst(text: string, replacement: string): string {
    const m = this.part.exec(text);
    if (!m) return text;
    return text.slice(0, m.index) + this.expand(replacement, m) + text.slice(m.index + m[0].length);
  }

  /** Every match replaced, as replaceFirst does it. @throws CONFIG_INVALID */
  replaceAll(text: string, replacement: string): string {
    let out = "";
    let at = 0;
    for (const m of text.matchAll(new RegExp(this.part.source, "gv"))) {
      out += text.slice(at, m.index) + this.expand(replacement, m);
      at = m.index + m[0].length;
    }
    return out + text.slice(at);
  }

  private expand(replacement: string, match: RegExpExecArray): string {
    return replacement.replace(
      /\\(.?)|\$(?:\{([^}]*)\}|(\d))?(\d*)/gs,
      (_all, escaped?: string, name?: string, digit?: string, more = "") => {
        if (escaped === "") throw new MillraceError("CONFIG_INVALID", "character to be escaped is missing");
        if (escaped !== undefined) return escaped;
        if (name !== undefined) {
          const group = this.names.get(name);
          if (group === undefined) throw new MillraceError("CONFIG_INVALID", `No group with name {${name}}`);
          return (match[this.numbers[group]!] ?? "") + more;
        }
        if (digit === undefined) throw new MillraceError("CONFIG_INVALID", "Illegal group reference");
        if (Number(digit) >= this.numbers.length) throw new MillraceError("CONFIG_INVALID", `No group ${digit}`);
        // as many digits as still name a group
        let used = 0;
        while (used < more.length && Number(digit + more.slice(0, used + 1)) < this.numbers.length) used++;
        return (match[this.numbers[Number(digit + more.slice(0, used))]!] ?? "") + more.slice(used);
      },
    );
  }
}

/** What is wrong with a setting that holds a pattern, for its declaration. */
export function patternProblem(value: unknown): string | undefined {
  try {
    new JavaPattern(String(value));
    return undefined;
  } catch (error) {
    return `Invalid regex: ${asError(error).message}`;
  }
}

class Writer {
  /** Java's group to JavaScript's */
  readonly numbers = new Map<number, number>();
  private groups = 0;

  write(part: Part): string {
    switch (part.kind) {
      case "char": {
        const { char } = part;
        return part.ignoreCase && /^[a-zA-Z]$/.test(char) ? `[${char.toLowerCase()}${char.toUpperCase()}]` : quoteChar(char);
      }
      case "raw":
        return part.source;
      case "sequence":
        return part.parts.map((p) => (p.kind === "choice" ? `(?:${this.write(p)})` : this.write(p))).join("");
      case "choice":
        return part.branches.map((p) => this.write(p)).join("|");
      case "group": {
        if (part.capture === undefined) return `(?:${this.write(part.body)})`;
        this.numbers.set(part.capture, ++this.groups);
        return `(${this.write(part.body)})`;
      }
      case "look":
        return `(${part.open}${this.write(part.body)})`;
      case "atomic":
        return this.atomic(() => this.write(part.body));
      case "repeat": {
        const { body, count, mode } = part;
        if (mode !== "+") return `(?:${this.write(body)})${count}${mode}`;
        // Java gives nothing back within an iteration either
        const single = body.kind === "char" || body.kind === "raw";
        return this.atomic(() => `(?:${single ? this.write(body) : this.atomic(() => this.write(body))})${count}`);
      }
      case "back": {
        const number = this.numbers.get(part.group);
        // Java fails where the group is not there yet; JavaScript would match nothing
        return number === undefined ? "(?!)" : `(?:\\${number})`;
      }
    }
  }

  /** What a lookahead has captured is never given back: the same as an atomic group. */
  private atomic(write: () => string): string {
    const number = ++this.groups;
    return `(?:(?=(${write()}))\\${number})`;
  }
}
