import { ConnectorRecords } from "../../cdc/connector-records.js";
import type { RowMemory } from "../../cdc/row-memory.js";
import { TransactionOrder } from "../../cdc/transaction-order.js";
import { MillraceError } from "../../common/errors.js";
import type { Logger } from "../../common/logger.js";
import { nextTurn, sliceEnd } from "../../common/turn.js";
import type { RecordShape } from "../../connect/api/shape.js";
import type { SourceItem, SourceTaskContext } from "../../connect/api/source.js";
import type { BinlogEvent, TableMap } from "./binlog/events.js";
import type { BinlogReader } from "./binlog/reader.js";
import type { CaptureRules } from "./capture-rules.js";
import { CapturedTable } from "./captured-table.js";
import { withHiddenColumns } from "./hidden-columns.js";
import type { Incremental } from "./incremental.js";
import { type SnapshotSegment, type StoredOffset, type StreamPosition, writeOffset } from "./offsets.js";
import type { SchemaChanges } from "./schema-changes.js";
import { covered, passed } from "./segment-filter.js";
import type { MysqlSettings } from "./settings.js";
import { StreamDecoder } from "./stream-decoder.js";
import type { StreamEvents, Transaction } from "./stream-events.js";
import { StreamShapes } from "./stream-shapes.js";
import type { StreamTable } from "./stream-table.js";
import type { Structures } from "./structures.js";

/** bytes of rows that one batch has, about */
const batchBytes = 1 << 20;
/** from so many on a batch is one of many */
const busyBytes = 16 << 10;
const gatherMs = 10;

export interface StreamingContext {
  readonly settings: MysqlSettings;
  readonly rules: CaptureRules;
  readonly headers: RecordShape["headers"];
  readonly logger: Logger;
  readonly memory: RowMemory;
  readonly structures: Structures;
  /** null: changes of tables are not sent */
  readonly changes: SchemaChanges | null;
  readonly setAside: SourceTaskContext["setAside"];
}

/** Streams from the binlog: decodes what arrives, applies statements that change tables. */
export class Streaming {
  /** of the last batch that was handed out whole */
  position: StreamPosition;
  readonly records: ConnectorRecords;
  private readonly decoder: StreamDecoder;
  private readonly order = new TransactionOrder();
  private segments: readonly SnapshotSegment[];
  private reported: string;
  /** of the incremental snapshots: a signal may be acted on when nothing follows it in the log */
  private reportedState: string | null = null;
  private progressAt = 0;
  private offset: Record<string, unknown> = {};
  private pending: ((offset: Record<string, unknown>) => SourceItem)[] = [];
  /** read and not yet decoded */
  private waiting: readonly BinlogEvent[] = [];
  private readonly byMap = new WeakMap<TableMap, StreamTable | null>();
  private readonly known = new Set<string>();

  constructor(
    private readonly context: StreamingContext,
    private readonly reader: BinlogReader,
    position: StreamPosition,
    segments: readonly SnapshotSegment[],
    private readonly incremental: Incremental | null,
  ) {
    const { settings, rules } = context;
    this.position = position;
    this.segments = segments;
    this.reported = placeOf(position);
    this.records = new ConnectorRecords(settings.prefix, rules.topics);
    const { order, records } = this;
    const events: StreamEvents = {
      table: (map) => this.table(map),
      begin: (w, t) => {
        w.push(records.transactionBegin(idOf(t), Math.floor(t.tsUs / 1000), this.offset));
      },
      commit: (w, t) => {
        if (settings.transactions)
          w.push(records.transactionEnd(idOf(t), Math.floor(t.tsUs / 1000), order.total, order.collections(), this.offset));
        order.clear();
      },
      order: settings.transactions ? (t) => order.next(t.fullName) : null,
      total: () => order.total,
      row: incremental
        ? (t, kind, w, o) => incremental.row(t, kind, w, o, this.decoder.transaction!, this.decoder.serverId, this.offset)
        : null,
      skip: segments.length ? (t, b, offsets, o, transaction) => this.repeated(t, b, offsets, o, transaction) : null,
      ignored: settings.gtidSources.ignored,
      bad: (error, e) => this.bad(error, e.header.file, e.header.position, `${e.table.database}.${e.table.table}`),
    };
    this.decoder = new StreamDecoder(
      position,
      events,
      {
        flavor: settings.flavor,
        skipped: settings.skipped,
        tombstones: settings.tombstones,
        transactions: settings.transactions,
        onlyChanges: settings.config.boolean("skip.messages.without.change"),
        query: settings.includeQuery,
      },
      context.memory,
    );
  }

