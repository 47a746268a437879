import {
  count,
  readProgress,
  type SnapshotPart,
  type SnapshotProgress,
  type SourceState,
  text,
  writeProgress,
} from "../../cdc/stored-offset.js";
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

export interface SnapshotSegment extends SnapshotPart {
  /** the view's place in the binlog */
  readonly file: string;
  readonly pos: number;
  readonly gtids: string | null;
}
export type SnapshotState = SnapshotProgress<SnapshotSegment>;
export type StoredOffset = SourceState<StreamPosition, SnapshotSegment>;

export const nowhere: StreamPosition = { file: "", pos: 0, gtids: null, events: 0, serverId: 0, tsUs: 0 };

export function writeOffset(target: Record<string, unknown>, o: StoredOffset): SourceOffset {
  const { position: p } = o;
  target["ts_sec"] = Math.floor(p.tsUs / 1_000_000);
  target["file"] = p.file;
  target["pos"] = p.pos;
  if (p.gtids !== null) target["gtids"] = p.gtids;
  target["server_id"] = p.serverId;
  if (p.events) target["tx_events"] = p.events;
  writeProgress(target, o);
  return target;
}

/** Reads an offset, Debezium's own too. @throws CONFIG_INVALID where it makes no sense */
export function readOffset(offset: SourceOffset): StoredOffset {
  const progress = readProgress<SnapshotSegment>(offset);
  const file = text(offset, "file") ?? "";
  const gtids = text(offset, "gtids");
  if (offset["file"] === undefined && gtids === null && !offset["snapshot_state"] && offset["snapshot"] === undefined)
    throw new MillraceError("CONFIG_INVALID", 'An offset of this connector has "file" and "pos", or "gtids"');
  const number = (name: string) => count(offset, name);
  return {
    position: { file, pos: number("pos"), gtids, events: number("tx_events"), serverId: number("server_id"), tsUs: number("ts_sec") * 1e6 },
    ...progress,
  };
}
