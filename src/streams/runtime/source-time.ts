import type { RecordHeader } from "../../data/headers.js";
import { SOURCE_TIME_HEADER } from "../../data/headers.js";
import type { RecordCursor } from "../../protocol/record-cursor.js";

const keyBytes = Buffer.from(SOURCE_TIME_HEADER);

/** The reserved header of the cursor's record in µs, -1 where there is none. Does not allocate where it is the first header. */
export function readSourceTime(cursor: RecordCursor): number {
  if (cursor.headerCount === 0) return -1;
  const { bytes, headersStart } = cursor;
  if (
    bytes[headersStart] === keyBytes.length << 1 &&
    bytes[headersStart + 1 + keyBytes.length] === 16 &&
    sameBytes(bytes, headersStart + 1)
  )
    return bytes.readUInt32BE(headersStart + 2 + keyBytes.length) * 0x1_0000_0000 + bytes.readUInt32BE(headersStart + 6 + keyBytes.length);
  for (const { key, value } of cursor.headers())
    if (key === SOURCE_TIME_HEADER && value?.length === 8) return Number(Buffer.from(value).readBigInt64BE());
  return -1;
}

/** The user's headers, copied. */
export function readHeaders(cursor: RecordCursor): readonly RecordHeader[] {
  return cursor
    .headers()
    .flatMap(({ key, value }) => (key === SOURCE_TIME_HEADER ? [] : [{ key, value: value === null ? null : Buffer.from(value) }]));
}

export function sourceTimeHeader(sourceTime: number): RecordHeader {
  const value = Buffer.allocUnsafe(8);
  value.writeUInt32BE(Math.floor(sourceTime / 0x1_0000_0000), 0);
  value.writeUInt32BE(sourceTime % 0x1_0000_0000, 4);
  return { key: SOURCE_TIME_HEADER, value };
}

function sameBytes(bytes: Buffer, at: number): boolean {
  for (let i = 0; i < keyBytes.length; i++) if (bytes[at + i] !== keyBytes[i]) return false;
  return true;
}
