import type { SinkRows } from "../../../connect/api/sink.js";
import type { Value } from "../../../data/schema.js";
import { toText } from "../value-kind.js";
import { BinaryArray } from "./binary-array.js";
import type { PlanColumn, TablePlan } from "./plan.js";

/** Rows `index[from..to)` of `rows`. */
export interface Piece {
  readonly rows: SinkRows;
  readonly index: Int32Array;
  readonly from: number;
  readonly to: number;
}

export interface Statement {
  readonly name: string;
  readonly text: string;
  readonly values: Buffer[];
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

/**
 * The statements of one transaction. With `last`, of several changes of a key only the last is written (an upsert may not
 * touch a row twice), which leaves at most one write and one delete; without, changes stay in order.
 * @throws RowRefused
 */
export function buildStatements(plan: TablePlan, pieces: readonly Piece[], last: boolean): Statement[] {
  const refs = new Refs(pieces);
  const live = last ? lastOfEachKey(plan, refs) : refs.all();
  const statements: Statement[] = [];
  const close = (tombstones: boolean, ordinals: number[]) => {
    if (ordinals.length)
      statements.push(
        tombstones
          ? encode(`d${plan.id}`, plan.delete!, plan.keyColumns, refs, ordinals)
          : encode(`w${plan.id}`, plan.write, plan.columns, refs, ordinals),
      );
  };
  if (last) {
    const writes: number[] = [];
    const deletes: number[] = [];
    for (const i of live) (refs.isTombstone(i) ? deletes : writes).push(i);
    close(false, writes);
    close(true, deletes);
    return statements;
  }
  let run: number[] = [];
  for (const i of live) {
    if (run.length && refs.isTombstone(run[0]!) !== refs.isTombstone(i)) {
      close(refs.isTombstone(run[0]!), run);
      run = [];
    }
    run.push(i);
  }
  if (run.length) close(refs.isTombstone(run[0]!), run);
  return statements;
}

/** Rows of several pieces by one ordinal. */
class Refs {
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

function lastOfEachKey(plan: TablePlan, refs: Refs): Iterable<number> {
  if (plan.keyColumns.length === 0) return refs.all();
  const last = new Map<unknown, number>();
  for (let i = 0; i < refs.row.length; i++) last.set(keyIdentity(plan, refs.rows[i]!, refs.row[i]!), i);
  return last.size === refs.row.length ? refs.all() : last.values();
}

function encode(name: string, text: string, columns: readonly PlanColumn[], refs: Refs, ordinals: readonly number[]): Statement {
  const values = columns.map((column) => {
    const array = new BinaryArray(column.writer.elementOid);
    const { write } = column.writer;
    let at = 0;
    try {
      if (column.source.from === "value" || column.source.from === "key") {
        const { index, from } = column.source;
        for (; at < ordinals.length; at++) {
          const i = ordinals[at]!;
          const rows = refs.rows[i]!;
          const value = (from === "value" ? rows.values : rows.keys)[index]![refs.row[i]!];
          if (value === null || value === undefined) array.null();
          else write(array, value as Exclude<Value, null>);
        }
      } else
        for (; at < ordinals.length; at++) {
          const value = columnValue(column, refs.rows[ordinals[at]!]!, refs.row[ordinals[at]!]!);
          if (value === null || value === undefined) array.null();
          else write(array, value as Exclude<Value, null>);
        }
    } catch (error) {
      const i = ordinals[at]!;
      throw new RowRefused(refs.rows[i]!, refs.row[i]!, error);
    }
    return array.finish();
  });
  return { name, text, values };
}
