import { randomUUID } from "node:crypto";
import type { Logger } from "../common/logger.js";
import type { RowChunk } from "../connect/api/shape.js";
import { anchored } from "./filters.js";
import { IncrementalState } from "./incremental-state.js";
import { type Signal, snapshotRequest } from "./signals.js";

/** A table as an incremental snapshot reads it. */
export interface ReadableTable {
  readonly schema: string;
  readonly name: string;
  /** the columns of the primary key, if rows can be read by it; else empty */
  readonly primaryKey: readonly string[];
}

/** Rows that were read, by the texts of their keys, joined by NUL. */
export type ReadRows = Map<string, readonly [RowChunk, number]>;

/** What a database does for an incremental snapshot. */
export interface IncrementalSource<T extends ReadableTable> {
  /** all tables as they are now */
  tables(): Promise<readonly T[]>;
  table(schema: string, name: string): Promise<T | undefined>;
  /** whether rows can be read by a column that a signal names */
  canReadBy(table: T, column: string): boolean;
  captured(table: T): boolean;
  /** the whole names by which a signal calls it, the first being the one that records use */
  names(table: T): readonly string[];
  /** the key of the last row there is now; null: there is none */
  lastKey(table: T, key: readonly string[], condition: string | null): Promise<string[] | null>;
  /** the next rows behind `after`, up to `last`, and the key of the last of them (else `after`) */
  read(
    table: T,
    key: readonly string[],
    condition: string | null,
    after: string[] | null,
    last: string[],
  ): Promise<{ readonly chunks: readonly RowChunk[]; readonly rows: ReadRows; readonly after: string[] | null }>;
  /** writes a row into the signal table, and takes it out again */
  insertSignal(id: string, type: string, data: string): Promise<void>;
  deleteSignal(id: string): Promise<void>;
}

/** Rows of a chunk that are sent, by their places in it. */
export type KeptRows = readonly (readonly [RowChunk, readonly number[]])[];

interface Window {
  readonly id: string;
  /** whether the stream has passed its opening: from then on its events beat the chunk's rows */
  open: boolean;
  readonly chunks: readonly RowChunk[];
  /** a row is taken out when the stream brings its key */
  readonly rows: ReadRows;
  readonly key: readonly string[];
  readonly table: string | null;
  /** the place behind the chunk */
  readonly next: { after: string[] | null; tablesDone: number; last: string[] | null };
}

/**
 * Incremental snapshots while the stream goes on. A chunk is read between two rows that are written into the signal table: what
 * the stream brings between their appearances is newer than the chunk, so those keys are taken out of it; the rest is sent in the
 * place of the second mark.
 */
export class IncrementalSnapshot<T extends ReadableTable> {
  private readonly progress: IncrementalState;
  private window: Window | null = null;

  /** @param deleteMarks a window is closed by taking its first mark away instead of writing a second one */
  constructor(
    private readonly source: IncrementalSource<T>,
    private readonly logger: Logger,
    private readonly deleteMarks: boolean,
    stored: string | null,
  ) {
    this.progress = IncrementalState.read(stored);
  }

  /** For the offset; null: nothing is under way. */
  state(): string | null {
    return this.progress.write();
  }

  /** A row of the signal table in the stream. The rows that it makes due are returned: their place is here. */
  signalRow(kind: "c" | "u" | "d", id: string, type: string, data: string | null): KeptRows | null {
    if (kind === "u") return null;
    const { window } = this;
    if (window && id.startsWith(window.id)) {
      if (kind === "c" && type === "snapshot-window-open") {
        window.open = true;
        return null;
      }
      return this.close(window);
    }
    // marks of windows that a restart left behind are nobody's
    if (kind === "c" && !type.startsWith("snapshot-window")) this.progress.signals.push({ id, type, data });
    return null;
  }

  /** The read rows of a table whose changes in the stream are newer, with the columns of their key; null: none. */
  opened(table: string): { readonly rows: ReadRows; readonly key: readonly string[] } | null {
    const { window } = this;
    return window?.open && window.table === table ? window : null;
  }

  private close(window: Window): KeptRows {
    const kept = new Map<RowChunk, number[]>(window.chunks.map((c) => [c, []]));
    for (const [chunk, row] of window.rows.values()) kept.get(chunk)!.push(row);
    const state = this.progress;
    for (let i = 0; i < window.next.tablesDone; i++) state.nextTable();
    state.after = window.next.after;
    state.last = window.next.last;
    this.window = null;
    if (!state.tables.length) this.logger.info("incremental snapshot complete");
    return [...kept].filter(([, rows]) => rows.length).map(([chunk, rows]) => [chunk, rows.sort((a, b) => a - b)]);
  }

  /** Called between batches: acts on signals and reads the next chunk. */
  async between(): Promise<void> {
    const { progress } = this;
    while (progress.signals.length) {
      await this.signal(progress.signals[0]!);
      progress.signals = progress.signals.slice(1);
    }
    if (!this.window && progress.tables.length && !progress.paused) await this.nextWindow();
  }

