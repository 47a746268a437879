import { MillraceError } from "../errors.js";
import { classEscape, parseClass, propertyOf } from "./char-set.js";

/** What a java.util.regex pattern is made of, as far as JavaScript can say it. */
export type Part =
  | { readonly kind: "char"; readonly char: string; readonly ignoreCase: boolean }
  /** JavaScript that stands for itself: an anchor, a class */
  | { readonly kind: "raw"; readonly source: string }
  | { readonly kind: "sequence"; readonly parts: readonly Part[] }
  | { readonly kind: "choice"; readonly branches: readonly Part[] }
  | { readonly kind: "group"; readonly capture: number | undefined; readonly name: string | undefined; readonly body: Part }
  | { readonly kind: "look"; readonly open: "?=" | "?!" | "?<=" | "?<!"; readonly body: Part }
  | { readonly kind: "atomic"; readonly body: Part }
  | { readonly kind: "repeat"; readonly count: string; readonly mode: "" | "?" | "+"; readonly body: Part }
  | { readonly kind: "back"; readonly group: number };

export interface Parsed {
  readonly part: Part;
  readonly groups: number;
  readonly names: ReadonlyMap<string, number>;
}

interface Flags {
  readonly i: boolean;
  readonly s: boolean;
  readonly m: boolean;
  readonly x: boolean;
  readonly d: boolean;
}

// V8 12 takes [^] in v mode for one character however often it is repeated: [\s\S] it is
const ends = "\\n\\r\\u0085\\u2028\\u2029";
const atEnd = "(?![\\s\\S])";
const lastLine = `(?!(?<=\\r)\\n)(?=(?:\\r\\n|[${ends}])?${atEnd})`;
const anchors: Readonly<Record<string, string>> = {
  b: "\\b",
  B: "\\B",
  A: "(?<![\\s\\S])",
  z: atEnd,
  Z: lastLine,
};

/** A reader of java.util.regex's syntax. */
export class RegexParser {
  private at = 0;
  private groups = 0;
  private readonly names = new Map<string, number>();
  private flags: Flags;

  constructor(
    private readonly text: string,
    ignoreCase: boolean,
  ) {
    this.flags = { i: ignoreCase, s: false, m: false, x: false, d: false };
  }

  /** @throws CONFIG_INVALID that says what is wrong and where */
  parse(): Parsed {
    const part = this.choice();
    if (this.at < this.text.length) throw this.wrong("Unmatched closing ')'");
    return { part, groups: this.groups, names: this.names };
  }

  private choice(): Part {
    const branches = [this.sequence()];
    while (this.text[this.at] === "|") {
      this.at++;
      branches.push(this.sequence());
    }
    return branches.length === 1 ? branches[0]! : { kind: "choice", branches };
  }

  private sequence(): Part {
    const parts: Part[] = [];
    for (;;) {
      if (this.flags.x) this.skipComments();
      const c = this.text[this.at];
      if (c === undefined || c === "|" || c === ")") return { kind: "sequence", parts };
      if (this.text.startsWith("\\Q", this.at)) {
        parts.push(...this.quoted());
        continue;
      }
      const part = this.atom();
      if (part) parts.push(this.repeated(part));
    }
  }

  private skipComments(): void {
    for (;;) {
      const m = /[ \t\n\v\f\r]+|#[^\n\r]*/y;
      m.lastIndex = this.at;
      const found = m.exec(this.text);
      if (!found) return;
      this.at += found[0].length;
    }
  }

  /** `\Q…\E`: its last character alone is what a quantifier behind it repeats. */
  private quoted(): Part[] {
    const end = this.text.indexOf("\\E", this.at + 2);
    const chars = [...this.text.slice(this.at + 2, end < 0 ? undefined : end)];
    this.at = end < 0 ? this.text.length : end + 2;
    const parts = chars.map((char): Part => this.char(char));
    const last = parts.pop();
    return last ? [...parts, this.repeated(last)] : parts;
  }

  private char(char: string): Part {
    return { kind: "char", char, ignoreCase: this.flags.i };
  }

  private atom(): Part | undefined {
    const c = String.fromCodePoint(this.text.codePointAt(this.at)!);
    switch (c) {
      case "(":
        return this.group();
      case "[": {
        const { source, end } = parseClass(this.text, this.at, this.flags.i, (message) => this.wrong(message));
        this.at = end;
        return { kind: "raw", source };
      }
      case "\\":
        return this.escape();
      case "*":
      case "+":
      case "?":
        throw this.wrong(`Dangling meta character '${c}'`);
      case "{":
        throw this.wrong("Illegal repetition");
    }
    this.at += c.length;
    const { s, m, d } = this.flags;
    const lines = d ? "\\n" : ends;
    if (c === ".") return { kind: "raw", source: s ? "[\\s\\S]" : `[^${lines}]` };
    // with (?m) Java sees no line's begin at the very end, not even in an empty text
    if (c === "^") return { kind: "raw", source: m ? `(?:(?:(?<![\\s\\S])|(?<=[${lines}])(?!(?<=\\r)\\n))(?=[\\s\\S]))` : "(?<![\\s\\S])" };
    if (c === "$") return { kind: "raw", source: m ? `(?:${atEnd}|(?=[${lines}])(?!(?<=\\r)\\n))` : d ? `(?=\\n?${atEnd})` : lastLine };
    return this.char(c);
  }

