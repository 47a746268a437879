import type { StreamTable } from "./stream-table.js";

/** Columns that an image lacks as text of 0 and 1; "" where it has all. */
export function lacking(present: Uint8Array, count: number): string {
  let all = 0;
  while (all < count && present[all >> 3]! & (1 << (all & 7))) all++;
  if (all === count) return "";
  let mask = "";
  for (let i = 0; i < count; i++) mask += present[i >> 3]! & (1 << (i & 7)) ? "0" : "1";
  return mask;
}

export function both(a: string, b: string): string {
  if (!a || !b) return "";
  const mask = [...a].map((c, i) => (c === "1" && b[i] === "1" ? "1" : "0")).join("");
  return mask.includes("1") ? mask : "";
}

/** Fills columns that the new row lacks from the old one. */
export function carry(offsets: Int32Array, o: number, n: number): void {
  for (let i = 0; i < n; i++) {
    if (offsets[o + 2 * i + 1] !== -2) continue;
    offsets[o + 2 * i] = offsets[o + 2 * (n + i)]!;
    offsets[o + 2 * i + 1] = offsets[o + 2 * (n + i) + 1]!;
  }
}

/** Whether one of these columns differs between the new row (from o) and the old one (behind it). */
export function differ(columns: readonly number[], b: Buffer, offsets: Int32Array, o: number, n: number): boolean {
  for (const i of columns) {
    const [x, y] = [o + 2 * i, o + 2 * (n + i)];
    const [xs, ys] = [offsets[x]!, offsets[y]!];
    if (xs < 0 || ys < 0) {
      // what the old row lacks is not known to have changed
      if (xs !== ys && offsets[y + 1] !== -2) return true;
    } else if (!equal(b, xs, offsets[x + 1]!, ys, offsets[y + 1]!)) return true;
  }
  return false;
}

function equal(b: Buffer, xs: number, xe: number, ys: number, ye: number): boolean {
  if (xe - xs !== ye - ys) return false;
  if (xe - xs > 64) return b.compare(b, ys, ye, xs, xe) === 0;
  while (xs < xe) if (b[xs++] !== b[ys++]) return false;
  return true;
}

export function included(table: StreamTable): number[] {
  return table.table.columns.flatMap((c, i) => (c.included ? [i] : []));
}
