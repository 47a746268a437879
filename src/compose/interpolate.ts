import { MillraceError } from "../common/errors.js";

/** Values by name; a name that is not there is unset. */
export type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Compose's variables in a text: `$NAME`, `${NAME}`, `${NAME:-default}` (unset or empty), `${NAME-default}` (unset), `${NAME:?message}`,
 * `${NAME?message}`, `${NAME:+value}`, `${NAME+value}`; defaults may hold variables; `$$` is `$`.
 * @param unset is told each name that has neither value nor default
 * @throws CONFIG_INVALID naming the variable that is required, or what is no variable
 */
export function interpolate(text: string, variables: Variables, unset: (name: string) => void = () => {}): string {
  let out = "";
  let at = 0;
  for (;;) {
    const dollar = text.indexOf("$", at);
    if (dollar < 0) return out + text.slice(at);
    out += text.slice(at, dollar);
    const next = text[dollar + 1];
    if (next === "$") {
      out += "$";
      at = dollar + 2;
    } else if (next === "{") {
      const end = closing(text, dollar + 2);
      out += braced(text.slice(dollar + 2, end), variables, unset);
      at = end + 1;
    } else {
      const name = /^[A-Za-z_]\w*/.exec(text.slice(dollar + 1))?.[0];
      if (name === undefined) out += "$";
      else out += valueNamed(name, variables, unset);
      at = dollar + 1 + (name?.length ?? 0);
    }
  }
}

function closing(text: string, from: number): number {
  let depth = 1;
  for (let i = from; i < text.length; i++) {
    if (text[i] === "$" && text[i + 1] === "{") depth++;
    else if (text[i] === "}" && --depth === 0) return i;
  }
  throw new MillraceError("CONFIG_INVALID", `\${${text.slice(from)}: the closing } is missing`);
}

function braced(inner: string, variables: Variables, unset: (name: string) => void): string {
  const m = /^([A-Za-z_]\w*)(?:(:?[-?+])(.*))?$/s.exec(inner);
  if (!m) throw new MillraceError("CONFIG_INVALID", `\${${inner}} is no variable; write $$ for a plain $`);
  const [, name, operator, word = ""] = m as unknown as [string, string, string | undefined, string | undefined];
  if (operator === undefined) return valueNamed(name, variables, unset);
  const value = variables[name];
  const there = operator.startsWith(":") ? value !== undefined && value !== "" : value !== undefined;
  switch (operator.at(-1)) {
    case "-":
      return there ? value! : interpolate(word, variables, unset);
    case "+":
      return there ? interpolate(word, variables, unset) : "";
    default:
      if (there) return value!;
      throw new MillraceError(
        "CONFIG_INVALID",
        `the variable ${name} is required: ${interpolate(word, variables, unset) || "it is not set"}`,
      );
  }
}

function valueNamed(name: string, variables: Variables, unset: (name: string) => void): string {
  const value = variables[name];
  if (value === undefined) unset(name);
  return value ?? "";
}

/** The lines `NAME=value` of an env file: `#` comments, `export`, quotes; `$NAME` in values that are not in single quotes. */
export function parseEnvFile(text: string, variables: Variables = {}): Record<string, string> {
  const out: Record<string, string> = {};
  for (const line of text.split(/\r?\n/)) {
    const m = /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*[=:]\s*(.*)$/.exec(line);
    if (!m || line.trimStart().startsWith("#")) continue;
    const raw = m[2]!.trim();
    const quoted = /^(["'])(.*?)\1\s*(?:#.*)?$/s.exec(raw);
    if (quoted?.[1] === "'") out[m[1]!] = quoted[2]!;
    else {
      const value = quoted ? quoted[2]!.replace(/\\(["\\$])/g, "$1").replace(/\\n/g, "\n") : raw.replace(/(^|\s)#.*$/, "").trim();
      out[m[1]!] = interpolate(value, { ...out, ...variables });
    }
  }
  return out;
}
