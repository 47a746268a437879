import { RowMemory } from "../../cdc/row-memory.js";
import { RowWriter } from "../../cdc/row-writer.js";
import { MillraceError } from "../../common/errors.js";
import type { SourceOffset, SourcePartition } from "../../connect/api/record.js";
import type { SourceItem } from "../../connect/api/source.js";
import type { BinlogEvent, TableMap } from "./binlog/events.js";
import { EventRows, rowBytes } from "./event-rows.js";
import { type Gtids, parseGtids, prefixOf } from "./gtids.js";
import type { StreamPosition } from "./offsets.js";
import { both, carry, differ, included } from "./row-changes.js";
import type { DecoderOptions, QueryEvent, RowsOfEvent, StreamEvents, Transaction } from "./stream-events.js";
import { extraColumns, narrowSlots, type StreamVariant, slot, wideSlots } from "./stream-shapes.js";
import type { StreamTable } from "./stream-table.js";

const header = 48;

const statement = /^\s*(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|XA)\b/i;
const beginMatch = ["BEGIN", "BEGIN"] as const;

/**
 * Makes chunks of rows from a binlog's events. Synchronous; it stops at a DDL statement, which the caller applies before it calls
 * `run` again.
 */
export class StreamDecoder {
  /** the DDL statement at which `run` stopped */
  statement: QueryEvent | null = null;
  transaction: Transaction | null = null;
  serverId: number;
  tsUs: number;
  private file: string;
  private pos: number;
  private readonly gtids: Gtids | null;
  /** rows events of the open transaction that were read */
  private inTx = 0;
  private skipping: number;
  private ignoring = false;
  private threadId = Number.NaN;
  private query: string | null = null;
  private variant: StreamVariant = { file: "", gtid: null, query: false };
  private number = Number.NaN;
  private batch: { events: readonly BinlogEvent[]; at: number; readonly writer: RowWriter; end: number } | null = null;
  private nsAt = 20;
  private nsEnd = 20;
  private queryAt = -1;
  private queryEnd = -1;
  private nowMs = 0;
  private readonly slots: number;
  private used = new Set<StreamTable>();
  private readonly eventRows = new EventRows();
  /** the table of the last rows, until a statement may have changed it */
  private map: TableMap | null = null;
  private table: StreamTable | null = null;

  constructor(
    position: StreamPosition,
    private readonly events: StreamEvents,
    private readonly options: DecoderOptions,
    private readonly memory = new RowMemory(),
  ) {
    this.file = position.file;
    this.pos = position.pos;
    this.gtids = position.gtids === null ? null : parseGtids(position.gtids, options.flavor);
    this.skipping = position.events;
    this.serverId = position.serverId;
    this.tsUs = position.tsUs;
    this.slots = options.transactions ? wideSlots : narrowSlots;
  }

  /** How many bytes of a batch these events take. */
  bytesOf(events: readonly BinlogEvent[]): number {
    let size = rowBytes(events);
    for (const e of events)
      if (e.kind === "gtid" || e.kind === "query") size += 20;
      else if (e.kind === "rows-query" && this.options.query) size += e.sql.length * 3;
    return size;
  }

  /** Begins a batch with room for so many bytes of events. */
  start(bytes: number, partition: SourcePartition, offset: SourceOffset): void {
    // a statement that began in the batch before is written once more
    const block = this.memory.lend(header + bytes + 20 + (this.query?.length ?? 0) * 3, offset);
    const buffer = block.bytes;
    this.nowMs = Date.now();
    buffer.latin1Write(`${this.nowMs}000000`, 0);
    this.nsAt = 20;
    this.nsEnd = 20 + buffer.latin1Write(`${this.tsUs}000`, 20);
    this.batch = { events: [], at: 0, writer: new RowWriter(block, partition, offset), end: header };
    this.setQuery(this.query);
  }

  /** Bytes that the batch has room for. */
  get left(): number {
    return this.batch!.writer.buffer.length - this.batch!.end - 20;
  }

  /** Takes events in, once those before are decoded; `run` decodes them. */
  feed(events: readonly BinlogEvent[]): void {
    const batch = this.batch!;
    batch.events = events;
    batch.at = 0;
    this.eventRows.refill();
  }