  private repeated(t: StreamTable, b: Buffer, offsets: Int32Array, o: number, transaction: Transaction): boolean {
    return covered(this.segments, t, b, offsets, o, transaction, this.context.rules, this.context.settings.flavor);
  }

  /**
   * What has arrived; empty where nothing has within `ms`.
   * @throws SOURCE_RETRIABLE where the connection is lost, SOURCE_FAILED
   */
  async next(ms: number): Promise<SourceItem[]> {
    if (this.incremental) await this.incremental.between();
    if (!this.waiting.length) this.waiting = await this.read(ms);
    const offset: Record<string, unknown> = {};
    this.offset = offset;
    let items: SourceItem[] = [];
    if (this.waiting.length) {
      const { decoder } = this;
      const first = this.take();
      const size = decoder.bytesOf(first);
      const busy = size >= busyBytes;
      decoder.start(busy ? Math.max(size, batchBytes) : size, { server: this.context.settings.prefix }, offset);
      await this.decode(first);
      // under load, what comes within a moment is of the same transaction of ours: each costs a write to disk
      for (const until = performance.now() + gatherMs; busy && performance.now() < until; ) {
        if (!this.waiting.length) this.waiting = await this.read(1);
        if (!this.waiting.length || decoder.bytesOf(this.waiting) > decoder.left) break;
        await this.decode(this.take());
      }
      items = decoder.items;
      if (performance.now() > sliceEnd()) await nextTurn();
    }
    // before the offset moves behind them
    for (const { error, position } of this.aside) await this.context.setAside(error, { position });
    this.aside = [];
    for (const make of this.pending) items.push(make(offset));
    this.pending = [];
    this.complete(offset, items);
    return items;
  }

  private async decode(events: readonly BinlogEvent[]): Promise<void> {
    const { decoder } = this;
    decoder.feed(events);
    while (!decoder.run()) {
      await this.apply();
      decoder.applied();
    }
  }

  private async read(ms: number): Promise<readonly BinlogEvent[]> {
    try {
      return await this.reader.next(ms);
    } catch (e) {
      const { file, position } = e instanceof MillraceError ? (e.context as { file?: string; position?: number }) : {};
      if (file === undefined || position === undefined) throw e;
      this.bad(e as MillraceError, file, position, null);
      return [];
    }
  }

  /** An event that cannot be read: stops the task, or is set aside, or left out. */
  private bad(error: Error, file: string, position: number, table: string | null): void {
    const { settings, logger } = this.context;
    const where = `${file}:${position}`;
    if (settings.undecodable === "fail")
      throw error instanceof MillraceError
        ? error
        : new MillraceError(
            "SOURCE_FAILED",
            `The rows at ${where} of the binlog, of table ${table}, cannot be read: ${error.message}. event.deserialization.failure.handling.mode=warn sets them aside`,
            { cause: error },
          );
    if (settings.undecodable === "warn") {
      logger.warn("an event of the binlog cannot be read and is set aside", { at: where, error: error.message });
      this.aside.push({ error, position: where });
    } else logger.debug("an event of the binlog cannot be read and is left out", { at: where, error: error.message });
  }

  private aside: { readonly error: Error; readonly position: string }[] = [];

  /** The next events of about a batch's size. */
  private take(): readonly BinlogEvent[] {
    const { waiting } = this;
    let bytes = 0;
    let n = 0;
    while (n < waiting.length && bytes < batchBytes) {
      const e = waiting[n++]!;
      if (e.kind === "rows") bytes += e.rows.end - e.rows.start;
    }
    if (n === waiting.length) {
      this.waiting = [];
      return waiting;
    }
    this.waiting = waiting.slice(n);
    return waiting.slice(0, n);
  }

  /** Where to go on from after the last batch. */
  place(): StoredOffset {
    return { position: this.position, snapshot: null, segments: this.segments, incremental: this.incremental?.state() ?? null };
  }

  /** Adds a record to the next batch (a heartbeat). */
  add(make: (offset: Record<string, unknown>, records: ConnectorRecords) => SourceItem): void {
    this.pending.push((offset) => make(offset, this.records));
  }

