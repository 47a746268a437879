import type { SqlType } from "../../data/sql-type.js";
import type { EvalContext } from "../evaluate/context.js";
import type { Aggregator } from "./aggregator.js";

/**
 * How a function is declared, once: the analyser resolves calls from it, the compiler calls it, the reference page is written
 * from it and its examples run as tests.
 *
 * `args` is a list of parameter types as text: SQL types, `DECIMAL` (any), type variables (`T`, `K`, `V`, `U`), lambdas
 * (`(T, U) => V`), `UNIT` (of an interval); the last may end in `...`. The overload's stable id is `NAME(args)`.
 */
export interface FunctionDeclaration {
  readonly name: string;
  /** in messages; the name in small letters if absent */
  readonly shownName?: string;
  readonly category: Category;
  readonly description: string;
  /** expression → the value as SQL would print it (`TO_JSON_STRING`'s text) */
  readonly examples: readonly (readonly [sql: string, gives: string])[];
  readonly overloads: readonly ScalarOverload[];
}
export type Category =
  | "MATHEMATICAL"
  | "STRING"
  | "REGEXP"
  | "JSON"
  | "DATE / TIME"
  | "URL"
  | "NULLS"
  | "ARRAY"
  | "MAP"
  | "LAMBDA"
  | "BYTES"
  | "CONDITIONAL"
  | "OTHER"
  | "AGGREGATE"
  | "TABLE";

/** The values come as data/sql-type.ts says. Throwing makes the column null and is reported. */
// biome-ignore lint/suspicious/noExplicitAny: each overload knows its own argument types
export type ScalarCall = (...args: any[]) => unknown;

export interface ScalarOverload {
  readonly args: string;
  readonly returns: string | ((args: readonly SqlType[], literals: readonly (string | number | boolean | null | undefined)[]) => SqlType);
  /** false: the call sees nulls; otherwise a null argument gives null and the call is not made */
  readonly strict?: boolean;
  /** takes the arguments; made once a call site by `bind` where it depends on types or context */
  readonly call?: ScalarCall;
  readonly bind?: (args: readonly SqlType[], returns: SqlType) => ScalarCall;
  /** the context comes as the last argument */
  readonly context?: boolean;
  /** the call under a query's `ksql.functions.*` where it is another; undefined: as it is */
  readonly configured?: (settings: Readonly<Record<string, string>>) => ScalarCall | undefined;
}

export interface AggregateDeclaration {
  readonly name: string;
  readonly description: string;
  readonly overloads: readonly AggregateOverload[];
}
export interface AggregateOverload {
  /** of the columns */
  readonly args: string;
  /** of the constant arguments after them; empty if there are none */
  readonly constants?: string;
  /** undefined: the arguments' types do not fit after all */
  readonly make: (
    args: readonly SqlType[],
    constants: readonly (string | number | boolean | null)[],
    settings: Readonly<Record<string, string>>,
  ) => Aggregator;
  /** has `undo`, so it may stand over a table */
  readonly overTables: boolean;
}

export interface TableFunctionDeclaration extends FunctionDeclaration {
  readonly category: "TABLE";
}

export type { EvalContext };
