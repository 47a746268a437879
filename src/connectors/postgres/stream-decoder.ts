import { RowMemory } from "../../cdc/row-memory.js";
import { RowWriter } from "../../cdc/row-writer.js";
import { MillraceError } from "../../common/errors.js";
import type { SourceOffset } from "../../connect/api/record.js";
import type { SourceItem } from "../../connect/api/source.js";
import { type Relation, readRelation } from "./pgoutput-relation.js";
import { narrowSlots, type StreamVariant, slot, wideSlots } from "./stream-shapes.js";
import type { StreamTable } from "./stream-table.js";
import { errorOf } from "./wire-session.js";

/** Where the stream is: what resuming needs. */
export interface StreamPosition {
  /** end of the last transaction that was read whole */
  commitLsn: number;
  /** of the last change read */
  lsn: number;
  txId: number;
  /** commit time, µs since the epoch */
  tsUs: number;
  /** changes read of the transaction that is open, 0 between transactions */
  inTx: number;
}

/** What the decoder hands over, beside rows; called in the stream's order. */
export interface StreamEvents {
  /** a transaction of this stream begins or is complete */
  begin(writer: RowWriter, resumed: boolean): void;
  commit(writer: RowWriter, endLsn: number): void;
  message(writer: RowWriter, transactional: boolean, prefix: string, content: Buffer, lsn: number): void;
  /** one event of a captured table, before it is written: its place in the transaction; false drops it */
  order: ((table: StreamTable) => number) | null;
  total(): number;
  /** after a row of a table was written, `offsets` from `o`; null where nobody looks */
  row: ((table: StreamTable, kind: "c" | "u" | "d", writer: RowWriter, o: number, lsn: number, both: boolean) => void) | null;
  /** an event to leave out: already contained in a chunk of a resumed snapshot */
  skip: ((table: StreamTable, buffer: Buffer, offsets: Int32Array, o: number) => boolean) | null;
  keepalive(end: number, reply: boolean): void;
}

const epoch2000us = 946_684_800_000_000;
const header = 40;

/**
 * Decodes a replication stream's bytes (CopyData frames with XLogData and keepalives, in them pgoutput of protocol version 1)
 * into chunks of rows. Synchronous; it stops at a Relation message, which `resume` completes once the catalogue was asked.
 */
export class StreamDecoder {
  readonly position: StreamPosition;
  /** set where decoding stopped for a relation that must be looked up */
  relation: Relation | null = null;
  ended = false;
  /** whether a transaction is being read */
  open = false;
  readonly tables = new Map<number, StreamTable | null>();
  variant: StreamVariant;
  originLsn = 0;
  private rest: Buffer = Buffer.alloc(0);
  private skipping = 0;
  /** commit LSN up to which whole transactions were stored before the restart */
  private readonly resumeCommit: number;
  private skipTx = false;
  private wide: boolean;

  constructor(
    position: StreamPosition,
    private readonly events: StreamEvents,
    private readonly options: {
      readonly skipped: ReadonlySet<string>;
      readonly tombstones: boolean;
      readonly transactions: boolean;
      readonly onlyChanges: boolean;
    },
    private readonly memory = new RowMemory(),
  ) {
    this.position = { ...position };
    this.resumeCommit = position.commitLsn;
    this.skipping = position.inTx;
    this.variant = { first: position.commitLsn === 0, origin: null };
    this.wide = options.transactions;
  }

  private batch: { buffer: Buffer; at: number; end: number; writer: RowWriter } | null = null;

  /** Takes the socket's chunks in; `run` decodes what is there. */
  start(chunks: readonly Buffer[], partition: { readonly server: string }, offset: SourceOffset): RowWriter {
    let size = this.rest.length;
    for (const c of chunks) size += c.length;
    const block = this.memory.lend(header + size, offset);
    const buffer = block.bytes;
    let end = header;
    this.rest.copy(buffer, end);
    end += this.rest.length;
    for (const c of chunks) {
      c.copy(buffer, end);
      end += c.length;
    }
    this.nowMs = Date.now();
    buffer.write(`${this.nowMs}000000`, 0, "latin1");
    this.nsAt = 20;
    this.nsEnd = 20 + buffer.write(`${this.position.tsUs}000`, 20, "latin1");
    this.rest = Buffer.alloc(0);
    const writer = new RowWriter(block, partition, offset);
    this.batch = { buffer, at: header, end, writer };
    return writer;
  }

