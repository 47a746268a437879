import { count, readProgress, type SnapshotPart, type SnapshotProgress, type SourceState, writeProgress } from "../../cdc/stored-offset.js";
import type { SourceOffset } from "../../connect/api/record.js";
import type { StreamPosition } from "./stream-decoder.js";

export interface SnapshotSegment extends SnapshotPart {
  /** `xmin:xmax:xip,…` of the view; null: the slot's own, of which the stream repeats nothing */
  readonly view: string | null;
  /** every transaction in the view was committed before this position */
  readonly lsn: number;
}
export type SnapshotState = SnapshotProgress<SnapshotSegment>;
export type StoredOffset = SourceState<StreamPosition, SnapshotSegment>;

export function writeOffset(target: Record<string, unknown>, o: StoredOffset): SourceOffset {
  const { position: p } = o;
  target["lsn"] = p.lsn;
  target["lsn_proc"] = p.lsn;
  target["lsn_commit"] = p.commitLsn;
  target["txId"] = p.txId;
  target["ts_usec"] = p.tsUs;
  target["tx_events"] = p.inTx;
  writeProgress(target, o);
  return target;
}

/** Reads an offset, Debezium's own too. @throws CONFIG_INVALID where it makes no sense */
export function readOffset(offset: SourceOffset): StoredOffset {
  const progress = readProgress<SnapshotSegment>(offset);
  const number = (name: string) => count(offset, name);
  return {
    position: {
      lsn: number("lsn"),
      // Debezium's own offsets may know the last change alone
      commitLsn: number("lsn_commit") || (offset["snapshot_state"] ? 0 : number("lsn_proc") || number("lsn")),
      txId: number("txId"),
      tsUs: number("ts_usec"),
      inTx: number("tx_events"),
    },
    ...progress,
  };
}
