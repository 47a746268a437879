import { MillraceError } from "../../../common/errors.js";
import { hasCrc32 } from "./crc32.js";
import { Cursor, same, u32, u48 } from "./cursor.js";
import { eventCode as e, withoutData } from "./event-code.js";
import type { BinlogEvent, EventHeader, RowsEvent, TableMap } from "./events.js";
import { readGtid, readMariadbGtid, readTaggedGtid } from "./gtid-event.js";
import { completePartialUpdate } from "./partial-update.js";
import { inflate, parseQuery, readQuery } from "./query-event.js";
import { readTableMap } from "./table-map.js";
import { readPayload } from "./transaction-payload.js";

const headerBytes = 19;
const checksumBytes = 4;
/** beyond the positions that a header has room for */
const high = 0x1_0000_0000;

interface KnownTable {
  readonly id: number;
  readonly map: TableMap;
  readonly captured: boolean;
  readonly body: Buffer;
  /** the columns of its last rows' images: one object while they stay the same */
  before: Uint8Array;
  after: Uint8Array;
}

const none = new Uint8Array(0);

/** Decodes events one by one, each where its bytes lie; keeps the file, the position and the table maps. */
export class EventDecoder {
  file: string;
  /** of the next event */
  position: number;
  /** whether the file's events end with a CRC-32; until the file says so, found out event by event */
  private checksum: boolean | null = null;
  private readonly tables = new Map<number, KnownTable>();
  /** that of the last table map */
  private lastTable: KnownTable | null = null;
  private maria = false;

  constructor(
    file: string,
    position: number,
    private readonly captured: (database: string, table: string) => boolean = () => true,
  ) {
    this.file = file;
    this.position = position;
  }

  /**
   * Decodes the event at [start, end) of the buffer, appending what it says.
   * @throws MillraceError SOURCE_FAILED naming file and position where the bytes are not an event, UNSUPPORTED
   */
  decode(b: Buffer, start: number, end: number, out: BinlogEvent[]): void {
    const at = this.position;
    try {
      this.event(b, start, end, out);
    } catch (thrown) {
      const where = `${this.file || "binlog"} at position ${at}`;
      const { code, message } = thrown as { code?: string; message: string };
      if (thrown instanceof MillraceError) throw new MillraceError(thrown.code, `${message} (${where})`, { cause: thrown });
      // a RangeError of a read, or of inflating or zstd
      throw new MillraceError("SOURCE_FAILED", `The binlog cannot be read, ${where}: ${message || code}`, {
        cause: thrown,
        context: { file: this.file, position: at },
      });
    }
  }

  private event(b: Buffer, start: number, end0: number, out: BinlogEvent[]): void {
    if (end0 - start < headerBytes) throw new RangeError("an event is shorter than its header");
    const timestamp = u32(b, start);
    const type = b[start + 4]!;
    const size = u32(b, start + 9);
    const logPosition = u32(b, start + 13);
    if (size !== end0 - start) throw new RangeError(`an event of ${end0 - start} bytes says that it has ${size}`);
    if (type === e.tableMap && this.again(b, start, end0, size, logPosition)) return;
    const end = this.withoutChecksum(b, start, end0, type);
    // made up by the server for this connection: no bytes of the file
    const made = timestamp === 0 && (type === e.rotate || type === e.formatDescription || type === e.heartbeat || type === e.heartbeatV2);
    let position = this.position;
    let nextPosition = position;
    if (!made && logPosition !== 0) {
      // the header has 32 bits of it, and a file may be larger
      nextPosition = position + size < high ? logPosition : Math.floor((position + size) / high) * high + logPosition;
      if (nextPosition < position) nextPosition += high;
      position = nextPosition - size;
      this.position = nextPosition;
    }
    if (type === e.tableMap) {
      this.tableMap(b, start + headerBytes, end);
      return;
    }
    this.body(type, { file: this.file, position, nextPosition, timestamp, serverId: u32(b, start + 5) }, b, start, end, out);
  }

  /** Whether a table map is the one before, at the place that follows: all of it that is used is compared, and a checksum would tell no more. */
  private again(b: Buffer, start: number, end0: number, size: number, logPosition: number): boolean {
    const { lastTable, position, checksum } = this;
    if (lastTable === null || checksum === null || position + size !== logPosition || size < headerBytes + 8 + checksumBytes) return false;
    const p = start + headerBytes;
    if (u48(b, p) !== lastTable.id || !same(lastTable.body, b, p + 8, checksum ? end0 - checksumBytes : end0)) return false;
    this.position = logPosition;
    return true;
  }