  /** where the digits of the commit time in ns are */
  private nsAt = 20;
  private nsEnd = 20;
  private nowMs = 0;

  /** Decodes until the bytes end (true) or a relation must be looked up (false: see `relation`). */
  run(): boolean {
    const batch = this.batch!;
    const { buffer: b, end } = batch;
    let p = batch.at;
    while (end - p >= 5) {
      const length = (b[p + 1]! << 24) | (b[p + 2]! << 16) | (b[p + 3]! << 8) | b[p + 4]!;
      const next = p + 1 + length;
      if (next > end) break;
      const type = b[p]!;
      if (type === 100) {
        if (b[p + 5] === 119) this.change(b, p + 6, next);
        else if (b[p + 5] === 107) {
          const walEnd = u64(b, p + 6);
          this.events.keepalive(walEnd, b[p + 22] === 1);
        }
      } else if (type === 69) {
        const e = errorOf(b.subarray(p + 5, next));
        throw e;
      } else if (type === 99 || type === 67) this.ended = true;
      p = next;
      if (this.relation) {
        batch.at = p;
        return false;
      }
    }
    this.rest = p === end ? Buffer.alloc(0) : Buffer.from(b.subarray(p, end));
    batch.at = p;
    batch.writer.flush();
    return true;
  }

  get items(): SourceItem[] {
    return this.batch!.writer.items;
  }

  /** Where to go on from after what was decoded; while a stream is being repeated, that is where it was cut. */
  get resumable(): StreamPosition {
    const inTx = Math.max(this.skipTx ? 0 : this.position.inTx, this.skipping);
    return { ...this.position, inTx };
  }

  /** Gives the relation that stopped `run` its table; null: not captured. */
  resume(table: StreamTable | null): void {
    this.tables.set(this.relation!.oid, table);
    this.relation = null;
  }

  /** A rebuilt table (a column became optional) under the same relation. */
  private relax(oid: number, table: StreamTable, column: number): StreamTable {
    const relaxed = table.relax(column);
    this.tables.set(oid, relaxed);
    return relaxed;
  }

  private setVariant(first: boolean, origin: string | null): void {
    if (this.variant.first === first && this.variant.origin === origin) return;
    this.variant = { first, origin };
    this.wide = this.options.transactions || origin !== null;
    for (const t of this.tables.values()) if (t) t.insert = t.update = t.updateFull = null;
  }

  /** @param p behind the `w`: 8 bytes start, 8 end, 8 time, then the message */
  private change(b: Buffer, p: number, end: number): void {
    const lsn = ((b[p]! << 24) | (b[p + 1]! << 16) | (b[p + 2]! << 8) | b[p + 3]!) * 4294967296 + u32(b, p + 4);
    const m = p + 24;
    const pos = this.position;
    switch (b[m]) {
      case 73: // I
      case 85: // U
      case 68: // D
        pos.inTx++;
        if (this.skipTx) return;
        if (pos.inTx <= this.skipping) {
          const t = this.events.order && this.tables.get(u32(b, m + 1));
          if (t?.captured) this.events.order!(t);
          return;
        }
        pos.lsn = lsn;
        this.row(b, m, lsn);
        return;
      case 66: {
        // B: final LSN, commit time, xid
        pos.inTx = 0;
        const finalLsn = u64(b, m + 1);
        // a transaction that was stored whole before the restart: the server sends it again where its slot lags behind
        this.skipTx = finalLsn < this.resumeCommit;
        pos.tsUs = s64(b, m + 9) + epoch2000us;
        pos.txId = u32(b, m + 17);
        this.nsAt = p;
        this.nsEnd = p + b.write(`${pos.tsUs}000`, p, "latin1");
        if (this.variant.origin !== null) this.setVariant(this.variant.first, null);
        this.open = true;
        if (!this.skipTx) this.events.begin(this.batch!.writer, this.skipping > 0);
        return;
      }
      case 67: {
        // C: flags, commit LSN, end LSN, time
        const endLsn = u64(b, m + 10);
        if (!this.skipTx) this.events.commit(this.batch!.writer, endLsn);
        this.open = false;
        pos.inTx = 0;
        // the transaction that was cut is the first one not stored whole: those before it do not use up its count
        if (!this.skipTx) this.skipping = 0;
        this.skipTx = false;
        if (endLsn > pos.commitLsn) pos.commitLsn = endLsn;
        if (this.variant.first) this.setVariant(false, this.variant.origin);
        return;
      }
      case 82: // R
        this.relation = readRelation(b, m + 1);
        return;
      case 84: {
        // T
        pos.inTx++;
        if (this.skipTx || pos.inTx <= this.skipping) return;
        pos.lsn = lsn;
        const count = u32(b, m + 1);
        for (let i = 0; i < count; i++) {
          const t = this.tables.get(u32(b, m + 6 + 4 * i));
          if (t?.captured && !this.options.skipped.has("t")) this.truncate(t, lsn);
        }
        return;
      }
      case 77: {
        // M: flags, LSN, prefix, length, content
        const transactional = (b[m + 1]! & 1) === 1;
        if (transactional) {
          pos.inTx++;
          if (this.skipTx || pos.inTx <= this.skipping) return;
        } else if (u64(b, m + 2) < this.resumeCommit) return;
        const prefixEnd = b.indexOf(0, m + 10);
        const size = u32(b, prefixEnd + 1);
        pos.lsn = lsn;
        this.events.message(
          this.batch!.writer,
          transactional,
          b.toString("utf8", m + 10, prefixEnd),
          b.subarray(prefixEnd + 5, prefixEnd + 5 + size),
          lsn,
        );
        if (!transactional && pos.inTx === 0) {
          // one further than its start, or the server would send it again after a restart
          if (lsn >= pos.commitLsn) pos.commitLsn = lsn + 1;
          if (this.variant.first) this.setVariant(false, null);
        }
        return;
      }
      case 79: {
        // O: LSN, name
        this.originLsn = u64(b, m + 1);
        this.setVariant(this.variant.first, b.toString("utf8", m + 9, b.indexOf(0, m + 9)));
        return;
      }
      case 89: // Y: types are read from the catalogue
        return;
      default:
        throw new MillraceError(
          "SOURCE_FAILED",
          `Postgres sent a message of type ${String.fromCharCode(b[m]!)} at ${lsn}, ${end - m} bytes, which is not known`,
        );
    }
  }

