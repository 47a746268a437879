import { MillraceError } from "../../common/errors.js";
import { Decimal } from "../../data/schema.js";
import type { SqlType } from "../../data/sql-type.js";
import { resolveType } from "../analyzer/types.js";
import { tokenize } from "../parser/lexer.js";
import { TokenStream } from "../parser/token-stream.js";
import { parseType } from "../parser/types.js";
import type { AggregateDeclaration, FunctionDeclaration } from "./declaration.js";
import type { FunctionRegistry } from "./registry.js";

/** A SQL type's values as functions of one's own see them: DECIMAL is its text, a STRUCT an object by its fields' names. */
export type ValueOf<T extends string> = T extends "BOOLEAN"
  ? boolean
  : T extends "INT" | "INTEGER" | "DOUBLE" | "TIME" | "DATE" | "TIMESTAMP"
    ? number
    : T extends "BIGINT"
      ? number | bigint
      : T extends "STRING" | "VARCHAR" | `DECIMAL(${string})`
        ? string
        : T extends "BYTES"
          ? Uint8Array
          : T extends `ARRAY<${infer E}>`
            ? (ValueOf<E> | null)[]
            : T extends `MAP<${infer K}, ${infer V}>`
              ? Map<ValueOf<K>, ValueOf<V> | null>
              : T extends `STRUCT<${string}>`
                ? Record<string, unknown>
                : unknown;

type Values<A extends readonly string[], N> = { [I in keyof A]: N extends true ? ValueOf<A[I]> | null : ValueOf<A[I]> };

interface Described {
  readonly description?: string;
}
/** A function of its arguments. Without `nulls` it is not called for a NULL argument, and gives NULL. */
export interface ScalarOptions<A extends readonly string[], R extends string, N extends boolean> extends Described {
  /** SQL types: INT, BIGINT, DECIMAL(9, 2), ARRAY<STRING>, STRUCT<A INT, B STRING>, … */
  readonly args: A;
  readonly returns: R;
  readonly nulls?: N;
  call(...args: Values<A, N>): ValueOf<R> | null;
}
/** A function that gives a row for each element of what it returns. */
export interface TableOptions<A extends readonly string[], R extends string, N extends boolean> extends Described {
  readonly args: A;
  /** the type of one row's value */
  readonly returns: R;
  readonly nulls?: N;
  call(...args: Values<A, N>): readonly (ValueOf<R> | null)[];
}
/** An aggregate. Its state is a value of a SQL type, so that it can be kept; the functions return a new one and leave the given one alone. */
export interface AggregateOptions<A extends readonly string[], S extends string, R extends string> extends Described {
  readonly args: A;
  readonly state: S;
  readonly returns: R;
  initial(): ValueOf<S>;
  add(state: ValueOf<S>, ...args: Values<A, true>): ValueOf<S>;
  /** takes a row's part back; without it the aggregate stands over streams only */
  undo?(state: ValueOf<S>, ...args: Values<A, true>): ValueOf<S>;
  /** of two session windows that became one; `later` began later */
  merge(earlier: ValueOf<S>, later: ValueOf<S>): ValueOf<S>;
  result(state: ValueOf<S>): ValueOf<R> | null;
}

/** A function to be given to the registry; several of one name are its overloads. */
export type UserFunction =
  | { readonly kind: "function"; readonly declaration: FunctionDeclaration }
  | { readonly kind: "aggregate"; readonly declaration: AggregateDeclaration };

/** @throws MillraceError DATA_INVALID naming the function and what is wrong */
export function scalarFunction<const A extends readonly string[], const R extends string, N extends boolean = false>(
  name: string,
  { args, returns, nulls, call, description = "" }: ScalarOptions<A, R, N>,
): UserFunction {
  return declared(name, args, returns, "OTHER", description, nulls, call as (...values: unknown[]) => unknown, (type) => type);
}

/** @throws MillraceError DATA_INVALID */
export function tableFunction<const A extends readonly string[], const R extends string, N extends boolean = false>(
  name: string,
  { args, returns, nulls, call, description = "" }: TableOptions<A, R, N>,
): UserFunction {
  return declared(name, args, returns, "TABLE", description, nulls, call as (...values: unknown[]) => unknown, (element) => ({
    base: "ARRAY",
    element,
  }));
}