  /** Events end with a checksum as the file's format description says; those before one are looked at. */
  private withoutChecksum(b: Buffer, start: number, end: number, type: number): number {
    const data = end - checksumBytes;
    if (this.checksum === true && type !== e.formatDescription && type !== e.rotate && type !== e.heartbeat && type !== e.heartbeatV2)
      return this.checked(data >= start + headerBytes && hasCrc32(b, start, data), data);
    if (type === e.formatDescription || this.checksum === null || type === e.rotate || type === e.heartbeat || type === e.heartbeatV2) {
      // a format description has the place for one in any case
      const holds = data >= start + headerBytes && hasCrc32(b, start, data);
      if (type !== e.formatDescription) return holds || (this.checksum === true && type !== e.rotate) ? this.checked(holds, data) : end;
      const algorithm = b[data - 1];
      this.checksum = algorithm === 1;
      return this.checksum ? this.checked(holds, data) : data;
    }
    return end;
  }

  private checked(holds: boolean, data: number): number {
    if (!holds) throw new RangeError("the event's checksum does not fit its bytes: the file or the connection is damaged");
    return data;
  }

  private body(type: number, header: EventHeader, b: Buffer, start: number, end: number, out: BinlogEvent[]): void {
    const p = start + headerBytes;
    switch (type) {
      case e.tableMap:
        this.tableMap(b, p, end);
        return;
      case e.writeRows:
      case e.writeRowsV1:
      case e.writeRowsCompressed:
      case e.writeRowsCompressedV1:
      case e.updateRows:
      case e.updateRowsV1:
      case e.updateRowsCompressed:
      case e.updateRowsCompressedV1:
      case e.partialUpdateRows:
      case e.deleteRows:
      case e.deleteRowsV1:
      case e.deleteRowsCompressed:
      case e.deleteRowsCompressedV1:
        this.rows(type, header, b, start, end, out);
        return;
      case e.gtid:
      case e.anonymousGtid:
        out.push({ kind: "gtid", header, ...readGtid(b, p, end, type === e.anonymousGtid) });
        return;
      case e.gtidTagged:
        out.push({ kind: "gtid", header, ...readTaggedGtid(b, p, end) });
        return;
      case e.mariadbGtid: {
        const { gtid, standalone } = readMariadbGtid(b, p, end, header.serverId);
        out.push({ kind: "gtid", header, gtid, commitUs: null });
        if (!standalone) out.push({ kind: "query", header, database: "", sql: "BEGIN", threadId: 0, sqlMode: null, charset: null });
        return;
      }
      case e.query:
      case e.queryCompressed:
        out.push({ kind: "query", header, ...readQuery(b, p, end, type === e.queryCompressed) });
        return;
      case e.executeLoadQuery:
        out.push({ kind: "query", header, ...parseQuery(b, p, end, false, 13) });
        return;
      case e.xid:
        out.push({ kind: "commit", header });
        return;
      case e.xaPrepare:
        out.push(xaPrepare(header, new Cursor(b, p, end)));
        return;
      case e.rowsQuery:
        // a byte of length that longer texts overflow, then the text
        out.push({ kind: "rows-query", header, sql: b.toString("utf8", p + 1, end) });
        return;
      case e.annotateRows:
        out.push({ kind: "rows-query", header, sql: b.toString("utf8", p, end) });
        return;
      case e.transactionPayload:
        this.payload(header, b, p, end, out);
        return;
      case e.rotate: {
        const c = new Cursor(b, p, end);
        this.position = c.u64();
        this.file = c.text(c.left);
        this.tables.clear();
        this.lastTable = null;
        out.push({ kind: "rotate", header, toFile: this.file, toPosition: this.position });
        return;
      }
      case e.formatDescription:
        if (b.readUInt16LE(p) !== 4) throw new MillraceError("UNSUPPORTED", `the binlog has format ${b.readUInt16LE(p)}, only 4 is known`);
        this.maria = b.toString("latin1", p + 2, p + 52).includes("MariaDB");
        this.tables.clear();
        this.lastTable = null;
        return;
      case e.heartbeat:
      case e.heartbeatV2: {
        // where the server is, also past transactions that it did not send
        const logPosition = b.readUInt32LE(start + 13);
        if (type === e.heartbeat && logPosition > this.position) this.position = logPosition;
        out.push({ kind: "heartbeat", header: { ...header, position: this.position, nextPosition: this.position } });
        return;
      }
      case e.incident: {
        const c = new Cursor(b, p, end);
        const code = c.u16();
        const message = c.text(c.u8());
        out.push({ kind: "incident", header, message: message || (code === 1 ? "the server lost events" : `incident ${code}`) });
        return;
      }
    }
    const ignorable = (b.readUInt16LE(start + 17) & 0x80) !== 0;
    if (!ignorable && !withoutData.has(type))
      throw new MillraceError("UNSUPPORTED", `the binlog has an event of type ${type}, which is not known`);
  }

  private tableMap(b: Buffer, p: number, end: number): void {
    if (end - p < 8) throw new RangeError("a table map is shorter than its fixed fields");
    const id = u48(b, p);
    const known = this.lastTable?.id === id ? this.lastTable : this.tables.get(id);
    if (known && same(known.body, b, p + 8, end)) {
      this.lastTable = known;
      return;
    }
    const map = readTableMap(id, b, p + 8, end, this.maria);
    const captured = this.captured(map.database, map.table);
    const table = { id, map, captured, body: Buffer.from(b.subarray(p + 8, end)), before: none, after: none };
    this.tables.set(id, table);
    this.lastTable = table;
  }

