import { isAfter } from "../../cdc/key-order.js";
import type { CaptureRules } from "./capture-rules.js";
import { containsAll, covers } from "./gtids.js";
import type { SnapshotSegment, StreamPosition } from "./offsets.js";
import { keyOf } from "./snapshot-plan.js";
import type { Flavor } from "./source-block.js";
import type { Transaction } from "./stream-events.js";
import type { StreamTable } from "./stream-table.js";

/**
 * Whether a row of a table was read by a part of the snapshot in whose view the transaction was already committed: then the
 * stream's event is older than what was read.
 */
export function covered(
  segments: readonly SnapshotSegment[],
  t: StreamTable,
  b: Buffer,
  offsets: Int32Array,
  o: number,
  transaction: Transaction,
  rules: CaptureRules,
  flavor: Flavor,
): boolean {
  const { database, name } = t.model;
  // what the snapshot did not read, or read a part of by a SELECT of its own, is known from the stream alone
  if (rules.snapshotRank(database, name) < 0 || rules.snapshotSelect(database, name)) return false;
  for (let i = segments.length - 1; i > 0; i--) {
    const segment = segments[i]!;
    if (startsBefore(segment, t, b, offsets, o, rules)) return within(segment, transaction, flavor);
  }
  return false;
}

/** Whether the stream has come to where each part was read: then it repeats nothing any more. */
export function passed(segments: readonly SnapshotSegment[], at: StreamPosition, flavor: Flavor): boolean {
  return segments.every((s) =>
    at.gtids !== null && s.gtids !== null
      ? containsAll(at.gtids, s.gtids, flavor)
      : at.file > s.file || (at.file === s.file && at.pos >= s.pos),
  );
}

function startsBefore({ from }: SnapshotSegment, t: StreamTable, b: Buffer, offsets: Int32Array, o: number, rules: CaptureRules): boolean {
  if (!from) return true;
  const [database, table] = from.table;
  const { model } = t;
  const [at, rank] = [rules.snapshotRank(database, table), rules.snapshotRank(model.database, model.name)];
  if (rank !== at) return rank > at;
  if (model.database !== database) return compare(model.database, database) > 0;
  if (model.name !== table) return compare(model.name, table) > 0;
  const key = keyOf(model);
  // a table without such a key is read again as a whole
  if (!from.key || !key.length) return true;
  const values = t.table.primary.map((i) => {
    const [s, e] = [offsets[o + 2 * i]!, offsets[o + 2 * i + 1]!];
    return s < 0 ? "" : t.table.keyText(i, b, s, e);
  });
  return isAfter(values, from.key, key);
}

function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function within(segment: SnapshotSegment, t: Transaction, flavor: Flavor): boolean {
  if (t.gtid !== null && segment.gtids !== null) return covers(segment.gtids, t.gtid, flavor);
  return t.file < segment.file || (t.file === segment.file && t.pos < segment.pos);
}