  /** Decodes until the events end (true) or a DDL statement must be applied (false: see `statement`). */
  run(): boolean {
    const batch = this.batch!;
    const { events } = batch;
    this.statement = null;
    this.map = null;
    while (batch.at < events.length) {
      const e = events[batch.at++]!;
      switch (e.kind) {
        case "rows":
          this.rows(e);
          break;
        case "gtid":
          this.begin(e.header.file, e.header.position, e.gtid, e.commitUs?.original ?? e.header.timestamp * 1e6, e.header.serverId);
          break;
        case "query":
          if (!this.queryEvent(e)) return false;
          break;
        case "rows-query":
          if (this.options.query) this.setQuery(e.sql);
          break;
        case "xa-prepare":
        case "commit":
          this.commit(e.header.file, e.header.nextPosition);
          break;
        case "rotate":
          if (!this.transaction) {
            this.file = e.toFile;
            this.pos = e.toPosition;
          }
          break;
        case "heartbeat":
          break;
        case "incident":
          throw new MillraceError(
            "SOURCE_FAILED",
            `The server lost events of its binlog at ${e.header.file}:${e.header.position} (${e.message}). Take a new snapshot: snapshot.mode=when_needed, or delete the connector's offsets`,
          );
      }
    }
    batch.writer.flush();
    return true;
  }

  /** Where to go on from after what was decoded. */
  get position(): StreamPosition {
    return {
      file: this.file,
      pos: this.pos,
      gtids: this.gtids === null ? null : this.gtids.toString(),
      events: Math.max(this.transaction ? this.inTx : 0, this.skipping),
      serverId: this.serverId,
      tsUs: this.tsUs,
    };
  }

  get writer(): RowWriter {
    return this.batch!.writer;
  }
  get items(): SourceItem[] {
    return this.batch!.writer.items;
  }

  private begin(file: string, pos: number, gtid: string | null, tsUs: number, serverId: number): void {
    // a transaction that the server broke off: the next one begins without its end
    if (this.transaction) this.transaction = null;
    this.inTx = 0;
    this.file = file;
    this.pos = pos;
    this.serverId = serverId;
    this.tsUs = tsUs;
    this.transaction = { gtid, file, pos, tsUs };
    this.ignoring = gtid !== null && (this.events.ignored?.(gtid) ?? false);
    this.threadId = Number.NaN;
    const batch = this.batch!;
    const { buffer } = batch.writer;
    this.nsAt = batch.end;
    this.nsEnd = batch.end += buffer.latin1Write(`${tsUs}000`, batch.end);
    if (this.query !== null) this.setQuery(null);
    const named = gtid === null ? null : prefixOf(gtid, this.options.flavor);
    this.number = named?.number ?? Number.NaN;
    this.setVariant(file, named?.prefix ?? null, false);
    this.begun = this.opened = false;
  }

  /** whether its BEGIN record was sent */
  private begun = false;
  /** by a BEGIN of its own: then only a COMMIT ends it */
  private opened = false;

  private setVariant(file: string, gtid: string | null, query: boolean): void {
    const v = this.variant;
    if (v.file === file && v.gtid === gtid && v.query === query) return;
    this.variant = { file, gtid, query };
    for (const t of this.used) t.insert = t.update = null;
    this.used.clear();
  }

  private setQuery(sql: string | null): void {
    this.query = sql;
    const batch = this.batch!;
    if (sql === null) this.queryAt = this.queryEnd = -1;
    else {
      this.queryAt = batch.end;
      this.queryEnd = batch.end += batch.writer.buffer.utf8Write(sql, batch.end);
    }
    this.setVariant(this.variant.file, this.variant.gtid, sql !== null);
  }

  /** False: a statement that the caller must apply. */
  private queryEvent(e: QueryEvent): boolean {
    const m = e.sql === "BEGIN" ? beginMatch : statement.exec(e.sql);
    if (!m) {
      if (!this.transaction) this.begin(e.header.file, e.header.position, null, e.header.timestamp * 1e6, e.header.serverId);
      this.statement = e;
      return false;
    }
    switch (m[1]!.toUpperCase()) {
      case "BEGIN":
      case "XA":
        // without GTIDs a transaction begins here
        if (!this.transaction) this.begin(e.header.file, e.header.position, null, e.header.timestamp * 1e6, e.header.serverId);
        this.threadId = e.threadId;
        this.opened = true;
        if (/^\s*XA\s+(PREPARE|COMMIT|ROLLBACK)\b/i.test(e.sql)) this.commit(e.header.file, e.header.nextPosition);
        break;
      case "COMMIT":
        this.commit(e.header.file, e.header.nextPosition);
        break;
      case "ROLLBACK":
        if (!/^\s*ROLLBACK\s+(WORK\s+)?TO\b/i.test(e.sql)) this.commit(e.header.file, e.header.nextPosition);
    }
    return true;
  }

