import type { SinkRows } from "../../connect/api/sink.js";
import type { Value } from "../../data/schema.js";
import type { PlanColumn, Statement, TablePlan } from "./dialect.js";
import { toText } from "./text.js";

/** Rows `index[from..to)` of `rows`. */
export interface Piece {
  readonly rows: SinkRows;
  readonly index: Int32Array;
  readonly from: number;
  readonly to: number;
}

/** A row that cannot be encoded: what is wrong with it, and which one it is. */
export class RowRefused extends Error {
  constructor(
    readonly rows: SinkRows,
    readonly row: number,
    override readonly cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause));
  }
}

/** Rows of several pieces by one ordinal. */
export class Changes {
  readonly rows: SinkRows[] = [];
  readonly row: number[] = [];

  constructor(pieces: readonly Piece[]) {
    for (const p of pieces)
      for (let i = p.from; i < p.to; i++) {
        this.rows.push(p.rows);
        this.row.push(p.index[i]!);
      }
  }
  all(): number[] {
    return this.row.map((_, i) => i);
  }
  isTombstone(i: number): boolean {
    return this.rows[i]!.tombstone[this.row[i]!] === 1;
  }
  value(column: PlanColumn, i: number): unknown {
    return columnValue(column, this.rows[i]!, this.row[i]!);
  }
  refused(i: number, cause: unknown): RowRefused {
    return new RowRefused(this.rows[i]!, this.row[i]!, cause);
  }
}

/**
 * The statements of one transaction. With `last`, of several changes of a key only the last is written (an upsert may not
 * touch a row twice), which leaves at most one write and one delete; without, changes stay in order.
 * @throws RowRefused
 */
export function buildStatements(plan: TablePlan, pieces: readonly Piece[], last: boolean): Statement[] {
  const changes = new Changes(pieces);
  const statements: Statement[] = [];
  const close = (tombstones: boolean, ordinals: number[]) => {
    if (ordinals.length) statements.push(...(tombstones ? plan.delete(changes, ordinals) : plan.write(changes, ordinals)));
  };
  if (last) {
    const writes: number[] = [];
    const deletes: number[] = [];
    for (const i of lastOfEachKey(plan, changes)) (changes.isTombstone(i) ? deletes : writes).push(i);
    close(false, writes);
    close(true, deletes);
    return statements;
  }
  let run: number[] = [];
  for (const i of changes.all()) {
    if (run.length && changes.isTombstone(run[0]!) !== changes.isTombstone(i)) {
      close(changes.isTombstone(run[0]!), run);
      run = [];
    }
    run.push(i);
  }
  if (run.length) close(changes.isTombstone(run[0]!), run);
  return statements;
}

export function columnValue(column: PlanColumn, rows: SinkRows, row: number): unknown {
  const s = column.source;
  switch (s.from) {
    case "value":
      return rows.values[s.index]![row];
    case "key":
      return rows.keys[s.index]![row];
    case "topic":
      return rows.topic;
    case "partition":
      return rows.partition;
    case "offset":
      return rows.offsets[row];
    case "header":
      return rows.record(row).headers.find((h) => h.key === s.name)?.value ?? null;
  }
}

/** A row's key as something that a Map compares by value. */
export function keyIdentity(plan: TablePlan, rows: SinkRows, row: number): unknown {
  if (plan.keyColumns.length === 1) return scalar(plan.keyColumns[0]!, columnValue(plan.keyColumns[0]!, rows, row));
  let text = "";
  for (const c of plan.keyColumns) {
    const part = String(scalar(c, columnValue(c, rows, row)));
    text += `${part.length}:${part}`;
  }
  return text;
}

function scalar(column: PlanColumn, value: unknown): unknown {
  return typeof value === "object" && value !== null ? toText(column.kind, value as Exclude<Value, null>) : value;
}

function lastOfEachKey(plan: TablePlan, changes: Changes): Iterable<number> {
  if (plan.keyColumns.length === 0 || ascending(plan, changes)) return changes.all();
  const last = new Map<unknown, number>();
  for (let i = 0; i < changes.row.length; i++) last.set(keyIdentity(plan, changes.rows[i]!, changes.row[i]!), i);
  return last.size === changes.row.length ? changes.all() : last.values();
}

/** New rows mostly come in the order of their number, and then no key comes twice. */
function ascending(plan: TablePlan, changes: Changes): boolean {
  if (plan.keyColumns.length > 1) return false;
  let before = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < changes.row.length; i++) {
    const key = changes.value(plan.keyColumns[0]!, i);
    if (typeof key !== "number" || key <= before) return false;
    before = key;
  }
  return true;
}
