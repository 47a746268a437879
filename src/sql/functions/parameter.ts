import type { SqlType } from "../../data/sql-type.js";

/** A parameter's type, read from a declaration's text. */
export type Parameter =
  | { readonly base: Exclude<SqlType["base"], "ARRAY" | "MAP" | "STRUCT"> }
  | { readonly base: "ARRAY"; readonly element: Parameter }
  | { readonly base: "MAP"; readonly key: Parameter; readonly value: Parameter }
  | { readonly base: "STRUCT"; readonly fields: readonly { readonly name: string; readonly type: Parameter }[] | null }
  | { readonly base: "VARIABLE"; readonly name: string }
  | { readonly base: "LAMBDA"; readonly parameters: readonly Parameter[]; readonly result: Parameter }
  | { readonly base: "UNIT" }
  /** a value of whatever type, as it comes */
  | { readonly base: "ANY" };

export interface Signature {
  readonly parameters: readonly Parameter[];
  /** position of the parameter that may be there any number of times; -1 where none may */
  readonly variadic: number;
}

const cache = new Map<string, Signature>();

export function signatureOf(text: string): Signature {
  let signature = cache.get(text);
  if (!signature) {
    const parts = splitTop(text);
    const variadic = parts.findIndex((p) => p.endsWith("..."));
    cache.set(text, (signature = { parameters: parts.map((p) => parseParameter(p.replace(/\.\.\.$/, ""))), variadic }));
  }
  return signature;
}

/** at commas that stand in no bracket */
function splitTop(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const ch = text[i];
    if (ch === "<" || ch === "(") depth++;
    else if (ch === ")" || (ch === ">" && text[i - 1] !== "=")) depth--;
    else if (ch === "," && depth === 0) {
      parts.push(text.slice(from, i).trim());
      from = i + 1;
    }
  }
  if (text.slice(from).trim() !== "") parts.push(text.slice(from).trim());
  return parts;
}

export function parseParameter(text: string): Parameter {
  const lambda = /^\((.*)\) => (.+)$/.exec(text);
  if (lambda) return { base: "LAMBDA", parameters: splitTop(lambda[1]!).map(parseParameter), result: parseParameter(lambda[2]!) };
  const nested = /^(ARRAY|MAP|STRUCT)<(.*)>$/.exec(text);
  if (!nested) {
    if (/^[A-Z]\d?$/.test(text)) return { base: "VARIABLE", name: text };
    if (text === "STRUCT") return { base: "STRUCT", fields: null };
    if (text === "UNIT" || text === "ANY") return { base: text };
    return { base: text } as Parameter;
  }
  const parts = splitTop(nested[2]!);
  if (nested[1] === "ARRAY") return { base: "ARRAY", element: parseParameter(parts[0]!) };
  if (nested[1] === "MAP") return { base: "MAP", key: parseParameter(parts[0]!), value: parseParameter(parts[1]!) };
  const fields = parts.map((p) => {
    const at = p.indexOf(" ");
    return { name: p.slice(0, at), type: parseParameter(p.slice(at + 1)) };
  });
  return { base: "STRUCT", fields };
}

export type Bindings = Map<string, SqlType>;

/** The type that a parameter stands for once its variables are bound; undefined where one is not. */
export function concrete(p: Parameter, bound: Bindings): SqlType | undefined {
  switch (p.base) {
    case "VARIABLE":
      return bound.get(p.name);
    case "ARRAY": {
      const element = concrete(p.element, bound);
      return element && { base: "ARRAY", element };
    }
    case "MAP": {
      const key = concrete(p.key, bound);
      const value = concrete(p.value, bound);
      return key && value && { base: "MAP", key, value };
    }
    case "STRUCT": {
      if (!p.fields) return undefined;
      const fields = p.fields.map((f) => ({ name: f.name, type: concrete(f.type, bound) }));
      return fields.every((f) => f.type) ? { base: "STRUCT", fields: fields as { name: string; type: SqlType }[] } : undefined;
    }
    case "LAMBDA":
    case "UNIT":
    case "ANY":
    case "DECIMAL":
      return undefined;
    default:
      return p as SqlType;
  }
}
