import type { TableMap } from "./events.js";
import { layout } from "./row-images.js";

/**
 * Appends a row image's bytes with some of its cells replaced.
 * @param at where the image starts; `offsets` are its cells, as the table's image reader noted them
 * @param replace gives a cell's new bytes; null: it stays as it is
 */
export function copyImage(
  table: TableMap,
  present: Uint8Array,
  b: Buffer,
  at: number,
  offsets: Int32Array,
  parts: Buffer[],
  replace: (column: number, start: number, end: number) => Buffer | null,
): void {
  const { columns } = table;
  let count = 0;
  const cells: Buffer[] = [];
  for (let i = 0; i < columns.length; i++) {
    if (!(present[i >> 3]! & (1 << (i & 7)))) continue;
    count++;
    const start = offsets[2 * i]!;
    const end = offsets[2 * i + 1]!;
    if (start < 0) continue;
    const { prefix } = layout(columns[i]!, table);
    const bytes = replace(i, start, end);
    if (bytes === null) {
      cells.push(b.subarray(start - prefix, end));
      continue;
    }
    const length = Buffer.alloc(8);
    length.writeUInt32LE(bytes.length);
    cells.push(length.subarray(0, prefix), bytes);
  }
  parts.push(b.subarray(at, at + ((count + 7) >> 3)), ...cells);
}
