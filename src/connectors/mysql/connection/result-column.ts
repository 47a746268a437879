/** A column of a text result. */
export interface ResultColumn {
  readonly name: string;
  /** the wire's type code */
  readonly type: number;
  /** collation number; 63 is binary */
  readonly charset: number;
  readonly flags: number;
  /** display length */
  readonly length: number;
  readonly decimals: number;
}

/** An integer of 1, 3, 4 or 9 bytes. */
export function lengthEncoded(b: Buffer, p: number): { value: number; next: number } {
  const first = b[p]!;
  if (first < 0xfb) return { value: first, next: p + 1 };
  if (first === 0xfc) return { value: b.readUInt16LE(p + 1), next: p + 3 };
  if (first === 0xfd) return { value: b.readUIntLE(p + 1, 3), next: p + 4 };
  return { value: b.readUInt32LE(p + 1) + b.readUInt32LE(p + 5) * 4294967296, next: p + 9 };
}

/** A column definition packet: catalogue, schema, table, original table, name, original name, then fixed fields. */
export function readColumn(b: Buffer, start: number, extended: boolean): ResultColumn {
  let p = start;
  let name = "";
  for (let i = 0; i < (extended ? 7 : 6); i++) {
    const { value: length, next } = lengthEncoded(b, p);
    if (i === 4) name = b.toString("utf8", next, next + length);
    p = next + length;
  }
  return {
    name,
    charset: b.readUInt16LE(p + 1),
    length: b.readUInt32LE(p + 3),
    type: b[p + 7]!,
    flags: b.readUInt16LE(p + 8),
    decimals: b[p + 10]!,
  };
}
