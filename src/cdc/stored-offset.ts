import { MillraceError } from "../common/errors.js";
import type { SourceOffset } from "../connect/api/record.js";

/** A part of a snapshot that was read in one view: from behind a row (or a table) on, until the next part begins. */
export interface SnapshotPart {
  /** the table (schema or database, name) and key behind which it starts; null: everything */
  readonly from: { readonly table: readonly [string, string]; readonly key: readonly string[] | null } | null;
  /** when it began (ms): the records' time of the first part is that of all */
  readonly startedMs?: number;
}

export interface SnapshotProgress<Part extends SnapshotPart> {
  readonly segments: readonly Part[];
  /** the table that is being read and the key of the last row stored; done: it was read to its end */
  readonly at: { readonly table: readonly [string, string]; readonly key: readonly string[] | null; readonly done: boolean } | null;
}

/** The stored offset of a connector: Debezium's names, and what exact resuming needs beside them. */
export interface SourceState<Position, Part extends SnapshotPart> {
  readonly position: Position;
  /** present while a snapshot is not complete */
  readonly snapshot: SnapshotProgress<Part> | null;
  /** of a complete snapshot that was resumed: parts whose events the stream may still repeat */
  readonly segments: readonly Part[];
  readonly incremental: string | null;
}

/** Writes all but the position. */
export function writeProgress<Part extends SnapshotPart>(target: Record<string, unknown>, o: SourceState<unknown, Part>): void {
  if (o.snapshot) {
    target["snapshot"] = "INITIAL";
    target["snapshot_completed"] = false;
    target["snapshot_state"] = JSON.stringify(o.snapshot);
  } else if (o.segments.length) target["snapshot_segments"] = JSON.stringify(o.segments);
  if (o.incremental) target["incremental_snapshot"] = o.incremental;
}

/** All but the position, Debezium's own offsets too. @throws CONFIG_INVALID where it makes no sense */
export function readProgress<Part extends SnapshotPart>(offset: SourceOffset): Omit<SourceState<unknown, Part>, "position"> {
  const begun = offset["snapshot"] !== undefined && offset["snapshot"] !== false && offset["snapshot_completed"] !== true;
  return {
    snapshot: json<SnapshotProgress<Part>>(offset, "snapshot_state") ?? (begun ? { segments: [], at: null } : null),
    segments: json<Part[]>(offset, "snapshot_segments") ?? [],
    incremental: text(offset, "incremental_snapshot"),
  };
}

/** 0 where it is missing. @throws CONFIG_INVALID */
export function count(offset: SourceOffset, name: string): number {
  const n = Number(offset[name] ?? 0);
  if (!Number.isFinite(n) || n < 0)
    throw new MillraceError("CONFIG_INVALID", `The offset's ${name} must be a number, not ${JSON.stringify(offset[name])}`);
  return n;
}

/** null where it is missing. @throws CONFIG_INVALID */
export function text(offset: SourceOffset, name: string): string | null {
  const v = offset[name];
  if (v === undefined || v === null) return null;
  if (typeof v !== "string") throw new MillraceError("CONFIG_INVALID", `The offset's ${name} must be text, not ${JSON.stringify(v)}`);
  return v;
}

function json<T>(offset: SourceOffset, name: string): T | null {
  const v = text(offset, name);
  if (v === null) return null;
  try {
    return JSON.parse(v) as T;
  } catch (e) {
    throw new MillraceError("CONFIG_INVALID", `The offset's ${name} is not JSON`, { cause: e });
  }
}
