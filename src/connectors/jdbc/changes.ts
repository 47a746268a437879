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
  readonly count: number;
  private readonly parts: readonly SinkRows[];
  private readonly part: Int32Array;
  private readonly row: Int32Array;

  constructor(pieces: readonly Piece[]) {
    this.count = pieces.reduce((n, p) => n + p.to - p.from, 0);
    this.parts = pieces.map((p) => p.rows);
    this.part = new Int32Array(this.count);
    this.row = new Int32Array(this.count);
    let at = 0;
    for (const [part, p] of pieces.entries()) {
      this.row.set(p.index.subarray(p.from, p.to), at);
      this.part.fill(part, at, (at += p.to - p.from));
    }
  }
  all(): Int32Array {
    const ordinals = new Int32Array(this.count);
    for (let i = 0; i < ordinals.length; i++) ordinals[i] = i;
    return ordinals;
  }
  isTombstone(i: number): boolean {
    return this.parts[this.part[i]!]!.tombstone[this.row[i]!] === 1;
  }
  /** A reader of one column by ordinal: null and undefined are null. */
  reader(column: PlanColumn): (i: number) => unknown {
    const { part, row } = this;
    const { source } = column;
    if (source.from !== "value" && source.from !== "key") return (i) => columnValue(column, this.parts[part[i]!]!, row[i]!);
    const columns = this.parts.map((p) => (source.from === "value" ? p.values : p.keys)[source.index]!);
    return (i) => columns[part[i]!]![row[i]!];
  }
  key(plan: TablePlan, i: number): unknown {
    return keyIdentity(plan, this.parts[this.part[i]!]!, this.row[i]!);
  }
  refused(i: number, cause: unknown): RowRefused {
    return new RowRefused(this.parts[this.part[i]!]!, this.row[i]!, cause);
  }
}

/**
 * The statements of one transaction. With `last`, of several changes of a key only the last is written (an upsert may not
 * touch a row twice), which leaves at most one write and one delete; without, changes stay in order.
 * @throws RowRefused
 */
export function buildStatements(plan: TablePlan, pieces: readonly Piece[], last: boolean): Statement[] {
  const changes = new Changes(pieces);
  const live = last ? lastOfEachKey(plan, changes) : changes.all();
  const statements: Statement[] = [];
  const close = (tombstones: boolean, ordinals: Int32Array) => {
    if (ordinals.length) statements.push(...(tombstones ? plan.delete(changes, ordinals) : plan.write(changes, ordinals)));
  };
  if (last) {
    close(
      false,
      live.filter((i) => !changes.isTombstone(i)),
    );
    close(
      true,
      live.filter((i) => changes.isTombstone(i)),
    );
    return statements;
  }
  let from = 0;
  for (let i = 1; i <= live.length; i++) {
    const tombstones = changes.isTombstone(live[from]!);
    if (i < live.length && changes.isTombstone(live[i]!) === tombstones) continue;
    close(tombstones, live.subarray(from, i));
    from = i;
  }
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

function lastOfEachKey(plan: TablePlan, changes: Changes): Int32Array {
  if (plan.keyColumns.length === 0 || ascending(plan, changes)) return changes.all();
  const last = new Map<unknown, number>();
  for (let i = 0; i < changes.count; i++) last.set(changes.key(plan, i), i);
  return last.size === changes.count ? changes.all() : Int32Array.from(last.values());
}

/** New rows mostly come in the order of their number, and then no key comes twice. */
function ascending(plan: TablePlan, changes: Changes): boolean {
  if (plan.keyColumns.length > 1) return false;
  const read = changes.reader(plan.keyColumns[0]!);
  let before = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < changes.count; i++) {
    const key = read(i);
    if (typeof key !== "number" || !(key > before)) return false;
    before = key;
  }
  return true;
}
