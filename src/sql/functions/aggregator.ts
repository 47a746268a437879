import type { SqlType } from "../../data/sql-type.js";

/**
 * An aggregate bound to its argument types and constants. `S` is a plain SQL value of `stateType` (as data/sql-type.ts says),
 * so that a store can serialize it. `add`, `undo` and `merge` return the new state and never change the one given.
 */
export interface Aggregator<S = unknown> {
  readonly stateType: SqlType;
  readonly resultType: SqlType;
  initial(): S;
  /** `args` are the evaluated arguments of one row; the array is the caller's and may be reused */
  add(state: S, args: readonly unknown[]): S;
  /** takes a row's contribution back; absent where the aggregate cannot (never planned over a table then) */
  readonly undo?: (state: S, args: readonly unknown[]) => S;
  /** of two session windows that became one; `b` is the later */
  merge(a: S, b: S): S;
  result(state: S): unknown;
}
