import { randomUUID } from "node:crypto";
import { anchored } from "../../cdc/filters.js";
import { IncrementalState } from "../../cdc/incremental-state.js";
import type { RowWriter } from "../../cdc/row-writer.js";
import { type Signal, snapshotRequest } from "../../cdc/signals.js";
import type { Logger } from "../../common/logger.js";
import type { SourceOffset } from "../../connect/api/record.js";
import type { RecordShape, RowChunk } from "../../connect/api/shape.js";
import type { CaptureRules } from "./capture-rules.js";
import { type CatalogTable, identifier, literal, loadTables, loadTypes, tableName } from "./catalog.js";
import { CopyDecoder } from "./copy-decoder.js";
import type { PostgresSettings } from "./settings.js";
import { readSlot, SnapshotShapes } from "./snapshot-shapes.js";
import type { StreamPosition } from "./stream-decoder.js";
import type { StreamTable } from "./stream-table.js";
import type { RowListener } from "./streaming.js";
import { TableModel } from "./table-model.js";
import type { WireSession } from "./wire-session.js";

interface Window {
  readonly id: string;
  readonly openedAt: string;
  readonly table: string;
  readonly signal: string;
  /** whether the stream has passed its opening: from then on its events beat the chunk's rows */
  open: boolean;
  readonly chunks: RowChunk[];
  /** chunk and row by the key's texts; a row is taken out when the stream brings its key */
  readonly rows: Map<string, readonly [RowChunk, number]>;
  readonly key: readonly number[];
  readonly chunkTable: string | null;
  /** the place behind the chunk */
  readonly next: { after: string[] | null; tablesDone: number; last: string[] | null };
}

/**
 * Incremental snapshots while the stream goes on. A chunk is read between two rows that are written into the signal table: what
 * the stream brings between their appearances is newer than the chunk, so those keys are taken out of it; the rest is sent in the
 * place of the second mark.
 */
export class Incremental implements RowListener {
  private readonly progress: IncrementalState;
  private readonly signals: Signal[] = [];
  private window: Window | null = null;
  private readonly shapes = new Map<string, SnapshotShapes>();
  private readonly signalTable: string;

