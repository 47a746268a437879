import { MillraceError } from "../common/errors.js";
import type { FunctionRegistry } from "../sql/functions/registry.js";
import { type Entity, entity } from "./entities.js";

const typeOf = { scalar: "SCALAR", table: "TABLE", aggregate: "AGGREGATE" } as const;

export function listFunctions(text: string, functions: FunctionRegistry): Entity {
  const all = [
    ...functions.functions.map((f) => ({
      name: f.name,
      type: f.category === "TABLE" ? "TABLE" : "SCALAR",
      category: f.category as string,
    })),
    ...functions.aggregateFunctions.map((f) => ({ name: f.name, type: "AGGREGATE", category: "AGGREGATE" })),
  ];
  return entity("function_names", text, { functions: all.sort((a, b) => (a.name < b.name ? -1 : 1)) });
}

/** @throws SQL_STATEMENT where there is no such function */
export function describeFunction(text: string, name: string, functions: FunctionRegistry): Entity {
  const upper = name.toUpperCase();
  const kind = functions.kind(upper);
  if (kind === undefined)
    throw new MillraceError("SQL_STATEMENT", `Can't find any functions with the name '${name}'`, { context: { function: name } });
  const declaration =
    kind === "aggregate" ? functions.aggregateFunctions.find((f) => f.name === upper)! : functions.functions.find((f) => f.name === upper)!;
  const overloads = declaration.overloads.map((o) => {
    const constants = "constants" in o && o.constants ? `, ${o.constants}` : "";
    const returns = "returns" in o && typeof o.returns === "string" ? o.returns : "";
    return { arguments: splitTypes(`${o.args}${constants}`).map(argument), returnType: ksqlName(returns), description: "" };
  });
  return entity("describe_function", text, {
    name: upper,
    description: declaration.description,
    author: "",
    version: "",
    path: "internal",
    functions: overloads,
    type: typeOf[kind],
  });
}

function argument(text: string): Record<string, unknown> {
  const variadic = text.endsWith("...");
  return { name: "", type: ksqlName(variadic ? text.slice(0, -3) : text), description: "", isVariadic: variadic };
}

/** At the commas that stand outside of brackets. */
function splitTypes(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let i = 0; i <= text.length; i++) {
    const c = text[i];
    if (c === "<" || c === "(") depth++;
    else if (c === ")" || (c === ">" && text[i - 1] !== "=")) depth--;
    else if ((c === "," && depth === 0) || i === text.length) {
      if (text.slice(from, i).trim() !== "") parts.push(text.slice(from, i).trim());
      from = i + 1;
    }
  }
  return parts;
}

function ksqlName(type: string): string {
  return type.replace(/\bSTRING\b/g, "VARCHAR").replace(/\bINTEGER\b/g, "INT");
}
