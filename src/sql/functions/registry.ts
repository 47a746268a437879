import { MillraceError } from "../../common/errors.js";
import { formatSqlType, type SqlType } from "../../data/sql-type.js";
import type { AggregateCall } from "../plan/step.js";
import type { Aggregator } from "./aggregator.js";
import type { AggregateDeclaration, AggregateOverload, FunctionDeclaration, ScalarOverload } from "./declaration.js";
import { type Argument, bestMatch, type Match } from "./match.js";
import { signatureOf } from "./parameter.js";

export type FunctionKind = "scalar" | "table" | "aggregate";

/** Every function that statements may use, by name and by overload id. Immutable; `with` gives a larger one. */
export class FunctionRegistry {
  private readonly scalars = new Map<string, FunctionDeclaration>();
  private readonly aggregates = new Map<string, AggregateDeclaration>();
  private readonly scalarsById = new Map<string, ScalarOverload>();
  private readonly aggregatesById = new Map<string, AggregateOverload>();

  constructor(
    readonly functions: readonly FunctionDeclaration[],
    readonly aggregateFunctions: readonly AggregateDeclaration[],
    /** `ksql.functions.*`, which functions may read */
    private readonly settings: Readonly<Record<string, string>> = {},
  ) {
    for (const f of functions) {
      this.scalars.set(f.name, f);
      for (const o of f.overloads) this.scalarsById.set(`${f.name}(${o.args})`, o);
    }
    for (const f of aggregateFunctions) {
      this.aggregates.set(f.name, f);
      for (const o of f.overloads) this.aggregatesById.set(`${f.name}(${aggregateArgs(o)})`, o);
    }
  }

  with(functions: readonly FunctionDeclaration[], aggregates: readonly AggregateDeclaration[]): FunctionRegistry {
    return new FunctionRegistry([...this.functions, ...functions], [...this.aggregateFunctions, ...aggregates]);
  }

  /** The same functions under a query's settings. */
  configured(settings: Readonly<Record<string, string>>): FunctionRegistry {
    const own = Object.entries(settings).filter(([name]) => name.startsWith("ksql.functions."));
    return own.length === 0 ? this : new FunctionRegistry(this.functions, this.aggregateFunctions, Object.fromEntries(own));
  }

  kind(name: string): FunctionKind | undefined {
    if (this.aggregates.has(name)) return "aggregate";
    const f = this.scalars.get(name);
    return f && (f.category === "TABLE" ? "table" : "scalar");
  }

  /** @throws SQL_STATEMENT where no function of the name takes the arguments */
  match(name: string, args: readonly Argument[]): Match<ScalarOverload> {
    const f = this.scalars.get(name);
    if (!f) throw new MillraceError("SQL_STATEMENT", `Can't find any functions with the name '${name}'`, { context: { function: name } });
    const match = bestMatch(name, f.overloads, args);
    if (match === undefined || match === "ambiguous") throw noOverload(f.shownName ?? name.toLowerCase(), f.overloads, args, match);
    return match;
  }

  /** `args` are the columns' types and then the constants'. @throws SQL_STATEMENT */
  matchAggregate(name: string, args: readonly Argument[]): Match<AggregateOverload> & { readonly columns: number } {
    const overloads = this.aggregates.get(name)!.overloads.map((o) => ({ ...o, args: aggregateArgs(o), own: o }));
    const match = bestMatch(name, overloads, args);
    if (match === undefined || match === "ambiguous") throw noOverload(name, overloads, args, match);
    const { own } = match.overload;
    const constants = signatureOf(own.constants ?? "");
    const columns = constants.variadic < 0 ? args.length - constants.parameters.length : signatureOf(own.args).parameters.length;
    return { ...match, overload: own, columns };
  }

  /** @throws NOT_FOUND where a plan names an overload that is not there (any more) */
  scalar(id: string): ScalarOverload {
    const overload = this.scalarsById.get(id);
    if (!overload) throw new MillraceError("NOT_FOUND", `function ${id} is not known`, { context: { function: id } });
    const call = overload.configured?.(this.settings);
    return call ? { ...overload, call } : overload;
  }

  /** The aggregate that a plan names. @throws NOT_FOUND */
  aggregator(call: AggregateCall): Aggregator {
    const overload = this.aggregatesById.get(call.overload);
    if (!overload)
      throw new MillraceError("NOT_FOUND", `aggregate ${call.overload} is not known`, { context: { function: call.overload } });
    return overload.make(
      call.args.map((a) => a.type),
      call.constants,
      this.settings,
    );
  }
}

function aggregateArgs(o: AggregateOverload): string {
  return [o.args, o.constants ?? ""].filter((s) => s !== "").join(", ");
}

function noOverload(
  name: string,
  overloads: readonly { readonly args: string }[],
  args: readonly Argument[],
  why: "ambiguous" | undefined,
): MillraceError {
  const shown = args.map((a) =>
    a === null ? "null" : "lambda" in a ? "LAMBDA" : "unit" in a ? "INTERVALUNIT" : formatSqlType(a as SqlType, (n) => n),
  );
  const wrong = why === "ambiguous" ? "cannot be resolved due to ambiguous method parameters" : "does not accept parameters";
  const alternatives = overloads.map((o) => `${name.toUpperCase()}(${o.args})`).join("\n");
  const text = `Function '${name}' ${wrong} (${shown.join(", ")}).\nValid alternatives are:\n${alternatives}\nFor detailed information on a function run: DESCRIBE FUNCTION <Function-Name>;`;
  return new MillraceError("SQL_STATEMENT", text, { context: { function: name } });
}
