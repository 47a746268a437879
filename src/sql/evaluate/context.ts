/** What evaluation needs from outside: time and chance are parameters, so that a test (or a replay) fixes them. */
export interface EvalContext {
  /** ms since the epoch */
  now(): number;
  /** in [0, 1) */
  random(): number;
  /**
   * An expression failed on this row: its result is null (a predicate's is false). `column` is the position in the list
   * given to `compileRow`, -1 for a predicate.
   */
  onError(column: number, error: Error): void;
}

/** A row's values by position, as data/sql-type.ts says. */
export type Row = unknown[];
