import { IncrementalSnapshot, type IncrementalSource, keptChunk, type ReadRows } from "../../cdc/incremental-snapshot.js";
import type { RowWriter } from "../../cdc/row-writer.js";
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

/** Incremental snapshots of Postgres: signals and keys from the stream's rows, chunks by COPY. */
export class Incremental implements RowListener, IncrementalSource<CatalogTable> {
  private readonly snapshot: IncrementalSnapshot<CatalogTable>;
  private readonly shapes = new Map<string, SnapshotShapes>();
  private readonly signalTable: string;

  constructor(
    private readonly settings: PostgresSettings,
    private readonly rules: CaptureRules,
    private readonly headers: RecordShape["headers"],
    logger: Logger,
    private readonly session: WireSession,
    stored: string | null,
  ) {
    const deleteMarks = settings.config.string("incremental.snapshot.watermarking.strategy") === "INSERT_DELETE";
    this.snapshot = new IncrementalSnapshot(this, logger, deleteMarks, stored);
    this.signalTable = settings.config
      .string("signal.data.collection")
      .split(".")
      .slice(-2)
      .map((p) => identifier(p.replace(/"/g, "")))
      .join(".");
  }

  state(): string | null {
    return this.snapshot.state();
  }

  between(): Promise<void> {
    return this.snapshot.between();
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
      const kept = this.snapshot.signalRow(kind, at("id") ?? text(0) ?? "", at("type") ?? "", at("data"));
      for (const [chunk, rows] of kept ?? []) w.push(this.stamped(chunk, rows, lsn, position, offset));
      return;
    }
    const opened = this.snapshot.opened(t.fullName);
    if (!opened) return;
    const columns = opened.key.map((name) => t.model.columns.findIndex((c) => c.name === name));
    const key = (shift: number) => columns.map((i) => text(i + shift) ?? "").join("\0");
    opened.rows.delete(key(0));
    if (both) opened.rows.delete(key(t.count));
  }

  private stamped(chunk: RowChunk, rows: readonly number[], lsn: number, position: StreamPosition, sourceOffset: SourceOffset): RowChunk {
    const { tsUs } = position;
    const digits = Buffer.from(`${tsUs}000`, "latin1");
    const stamp = (slots: Float64Array, s: number) => {
      slots[s + readSlot.tsMs] = Math.floor(tsUs / 1000);
      slots[s + readSlot.tsUs] = tsUs;
      slots[s + readSlot.lsn] = lsn;
    };
    return keptChunk(chunk, rows, digits, stamp, { shape: chunk.shape, sourceOffset });
  }

  tables(): Promise<CatalogTable[]> {
    return loadTables(this.session);
  }

  async table(schema: string, name: string): Promise<CatalogTable | undefined> {
    return (await this.tables()).find((t) => t.schema === schema && t.name === name);
  }

  canReadBy(t: CatalogTable, column: string): boolean {
    return t.columns.some((c) => c.name === column);
  }

  captured(t: CatalogTable): boolean {
    return this.rules.table(t.schema, t.name);
  }

  names(t: CatalogTable): string[] {
    return [`${t.schema}.${t.name}`, `${this.settings.dbname}.${t.schema}.${t.name}`];
  }

  async insertSignal(id: string, type: string, data: string): Promise<void> {
    await this.session.query(`INSERT INTO ${this.signalTable} VALUES (${literal(id)}, ${literal(type)}, ${literal(data)})`);
  }

  async deleteSignal(id: string): Promise<void> {
    await this.session.query(`DELETE FROM ${this.signalTable} WHERE id = ${literal(id)}`);
  }

  async lastKey(table: CatalogTable, key: readonly string[], condition: string | null): Promise<string[] | null> {
    // qualified: a bare name in ORDER BY would be the text beside it, and "999" the greatest of 2,500
    const list = key.map((k) => `t.${identifier(k)}`);
    const where = condition ? ` WHERE (${condition})` : "";
    const order = list.map((k) => `${k} DESC`).join(", ");
    const [row] = await this.session.query(
      `SELECT ${list.map((k) => `${k}::text`).join(", ")} FROM ${tableName(table)} AS t${where} ORDER BY ${order} LIMIT 1`,
    );
    return row ? (row as string[]) : null;
  }

  async read(
    table: CatalogTable,
    keyNames: readonly string[],
    condition: string | null,
    after: string[] | null,
    last: string[],
  ): Promise<{ chunks: RowChunk[]; rows: ReadRows; after: string[] | null }> {
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
    const rows: ReadRows = new Map();
    for (const chunk of chunks)
      for (let row = 0; row < chunk.count; row++) {
        const o = row * chunk.shape.columnCount * 2;
        rows.set(key.map((i) => chunk.buffer.toString("utf8", chunk.offsets[o + 2 * i]!, chunk.offsets[o + 2 * i + 1]!)).join("\0"), [
          chunk,
          row,
        ]);
      }
    return { chunks, rows, after: decoder.lastKey ?? after };
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