  /** Whether what is read was sent before a restart, up to a place within this transaction. */
  get repeating(): boolean {
    return this.skipping > 0;
  }

  /** Ends the transaction that a DDL statement is, once it was applied; but rows follow CREATE TABLE … SELECT. */
  applied(): void {
    const e = this.statement!;
    if (/\bSTART\s+TRANSACTION\s*$/i.test(e.sql)) this.threadId = e.threadId;
    else if (!this.opened) this.commit(e.header.file, e.header.nextPosition);
  }

  private commit(file: string, next: number): void {
    const { transaction } = this;
    if (!transaction) return;
    if (this.begun) this.events.commit(this.writer, transaction);
    if (transaction.gtid !== null) this.gtids?.add(transaction.gtid);
    this.transaction = null;
    this.inTx = 0;
    this.skipping = 0;
    this.file = file;
    if (next > 0) this.pos = next;
  }

  private rows(e: RowsOfEvent): void {
    this.inTx++;
    if (this.ignoring) return;
    const skip = this.inTx <= this.skipping;
    if (e.table !== this.map) {
      this.table = this.events.table(e.table, e);
      this.map = e.table;
    }
    const { table } = this;
    if (!table) return;
    const { rows } = e;
    if (skip) {
      if (table.captured && this.events.order) this.countOnly(e, table);
      return;
    }
    const batch = this.batch!;
    const { writer } = batch;
    const b = writer.buffer;
    const { eventRows } = this;
    if (!eventRows.has(rows)) batch.end = eventRows.copy(rows, batch.events, batch.at, b, batch.end);
    const start = rows.start + eventRows.shift;
    const end = rows.end + eventRows.shift;
    if (table.captured && this.options.transactions && !this.begun) {
      this.begun = true;
      this.events.begin(writer, this.transaction!);
    }
    try {
      if (rows.operation === "insert") this.inserts(e, table, b, start, end);
      else if (rows.operation === "delete") this.deletes(e, table, b, start, end);
      else this.updates(e, table, b, start, end);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      writer.drop();
      this.events.bad(error, e);
    }
  }

  /** Rows that were sent before a restart still have a place in their transaction. */
  private countOnly(e: RowsOfEvent, table: StreamTable): void {
    this.begun = true;
    const { rows } = e;
    const offsets = new Int32Array(table.count * 2);
    const { before, after } = this.eventRows.images(e, table.count);
    for (let p = rows.start; p < rows.end; ) {
      if (before) p = before(rows.buffer, p, rows.end, offsets, 0);
      if (after) p = after(rows.buffer, p, rows.end, offsets, 0);
      this.events.order!(table);
    }
  }

  private inserts(e: RowsOfEvent, table: StreamTable, b: Buffer, start: number, end: number): void {
    const { after, newLacks: lacks } = this.eventRows.images(e, table.count);
    const read = after!;
    const { writer } = this;
    const columns = table.count + extraColumns;
    let shape = lacks ? table.shapes.get("insert", this.variant, lacks) : table.insert;
    if (!shape) {
      shape = table.insert = table.shapes.get("insert", this.variant);
      this.used.add(table);
    }
    let row = 0;
    for (let p = start; p < end; row++) {
      const o = writer.begin(columns, this.slots);
      p = read(b, p, end, writer.offsets, o);
      if (this.finish(e, table, "c", o, columns, row)) writer.end(shape);
    }
  }

  private deletes(e: RowsOfEvent, table: StreamTable, b: Buffer, start: number, end: number): void {
    const { before, oldLacks: lacks } = this.eventRows.images(e, table.count);
    const read = before!;
    const { writer } = this;
    const columns = table.count + extraColumns;
    let row = 0;
    for (let p = start; p < end; row++) {
      const o = writer.begin(columns, this.slots);
      p = read(b, p, end, writer.offsets, o);
      if (!this.finish(e, table, "d", o, columns, row)) continue;
      writer.end(table.shapes.get("delete", this.variant, "", lacks));
      if (this.options.tombstones) writer.again(table.shapes.get("tombstone", this.variant, "", lacks));
    }
  }