  /** Fills in the batch's offset, and adds it alone where the log went on without a record. */
  private complete(offset: Record<string, unknown>, items: SourceItem[]): void {
    this.position = this.decoder.position;
    if (this.segments.length && passed(this.segments, this.position, this.context.settings.flavor)) this.segments = [];
    const now = Date.now();
    const state = this.incremental?.state() ?? null;
    const moved = placeOf(this.position) !== this.reported || state !== this.reportedState;
    const quiet = items.length === 0 && now - this.progressAt >= 1000 && moved;
    if (!quiet && !items.length) return;
    writeOffset(offset, this.place());
    this.reported = placeOf(this.position);
    this.reportedState = state;
    this.progressAt = now;
    if (quiet) items.push({ progress: true, sourcePartition: { server: this.context.settings.prefix }, sourceOffset: offset });
  }

  /** Applies the statement at which the decoder stopped. */
  private async apply(): Promise<void> {
    const { decoder } = this;
    const { structures, changes, rules, settings } = this.context;
    const e = decoder.statement!;
    const transaction = decoder.transaction!;
    const { serverId } = e.header;
    const place = {
      snapshot: "false",
      tsUs: transaction.tsUs,
      serverId,
      gtid: transaction.gtid,
      file: e.header.file,
      pos: e.header.position,
    };
    for (const c of await structures.apply(e, transaction, decoder.position.gtids)) {
      if (c.kind === "TRUNCATE") {
        const model = c.table !== null && !settings.skipped.has("t") && structures.tables.get(c.database, c.table);
        if (model && rules.table(c.database, model.name)) decoder.truncate(this.build(model, null));
      } else if (changes && !decoder.repeating && rules.namespace(c.database)) decoder.writer.push(changes.of(c, place, this.offset));
    }
  }

  private table(map: TableMap): StreamTable | null {
    const { rules, structures, logger, settings } = this.context;
    const model = structures.tables.get(map.database, map.table);
    const cached = this.byMap.get(map);
    if (cached !== undefined && (cached === null || cached.model === model)) return cached;
    const name = `${map.database}.${map.table}`;
    const wanted = rules.table(map.database, map.table) || name === settings.config.optionalString("signal.data.collection");
    if (!wanted) {
      this.byMap.set(map, null);
      return null;
    }
    const whole = model && (settings.flavor === "mariadb" ? withHiddenColumns(model, map) : model);
    const problem = !whole
      ? "is not in the schema history"
      : whole.columns.length !== map.columns.length
        ? `has ${map.columns.length} columns in the binlog and ${whole.columns.length} in the schema history`
        : map.columns.findIndex((c, i) => c.name !== undefined && c.name.toLowerCase() !== whole.columns[i]!.name.toLowerCase()) >= 0
          ? "has other columns in the binlog than in the schema history"
          : null;
    if (problem) return this.inconsistent(map, `Table ${name} ${problem}`);
    const table = this.build(model!, map, whole);
    this.byMap.set(map, table);
    if (!this.known.has(name)) logger.debug("table", { table: name, columns: table.count });
    this.known.add(name);
    return table;
  }

  private inconsistent(map: TableMap, problem: string): null {
    const mode = this.context.settings.config.string("inconsistent.schema.handling.mode");
    const text = `${problem}. Its structure at this place of the binlog is not known: take a new snapshot (snapshot.mode=recovery reads the structures anew), or leave its rows out with inconsistent.schema.handling.mode=warn`;
    if (mode === "fail") throw new MillraceError("SOURCE_FAILED", text, { context: { table: `${map.database}.${map.table}` } });
    if (mode === "warn" && !this.byMap.has(map)) this.context.logger.warn(`${problem}: its rows are left out`);
    this.byMap.set(map, null);
    return null;
  }

  /** @param whole the table with what only its rows have */
  private build(model: StreamTable["model"], map: TableMap | null, whole = model): StreamTable {
    const { settings, rules, headers } = this.context;
    const table = new CapturedTable(whole, settings, rules, map?.columns ?? null);
    const name = `${model.database}.${model.name}`;
    return {
      model,
      table,
      shapes: new StreamShapes(table, headers),
      count: table.columns.length,
      fullName: name,
      captured: rules.table(model.database, model.name),
      signals: name === settings.config.optionalString("signal.data.collection"),
      insert: null,
      update: null,
    };
  }

  close(): void {
    this.reader.close();
  }
}

function placeOf(p: StreamPosition): string {
  return `${p.file}:${p.pos}:${p.gtids}`;
}

function idOf(t: Transaction): string {
  return t.gtid ?? `file=${t.file},pos=${t.pos}`;
}
