import {
  IncrementalSnapshot,
  type IncrementalSource,
  keptChunk,
  type ReadableTable,
  type ReadRows,
} from "../../cdc/incremental-snapshot.js";
import type { RowWriter } from "../../cdc/row-writer.js";
import { MillraceError } from "../../common/errors.js";
import type { Logger } from "../../common/logger.js";
import type { SourceOffset } from "../../connect/api/record.js";
import type { RecordShape, RowChunk } from "../../connect/api/shape.js";
import type { CaptureRules } from "./capture-rules.js";
import { CapturedTable } from "./captured-table.js";
import { RowStream } from "./connection/row-stream.js";
import { ServerError } from "./connection/server-error.js";
import type { WireSession } from "./connection/wire-session.js";
import { Tables } from "./ddl/tables.js";
import { behind, type KeyPart, keyParts } from "./incremental-key.js";
import { IncrementalShapes, incrementalSlot, incrementalSlots } from "./incremental-shapes.js";
import { identifier, literal, showCreate, tableName } from "./server.js";
import type { MysqlSettings } from "./settings.js";
import type { Transaction } from "./stream-events.js";
import type { StreamTable } from "./stream-table.js";
import type { Structures } from "./structures.js";
import type { TableModel } from "./table-model.js";

/** A table as it is now, with the shapes of its rows: the same objects as long as it stays as it is. */
interface Current {
  readonly table: string;
  readonly ddl: string;
  readonly model: TableModel;
  readonly shapes: IncrementalShapes;
}

/** A table as the stream has it. */
interface Readable extends ReadableTable {
  readonly model: TableModel;
}

function readable(model: TableModel): Readable {
  const { database, name, keyColumns } = model;
  return { schema: database, name, primaryKey: keyParts(model, keyColumns) ? keyColumns : [], model };
}

const unknownColumn = 1054;

/** Incremental snapshots of MySQL and MariaDB: signals and keys from the stream's rows, chunks by SELECT. */
export class Incremental implements IncrementalSource<Readable> {
  private readonly snapshot: IncrementalSnapshot<Readable>;
  private current: Current | null = null;
  private readonly signalTable: string;
  private readonly shapesOf = new WeakMap<RecordShape, IncrementalShapes>();

  constructor(
    private readonly settings: MysqlSettings,
    private readonly rules: CaptureRules,
    private readonly headers: RecordShape["headers"],
    logger: Logger,
    private readonly structures: Structures,
    private readonly session: WireSession,
    stored: string | null,
  ) {
    const deleteMarks = settings.config.string("incremental.snapshot.watermarking.strategy") === "INSERT_DELETE";
    this.snapshot = new IncrementalSnapshot(this, logger, deleteMarks, stored);
    const parts = settings.config.string("signal.data.collection").split(".");
    this.signalTable = parts.map((p) => identifier(p.replaceAll("`", ""))).join(".");
  }

  state(): string | null {
    return this.snapshot.state();
  }

  between(): Promise<void> {
    return this.snapshot.between();
  }

  /** A row of the stream: its columns from `o`, of an update the old ones behind them. */
  row(
    t: StreamTable,
    kind: "c" | "u" | "d",
    w: RowWriter,
    o: number,
    transaction: Transaction,
    serverId: number,
    offset: SourceOffset,
  ): void {
    const text = (i: number, shift = 0) => {
      const at = o + 2 * (i + shift);
      const start = w.offsets[at]!;
      return start < 0 ? null : t.table.keyText(i, w.buffer, start, w.offsets[at + 1]!);
    };
    if (t.signals) {
      const at = (name: string) => text(t.model.columns.findIndex((c) => c.name.toLowerCase() === name));
      const kept = this.snapshot.signalRow(kind, at("id") ?? text(0) ?? "", at("type") ?? "", at("data"));
      for (const [chunk, rows] of kept ?? []) w.push(this.stamped(chunk, rows, transaction, serverId, offset));
      return;
    }
    const opened = this.snapshot.opened(t.fullName);
    if (!opened) return;
    const columns = opened.key.map((name) => t.model.columns.findIndex((c) => c.name === name));
    opened.rows.delete(columns.map((i) => text(i) ?? "").join("\0"));
    if (kind === "u") opened.rows.delete(columns.map((i) => text(i, t.count) ?? "").join("\0"));
  }

  private stamped(chunk: RowChunk, rows: readonly number[], t: Transaction, serverId: number, sourceOffset: SourceOffset): RowChunk {
    const digits = Buffer.from(`${t.tsUs}000`, "latin1");
    const stamp = (slots: Float64Array, s: number) => {
      slots[s + incrementalSlot.tsMs] = Math.floor(t.tsUs / 1000);
      slots[s + incrementalSlot.tsUs] = t.tsUs;
      slots[s + incrementalSlot.pos] = t.pos;
    };
    const shape = this.shapesOf.get(chunk.shape)!.get(t.file, serverId);
    return keptChunk(chunk, rows, digits, stamp, { shape, sourceOffset });
  }

  async tables(): Promise<Readable[]> {
    return [...this.structures.tables.all()].map(readable);
  }

  async table(schema: string, name: string): Promise<Readable | undefined> {
    const model = this.structures.tables.get(schema, name);
    return model && readable(model);
  }

  canReadBy(t: Readable, column: string): boolean {
    return keyParts(t.model, [column]) !== null;
  }

  captured(t: Readable): boolean {
    return this.rules.table(t.schema, t.name);
  }