  private group(): Part | undefined {
    const rest = this.text.slice(this.at);
    if (!rest.startsWith("(?")) {
      this.at++;
      return this.captured(undefined);
    }
    const named = /^\(\?<([a-zA-Z][a-zA-Z0-9]*)>/.exec(rest);
    if (named) {
      this.at += named[0].length;
      return this.captured(named[1]!);
    }
    const look = /^\(\?(=|!|<=|<!)/.exec(rest);
    if (look) {
      this.at += look[0].length;
      return { kind: "look", open: `?${look[1] as "="}`, body: this.closed() };
    }
    if (rest.startsWith("(?>")) {
      this.at += 3;
      return { kind: "atomic", body: this.closed() };
    }
    const flags = /^\(\?([a-zA-Z]*)(?:-([a-zA-Z]*))?([:)])/.exec(rest);
    if (!flags) throw this.wrong("Unknown group type");
    const before = this.flags;
    const change = (letters: string, on: boolean) => {
      for (const letter of letters) {
        if (!(letter in before) && letter !== "u") throw this.wrong(`the flag ${letter} is not supported`);
        this.flags = { ...this.flags, [letter]: on };
      }
    };
    change(flags[1]!, true);
    change(flags[2] ?? "", false);
    this.at += flags[0].length;
    // flags alone hold to the end of the group that they stand in: closed() puts back what was before it
    if (flags[3] === ")") return undefined;
    const body = this.closed(before);
    return { kind: "group", capture: undefined, name: undefined, body };
  }

  private captured(name: string | undefined): Part {
    const capture = ++this.groups;
    if (name !== undefined) {
      if (this.names.has(name)) throw this.wrong(`Named capturing group <${name}> is already defined`);
      this.names.set(name, capture);
    }
    return { kind: "group", capture, name, body: this.closed() };
  }

  private closed(before = this.flags): Part {
    const body = this.choice();
    if (this.text[this.at] !== ")") throw this.wrong("Unclosed group");
    this.at++;
    this.flags = before;
    return body;
  }

  private escape(): Part {
    const { text } = this;
    const c = text[this.at + 1];
    if (c === undefined) throw this.wrong("Unexpected internal error");
    if (c === "E") {
      this.at += 2;
      return { kind: "sequence", parts: [] };
    }
    if (c === "R") {
      this.at += 2;
      // one or two characters, so more than a class
      return { kind: "group", capture: undefined, name: undefined, body: { kind: "raw", source: `\\r\\n|[\\v\\f${ends}]` } };
    }
    if (anchors[c] !== undefined) {
      this.at += 2;
      return { kind: "raw", source: anchors[c] };
    }
    if (c >= "1" && c <= "9") {
      let end = this.at + 2;
      while (/\d/.test(text[end] ?? "") && Number(text.slice(this.at + 1, end + 1)) <= this.groups) end++;
      const group = Number(text.slice(this.at + 1, end));
      this.at = end;
      return this.reference(group);
    }
    if (c === "k") {
      const named = /^\\k<([a-zA-Z][a-zA-Z0-9]*)>/.exec(text.slice(this.at));
      const group = named && this.names.get(named[1]!);
      if (!named || group == null) throw this.wrong("(named capturing group does not exist)");
      this.at += named[0].length;
      return this.reference(group);
    }
    const property = propertyOf(text, this.at, this.flags.i, (message) => this.wrong(message));
    if (property) {
      this.at = property.end;
      return { kind: "raw", source: property.source };
    }
    const { char, end } = classEscape(text, this.at, (message) => this.wrong(message));
    this.at = end;
    return this.char(char);
  }

  private reference(group: number): Part {
    if (this.flags.i) throw this.wrong("a reference to a group under (?i) is not supported");
    return { kind: "back", group };
  }

  private repeated(body: Part): Part {
    if (this.flags.x) this.skipComments();
    const found = /^(?:[*+?]|\{\d+(?:,\d*)?\})/.exec(this.text.slice(this.at));
    if (!found) return body;
    this.at += found[0].length;
    const mode = this.text[this.at] === "?" || this.text[this.at] === "+" ? (this.text[this.at++] as "?" | "+") : "";
    return this.repeated({ kind: "repeat", count: found[0], mode, body });
  }

  private wrong(message: string): MillraceError {
    return new MillraceError("CONFIG_INVALID", `${message} near index ${this.at} of the regular expression ${this.text}`);
  }
}