/** @throws MillraceError DATA_INVALID */
export function aggregateFunction<const A extends readonly string[], const S extends string, const R extends string>(
  name: string,
  options: AggregateOptions<A, S, R>,
): UserFunction {
  const { args, state, returns, description = "" } = options;
  const argTypes = args.map((a) => typeOf(name, a));
  const stateType = typeOf(name, state);
  const resultType = typeOf(name, returns);
  const ins = argTypes.map(toUser);
  const [stateIn, stateOut, resultOut] = [toUser(stateType), fromUser(stateType), fromUser(resultType)];
  const step = (f: (state: never, ...values: never[]) => unknown) => (s: unknown, row: readonly unknown[]) =>
    stateOut(f(stateIn(s) as never, ...(ins.map((convert, i) => convert(row[i])) as never[])));
  const { undo } = options;
  const aggregator = {
    stateType,
    resultType,
    initial: () => stateOut(options.initial()),
    add: step(options.add.bind(options) as (state: never, ...values: never[]) => unknown),
    ...(undo ? { undo: step(undo.bind(options) as (state: never, ...values: never[]) => unknown) } : {}),
    merge: (a: unknown, b: unknown) => stateOut(options.merge(stateIn(a) as never, stateIn(b) as never)),
    result: (s: unknown) => resultOut(options.result(stateIn(s) as never)),
  };
  const overload = { args: args.map(plainType).join(", "), make: () => aggregator, overTables: undo !== undefined };
  return { kind: "aggregate", declaration: { name: upper(name), description, overloads: [overload] } };
}

/**
 * The registry with these functions too; those of one name are overloads of one function.
 * @throws MillraceError CONFIG_INVALID where a name is taken by a function that comes with the product
 */
export function withUserFunctions(registry: FunctionRegistry, given: readonly UserFunction[]): FunctionRegistry {
  const functions = new Map<string, FunctionDeclaration>();
  const aggregates = new Map<string, AggregateDeclaration>();
  for (const { kind, declaration } of given) {
    const { name } = declaration;
    if (registry.kind(name) !== undefined || (kind === "aggregate" ? functions : aggregates).has(name))
      throw new MillraceError("CONFIG_INVALID", `function ${name}: there is another one of that name`);
    if (kind === "aggregate") aggregates.set(name, overloaded(aggregates.get(name), declaration));
    else functions.set(name, overloaded(functions.get(name), declaration));
  }
  return registry.with([...functions.values()], [...aggregates.values()]);
}

function overloaded<D extends { readonly name: string; readonly overloads: readonly { readonly args: string }[] }>(
  known: D | undefined,
  next: D,
): D {
  if (!known) return next;
  const twice = next.overloads.find((o) => known.overloads.some((k) => k.args === o.args));
  if (twice) throw new MillraceError("CONFIG_INVALID", `function ${next.name}(${twice.args}) is there twice`);
  return { ...known, overloads: [...known.overloads, ...next.overloads] };
}

function declared(
  name: string,
  args: readonly string[],
  returns: string,
  category: "OTHER" | "TABLE",
  description: string,
  nulls: boolean | undefined,
  call: (...values: unknown[]) => unknown,
  result: (type: SqlType) => SqlType,
): UserFunction {
  const ins = args.map((a) => toUser(typeOf(name, a)));
  const type = result(typeOf(name, returns));
  const out = fromUser(type);
  const overload = {
    args: args.map(plainType).join(", "),
    returns: () => type,
    strict: nulls !== true,
    call: (...values: unknown[]) => out(call(...ins.map((convert, i) => convert(values[i])))),
  };
  return { kind: "function", declaration: { name: upper(name), category, description, examples: [], overloads: [overload] } };
}

function upper(name: string): string {
  if (!/^[A-Za-z_]\w*$/.test(name))
    throw new MillraceError("DATA_INVALID", `${name} is no name of a function: letters, digits and underscores`);
  return name.toUpperCase();
}

