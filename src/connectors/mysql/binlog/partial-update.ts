import { MillraceError } from "../../../common/errors.js";
import { printJson, readJson } from "./cells/json.js";
import { applyDiffs } from "./cells/json-diff.js";
import { Cursor } from "./cursor.js";
import type { RowsEvent, TableMap } from "./events.js";
import { copyImage } from "./image-copy.js";
import { imageReader } from "./row-images.js";
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
    copyImage(table, rows.presentAfter!, b, image, to, parts, (i, start, stop) => {
      const k = bits && columns[i]!.type === typeCode.json ? json.indexOf(i) : -1;
      if (k < 0 || !(bits![k >> 3]! & (1 << (k & 7)))) return null;
      if (from[2 * i]! < 0)
        throw new MillraceError(
          "UNSUPPORTED",
          `${table.database}.${table.table}: a partial JSON update without the column's value before it; set binlog_row_image=FULL, or binlog_row_value_options empty`,
        );
      return Buffer.from(printJson(applyDiffs(readJson(b, from[2 * i]!, from[2 * i + 1]!), b, start, stop)));
    });
  }
  const buffer = Buffer.concat(parts);
  return { ...rows, buffer, scratch: 0, start: rows.start - rows.scratch, end: buffer.length };
}
