import { MillraceError } from "../../common/errors.js";
import type { SourceOffset } from "../../connect/api/record.js";

/** Where reading goes on: a place between two transactions, and how much of the next one is done. */
export interface StreamPosition {
  readonly file: string;
  readonly pos: number;
  /** GTIDs executed before the place; null: none are known */
  readonly gtids: string | null;
  /** rows events of the transaction that begins at the place which are done; 0: none */
  readonly events: number;
  readonly serverId: number;
  /** commit time of the last transaction, µs since the epoch */
  readonly tsUs: number;
}

/** A part of a snapshot that was read in one view: from behind a row (or a table) on, until the next part begins. */
export interface SnapshotSegment {
  /** the view's place in the binlog */
  readonly file: string;
  readonly pos: number;
  readonly gtids: string | null;
  /** the table (database, name) and key behind which it starts; null: everything */
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

export const nowhere: StreamPosition = { file: "", pos: 0, gtids: null, events: 0, serverId: 0, tsUs: 0 };

export function writeOffset(target: Record<string, unknown>, o: StoredOffset): SourceOffset {
  const { position: p } = o;
  target["ts_sec"] = Math.floor(p.tsUs / 1_000_000);
  target["file"] = p.file;
  target["pos"] = p.pos;
  if (p.gtids !== null) target["gtids"] = p.gtids;
  target["server_id"] = p.serverId;
  if (p.events) target["tx_events"] = p.events;
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
    const n = Number(offset[name] ?? 0);
    if (!Number.isFinite(n) || n < 0)
      throw new MillraceError("CONFIG_INVALID", `The offset's ${name} must be a number, not ${JSON.stringify(offset[name])}`);
    return n;
  };
  const text = (name: string): string | null => {
    const v = offset[name];
    if (v === undefined || v === null) return null;
    if (typeof v !== "string") throw new MillraceError("CONFIG_INVALID", `The offset's ${name} must be text, not ${JSON.stringify(v)}`);
    return v;
  };
  const json = <T>(name: string): T | null => {
    const v = text(name);
    if (v === null) return null;
    try {
      return JSON.parse(v) as T;
    } catch (e) {
      throw new MillraceError("CONFIG_INVALID", `The offset's ${name} is not JSON`, { cause: e });
    }
  };
  const snapshot = json<SnapshotState>("snapshot_state");
  const file = text("file") ?? "";
  const gtids = text("gtids");
  if (offset["file"] === undefined && gtids === null && !snapshot && offset["snapshot"] === undefined)
    throw new MillraceError("CONFIG_INVALID", 'An offset of this connector has "file" and "pos", or "gtids"');
  return {
    position: { file, pos: number("pos"), gtids, events: number("tx_events"), serverId: number("server_id"), tsUs: number("ts_sec") * 1e6 },
    snapshot:
      snapshot ??
      (offset["snapshot"] !== undefined && offset["snapshot"] !== false && offset["snapshot_completed"] !== true
        ? { segments: [], at: null }
        : null),
    segments: json<SnapshotSegment[]>("snapshot_segments") ?? [],
    incremental: text("incremental_snapshot"),
  };
}
