import { type PackedColumn, ValueColumn } from "../../connect/api/packed-column.js";
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

/** Rows of several pieces by one ordinal, in the order of their offsets. */
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
  hasTombstones(): boolean {
    for (let i = 0; i < this.count; i++) if (this.isTombstone(i)) return true;
    return false;
  }
  /** The ordinals' rows, and the runs of them that lie in one SinkRows: `rows[from..to)` are rows of `of`. */
  selection(ordinals: Int32Array): Selection {
    const { part, row, parts } = this;
    const rows = ordinals.length === this.count ? row : ordinals.map((i) => row[i]!);
    const runs: Selection["runs"][number][] = [];
    let from = 0;
    for (let k = 1; k <= ordinals.length; k++) {
      const here = part[ordinals[from]!]!;
      if (k < ordinals.length && part[ordinals[k]!] === here) continue;
      runs.push({ of: parts[here]!, from, to: k });
      from = k;
    }
    return { ordinals, rows, runs };
  }
  /** A reader of one column by ordinal: null is null. */
  reader(column: PlanColumn): (i: number) => unknown {
    return this.read((rows) => rowReader(column, rows));
  }
  key(plan: TablePlan): (i: number) => unknown {
    return this.read((rows) => keyReader(plan, rows));
  }
  refused(i: number, cause: unknown): RowRefused {
    return new RowRefused(this.parts[this.part[i]!]!, this.row[i]!, cause);
  }

  private read(readerOf: (rows: SinkRows) => (row: number) => unknown): (i: number) => unknown {
    const { part, row } = this;
    const readers = this.parts.map(readerOf);
    return (i) => readers[part[i]!]!(row[i]!);
  }
}

export interface Selection {
  readonly ordinals: Int32Array;
  readonly rows: Int32Array;
  readonly runs: readonly { readonly of: SinkRows; readonly from: number; readonly to: number }[];
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
  if (!changes.hasTombstones()) {
    close(false, live);
    return statements;
  }
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

/** The column that holds a field, or undefined where it is one of the record's own facts. */
export function packedColumn(column: PlanColumn, rows: SinkRows): PackedColumn | undefined {
  const s = column.source;
  if (s.from === "value") return rows.packedValues ? rows.packedValues[s.index]! : new ValueColumn(rows.values[s.index] as unknown[]);
  if (s.from === "key") return rows.packedKeys ? rows.packedKeys[s.index]! : new ValueColumn(rows.keys[s.index] as unknown[]);
  return undefined;
}

/** A reader of one column by row. */
export function rowReader(column: PlanColumn, rows: SinkRows): (row: number) => unknown {
  const s = column.source;
  switch (s.from) {
    case "topic":
      return () => rows.topic;
    case "partition":
      return () => rows.partition;
    case "offset":
      return (row) => rows.offsets[row];
    case "header":
      return (row) => rows.record(row).headers.find((h) => h.key === s.name)?.value ?? null;
    default: {
      const packed = packedColumn(column, rows)!;
      return (row) => packed.at(row);
    }
  }
}

/** A reader of a row's key as something that a Map compares by value; null where a part of it is null. */
export function keyReader(plan: TablePlan, rows: SinkRows): (row: number) => unknown {
  const readers = plan.keyColumns.map((c) => {
    const read = rowReader(c, rows);
    return (row: number) => {
      const value = read(row);
      return typeof value === "object" && value !== null ? toText(c.kind, value as Exclude<Value, null>) : value;
    };
  });
  if (readers.length === 1) return readers[0]!;
  return (row) => {
    let text = "";
    for (const read of readers) {
      const value = read(row);
      if (value === null || value === undefined) return null;
      const part = String(value);
      text += `${part.length}:${part}`;
    }
    return text;
  };
}

function lastOfEachKey(plan: TablePlan, changes: Changes): Int32Array {
  if (plan.keyColumns.length === 0 || ascending(plan, changes)) return changes.all();
  const last = new Map<unknown, number>();
  const key = changes.key(plan);
  for (let i = 0; i < changes.count; i++) last.set(key(i), i);
  return last.size === changes.count ? changes.all() : Int32Array.from(last.values()).sort();
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