  private rows(type: number, header: EventHeader, b: Buffer, start: number, end: number, out: BinlogEvent[]): void {
    const v1 = (type >= e.writeRowsV1 && type <= e.deleteRowsV1) || (type >= e.writeRowsCompressedV1 && type <= e.deleteRowsCompressedV1);
    let p = start + headerBytes + (v1 ? 8 : 10);
    if (p > end) throw new RangeError("the event ends within a field");
    const id = u48(b, start + headerBytes);
    const flags = b[start + headerBytes + 6]!;
    if (!v1) {
      const extra = b[p - 2]! | (b[p - 1]! << 8);
      if (extra < 2) throw new RangeError("a length is malformed");
      p += extra - 2;
    }
    // the end of a statement whose tables are not to be replicated
    if (id === 0xffffff && flags & 1) return;
    const known = this.lastTable?.id === id ? this.lastTable : this.tables.get(id);
    if (!known) throw new RangeError(`rows of table ${id}, which no table map names`);
    const table = known.map;
    let n = b[p++]!;
    if (n >= 0xfb) {
      const c = new Cursor(b, p - 1, end);
      n = c.lengthEncoded();
      p = c.p;
    }
    if (n !== table.columns.length)
      throw new RangeError(`rows with ${n} columns of ${table.database}.${table.table}, whose table map has ${table.columns.length}`);
    const operation = operationOf(type);
    const bytes = (n + 7) >> 3;
    if (p + (operation === "update" ? 2 : 1) * bytes > end) throw new RangeError("the event ends within a field");
    let presentBefore: Uint8Array | null = null;
    let presentAfter: Uint8Array | null = null;
    // copies: the buffer is the caller's to write into
    if (operation !== "insert") {
      presentBefore = same(known.before, b, p, p + bytes)
        ? known.before
        : (known.before = Uint8Array.prototype.slice.call(b, p, p + bytes));
      p += bytes;
    }
    if (operation !== "delete") {
      presentAfter = same(known.after, b, p, p + bytes) ? known.after : (known.after = Uint8Array.prototype.slice.call(b, p, p + bytes));
      p += bytes;
    }
    // rows of no bytes would never end
    if (p < end && nothing(presentBefore) && nothing(presentAfter)) throw new RangeError("rows without columns");
    let rows: RowsEvent = { operation, presentBefore, presentAfter, buffer: b, scratch: start, start: p, end };
    if (type >= e.writeRowsCompressedV1) {
      const data = inflate(b.subarray(p, end));
      const buffer = Buffer.concat([b.subarray(start, p), data]);
      rows = { ...rows, buffer, scratch: 0, start: p - start, end: buffer.length };
    } else if (type === e.partialUpdateRows && known.captured) rows = completePartialUpdate(table, rows);
    out.push({ kind: "rows", header, table, rows });
  }

  /** The events of a compressed transaction have no checksums of their own, and the payload's position. */
  private payload(outer: EventHeader, b: Buffer, p: number, end: number, out: BinlogEvent[]): void {
    const events = readPayload(b, p, end);
    for (let at = 0; at < events.length; ) {
      if (events.length - at < headerBytes) throw new RangeError("a transaction payload ends within an event");
      const size = events.readUInt32LE(at + 9);
      const type = events[at + 4]!;
      if (size < headerBytes || at + size > events.length || type === e.transactionPayload || type === e.rotate)
        throw new RangeError("a transaction payload has an event that cannot be in it");
      const header = { ...outer, timestamp: events.readUInt32LE(at), serverId: events.readUInt32LE(at + 5) };
      this.body(type, header, events, at, at + size, out);
      at += size;
    }
  }
}

function nothing(present: Uint8Array | null): boolean {
  if (present !== null) for (let i = 0; i < present.length; i++) if (present[i] !== 0) return false;
  return true;
}

function operationOf(type: number): RowsEvent["operation"] {
  switch (type) {
    case e.writeRows:
    case e.writeRowsV1:
    case e.writeRowsCompressed:
    case e.writeRowsCompressedV1:
      return "insert";
    case e.deleteRows:
    case e.deleteRowsV1:
    case e.deleteRowsCompressed:
    case e.deleteRowsCompressedV1:
      return "delete";
    default:
      return "update";
  }
}

/** one phase, format, lengths of the two parts of the id, then the id */
function xaPrepare(header: EventHeader, c: Cursor): BinlogEvent {
  const onePhase = c.u8() !== 0;
  const format = c.u32();
  const transaction = c.u32();
  const branch = c.u32();
  const xid = `X'${c.text(transaction, "hex")}',X'${c.text(branch, "hex")}',${format}`;
  return { kind: "xa-prepare", header, onePhase, xid };
}
