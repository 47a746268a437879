import { charsetOf, decoderOf } from "../../../src/connectors/mysql/binlog/cells/charset.js";
import { decimalText, readDecimal } from "../../../src/connectors/mysql/binlog/cells/decimal.js";
import { jsonText } from "../../../src/connectors/mysql/binlog/cells/json.js";
import { readBit, readInteger, readPlaces, setMembers } from "../../../src/connectors/mysql/binlog/cells/numbers.js";
import * as temporal from "../../../src/connectors/mysql/binlog/cells/temporal.js";
import type { BinlogEvent, BinlogPosition, ColumnWire } from "../../../src/connectors/mysql/binlog/events.js";
import { BinlogReader } from "../../../src/connectors/mysql/binlog/reader.js";
import { imageReader } from "../../../src/connectors/mysql/binlog/row-images.js";
import { typeCode as t } from "../../../src/connectors/mysql/binlog/type-code.js";
import { type ConnectionSettings, connect } from "../../../src/connectors/mysql/connection/connect.js";
import type { WireSession } from "../../../src/connectors/mysql/connection/wire-session.js";
import type { TestMysql } from "../../support/mysql.js";

export function settingsOf(server: TestMysql, more: Partial<ConnectionSettings> = {}): ConnectionSettings {
  return {
    hostname: "127.0.0.1",
    port: server.port,
    user: "root",
    password: server.password,
    sslMode: "preferred",
    sslTruststore: null,
    sslKeystore: null,
    sslKeystorePassword: null,
    connectTimeoutMs: 10_000,
    tcpKeepAlive: true,
    ...more,
  };
}

export function open(server: TestMysql, more: Partial<ConnectionSettings> = {}): Promise<WireSession> {
  return connect(settingsOf(server, more), (host, port) => ({ host, port }));
}

/** Where the server's binlog ends. */
export async function endOf(server: TestMysql): Promise<BinlogPosition> {
  const session = await open(server);
  try {
    const maria = server.flavor === "mariadb";
    const { rows } = await session.query(maria ? "SHOW MASTER STATUS" : "SHOW BINARY LOG STATUS");
    const gtids = await session.query(maria ? "SELECT @@gtid_binlog_pos" : "SELECT @@gtid_executed");
    return { file: rows[0]![0]!, position: Number(rows[0]![1]), gtidSet: gtids.rows[0]![0]!.replace(/\s/g, "") };
  } finally {
    session.close();
  }
}

let nextServerId = 70_000;

export async function reader(server: TestMysql, from: BinlogPosition, heartbeatMs = 500): Promise<BinlogReader> {
  return BinlogReader.open(await open(server), from, { serverId: nextServerId++, heartbeatMs });
}

/** What the binlog has between two of its positions; by the GTID set of the first one where `byGtid`. */
export async function eventsBetween(server: TestMysql, from: BinlogPosition, to: BinlogPosition, byGtid = false): Promise<BinlogEvent[]> {
  const r = await reader(server, byGtid ? from : { ...from, gtidSet: null });
  const events: BinlogEvent[] = [];
  const until = Date.now() + 60_000;
  try {
    while (r.file !== to.file || r.position < to.position) {
      if (Date.now() > until) throw new Error(`the binlog's end was not reached: ${r.file} ${r.position} of ${to.file} ${to.position}`);
      events.push(...(await r.next(1000)).map(kept));
    }
    return events;
  } finally {
    r.close();
  }
}

/** An event with its bytes copied, which the reader uses again. */
function kept(e: BinlogEvent): BinlogEvent {
  if (e.kind !== "rows") return e;
  const { buffer, scratch, start, end } = e.rows;
  return {
    ...e,
    rows: { ...e.rows, buffer: Buffer.from(buffer.subarray(scratch, end)), scratch: 0, start: start - scratch, end: end - scratch },
  };
}

/** What `change` writes to the binlog. */
export async function eventsOf(server: TestMysql, change: () => Promise<unknown>, byGtid = false): Promise<BinlogEvent[]> {
  const from = await endOf(server);
  await change();
  return eventsBetween(server, from, await endOf(server), byGtid);
}

/** A cell's bytes; null: NULL; undefined: not in the image. */
export type Cell = Buffer | null | undefined;

export interface RowChange {
  readonly table: string;
  readonly columns: readonly ColumnWire[];
  readonly before: readonly Cell[] | null;
  readonly after: readonly Cell[] | null;
}

export function rowsOf(events: readonly BinlogEvent[]): RowChange[] {
  const result: RowChange[] = [];
  for (const event of events) {
    if (event.kind !== "rows") continue;
    const { table, rows } = event;
    const offsets = new Int32Array(table.columns.length * 2);
    let p = rows.start;
    const image = (present: Uint8Array | null): Cell[] | null => {
      if (!present) return null;
      p = imageReader(table, present)(rows.buffer, p, rows.end, offsets, 0);
      return table.columns.map((_, i) => {
        const [start, end] = [offsets[2 * i]!, offsets[2 * i + 1]!];
        return start < 0 ? (end === -1 ? null : undefined) : Buffer.from(rows.buffer.subarray(start, end));
      });
    };
    while (p < rows.end) {
      const before = image(rows.presentBefore);
      result.push({ table: `${table.database}.${table.table}`, columns: table.columns, before, after: image(rows.presentAfter) });
    }
  }
  return result;
}

/** A cell as a SELECT prints it: bytes as hex, BIT as a number, FLOAT as a double. */
export function cellText(column: ColumnWire, b: Cell, unsigned = column.unsigned === true): string | null {
  if (!b) return null;
  const { type, meta } = column;
  switch (type) {
    case t.tiny:
    case t.short:
    case t.int24:
    case t.long:
    case t.longlong:
      return String(readInteger(type, unsigned, b, 0));
    case t.year:
      return String(readInteger(type, true, b, 0)).padStart(4, "0");
    case t.float:
      return String(b.readFloatLE(0));
    case t.double:
      return String(b.readDoubleLE(0));
    case t.newdecimal:
      return decimalText(readDecimal(b, 0, meta >> 8, meta & 255), meta & 255);
    case t.date:
    case t.newdate:
      return temporal.dateText(temporal.readDate(b, 0));
    case t.datetime2:
      return `${temporal.dateText(temporal.readDatetimeDate(b, 0))} ${temporal.timeText(temporal.readDatetimeMicros(b, 0, meta), meta)}`;
    case t.datetime:
      return `${temporal.dateText(temporal.readOldDatetimeDate(b, 0))} ${temporal.timeText(temporal.readOldDatetimeMicros(b, 0), 0)}`;
    case t.time2:
      return temporal.timeText(temporal.readTime(b, 0, meta), meta);
    case t.time:
      return temporal.timeText(temporal.readOldTime(b, 0), 0);
    case t.timestamp2:
      return temporal.timestampText(temporal.readTimestamp(b, 0, meta), meta);
    case t.timestamp:
      return temporal.timestampText(temporal.readOldTimestamp(b, 0), 0);
    case t.bit:
      return String(readBit(b, 0, b.length));
    case t.enum: {
      const place = Number(readPlaces(b, 0, b.length));
      return column.values?.[place - 1] ?? "";
    }
    case t.set:
      return setMembers(readPlaces(b, 0, b.length), column.values ?? []).join(",");
    case t.json:
      return jsonText(b, 0, b.length);
    case t.geometry:
    case t.vector:
      return b.toString("hex").toUpperCase();
    default:
      return column.charset === 63 ? b.toString("hex").toUpperCase() : decoderOf(charsetOf(column.charset ?? 255))(b, 0, b.length);
  }
}
