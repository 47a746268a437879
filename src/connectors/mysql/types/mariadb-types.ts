import { primitive } from "../../../data/schema.js";
import type { ColumnType } from "./column-type.js";

/** MariaDB's types that are bytes in the binlog and text everywhere else. */
export function bytesAsText(length: number, print: (b: Buffer) => string): ColumnType {
  return {
    schema: primitive("string"),
    snapshot: { text: { as: "utf8" }, decode: (b, s, e) => b.toString("utf8", s, e) },
    zero: "",
    defaultOf: (literal) => literal,
    stream: {
      text: { as: "other" },
      decode(b, s, e) {
        const padded = Buffer.alloc(length); // zeros at the end are left out
        b.copy(padded, 0, s, e);
        return print(padded);
      },
    },
  };
}

export function uuidText(b: Buffer): string {
  const h = b.toString("hex");
  return `${h.slice(0, 8)}-${h.slice(8, 12)}-${h.slice(12, 16)}-${h.slice(16, 20)}-${h.slice(20)}`;
}

export function inet6Text(b: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => b.readUInt16BE(2 * i));
  if (groups.slice(0, 5).every((g) => g === 0) && groups[5] === 0xffff) return `::ffff:${b.subarray(12).join(".")}`;
  if (groups.slice(0, 6).every((g) => g === 0) && groups[6] !== 0) return `::${b.subarray(12).join(".")}`;
  // the longest run of zeros, of at least two
  let [at, length] = [-1, 1];
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && groups[i + n] === 0) n++;
    if (n > length) [at, length] = [i, n];
  }
  const hex = (list: number[]) => list.map((g) => g.toString(16)).join(":");
  return at < 0 ? hex(groups) : `${hex(groups.slice(0, at))}::${hex(groups.slice(at + length))}`;
}
