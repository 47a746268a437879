import { type SqlType, sameSqlType } from "../../data/sql-type.js";
import { asDecimal, commonType, sqlTypes, wideningSteps } from "../analyzer/types.js";
import { type Bindings, type Parameter, signatureOf } from "./parameter.js";

/** What is known of an argument before the overload is chosen; null is an untyped NULL. */
export type Argument = SqlType | null | { readonly lambda: number } | { readonly unit: true };

export interface Match<O> {
  readonly overload: O;
  readonly id: string;
  readonly bound: Bindings;
  readonly parameters: readonly Parameter[];
}

const no = Number.POSITIVE_INFINITY;
/** the least that a conversion costs */
const implicit = 1000;

/**
 * The cheapest overload that takes the arguments: exact types, then type variables, then variadic ones, then those that need
 * INTEGER → BIGINT → DECIMAL → DOUBLE, or text read as a time. Of equals the one declared first, but of variadic ones that all need
 * conversions none.
 */
export function bestMatch<O extends { readonly args: string }>(
  name: string,
  overloads: readonly O[],
  args: readonly Argument[],
): Match<O> | "ambiguous" | undefined {
  let best: Match<O> | undefined;
  let least = Number.POSITIVE_INFINITY;
  let variadic = 0;
  for (const overload of overloads) {
    const signature = signatureOf(overload.args);
    const parameters = expand(signature.parameters, signature.variadic, args.length);
    if (!parameters) continue;
    const bound: Bindings = new Map();
    let cost = signature.variadic >= 0 ? 100 : 0;
    for (let i = 0; i < args.length; i++) cost += fit(parameters[i]!, args[i]!, bound);
    if (cost < no && signature.variadic >= 0) variadic++;
    if (cost < least) {
      least = cost;
      best = { overload, id: `${name}(${overload.args})`, bound, parameters };
    }
  }
  // several lists of arguments of which none is exactly of the type: none is the better one
  const exact = least < implicit && args.some((a) => a !== null);
  return best && variadic > 1 && !exact && signatureOf(best.overload.args).variadic >= 0 ? "ambiguous" : best;
}

/** One parameter an argument, the variadic one as often as it takes (none at all is fine too). */
function expand(parameters: readonly Parameter[], variadic: number, count: number): readonly Parameter[] | undefined {
  if (variadic < 0) return parameters.length === count ? parameters : undefined;
  const times = count - parameters.length + 1;
  if (times < 0) return undefined;
  return [
    ...parameters.slice(0, variadic),
    ...Array.from({ length: times }, () => parameters[variadic]!),
    ...parameters.slice(variadic + 1),
  ];
}

function fit(p: Parameter, arg: Argument, bound: Bindings): number {
  if (arg === null) return p.base === "LAMBDA" || p.base === "UNIT" ? no : 0;
  if ("lambda" in arg) return p.base === "LAMBDA" && p.parameters.length === arg.lambda ? 0 : no;
  if ("unit" in arg) return p.base === "UNIT" ? 0 : no;
  switch (p.base) {
    case "VARIABLE": {
      const now = bound.get(p.name);
      const common = now === undefined ? arg : commonType(now, arg);
      if (!common) return no;
      bound.set(p.name, common);
      return now === undefined || sameSqlType(now, arg) ? 1 : implicit;
    }
    case "ARRAY":
      return arg.base === "ARRAY" ? fit(p.element, arg.element, bound) : no;
    case "MAP":
      return arg.base === "MAP" ? fit(p.key, arg.key, bound) + fit(p.value, arg.value, bound) : no;
    case "STRUCT":
      if (arg.base !== "STRUCT") return no;
      if (!p.fields) return 0;
      if (p.fields.length !== arg.fields.length) return no;
      return p.fields.reduce((sum, f, i) => sum + (f.name === arg.fields[i]!.name ? fit(f.type, arg.fields[i]!.type, bound) : no), 0);
    case "LAMBDA":
    case "UNIT":
      return no;
    case "ANY":
      return 2;
    default: {
      if (p.base === arg.base) return 0;
      if (arg.base === "STRING" && (p.base === "TIME" || p.base === "DATE" || p.base === "TIMESTAMP")) return 5 * implicit;
      const steps = wideningSteps(arg, p.base);
      return steps === undefined ? no : implicit * steps;
    }
  }
}

/** The type that an argument must be cast to for its parameter; null where any value of its own type will do. */
export function requiredType(p: Parameter, arg: SqlType | null, bound: Bindings): SqlType | null {
  switch (p.base) {
    case "VARIABLE":
      return bound.get(p.name) ?? arg;
    case "DECIMAL":
      return arg === null ? null : asDecimal(arg);
    case "ARRAY": {
      if (arg?.base !== "ARRAY") return null;
      const element = requiredType(p.element, arg.element, bound);
      return element && { base: "ARRAY", element };
    }
    case "MAP": {
      if (arg?.base !== "MAP") return null;
      const key = requiredType(p.key, arg.key, bound);
      const value = requiredType(p.value, arg.value, bound);
      return key && value && { base: "MAP", key, value };
    }
    case "STRUCT":
    case "LAMBDA":
    case "ANY":
      return arg;
    case "UNIT":
      return sqlTypes.string;
    default:
      return p as SqlType;
  }
}