  names(t: Readable): string[] {
    return [`${t.schema}.${t.name}`];
  }

  async insertSignal(id: string, type: string, data: string): Promise<void> {
    await this.session.query(`INSERT INTO ${this.signalTable} VALUES (${literal(id)}, ${literal(type)}, ${literal(data)})`);
  }

  async deleteSignal(id: string): Promise<void> {
    await this.session.query(`DELETE FROM ${this.signalTable} WHERE id = ${literal(id)}`);
  }

  async lastKey(t: Readable, key: readonly string[], condition: string | null): Promise<string[] | null> {
    const { model } = await this.now(t);
    const parts = this.parts(model, key);
    const order = parts.map((p) => `${p.column} DESC`).join(", ");
    const where = condition ? ` WHERE (${condition})` : "";
    const { rows } = await this.session.query(
      `SELECT ${parts.map((p) => p.select).join(", ")} FROM ${tableName(t.schema, t.name)} AS t${where} ORDER BY ${order} LIMIT 1`,
    );
    return rows[0] ? (rows[0] as string[]) : null;
  }

  async read(
    t: Readable,
    key: readonly string[],
    condition: string | null,
    after: string[] | null,
    last: string[],
  ): Promise<{ chunks: RowChunk[]; rows: ReadRows; after: string[] | null }> {
    for (let tries = 0; ; tries++)
      try {
        return await this.select(await this.now(t), key, condition, after, last);
      } catch (e) {
        // a column went between SHOW CREATE TABLE and the SELECT
        if (!(e instanceof ServerError) || e.errno !== unknownColumn || tries === 3) throw e;
      }
  }

  private async select(
    { model, shapes }: Current,
    key: readonly string[],
    condition: string | null,
    after: string[] | null,
    last: string[],
  ): Promise<{ chunks: RowChunk[]; rows: ReadRows; after: string[] | null }> {
    const { table } = shapes;
    const parts = this.parts(model, key);
    const n = table.columns.length;
    const list = table.columns.map((c) => {
      const name = `t.${identifier(c.name)}`;
      return c.resolved?.select ? c.resolved.select(name) : name;
    });
    const bounds = [condition, after && behind(parts, after), `NOT (${behind(parts, last)})`].filter(Boolean).map((b) => `(${b})`);
    const order = parts.map((p) => p.column).join(", ");
    const limit = this.settings.config.number("incremental.snapshot.chunk.size");
    const sql = `SELECT ${[...list, ...parts.map((p) => p.select)].join(", ")} FROM ${tableName(model.database, model.name)} AS t WHERE ${bounds.join(" AND ")} ORDER BY ${order} LIMIT ${limit}`;
    const stride = n + parts.length;
    const result = await RowStream.open(this.session, sql, stride);
    const columns = key.map((name) => table.columns.findIndex((c) => c.name === name));
    const shape = shapes.get("", 0);
    this.shapesOf.set(shape, shapes);
    const chunks: RowChunk[] = [];
    const rows: ReadRows = new Map();
    let behindLast = after;
    for (let batch = await result.next(); batch; batch = await result.next()) {
      const { buffer, count } = batch;
      if (!count) continue;
      const now = Date.now();
      buffer.latin1Write(`${now}000000`, 0);
      const offsets = new Int32Array(count * 2 * shapes.columnCount);
      const slots = new Float64Array(count * incrementalSlots);
      const chunk: RowChunk = {
        shape,
        count,
        buffer,
        offsets,
        slots,
        sourcePartition: { server: this.settings.prefix },
        sourceOffset: {},
      };
      for (let row = 0; row < count; row++) {
        const from = row * 2 * stride;
        const to = row * 2 * shapes.columnCount;
        offsets.set(batch.offsets.subarray(from, from + 2 * n), to);
        offsets[to + 2 * n + 1] = 19;
        slots[row * incrementalSlots + incrementalSlot.nowMs] = now;
        slots[row * incrementalSlots + incrementalSlot.nowUs] = now * 1000;
        const at = (i: number): [number, number] => [batch.offsets[from + 2 * i]!, batch.offsets[from + 2 * i + 1]!];
        const id = columns.map((i) => (at(i)[0] < 0 ? "" : table.keyText(i, buffer, ...at(i)))).join("\0");
        rows.set(id, [chunk, row]);
        if (row === count - 1) behindLast = parts.map((_, k) => buffer.toString("utf8", ...at(n + k)));
      }
      chunks.push(chunk);
    }
    return { chunks, rows, after: behindLast };
  }

  private parts(model: TableModel, key: readonly string[]): KeyPart[] {
    const parts = keyParts(model, key);
    if (parts) return parts;
    // the stream has the table as it was: it will learn of the change
    throw new MillraceError("SOURCE_RETRIABLE", `The key of ${model.database}.${model.name} (${key.join(", ")}) was changed`);
  }

  private async now(t: Readable): Promise<Current> {
    const table = `${t.schema}.${t.name}`;
    const ddl = await showCreate(this.session, t.schema, t.name);
    if (this.current?.table === table && this.current.ddl === ddl) return this.current;
    const tables = new Tables(this.structures.tables.options);
    tables.setServerDefaults(this.structures.info.charset, this.structures.info.collation || null);
    tables.apply(ddl, { database: t.schema, explicitDefaultsForTimestamp: true });
    const model = tables.get(t.schema, t.name)!;
    const shapes = new IncrementalShapes(new CapturedTable(model, this.settings, this.rules, null), this.headers);
    return (this.current = { table, ddl, model, shapes });
  }
}