function typeOf(name: string, text: string): SqlType {
  try {
    const tokens = new TokenStream(text, tokenize(text));
    const type = resolveType(parseType(tokens), () => undefined);
    if (!tokens.atEnd()) throw tokens.error();
    return type;
  } catch (error) {
    throw new MillraceError("DATA_INVALID", `function ${name}: ${text} is no SQL type: ${(error as Error).message.split("\n")[0]}`, {
      cause: error,
    });
  }
}

/** As declarations write it: a DECIMAL takes any precision and scale. */
function plainType(text: string): string {
  return text
    .toUpperCase()
    .replace(/\bINT\b/g, "INTEGER")
    .replace(/\bVARCHAR\b/g, "STRING")
    .replace(/DECIMAL\s*\([^)]*\)/g, "DECIMAL");
}

type Convert = (value: unknown) => unknown;
const same: Convert = (v) => v;
const nullable =
  (convert: Convert): Convert =>
  (v) =>
    v === null || v === undefined ? null : convert(v);

function toUser(type: SqlType): Convert {
  switch (type.base) {
    case "DECIMAL":
      return nullable((v) => (v as Decimal).toString());
    case "ARRAY": {
      const element = toUser(type.element);
      return element === same ? same : nullable((v) => (v as unknown[]).map(element));
    }
    case "MAP": {
      const [key, value] = [toUser(type.key), toUser(type.value)];
      return key === same && value === same
        ? same
        : nullable((v) => new Map([...(v as Map<unknown, unknown>)].map(([k, x]) => [key(k), value(x)])));
    }
    case "STRUCT": {
      const fields = type.fields.map((f) => toUser(f.type));
      return nullable((v) => Object.fromEntries(type.fields.map((f, i) => [f.name, fields[i]!((v as unknown[])[i])])));
    }
    default:
      return same;
  }
}

/** @throws TypeError where the value is none of the type: the row's column is then NULL, and it is reported */
function fromUser(type: SqlType): Convert {
  const wrong = (v: unknown) => new TypeError(`${JSON.stringify(v, (_, x) => (typeof x === "bigint" ? String(x) : x))} is no ${type.base}`);
  const checked = (fits: (v: unknown) => boolean): Convert =>
    nullable((v) => {
      if (!fits(v)) throw wrong(v);
      return v;
    });
  switch (type.base) {
    case "BOOLEAN":
      return checked((v) => typeof v === "boolean");
    case "STRING":
      return checked((v) => typeof v === "string");
    case "BYTES":
      return checked((v) => v instanceof Uint8Array);
    case "DOUBLE":
      return checked((v) => typeof v === "number");
    case "BIGINT":
      return nullable((v) => {
        if (typeof v === "bigint") return BigInt.asIntN(64, v) === v ? (Number.isSafeInteger(Number(v)) ? Number(v) : v) : fail(wrong(v));
        return Number.isSafeInteger(v) ? v : fail(wrong(v));
      });
    case "INTEGER":
      return checked((v) => Number.isInteger(v) && (v as number) >= -(2 ** 31) && (v as number) < 2 ** 31);
    case "TIME":
    case "DATE":
    case "TIMESTAMP":
      return checked((v) => Number.isInteger(v));
    case "DECIMAL":
      return nullable((v) => {
        const parsed = Decimal.parse(String(v))?.rescale(type.scale);
        if (!parsed || (parsed.unscaled < 0n ? -parsed.unscaled : parsed.unscaled) >= 10n ** BigInt(type.precision)) throw wrong(v);
        return parsed;
      });
    case "ARRAY": {
      const element = fromUser(type.element);
      return nullable((v) => (Array.isArray(v) ? v.map(element) : fail(wrong(v))));
    }
    case "MAP": {
      const [key, value] = [fromUser(type.key), fromUser(type.value)];
      return nullable((v) => (v instanceof Map ? new Map([...v].map(([k, x]) => [key(k), value(x)])) : fail(wrong(v))));
    }
    case "STRUCT": {
      const fields = type.fields.map((f) => fromUser(f.type));
      return nullable((v) => {
        if (typeof v !== "object" || Array.isArray(v)) throw wrong(v);
        return type.fields.map((f, i) => fields[i]!((v as Record<string, unknown>)[f.name] ?? null));
      });
    }
  }
}

function fail(error: Error): never {
  throw error;
}