  private truncate(table: StreamTable, lsn: number): void {
    const { writer } = this.batch!;
    const o = writer.begin(2, this.wide ? wideSlots : narrowSlots);
    this.stamp(writer, o, 2, lsn);
    this.place(table, writer);
    writer.end(table.shapes.get("truncate", this.variant));
  }

  private place(table: StreamTable, writer: RowWriter): void {
    if (!this.wide || !this.events.order) return;
    writer.slots[writer.slotBase + slot.order] = this.events.order(table);
    writer.slots[writer.slotBase + slot.total] = this.events.total();
  }

  private row(b: Buffer, m: number, lsn: number): void {
    const oid = u32(b, m + 1);
    let table = this.tables.get(oid);
    if (!table) {
      if (table === undefined) throw new MillraceError("SOURCE_FAILED", `Postgres sent a row of relation ${oid} before describing it`);
      return;
    }
    const op = b[m]!;
    const n = table.count;
    const { writer } = this.batch!;
    const slots = this.wide ? wideSlots : narrowSlots;
    let p = m + 5;
    if (op === 73) {
      if (!table.captured && !table.signals) return;
      const columns = n + 2;
      const o = writer.begin(columns, slots);
      p = this.tuple(b, p + 1, writer.offsets, o, n);
      if (this.lacks >= 0) table = this.relaxAll(oid, table, writer.offsets, o);
      if (!this.finish(table, "c", writer, o, columns, lsn)) return;
      writer.end((table.insert ??= table.shapes.get("insert", this.variant)));
      return;
    }
    if (!table.captured && !(table.signals && op === 68)) return;
    const kind = b[p]!;
    if (op === 68) {
      if (this.options.skipped.has("d")) {
        this.look(table, "d", b, p, writer, lsn);
        return;
      }
      const columns = n + 2;
      const o = writer.begin(columns, slots);
      this.tuple(b, p + 1, writer.offsets, o, n);
      const full = kind === 79;
      if (full && this.lacks >= 0) table = this.relaxAll(oid, table, writer.offsets, o);
      if (!this.finish(table, "d", writer, o, columns, lsn)) return;
      writer.end(table.shapes.get(full ? "deleteFull" : "delete", this.variant));
      if (this.options.tombstones) writer.again(table.shapes.get(full ? "tombstoneFull" : "tombstone", this.variant));
      return;
    }
    if (kind === 78) {
      const columns = n + 2;
      const o = writer.begin(columns, slots);
      this.tuple(b, p + 1, writer.offsets, o, n);
      if (this.lacks >= 0) table = this.relaxAll(oid, table, writer.offsets, o);
      const absent = this.absent ? this.mask(writer.offsets, o, n) : "";
      if (this.options.skipped.has("u")) {
        this.events.row?.(table, "u", writer, o, lsn, false);
        writer.drop();
        return;
      }
      if (!this.finish(table, "u", writer, o, columns, lsn)) return;
      writer.end(absent ? table.shapes.get("update", this.variant, absent) : (table.update ??= table.shapes.get("update", this.variant)));
      return;
    }
    this.updateWithOld(b, p, oid, table, kind === 79, lsn);
  }

