import type { ExecutionStep } from "../../sql/plan/step.js";

const tables: ReadonlySet<string> = new Set(["table-source", "aggregate", "suppress", "table-table-join", "foreign-key-join"]);

/** Whether a later row of a key stands for the earlier one. */
export function givesTable(step: ExecutionStep): boolean {
  return step.step === "filter" || step.step === "select" ? givesTable(step.source) : tables.has(step.step);
}