  constructor(
    private readonly settings: PostgresSettings,
    private readonly rules: CaptureRules,
    private readonly headers: RecordShape["headers"],
    private readonly logger: Logger,
    private readonly session: WireSession,
    stored: string | null,
  ) {
    this.progress = IncrementalState.read(stored);
    this.signalTable = settings.config
      .string("signal.data.collection")
      .split(".")
      .slice(-2)
      .map((p) => identifier(p.replace(/"/g, "")))
      .join(".");
  }

  state(): string | null {
    return this.progress.write();
  }

  row(
    t: StreamTable,
    kind: "c" | "u" | "d",
    w: RowWriter,
    o: number,
    lsn: number,
    both: boolean,
    position: StreamPosition,
    offset: SourceOffset,
  ): void {
    const text = (i: number) => {
      const start = w.offsets[o + 2 * i]!;
      return start < 0 ? null : w.buffer.toString("utf8", start, w.offsets[o + 2 * i + 1]!);
    };
    if (t.signals) {
      const at = (name: string) => text(t.model.columns.findIndex((c) => c.name.toLowerCase() === name));
      const [id, type] = [at("id") ?? text(0) ?? "", kind === "c" ? at("type") : "snapshot-window-delete"];
      if (kind !== "u" && this.mark(id, type ?? "", w, lsn, position, offset)) return;
      if (kind === "c" && !type?.startsWith("snapshot-window")) this.signals.push({ id, type: type ?? "", data: at("data") });
      return;
    }
    const { window } = this;
    if (!window?.open || window.chunkTable !== t.fullName) return;
    const key = (shift: number) => window.key.map((i) => text(i + shift) ?? "").join("\0");
    window.rows.delete(key(0));
    if (both) window.rows.delete(key(t.count));
  }

  /** One of the marks of the present window. */
  private mark(id: string, type: string, w: RowWriter, lsn: number, position: StreamPosition, offset: SourceOffset): boolean {
    const { window } = this;
    if (!window || !id.startsWith(window.id)) return type.startsWith("snapshot-window");
    if (type === "snapshot-window-open") window.open = true;
    else this.close(window, w, lsn, position, offset);
    return true;
  }

  private close(window: Window, w: RowWriter, lsn: number, position: StreamPosition, offset: SourceOffset): void {
    const kept = new Map<RowChunk, number[]>(window.chunks.map((c) => [c, []]));
    for (const [chunk, row] of window.rows.values()) kept.get(chunk)!.push(row);
    for (const [chunk, rows] of kept)
      if (rows.length)
        w.push(
          this.stamped(
            chunk,
            rows.sort((a, b) => a - b),
            lsn,
            position,
            offset,
          ),
        );
    const state = this.progress;
    for (let i = 0; i < window.next.tablesDone; i++) state.nextTable();
    state.after = window.next.after;
    state.last = window.next.last;
    this.window = null;
    if (!state.tables.length) this.logger.info("incremental snapshot complete");
  }

  private stamped(chunk: RowChunk, rows: readonly number[], lsn: number, position: StreamPosition, offset: SourceOffset): RowChunk {
    const { columnCount, slotCount } = chunk.shape;
    const offsets = new Int32Array(rows.length * columnCount * 2);
    const slots = new Float64Array(rows.length * slotCount);
    const digits = Buffer.from(`${position.tsUs}000`, "latin1");
    const buffer = Buffer.concat([chunk.buffer, digits]);
    rows.forEach((row, i) => {
      offsets.set(chunk.offsets.subarray(row * columnCount * 2, (row + 1) * columnCount * 2), i * columnCount * 2);
      slots.set(chunk.slots.subarray(row * slotCount, (row + 1) * slotCount), i * slotCount);
      const o = (i + 1) * columnCount * 2 - 2;
      offsets[o] = chunk.buffer.length;
      offsets[o + 1] = buffer.length;
      slots[i * slotCount + readSlot.tsMs] = Math.floor(position.tsUs / 1000);
      slots[i * slotCount + readSlot.tsUs] = position.tsUs;
      slots[i * slotCount + readSlot.lsn] = lsn;
    });
    return { ...chunk, count: rows.length, buffer, offsets, slots, sourceOffset: offset };
  }

  async between(): Promise<void> {
    while (this.signals.length) await this.signal(this.signals.splice(0, 1)[0]!);
    if (!this.window && this.progress.tables.length && !this.progress.paused) await this.nextWindow();
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
      this.logger.warn("a signal is not valid and is passed over", { id, type, error: (e as Error).message });
    }
  }

  private async execute(id: string, data: string | null): Promise<void> {
    const request = snapshotRequest(data);
    if (request.type !== "incremental") this.logger.info("a blocking snapshot is done as an incremental one", { id });
    const all = (await loadTables(this.session)).filter((t) => this.rules.table(t.schema, t.name));
    for (const wanted of request.collections) {
      const pattern = anchored(wanted);
      const names = (t: CatalogTable) => [`${t.schema}.${t.name}`, `${this.settings.dbname}.${t.schema}.${t.name}`];
      const tables = all.filter((t) => names(t).some((n) => n === wanted || pattern.test(n)));
      if (!tables.length) this.logger.warn("no captured table matches a signal", { id, collection: wanted });
      for (const t of tables) {
        if (!request.surrogateKey && !keyOf(t, null).length) {
          this.logger.warn("a table without a primary key has no incremental snapshot unless the signal names a surrogate-key", {
            table: names(t)[0],
          });
          continue;
        }
        const condition =
          request.conditions.find((c) => names(t).some((n) => n === c.collection || anchored(c.collection).test(n)))?.filter ?? null;
        this.progress.add({ schema: t.schema, name: t.name, condition, surrogateKey: request.surrogateKey, signal: id });
      }
    }
    this.logger.info("incremental snapshot requested", { id, tables: this.progress.tables.length });
  }

  private stop(data: string | null): void {
    const { collections } = snapshotRequest(data);
    const patterns = collections.map(anchored);
    this.progress.drop((t) => !patterns.length || patterns.some((p) => p.test(`${t.schema}.${t.name}`)));
    this.window = null;
    this.logger.info("incremental snapshot stopped", { tablesLeft: this.progress.tables.length });
  }

  /** Marks, reads and marks again. A table that has no more rows gives its place in the window to the next one. */
  private async nextWindow(): Promise<void> {
    const { progress: state, session } = this;
    const current = state.current!;
    const table = `${current.schema}.${current.name}`;
    const id = randomUUID();
    const openedAt = new Date().toISOString();
    const common = `"correlationId": ${JSON.stringify(current.signal)}, "dataCollectionId": ${JSON.stringify(table)}`;
    await this.insert(`${id}-open`, "snapshot-window-open", `{"openWindowTimestamp": "${openedAt}", ${common}}`);
    let { after, last } = state;
    let tablesDone = 0;
    let chunks: RowChunk[] = [];
    let rows = new Map<string, readonly [RowChunk, number]>();
    let key: number[] = [];
    let chunkTable: string | null = null;
    for (const t of state.tables) {
      const found = (await loadTables(session)).find((c) => c.schema === t.schema && c.name === t.name);
      const keyNames = found ? keyOf(found, t.surrogateKey) : [];
      if (found && keyNames.length) {
        last ??= await this.lastKey(found, keyNames, t.condition);
        if (last) {
          ({ chunks, rows, key, after } = await this.read(found, keyNames, t.condition, after, last));
          if (rows.size) {
            chunkTable = `${t.schema}.${t.name}`;
            break;
          }
        }
      }
      tablesDone++;
      after = last = null;
    }
    this.window = {
      id,
      openedAt,
      table,
      signal: current.signal,
      open: false,
      chunks,
      rows,
      key,
      chunkTable,
      next: { after, tablesDone, last },
    };
    const closing = `{"openWindowTimestamp": "${openedAt}", "closeWindowTimestamp": "${new Date().toISOString()}", ${common}}`;
    if (this.settings.config.string("incremental.snapshot.watermarking.strategy") === "INSERT_DELETE")
      await session.query(`DELETE FROM ${this.signalTable} WHERE id = ${literal(`${id}-open`)}`);
    else await this.insert(`${id}-close`, "snapshot-window-close", closing);
  }

  private async insert(id: string, type: string, data: string): Promise<void> {
    await this.session.query(`INSERT INTO ${this.signalTable} VALUES (${literal(id)}, ${literal(type)}, ${literal(data)})`);
  }

  private async lastKey(table: CatalogTable, key: readonly string[], condition: string | null): Promise<string[] | null> {
    // qualified: a bare name in ORDER BY would be the text beside it, and "999" the greatest of 2,500
    const list = key.map((k) => `t.${identifier(k)}`);
    const where = condition ? ` WHERE (${condition})` : "";
    const order = list.map((k) => `${k} DESC`).join(", ");
    const [row] = await this.session.query(
      `SELECT ${list.map((k) => `${k}::text`).join(", ")} FROM ${tableName(table)} AS t${where} ORDER BY ${order} LIMIT 1`,
    );
    return row ? (row as string[]) : null;
  }

  private async read(table: CatalogTable, keyNames: readonly string[], condition: string | null, after: string[] | null, last: string[]) {
    const { session } = this;
    const list = keyNames.map(identifier).join(", ");
    const bound = (operator: string, values: readonly string[]) => `(${list}) ${operator} (${values.map((v) => literal(v)).join(", ")})`;
    const where = [condition ? `(${condition})` : "", after ? bound(">", after) : "", bound("<=", last)].filter(Boolean).join(" AND ");
    const columns = table.columns.map((c) => identifier(c.name)).join(", ");
    const limit = this.settings.config.number("incremental.snapshot.chunk.size");
    const key = keyNames.map((n) => table.columns.findIndex((c) => c.name === n));
    const decoder = new CopyDecoder(await this.shapesOf(table), {
      marker: () => "incremental",
      key,
      relax: () => {
        throw new RangeError(`table ${table.schema}.${table.name} changed while it was read`);
      },
    });
    session.sendQuery(`COPY (SELECT ${columns} FROM ${tableName(table)} WHERE ${where} ORDER BY ${list} LIMIT ${limit}) TO STDOUT`);
    const chunks: RowChunk[] = [];
    while (!decoder.done) {
      const pending = session.takePending();
      const taken = session.queue.take();
      if (!pending.length && !taken.length) {
        if (session.error) throw session.error;
        await session.queue.wait(1000);
        continue;
      }
      for (const item of decoder.decode(pending.length ? [pending, ...taken] : taken, { server: this.settings.prefix }, {}))
        chunks.push(item as RowChunk);
    }
    const rows = new Map<string, readonly [RowChunk, number]>();
    for (const chunk of chunks)
      for (let row = 0; row < chunk.count; row++) {
        const o = row * chunk.shape.columnCount * 2;
        rows.set(key.map((i) => chunk.buffer.toString("utf8", chunk.offsets[o + 2 * i]!, chunk.offsets[o + 2 * i + 1]!)).join("\0"), [
          chunk,
          row,
        ]);
      }
    return { chunks, rows, key, after: decoder.lastKey ?? after };
  }

  private async shapesOf(table: CatalogTable): Promise<SnapshotShapes> {
    const id = JSON.stringify(table);
    let shapes = this.shapes.get(id);
    if (!shapes) {
      const columns = table.columns.map((c) => ({ ...c, identity: true }));
      const types = await loadTypes(this.session);
      const model = new TableModel(table.schema, table.name, columns, table.primaryKey, this.settings, this.rules, types, false);
      this.shapes.clear();
      this.shapes.set(id, (shapes = new SnapshotShapes(model, this.headers, null)));
    }
    return shapes;
  }
}

function keyOf(table: CatalogTable, surrogate: string | null): readonly string[] {
  return surrogate && table.columns.some((c) => c.name === surrogate) ? [surrogate] : table.primaryKey;
}