  private updateWithOld(b: Buffer, start: number, oid: number, table0: StreamTable, full: boolean, lsn: number): void {
    let table = table0;
    const { writer } = this.batch!;
    const n = table.count;
    const columns = 2 * n + 2;
    const o = writer.begin(columns, this.wide ? wideSlots : narrowSlots);
    const { offsets } = writer;
    const newAt = this.tuple(b, start + 1, offsets, o + 2 * n, n);
    this.tuple(b, newAt + 1, offsets, o, n);
    let absent = "";
    if (this.absent) {
      // an unchanged TOAST value is in the old row where that was sent whole
      for (let i = 0; i < n; i++)
        if (offsets[o + 2 * i] === -2 && full) {
          offsets[o + 2 * i] = offsets[o + 2 * (n + i)]!;
          offsets[o + 2 * i + 1] = offsets[o + 2 * (n + i) + 1]!;
        }
      if (!full) absent = this.mask(offsets, o, n);
    }
    table = this.relaxAll(oid, table, offsets, o);
    const moved = keyMoved(table, b, offsets, o, n);
    const skipped = this.options.skipped.has("u") || (this.options.onlyChanges && full && !moved && same(table, b, offsets, o, n));
    if (skipped) {
      this.events.row?.(table, "u", writer, o, lsn, true);
      writer.drop();
      return;
    }
    if (!this.finish(table, "u", writer, o, columns, lsn)) return;
    const { shapes } = table;
    if (!moved) {
      if (full) writer.end((table.updateFull ??= shapes.get("updateFull", this.variant)));
      else this.withoutOld(table, absent, writer, o, n, lsn);
      return;
    }
    writer.end(shapes.get("moveDelete", this.variant));
    if (this.options.tombstones) writer.again(shapes.get("moveTombstone", this.variant));
    if (this.options.transactions) {
      const at = writer.slotBase;
      const order = this.events.order?.(table) ?? 0;
      const o2 = writer.begin(columns, wideSlots);
      writer.offsets.copyWithin(o2, o, o + 2 * columns);
      writer.slots.copyWithin(writer.slotBase, at, at + wideSlots);
      writer.slots[writer.slotBase + slot.total] = this.events.total();
      writer.slots[writer.slotBase + slot.order] = order;
      writer.end(shapes.get("moveCreate", this.variant, absent));
    } else writer.again(shapes.get("moveCreate", this.variant, absent));
  }

  /** An update whose old row holds the identity, of which nothing in the key changed: the same as one without. */
  private withoutOld(table: StreamTable, absent: string, writer: RowWriter, o: number, n: number, lsn: number): void {
    const copy = writer.offsets.slice(o, o + 2 * n);
    const slots = writer.slots.slice(writer.slotBase, writer.slotBase + wideSlots);
    writer.drop();
    const o2 = writer.begin(n + 2, this.wide ? wideSlots : narrowSlots);
    writer.offsets.set(copy, o2);
    this.stamp(writer, o2, n + 2, lsn);
    if (this.wide) {
      writer.slots[writer.slotBase + slot.total] = slots[slot.total]!;
      writer.slots[writer.slotBase + slot.order] = slots[slot.order]!;
    }
    writer.end(table.shapes.get("update", this.variant, absent));
  }

  /** Lets the listeners see a row, and fills in its slots; false: the row is dropped. */
  private finish(table: StreamTable, op: "c" | "u" | "d", writer: RowWriter, o: number, columns: number, lsn: number): boolean {
    const { events } = this;
    events.row?.(table, op, writer, o, lsn, columns > table.count + 2);
    if (!table.captured || (op === "c" && this.options.skipped.has("c")) || events.skip?.(table, writer.buffer, writer.offsets, o)) {
      writer.drop();
      return false;
    }
    this.stamp(writer, o, columns, lsn);
    this.place(table, writer);
    return true;
  }

