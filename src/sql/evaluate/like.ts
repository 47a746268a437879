/** SQL's LIKE pattern as a regular expression: `%` any text, `_` one character. @param escapeChar makes the next one literal */
export function likePattern(pattern: string, escapeChar: string | null): RegExp {
  let out = "";
  const chars = [...pattern];
  for (let i = 0; i < chars.length; i++) {
    const ch = chars[i]!;
    if (escapeChar !== null && ch === escapeChar && i + 1 < chars.length) out += literal(chars[++i]!);
    else if (ch === "%") out += ".*";
    else if (ch === "_") out += ".";
    else out += literal(ch);
  }
  return new RegExp(`^${out}$`, "su");
}
function literal(ch: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(ch) ? `\\${ch}` : ch;
}

let last: { pattern: string; escapeChar: string | null; compiled: RegExp } | undefined;

export function like(text: string, pattern: string, escapeChar: string | null): boolean {
  if (!last || last.pattern !== pattern || last.escapeChar !== escapeChar)
    last = { pattern, escapeChar, compiled: likePattern(pattern, escapeChar) };
  return last.compiled.test(text);
}
