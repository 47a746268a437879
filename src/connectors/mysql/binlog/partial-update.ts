import { MillraceError } from "../../../common/errors.js";
import { printJson, readJson } from "./cells/json.js";
import { applyDiffs } from "./cells/json-diff.js";
import { Cursor } from "./cursor.js";
import type { RowsEvent, TableMap } from "./events.js";
import { imageReader, layout } from "./row-images.js";
import { typeCode } from "./type-code.js";

/**
 * Turns the rows of a partial update (binlog_row_value_options=PARTIAL_JSON) into those of a plain one: JSON columns that have changes
 * only get their whole value, as text, from the image before.
 */
export function completePartialUpdate(table: TableMap, rows: RowsEvent): RowsEvent {
  const { buffer: b, end } = rows;
  const { columns } = table;
  const before = imageReader(table, rows.presentBefore!);
  const after = imageReader(table, rows.presentAfter!);
  const from = new Int32Array(columns.length * 2);
  const to = new Int32Array(columns.length * 2);
  const json = columns.flatMap((column, i) => (column.type === typeCode.json ? [i] : []));
  const present = columns.flatMap((_, i) => (rows.presentAfter![i >> 3]! & (1 << (i & 7)) ? [i] : []));
  const parts: Buffer[] = [Buffer.from(b.subarray(rows.scratch, rows.start))];
  let p = rows.start;
  while (p < end) {
    const afterBefore = before(b, p, end, from, 0);
    parts.push(b.subarray(p, afterBefore));
    const c = new Cursor(b, afterBefore, end);
    const options = c.lengthEncoded();
    const bits = options & 1 ? c.bytes((json.length + 7) >> 3) : null;
    const image = c.p;
    p = after(b, image, end, to, 0);
    parts.push(b.subarray(image, image + ((present.length + 7) >> 3)));
    for (const i of present) {
      const start = to[2 * i]!;
      if (start < 0) continue;
      const { type, meta } = columns[i]!;
      const k = type === typeCode.json && bits ? json.indexOf(i) : -1;
      if (k < 0 || !(bits![k >> 3]! & (1 << (k & 7)))) {
        parts.push(b.subarray(cellStart(table, i, start), to[2 * i + 1]!));
        continue;
      }
      if (from[2 * i]! < 0)
        throw new MillraceError(
          "UNSUPPORTED",
          `${table.database}.${table.table}: a partial JSON update without the column's value before it; set binlog_row_image=FULL, or binlog_row_value_options empty`,
        );
      const text = Buffer.from(printJson(applyDiffs(readJson(b, from[2 * i]!, from[2 * i + 1]!), b, start, to[2 * i + 1]!)));
      const length = Buffer.allocUnsafe(4);
      length.writeUInt32LE(text.length);
      parts.push(length.subarray(0, meta), text);
    }
  }
  const buffer = Buffer.concat(parts);
  return { ...rows, buffer, scratch: 0, start: rows.start - rows.scratch, end: buffer.length };
}

/** Where the cell begins, the bytes of its length included. */
function cellStart(table: TableMap, i: number, start: number): number {
  return start - layout(table.columns[i]!, table).prefix;
}
