import { inflateRawSync, inflateSync } from "node:zlib";
import type { ColumnWire, RowsEvent, TableMap } from "./events.js";
import { copyImage } from "./image-copy.js";
import { imageReader } from "./row-images.js";
import { typeCode } from "./type-code.js";

function isCompressed(column: ColumnWire): boolean {
  return column.type === typeCode.varcharCompressed || column.type === typeCode.blobCompressed;
}

/** The table as if MariaDB's COMPRESSED columns were plain ones; the same object where it has none. */
export function withPlainColumns(table: TableMap): TableMap {
  if (!table.columns.some(isCompressed)) return table;
  const columns = table.columns.map((c) => {
    // a byte of the maximum length is the compression's own
    if (c.type === typeCode.varcharCompressed) return { ...c, type: typeCode.varchar, meta: c.meta - 1 };
    return c.type === typeCode.blobCompressed ? { ...c, type: typeCode.blob } : c;
  });
  return { ...table, columns };
}

/** Rows whose compressed cells are inflated, in the layout of the table with plain columns. */
export function inflateColumns(table: TableMap, plain: TableMap, rows: RowsEvent): RowsEvent {
  const { buffer: b, end, presentBefore, presentAfter } = rows;
  const offsets = new Int32Array(table.columns.length * 2);
  const parts: Buffer[] = [Buffer.from(b.subarray(rows.scratch, rows.start))];
  let p = rows.start;
  const image = (present: Uint8Array | null) => {
    if (!present) return;
    const at = p;
    p = imageReader(table, present)(b, p, end, offsets, 0);
    copyImage(plain, present, b, at, offsets, parts, (i, start, stop) => {
      const column = table.columns[i]!;
      if (isCompressed(column)) return inflateCell(b, start, stop);
      return null;
    });
  };
  while (p < end) {
    image(presentBefore);
    image(presentAfter);
  }
  const buffer = Buffer.concat(parts);
  return { ...rows, buffer, scratch: 0, start: rows.start - rows.scratch, end: buffer.length };
}

/** A byte of method (0: as it is, 8: deflate), a bit for data without zlib's header, bytes of the length; then the length, then the data. */
function inflateCell(b: Buffer, start: number, end: number): Buffer {
  if (start === end) return b.subarray(start, end);
  const head = b[start]!;
  if (head >> 4 === 0) return b.subarray(start + 1, end);
  if (head >> 4 !== 8) throw new RangeError(`a compressed column's method is not known: ${head >> 4}`);
  const bytes = head & 7;
  if (bytes === 0 || bytes > 4 || start + 1 + bytes > end) throw new RangeError("a compressed column's length is malformed");
  const length = b.readUIntBE(start + 1, bytes);
  const data = b.subarray(start + 1 + bytes, end);
  const options = { maxOutputLength: Math.max(length, 1) };
  const inflated = head & 8 ? inflateRawSync(data, options) : inflateSync(data, options);
  if (inflated.length !== length) throw new RangeError("a compressed column has another length than it says");
  return inflated;
}