  private updates(e: RowsOfEvent, table: StreamTable, b: Buffer, start: number, end: number): void {
    const n = table.count;
    const { before, after, oldLacks, newLacks: lacks } = this.eventRows.images(e, n);
    const readOld = before!;
    const readNew = after!;
    // a column that did not change may be in the old row alone
    const newLacks = both(lacks, oldLacks);
    const full = !oldLacks && !lacks;
    const { writer, options } = this;
    const columns = 2 * n + extraColumns;
    let row = 0;
    for (let p = start; p < end; row++) {
      const o = writer.begin(columns, this.slots);
      const { offsets } = writer;
      p = readOld(b, p, end, offsets, o + 2 * n);
      p = readNew(b, p, end, offsets, o);
      if (!full) carry(offsets, o, n);
      const moved = differ(table.table.key, b, offsets, o, n);
      if (options.onlyChanges && full && !moved && !differ(included(table), b, offsets, o, n)) {
        this.events.row?.(table, "u", writer, o);
        writer.drop();
        continue;
      }
      if (!this.finish(e, table, "u", o, columns, row)) continue;
      if (!moved) {
        let shape = full ? table.update : table.shapes.get("updateFull", this.variant, newLacks, oldLacks);
        if (!shape) {
          shape = table.update = table.shapes.get("updateFull", this.variant);
          this.used.add(table);
        }
        writer.end(shape);
      } else this.moved(table, o, columns, newLacks, oldLacks);
    }
  }

  private moved(table: StreamTable, o: number, columns: number, newLacks: string, oldLacks: string): void {
    const { writer, options } = this;
    const { shapes } = table;
    writer.end(shapes.get("moveDelete", this.variant, newLacks, oldLacks));
    if (options.tombstones) writer.again(shapes.get("moveTombstone", this.variant, newLacks, oldLacks));
    const create = shapes.get("moveCreate", this.variant, newLacks, oldLacks);
    if (!options.transactions) {
      writer.again(create);
      return;
    }
    const at = writer.slotBase;
    const order = this.events.order!(table);
    const o2 = writer.begin(columns, this.slots);
    writer.offsets.copyWithin(o2, o, o + 2 * columns);
    writer.slots.copyWithin(writer.slotBase, at, at + this.slots);
    writer.slots[writer.slotBase + slot.total] = this.events.total();
    writer.slots[writer.slotBase + slot.order] = order;
    writer.end(create);
  }

  /** Lets the listeners see a row, and fills in its slots; false: the row is dropped. */
  private finish(e: RowsOfEvent, table: StreamTable, op: "c" | "u" | "d", o: number, columns: number, row: number): boolean {
    const { events } = this;
    const { writer } = this;
    if (events.row) events.row(table, op, writer, o);
    if (!table.captured || this.options.skipped.has(op) || events.skip?.(table, writer.buffer, writer.offsets, o, this.transaction!)) {
      writer.drop();
      return false;
    }
    const { offsets, slots } = writer;
    const x = o + 2 * (columns - extraColumns);
    offsets[x] = this.nsAt;
    offsets[x + 1] = this.nsEnd;
    offsets[x + 2] = 0;
    offsets[x + 3] = 19;
    offsets[x + 4] = this.queryAt;
    offsets[x + 5] = this.queryEnd;
    this.stamp(slots, writer.slotBase, e.header.position, e.header.serverId, row, this.threadId);
    if (this.options.transactions) {
      slots[writer.slotBase + slot.order] = events.order!(table);
      slots[writer.slotBase + slot.total] = events.total();
      slots[writer.slotBase + slot.start] = this.transaction!.pos;
    }
    return true;
  }

  private stamp(slots: Float64Array, s: number, pos: number, serverId: number, row: number, threadId: number): void {
    slots[s] = Math.floor(this.tsUs / 1000);
    slots[s + 1] = this.tsUs;
    slots[s + 2] = serverId;
    slots[s + 3] = pos;
    slots[s + 4] = row;
    slots[s + 5] = threadId;
    slots[s + 6] = this.number;
    slots[s + 7] = this.nowMs;
    slots[s + 8] = this.nowMs * 1000;
  }

  /** Writes the record of a truncated table, while the statement is applied. */
  truncate(table: StreamTable): void {
    const { writer } = this;
    const { header } = this.statement!;
    const o = writer.begin(extraColumns, this.slots);
    const { offsets, slots } = writer;
    offsets[o] = this.nsAt;
    offsets[o + 1] = this.nsEnd;
    offsets[o + 2] = 0;
    offsets[o + 3] = 19;
    offsets[o + 4] = this.queryAt;
    offsets[o + 5] = this.queryEnd;
    this.stamp(slots, writer.slotBase, header.position, header.serverId, 0, Number.NaN);
    if (this.options.transactions) {
      slots[writer.slotBase + slot.order] = this.events.order!(table);
      slots[writer.slotBase + slot.total] = this.events.total();
      slots[writer.slotBase + slot.start] = this.transaction!.pos;
    }
    writer.end(table.shapes.get("truncate", this.variant));
  }
}
