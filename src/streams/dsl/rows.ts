import type { Row } from "../../serde/row-serde.js";
import type { Processor } from "../processor/processor.js";

/** A row of the DSL: `[key, value, time, partition, offset, window start, window end]`, the value never null. */
export const VALUE = 1;

export function rowOf(key: unknown, value: unknown, timestamp: number): Row {
  return [key, value, timestamp, null, null, null, null];
}

/** Hands a record on; one without a value as the key alone. */
export type Forward = (key: unknown, value: unknown, timestamp: number) => void;

export function forwardTo(next: Processor): Forward {
  return (key, value, timestamp) => {
    const row = rowOf(key ?? null, value ?? null, timestamp);
    next.process(row, value === null || value === undefined ? null : row, null, timestamp);
  };
}
