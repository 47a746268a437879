import { crc32 } from "node:zlib";
import { MillraceError } from "../../../common/errors.js";
import { Cursor } from "./cursor.js";
import { eventCode as e, withoutData } from "./event-code.js";
import type { BinlogEvent, EventHeader, RowsEvent, TableMap } from "./events.js";
import { readGtid, readMariadbGtid, readTaggedGtid } from "./gtid-event.js";
import { completePartialUpdate } from "./partial-update.js";
import { inflate, readQuery } from "./query-event.js";
import { readTableMap } from "./table-map.js";
import { readPayload } from "./transaction-payload.js";

const headerBytes = 19;
const checksumBytes = 4;

interface KnownTable {
  readonly map: TableMap;
  readonly captured: boolean;
  readonly body: Buffer;
}

/** Decodes events one by one, each where its bytes lie; keeps the file, the position and the table maps. */
export class EventDecoder {
  file: string;
  /** of the next event */
  position: number;
  /** whether the file's events end with a CRC-32; until the file says so, found out event by event */
  private checksum: boolean | null = null;
  private readonly tables = new Map<number, KnownTable>();
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
    const timestamp = b.readUInt32LE(start);
    const type = b[start + 4]!;
    const serverId = b.readUInt32LE(start + 5);
    const size = b.readUInt32LE(start + 9);
    const logPosition = b.readUInt32LE(start + 13);
    if (size !== end0 - start) throw new RangeError(`an event of ${end0 - start} bytes says that it has ${size}`);
    const end = this.withoutChecksum(b, start, end0, type);
    // made up by the server for this connection: no bytes of the file
    const made = timestamp === 0 && (type === e.rotate || type === e.formatDescription || type === e.heartbeat || type === e.heartbeatV2);
    let position = this.position;
    let nextPosition = position;
    if (!made && logPosition !== 0) {
      // the header has 32 bits of it, and a file may be larger
      const high = Math.floor((position + size) / 4294967296) * 4294967296;
      nextPosition = high + logPosition;
      if (nextPosition < position) nextPosition += 4294967296;
      position = nextPosition - size;
      this.position = nextPosition;
    }
    const header: EventHeader = { file: this.file, position, nextPosition, timestamp, serverId };
    this.body(type, header, b, start, end, out);
  }

  /** Events end with a checksum as the file's format description says; those before one are looked at. */
  private withoutChecksum(b: Buffer, start: number, end: number, type: number): number {
    const data = end - checksumBytes;
    if (type === e.formatDescription || this.checksum === null || type === e.rotate || type === e.heartbeat || type === e.heartbeatV2) {
      // a format description has the place for one in any case
      const holds = data >= start + headerBytes && crc32(b.subarray(start, data)) === b.readUInt32LE(data);
      if (type !== e.formatDescription) return holds || (this.checksum === true && type !== e.rotate) ? this.checked(holds, data) : end;
      const algorithm = b[data - 1];
      this.checksum = algorithm === 1;
      return this.checksum ? this.checked(holds, data) : data;
    }
    if (!this.checksum) return end;
    return this.checked(data >= start + headerBytes && crc32(b.subarray(start, data)) === b.readUInt32LE(data), data);
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
        out.push({ kind: "query", header, ...readQuery(b, p, end, false, 13) });
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
        out.push({ kind: "rotate", header, toFile: this.file, toPosition: this.position });
        return;
      }
      case e.formatDescription:
        if (b.readUInt16LE(p) !== 4) throw new MillraceError("UNSUPPORTED", `the binlog has format ${b.readUInt16LE(p)}, only 4 is known`);
        this.maria = b.toString("latin1", p + 2, p + 52).includes("MariaDB");
        this.tables.clear();
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
    const tableId = b.readUIntLE(p, 6);
    const body = b.subarray(p + 8, end);
    const known = this.tables.get(tableId);
    if (known && known.body.length === body.length && known.body.equals(body)) return;
    const map = readTableMap(tableId, b, p + 8, end, this.maria);
    const captured = this.captured(map.database, map.table);
    this.tables.set(tableId, { map, captured, body: Buffer.from(body) });
  }

  private rows(type: number, header: EventHeader, b: Buffer, start: number, end: number, out: BinlogEvent[]): void {
    const c = new Cursor(b, start + headerBytes, end);
    const tableId = c.u48();
    const flags = c.u16();
    const v1 = (type >= e.writeRowsV1 && type <= e.deleteRowsV1) || (type >= e.writeRowsCompressedV1 && type <= e.deleteRowsCompressedV1);
    if (!v1) c.skip(c.u16() - 2);
    // the end of a statement whose tables are not to be replicated
    if (tableId === 0xffffff && flags & 1) return;
    const known = this.tables.get(tableId);
    const table = known?.map;
    if (!table) throw new RangeError(`rows of table ${tableId}, which no table map names`);
    const n = c.lengthEncoded();
    if (n !== table.columns.length)
      throw new RangeError(`rows with ${n} columns of ${table.database}.${table.table}, whose table map has ${table.columns.length}`);
    const operation = operationOf(type);
    // a copy: the buffer is the caller's to write into
    const first = Buffer.from(c.bytes((n + 7) >> 3));
    const second = operation === "update" ? Buffer.from(c.bytes((n + 7) >> 3)) : first;
    // rows of no bytes would never end
    if (c.left > 0 && !first.some((bits) => bits !== 0) && !second.some((bits) => bits !== 0)) throw new RangeError("rows without columns");
    let rows: RowsEvent = {
      operation,
      presentBefore: operation === "insert" ? null : first,
      presentAfter: operation === "delete" ? null : second,
      buffer: b,
      scratch: start,
      start: c.p,
      end,
    };
    if (type >= e.writeRowsCompressedV1) {
      const data = inflate(b.subarray(c.p, end));
      const buffer = Buffer.concat([b.subarray(start, c.p), data]);
      rows = { ...rows, buffer, scratch: 0, start: c.p - start, end: buffer.length };
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
