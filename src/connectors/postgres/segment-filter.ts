import { isAfter } from "../../cdc/key-order.js";
import type { CaptureRules } from "./capture-rules.js";
import type { SnapshotSegment } from "./offsets.js";
import type { TableModel } from "./table-model.js";

/**
 * Whether a row of a table was read by a part of the snapshot in whose view transaction `xid` was already committed: then the
 * stream's event is older than what was read.
 */
export function covered(
  segments: readonly SnapshotSegment[],
  model: TableModel,
  key: readonly string[],
  xid: number,
  rules: CaptureRules,
): boolean {
  // what the snapshot did not read, or read a part of by a SELECT of its own, is known from the stream alone
  if (rules.snapshotRank(model.schema, model.name) < 0 || rules.snapshotSelect(model.schema, model.name)) return false;
  for (let i = segments.length - 1; i >= 0; i--) {
    const segment = segments[i]!;
    if (!startsBefore(segment, model, key, rules)) continue;
    return segment.view !== null && visible(segment.view, xid);
  }
  return false;
}

function startsBefore({ from }: SnapshotSegment, model: TableModel, key: readonly string[], rules: CaptureRules): boolean {
  if (!from) return true;
  const [schema, table] = from.table;
  const [at, rank] = [rules.snapshotRank(schema, table), rules.snapshotRank(model.schema, model.name)];
  if (rank !== at) return rank > at;
  if (model.schema !== schema) return model.schema > schema;
  if (model.name !== table) return model.name > table;
  // a table without a key is read again as a whole
  if (!from.key || !model.primary.length) return true;
  const order = model.primary.map((i) => ({ name: model.columns[i]!.name, order: orderOf(model.columns[i]!.type) }));
  return isAfter(key, from.key, order);
}

function orderOf(type: number): "integer" | "text" {
  return [21, 23, 20, 26].includes(type) ? "integer" : "text";
}

/** @param view `xmin:xmax:xip,…` with 64-bit ids; `xid` has its lower 32 bits */
export function visible(view: string, xid: number): boolean {
  const [xmin, xmax, running] = view.split(":");
  const low = (id: string) => Number(BigInt.asUintN(32, BigInt(id)));
  const before = (a: number, b: number) => ((a - b) | 0) < 0;
  if (before(xid, low(xmin!))) return true;
  if (!before(xid, low(xmax!))) return false;
  return !(running ?? "").split(",").some((id) => id !== "" && low(id) === xid);
}