  private look(table: StreamTable, op: "d", b: Buffer, p: number, writer: RowWriter, lsn: number): void {
    if (!this.events.row) return;
    const o = writer.begin(table.count + 2, narrowSlots);
    this.tuple(b, p + 1, writer.offsets, o, table.count);
    this.events.row(table, op, writer, o, lsn, false);
    writer.drop();
  }

  private stamp(writer: RowWriter, o: number, columns: number, lsn: number): void {
    const { offsets, slots } = writer;
    const e = o + 2 * columns - 4;
    offsets[e] = this.nsAt;
    offsets[e + 1] = this.nsEnd;
    offsets[e + 2] = 0;
    offsets[e + 3] = 19;
    const s = writer.slotBase;
    const pos = this.position;
    slots[s] = lsn;
    slots[s + 1] = pos.txId;
    slots[s + 2] = Math.floor(pos.tsUs / 1000);
    slots[s + 3] = pos.tsUs;
    slots[s + 4] = pos.commitLsn;
    slots[s + 5] = this.nowMs;
    slots[s + 6] = this.nowMs * 1000;
    if (this.wide) slots[s + slot.originLsn] = this.originLsn;
  }

  /** first position of a null in the tuple read last, or -1 */
  private lacks = -1;
  /** whether the tuple read last has unchanged TOAST values; their start is -2 */
  private absent = false;

  /** Reads a tuple's columns into offsets; returns its end. @param p at the count */
  private tuple(b: Buffer, p0: number, offsets: Int32Array, o0: number, n: number): number {
    let p = p0 + 2;
    let o = o0;
    let lacks = -1;
    let absent = false;
    for (let i = 0; i < n; i++, o += 2) {
      const kind = b[p]!;
      if (kind === 116) {
        const length = (b[p + 1]! << 24) | (b[p + 2]! << 16) | (b[p + 3]! << 8) | b[p + 4]!;
        p += 5;
        offsets[o] = p;
        offsets[o + 1] = p += length;
      } else {
        p++;
        if (kind === 117) {
          absent = true;
          offsets[o] = -2;
        } else {
          if (lacks < 0) lacks = i;
          offsets[o] = -1;
        }
        offsets[o + 1] = -1;
      }
    }
    this.lacks = lacks;
    this.absent = absent;
    return p;
  }

  private mask(offsets: Int32Array, o: number, n: number): string {
    let mask = "";
    for (let i = 0; i < n; i++) {
      const absent = offsets[o + 2 * i] === -2;
      mask += absent ? "1" : "0";
      if (absent) offsets[o + 2 * i] = -1;
    }
    return mask.includes("1") ? mask : "";
  }

  private relaxAll(oid: number, table0: StreamTable, offsets: Int32Array, o: number): StreamTable {
    let table = table0;
    for (let i = 0; i < table.count; i++) if (offsets[o + 2 * i] === -1 && table.required[i] === 1) table = this.relax(oid, table, i);
    return table;
  }
}

/** Whether a key column differs between the new row (from o) and the old one (behind it). */
function keyMoved(table: StreamTable, b: Buffer, offsets: Int32Array, o: number, n: number): boolean {
  for (const i of table.model.key) if (differs(b, offsets, o + 2 * i, o + 2 * (n + i))) return true;
  return false;
}

function same(table: StreamTable, b: Buffer, offsets: Int32Array, o: number, n: number): boolean {
  for (let i = 0; i < n; i++) if (table.model.columns[i]!.included && differs(b, offsets, o + 2 * i, o + 2 * (n + i))) return false;
  return true;
}

function differs(b: Buffer, offsets: Int32Array, x: number, y: number): boolean {
  const [xs, ys] = [offsets[x]!, offsets[y]!];
  if (xs < 0 || ys < 0) return xs !== ys;
  return b.compare(b, ys, offsets[y + 1]!, xs, offsets[x + 1]!) !== 0;
}

function u32(b: Buffer, p: number): number {
  return ((b[p]! << 24) | (b[p + 1]! << 16) | (b[p + 2]! << 8) | b[p + 3]!) >>> 0;
}
function u64(b: Buffer, p: number): number {
  return u32(b, p) * 4294967296 + u32(b, p + 4);
}
function s64(b: Buffer, p: number): number {
  return ((b[p]! << 24) | (b[p + 1]! << 16) | (b[p + 2]! << 8) | b[p + 3]!) * 4294967296 + u32(b, p + 4);
}
