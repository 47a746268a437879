type Wrong = (message: string) => Error;

const posix: Readonly<Record<string, string>> = {
  Lower: "a-z",
  Upper: "A-Z",
  ASCII: "\\x00-\\x7F",
  Alpha: "a-zA-Z",
  Digit: "0-9",
  Alnum: "a-zA-Z0-9",
  Punct: "\\x21-\\x2F\\x3A-\\x40\\x5B-\\x60\\x7B-\\x7E",
  Graph: "\\x21-\\x7E",
  Print: "\\x20-\\x7E",
  Blank: " \\t",
  Cntrl: "\\x00-\\x1F\\x7F",
  XDigit: "0-9a-fA-F",
  Space: " \\t\\n\\v\\f\\r",
  javaLowerCase: "\\p{Lowercase}",
  javaUpperCase: "\\p{Uppercase}",
  javaAlphabetic: "\\p{Alphabetic}",
  javaLetter: "\\p{L}",
  javaDigit: "\\p{Nd}",
  javaLetterOrDigit: "\\p{L}\\p{Nd}",
};
/** Java's own classes are ASCII; JavaScript's \s is not. */
const short: Readonly<Record<string, string>> = {
  d: "0-9",
  w: "a-zA-Z_0-9",
  s: " \\t\\n\\v\\f\\r",
  h: " \\t\\xA0\\u1680\\u180E\\u2000-\\u200A\\u202F\\u205F\\u3000",
  v: "\\n\\v\\f\\r\\u0085\\u2028\\u2029",
};

/** What case-insensitive matching adds: Java's is of ASCII letters, and takes the cased properties as one. */
const folded: Record<string, string> = { Lower: "A-Z", Upper: "a-z" };
const cased = "\\p{Lu}\\p{Ll}\\p{Lt}";
for (const name of ["Lu", "Ll", "Lt", "javaLowerCase", "javaUpperCase", "Lowercase", "Uppercase"]) folded[name] = cased;

export interface Found {
  /** a class as JavaScript takes it in `v` mode */
  readonly source: string;
  readonly end: number;
}

/** `\d`, `\p{Alpha}`, `\PL` and their like at this place; undefined where there is something else. */
export function propertyOf(text: string, at: number, ignoreCase: boolean, wrong: Wrong): Found | undefined {
  const c = text[at + 1]!;
  const lower = c.toLowerCase();
  if (short[lower] !== undefined) return { source: bracketed(short[lower], c !== lower), end: at + 2 };
  if (lower !== "p") return undefined;
  const m = /^\\[pP](?:\{([^}]*)\}|(.))/s.exec(text.slice(at));
  if (!m) throw wrong("Unclosed character family");
  const negated = c === "P";
  const end = at + m[0].length;
  const name = m[1] ?? m[2]!;
  const more = (property: string) => (ignoreCase ? (folded[property] ?? "") : "");
  if (posix[name] !== undefined) return { source: bracketed(posix[name] + more(name), negated), end };
  const [key, value] = name.includes("=") ? (name.split("=", 2) as [string, string]) : [undefined, name];
  const bare = value.replace(/^Is/, "");
  const scripts = [`Script=${bare}`, `Script=${bare[0]?.toUpperCase()}${bare.slice(1).toLowerCase()}`];
  const tries =
    key === undefined
      ? [bare, ...(value === bare ? [] : scripts)]
      : /^(sc|script)$/i.test(key)
        ? scripts
        : /^(gc|general_category)$/i.test(key)
          ? [bare]
          : [];
  for (const property of tries) {
    try {
      new RegExp(`\\p{${property}}`, "v");
      return { source: bracketed(`\\p{${property}}${more(property)}`, negated), end };
    } catch {
      // not a name that JavaScript knows: the next one
    }
  }
  throw wrong(`Unknown or unsupported character property name {${name}}`);
}

const controls: Readonly<Record<string, number>> = { t: 9, n: 10, r: 13, f: 12, a: 7, e: 27 };

