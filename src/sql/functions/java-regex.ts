const cache = new Map<string, RegExp>();
const posix: Readonly<Record<string, string>> = {
  Alpha: "a-zA-Z",
  Digit: "0-9",
  Alnum: "a-zA-Z0-9",
  Upper: "A-Z",
  Lower: "a-z",
  Punct: "!-/:-@\\[-`{-~",
  Space: "\\s",
  XDigit: "0-9a-fA-F",
};

/**
 * A Java pattern as a JavaScript one: the common syntax is the same; `\p{Alpha}` and its kin, `\A`, `\z`, `\Z`, `\h`, `\Q…\E`, leading
 * flags `(?is)` and possessive quantifiers (as greedy ones) are translated.
 * @throws SyntaxError on what is no pattern
 */
export function javaRegex(pattern: string, flags = ""): RegExp {
  const id = `${flags}/${pattern}`;
  let compiled = cache.get(id);
  if (!compiled) {
    if (cache.size > 1000) cache.clear();
    compiled = translate(pattern, flags);
    cache.set(id, compiled);
  }
  compiled.lastIndex = 0;
  return compiled;
}

function translate(pattern: string, flags: string): RegExp {
  let own = flags;
  let text = pattern.replace(/^\(\?([ismx]+)\)/, (_, f: string) => {
    own += f.replace("x", "");
    return "";
  });
  text = text
    .replace(/\\Q([\s\S]*?)(?:\\E|$)/g, (_, quoted: string) => quoted.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"))
    .replace(/\\p\{(Alpha|Digit|Alnum|Upper|Lower|Punct|Space|XDigit)\}/g, (_, name: string, at: number) =>
      insideClass(text, at) ? posix[name]! : `[${posix[name]}]`,
    )
    .replace(/\\A/g, "^")
    .replace(/\\[zZ]/g, "$")
    .replace(/\\h/g, "[ \\t\\u00a0]")
    .replace(/([*+?}])\+/g, "$1");
  return new RegExp(text, [...new Set(own)].join("") + (/\\p\{/.test(text) ? "u" : ""));
}
function insideClass(text: string, at: number): boolean {
  const before = text.slice(0, at);
  return before.lastIndexOf("[") > before.lastIndexOf("]");
}

/** Java's `$1` and `\$` in a replacement, as JavaScript writes them. */
export function javaReplacement(text: string): string {
  return text.replace(/\\(.)|\$(\d)|\$\{(\w+)\}/g, (_, escaped: string, group: string, name: string) =>
    escaped !== undefined
      ? escaped === "$"
        ? "$$$$"
        : escaped
      : group !== undefined
        ? group === "0"
          ? "$&"
          : `$${group}`
        : `$<${name}>`,
  );
}