  private async signal({ id, type, data }: Signal): Promise<void> {
    try {
      switch (type) {
        case "execute-snapshot":
          return await this.execute(id, data);
        case "stop-snapshot":
          return this.stop(data);
        case "pause-snapshot":
          this.progress.paused = true;
          return;
        case "resume-snapshot":
          this.progress.paused = false;
          return;
        case "log":
          return this.logger.info(String((JSON.parse(data ?? "{}") as { message?: string }).message ?? data));
        default:
          this.logger.warn("unknown signal", { id, type });
      }
    } catch (e) {
      if (!(e instanceof SyntaxError || e instanceof TypeError)) throw e;
      this.logger.warn("a signal is not valid and is passed over", { id, type, error: e.message });
    }
  }

  private async execute(id: string, data: string | null): Promise<void> {
    const request = snapshotRequest(data);
    const { source } = this;
    if (request.type !== "incremental") this.logger.info("a blocking snapshot is done as an incremental one", { id });
    const all = (await source.tables()).filter((t) => source.captured(t));
    for (const wanted of request.collections) {
      const pattern = anchored(wanted);
      const tables = all.filter((t) => source.names(t).some((n) => n === wanted || pattern.matches(n)));
      if (!tables.length) this.logger.warn("no captured table matches a signal", { id, collection: wanted });
      for (const t of tables) {
        const names = source.names(t);
        if (!this.keyOf(t, request.surrogateKey).length) {
          this.logger.warn(
            "a table without a primary key that rows can be read by has no incremental snapshot unless the signal names a surrogate-key",
            {
              table: names[0],
            },
          );
          continue;
        }
        const condition =
          request.conditions.find((c) => names.some((n) => n === c.collection || anchored(c.collection).matches(n)))?.filter ?? null;
        this.progress.add({ schema: t.schema, name: t.name, condition, surrogateKey: request.surrogateKey, signal: id });
      }
    }
    this.logger.info("incremental snapshot requested", { id, tables: this.progress.tables.length });
  }

  private stop(data: string | null): void {
    const { collections } = snapshotRequest(data);
    const patterns = collections.map(anchored);
    this.progress.drop((t) => !patterns.length || patterns.some((p) => p.matches(`${t.schema}.${t.name}`)));
    this.window = null;
    this.logger.info("incremental snapshot stopped", { tablesLeft: this.progress.tables.length });
  }

  /** Marks, reads and marks again. A table that has no more rows gives its place in the window to the next one. */
  private async nextWindow(): Promise<void> {
    const { progress: state, source } = this;
    const current = state.current!;
    const id = randomUUID();
    const openedAt = new Date().toISOString();
    const common = `"correlationId": ${JSON.stringify(current.signal)}, "dataCollectionId": ${JSON.stringify(`${current.schema}.${current.name}`)}`;
    await source.insertSignal(`${id}-open`, "snapshot-window-open", `{"openWindowTimestamp": "${openedAt}", ${common}}`);
    let { after, last } = state;
    let tablesDone = 0;
    let chunks: readonly RowChunk[] = [];
    let rows: ReadRows = new Map();
    let key: readonly string[] = [];
    let table: string | null = null;
    for (const t of state.tables) {
      const found = await source.table(t.schema, t.name);
      key = found ? this.keyOf(found, t.surrogateKey) : [];
      if (found && key.length) {
        last ??= await source.lastKey(found, key, t.condition);
        if (last) {
          ({ chunks, rows, after } = await source.read(found, key, t.condition, after, last));
          if (rows.size) {
            table = `${t.schema}.${t.name}`;
            break;
          }
        }
      }
      tablesDone++;
      after = last = null;
    }
    this.window = { id, open: false, chunks, rows, key, table, next: { after, tablesDone, last } };
    const closing = `{"openWindowTimestamp": "${openedAt}", "closeWindowTimestamp": "${new Date().toISOString()}", ${common}}`;
    if (this.deleteMarks) await source.deleteSignal(`${id}-open`);
    else await source.insertSignal(`${id}-close`, "snapshot-window-close", closing);
  }

  private keyOf(table: T, surrogate: string | null): readonly string[] {
    return surrogate && this.source.canReadBy(table, surrogate) ? [surrogate] : table.primaryKey;
  }
}

/** A chunk of some rows of another, its columns being those of a shape, whose extra ones are filled by `stamp`. */
export function keptChunk(
  chunk: RowChunk,
  rows: readonly number[],
  extra: Buffer,
  stamp: (slots: Float64Array, s: number) => void,
  place: Pick<RowChunk, "sourceOffset" | "shape">,
): RowChunk {
  const { columnCount, slotCount } = place.shape;
  const offsets = new Int32Array(rows.length * columnCount * 2);
  const slots = new Float64Array(rows.length * slotCount);
  const buffer = Buffer.concat([chunk.buffer, extra]);
  rows.forEach((row, i) => {
    offsets.set(chunk.offsets.subarray(row * columnCount * 2, (row + 1) * columnCount * 2), i * columnCount * 2);
    slots.set(chunk.slots.subarray(row * slotCount, (row + 1) * slotCount), i * slotCount);
    // the last column is the digits that are known only now
    const o = (i + 1) * columnCount * 2 - 2;
    offsets[o] = chunk.buffer.length;
    offsets[o + 1] = buffer.length;
    stamp(slots, i * slotCount);
  });
  return { ...chunk, ...place, count: rows.length, buffer, offsets, slots };
}