/** The single character that an escape stands for. */
export function classEscape(text: string, at: number, wrong: Wrong): { char: string; end: number } {
  const rest = text.slice(at);
  const hex = /^\\(?:x([0-9a-fA-F]{2})|x\{([0-9a-fA-F]+)\}|u([0-9a-fA-F]{4}))/.exec(rest);
  if (hex) return { char: String.fromCodePoint(Number.parseInt(hex[1] ?? hex[2] ?? hex[3]!, 16)), end: at + hex[0].length };
  const octal = /^\\0([0-3][0-7]{2}|[0-7]{1,2})/.exec(rest);
  if (octal) return { char: String.fromCharCode(Number.parseInt(octal[1]!, 8)), end: at + octal[0].length };
  const control = /^\\c(.)/s.exec(rest);
  if (control) return { char: String.fromCharCode(control[1]!.charCodeAt(0) ^ 64), end: at + 3 };
  const point = text.codePointAt(at + 1);
  if (point === undefined) throw wrong("Unexpected internal error");
  const char = String.fromCodePoint(point);
  if (controls[char] !== undefined) return { char: String.fromCharCode(controls[char]), end: at + 2 };
  if (/[a-zA-Z0-9]/.test(char)) throw wrong(`Illegal/unsupported escape sequence \\${char}`);
  return { char, end: at + 1 + char.length };
}

/** A character as JavaScript takes it anywhere, inside of a class and out. */
export function quoteChar(char: string): string {
  return /^[a-zA-Z0-9_]$/.test(char) ? char : `\\u{${char.codePointAt(0)!.toString(16)}}`;
}

/** The class that begins at `[`: ranges, classes within it (a union) and `&&` (what both hold). */
export function parseClass(text: string, start: number, ignoreCase: boolean, wrong: Wrong): Found {
  let at = start + 1;
  const negated = text[at] === "^";
  if (negated) at++;
  const operands: string[] = [];
  let source = "";
  const add = (from: string, to: string) => {
    source += from === to ? quoteChar(from) : `${quoteChar(from)}-${quoteChar(to)}`;
    if (ignoreCase) source += otherCase(from, to);
  };
  const char = (): string => {
    if (text[at] === "\\") {
      const escaped = classEscape(text, at, wrong);
      at = escaped.end;
      return escaped.char;
    }
    const c = String.fromCodePoint(text.codePointAt(at)!);
    at += c.length;
    return c;
  };
  for (let first = true; ; first = false) {
    if (at >= text.length) throw wrong("Unclosed character class");
    if (text[at] === "]" && !first) break;
    if (text.startsWith("&&", at)) {
      operands.push(source);
      source = "";
      at += 2;
    } else if (text.startsWith("\\Q", at)) {
      const close = text.indexOf("\\E", at + 2);
      for (const c of text.slice(at + 2, close < 0 ? undefined : close)) add(c, c);
      at = close < 0 ? text.length : close + 2;
    } else {
      const inner =
        text[at] === "["
          ? parseClass(text, at, ignoreCase, wrong)
          : text[at] === "\\"
            ? propertyOf(text, at, ignoreCase, wrong)
            : undefined;
      if (inner) {
        source += inner.source;
        at = inner.end;
        continue;
      }
      const from = char();
      if (text[at] === "-" && text[at + 1] !== undefined && text[at + 1] !== "]" && text[at + 1] !== "[") {
        at++;
        const to = char();
        if (to.codePointAt(0)! < from.codePointAt(0)!) throw wrong("Illegal character range");
        add(from, to);
      } else add(from, from);
    }
  }
  operands.push(source);
  const both = operands.filter((o) => o !== "");
  return { source: bracketed(both.length === 1 ? both[0]! : both.map((o) => `[${o}]`).join("&&"), negated), end: at + 1 };
}

function bracketed(source: string, negated: boolean): string {
  return `[${negated ? "^" : ""}${source}]`;
}

/** The ASCII letters of a range in their other case. */
function otherCase(from: string, to: string): string {
  const part = (low: string, high: string, shift: number) => {
    const a = Math.max(from.codePointAt(0)!, low.charCodeAt(0));
    const b = Math.min(to.codePointAt(0)!, high.charCodeAt(0));
    return a > b ? "" : `${String.fromCharCode(a + shift)}-${String.fromCharCode(b + shift)}`;
  };
  return part("a", "z", -32) + part("A", "Z", 32);
}
