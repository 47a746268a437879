/**
 * Splits what was typed or read into statements at `;`, outside of strings, quoted names and comments.
 * `rest` is what follows the last `;`, empty where it is blank or a comment only.
 */
export function splitStatements(text: string): { statements: string[]; rest: string } {
  const statements: string[] = [];
  let start = 0;
  let blank = true;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c === "'" || c === "`" || c === '"') {
      const end = closing(text, i, c);
      blank = false;
      if (end < 0) return { statements, rest: text.slice(start) };
      i = end;
    } else if (c === "-" && text[i + 1] === "-") {
      const end = text.indexOf("\n", i);
      if (end < 0) break;
      i = end;
    } else if (c === "/" && text[i + 1] === "*") {
      const end = text.indexOf("*/", i + 2);
      if (end < 0) return { statements, rest: text.slice(start) };
      i = end + 1;
    } else if (c === ";") {
      if (!blank) statements.push(text.slice(start, i + 1).trim());
      start = i + 1;
      blank = true;
    } else if (!/\s/.test(c)) blank = false;
  }
  return { statements, rest: blank ? "" : text.slice(start) };
}

/** The position of the closing quote; a doubled one stands for itself. */
function closing(text: string, from: number, quote: string): number {
  for (let i = from + 1; i < text.length; i++) {
    if (text[i] !== quote) continue;
    if (text[i + 1] !== quote) return i;
    i++;
  }
  return -1;
}

export function withoutComments(statement: string): string {
  return statement.replace(/^(\s|--[^\n]*(\n|$)|\/\*[\s\S]*?\*\/)+/, "");
}
