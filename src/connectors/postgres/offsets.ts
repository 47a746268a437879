import { MillraceError } from "../../common/errors.js";
import type { SourceOffset } from "../../connect/api/record.js";
import type { StreamPosition } from "./stream-decoder.js";

/** A part of a snapshot that was read in one view: from behind a row (or a table) on, until the next part begins. */
export interface SnapshotSegment {
  /** `xmin:xmax:xip,…` of the view; null: the slot's own, of which the stream repeats nothing */
  readonly view: string | null;
  /** every transaction in the view was committed before this position */
  readonly lsn: number;
  /** the table (schema, name) and key behind which it starts; null: everything */
  readonly from: { readonly table: readonly [string, string]; readonly key: readonly string[] | null } | null;
  /** when it began (ms): the records' time of the first part is that of all */
  readonly startedMs?: number;
}

export interface SnapshotState {
  readonly segments: readonly SnapshotSegment[];
  /** the table that is being read and the key of the last row stored; done: it was read to its end */
  readonly at: { readonly table: readonly [string, string]; readonly key: readonly string[] | null; readonly done: boolean } | null;
}

/** The stored offset of a connector: Debezium's names, and what exact resuming needs beside them. */
export interface StoredOffset {
  readonly position: StreamPosition;
  /** present while a snapshot is not complete */
  readonly snapshot: SnapshotState | null;
  /** of a complete snapshot that was resumed: parts whose events the stream may still repeat */
  readonly segments: readonly SnapshotSegment[];
  readonly incremental: string | null;
}

export function writeOffset(target: Record<string, unknown>, o: StoredOffset): SourceOffset {
  const { position: p } = o;
  target["lsn"] = p.lsn;
  target["lsn_proc"] = p.lsn;
  target["lsn_commit"] = p.commitLsn;
  target["txId"] = p.txId;
  target["ts_usec"] = p.tsUs;
  target["tx_events"] = p.inTx;
  if (o.snapshot) {
    target["snapshot"] = "INITIAL";
    target["snapshot_completed"] = false;
    target["snapshot_state"] = JSON.stringify(o.snapshot);
  } else if (o.segments.length) target["snapshot_segments"] = JSON.stringify(o.segments);
  if (o.incremental) target["incremental_snapshot"] = o.incremental;
  return target;
}

/** Reads an offset, Debezium's own too. @throws CONFIG_INVALID where it makes no sense */
export function readOffset(offset: SourceOffset): StoredOffset {
  const number = (name: string): number => {
    const v = offset[name];
    if (v === undefined || v === null) return 0;
    const n = Number(v);
    if (!Number.isFinite(n) || n < 0)
      throw new MillraceError("CONFIG_INVALID", `The offset's ${name} must be a number, not ${JSON.stringify(v)}`);
    return n;
  };
  const json = <T>(name: string): T | null => {
    const v = offset[name];
    if (typeof v !== "string") return null;
    try {
      return JSON.parse(v) as T;
    } catch (e) {
      throw new MillraceError("CONFIG_INVALID", `The offset's ${name} is not JSON`, { cause: e });
    }
  };
  const snapshot = json<SnapshotState>("snapshot_state");
  return {
    position: {
      lsn: number("lsn"),
      // Debezium's own offsets may know the last change alone
      commitLsn: number("lsn_commit") || (snapshot ? 0 : number("lsn_proc") || number("lsn")),
      txId: number("txId"),
      tsUs: number("ts_usec"),
      inTx: number("tx_events"),
    },
    snapshot:
      snapshot ??
      (offset["snapshot"] !== undefined && offset["snapshot"] !== false && offset["snapshot_completed"] !== true
        ? { segments: [], at: null }
        : null),
    segments: json<SnapshotSegment[]>("snapshot_segments") ?? [],
    incremental: typeof offset["incremental_snapshot"] === "string" ? (offset["incremental_snapshot"] as string) : null,
  };
}
