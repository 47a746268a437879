import { inflateSync } from "node:zlib";
import { charsetOf, decodeText } from "./cells/charset.js";
import { Cursor, same, u32 } from "./cursor.js";

export interface Query {
  readonly database: string;
  readonly sql: string;
  readonly threadId: number;
  readonly sqlMode: number | null;
  readonly charset: string | null;
}

/** bytes in front of what tells two sessions' BEGIN apart: the thread's id and the seconds that it took */
const ownBytes = 8;
const most = 256;
/** Every transaction has a BEGIN, of which those of one kind of client are the same. */
let lastBytes = new Uint8Array(0);
let last: Query | null = null;

/** As `parseQuery`, for events without anything between the fixed fields and the status variables. */
export function readQuery(b: Buffer, start: number, end: number, compressed: boolean): Query {
  if (last !== null && !compressed && same(lastBytes, b, start + ownBytes, end))
    return { database: last.database, sql: last.sql, threadId: u32(b, start), sqlMode: last.sqlMode, charset: last.charset };
  const query = parseQuery(b, start, end, compressed);
  if (!compressed && end - start <= most) {
    lastBytes = Uint8Array.from(b.subarray(start + ownBytes, end));
    last = query;
  }
  return query;
}

/** @param extra bytes between the fixed fields and the status variables (of load events) */
export function parseQuery(b: Buffer, start: number, end: number, compressed: boolean, extra = 0): Query {
  const c = new Cursor(b, start, end);
  const threadId = c.u32();
  c.skip(4);
  const databaseLength = c.u8();
  c.skip(2);
  const statusLength = c.u16();
  c.skip(extra);
  const status = new Cursor(b, c.p, c.p + statusLength);
  c.skip(statusLength);
  const database = c.text(databaseLength);
  c.skip(1);
  let sqlMode: number | null = null;
  let client: number | null = null;
  let server: number | null = null;
  reading: while (status.left > 0) {
    switch (status.u8()) {
      case 0:
        status.skip(4); // flags
        break;
      case 1:
        sqlMode = status.u64();
        break;
      case 2:
        status.skip(status.u8() + 1); // catalogue
        break;
      case 3:
        status.skip(4); // auto_increment
        break;
      case 4:
        client = status.u16();
        status.skip(2);
        server = status.u16();
        break;
      case 5:
      case 6:
        status.skip(status.u8()); // time zone, catalogue
        break;
      default:
        // what is used comes first
        break reading;
    }
  }
  let text = c.bytes(c.left);
  if (compressed) text = inflate(text);
  return {
    database,
    sql: decodeText(client ?? 255, text, 0, text.length),
    threadId,
    sqlMode,
    charset: server === null ? null : charsetOf(server),
  };
}

const maxInflated = 1 << 30;

/** MariaDB's compressed part of an event: a byte (0x80, algorithm, bytes of the length), the length big-endian, then zlib's data. */
export function inflate(b: Buffer): Buffer {
  const c = new Cursor(b, 0, b.length);
  const head = c.u8();
  if ((head & 0xf0) !== 0x80) throw new RangeError(`a compressed event's algorithm is not known: ${head}`);
  let length = 0;
  for (const byte of c.bytes(head & 7)) length = length * 256 + byte;
  if (length > maxInflated) throw new RangeError("a compressed event is too large");
  const data = inflateSync(c.bytes(c.left), { maxOutputLength: Math.max(length, 1) });
  if (data.length !== length) throw new RangeError("a compressed event has another length than it says");
  return data;
}
