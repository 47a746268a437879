import { decodeText } from "./cells/charset.js";
import { Cursor } from "./cursor.js";
import type { ColumnWire, TableMap } from "./events.js";
import { typeCode as t } from "./type-code.js";

type Members = Map<Draft, Buffer[]>;

interface Draft {
  type: number;
  meta: number;
  nullable: boolean;
  unsigned: boolean | undefined;
  charset: number | undefined;
  name: string | undefined;
  values: readonly string[] | undefined;
}

/**
 * The body of a table map event behind its table id and flags.
 * @param maria MariaDB counts spatial columns among those with a character set, MySQL vectors
 */
export function readTableMap(tableId: number, b: Buffer, start: number, end: number, maria: boolean): TableMap {
  const c = new Cursor(b, start, end);
  const database = c.text(c.u8());
  c.skip(1);
  const table = c.text(c.u8());
  c.skip(1);
  const n = c.lengthEncoded();
  const types = c.bytes(n);
  const metaLength = c.lengthEncoded();
  const meta = new Cursor(b, c.p, c.p + metaLength);
  const columns: Draft[] = [];
  for (let i = 0; i < n; i++) columns.push(readType(types[i]!, meta));
  c.skip(metaLength);
  const nulls = c.bytes((n + 7) >> 3);
  for (let i = 0; i < n; i++) columns[i]!.nullable = (nulls[i >> 3]! & (1 << (i & 7))) !== 0;
  const bytes = maria ? t.geometry : t.vector;
  const withCharset = columns.filter((x) => character.has(x.type) || x.type === bytes);
  const members: Members = new Map();
  while (c.left > 0) {
    const field = c.u8();
    const length = c.lengthEncoded();
    readOptional(field, new Cursor(b, c.p, c.p + length), columns, withCharset, members);
    c.skip(length);
  }
  // in the column's character set, which may be told behind them
  for (const [column, values] of members) column.values = values.map((v) => decodeText(column.charset ?? 255, v, 0, v.length));
  return { tableId, database, table, columns: columns as readonly ColumnWire[] };
}

function readType(code: number, m: Cursor): Draft {
  let type = code;
  let meta = 0;
  switch (code) {
    case t.float:
    case t.double:
    case t.blob:
    case t.tinyBlob:
    case t.mediumBlob:
    case t.longBlob:
    case t.blobCompressed:
    case t.json:
    case t.geometry:
    case t.vector:
    case t.time2:
    case t.datetime2:
    case t.timestamp2:
      meta = m.u8();
      break;
    case t.varchar:
    case t.varcharCompressed:
    case t.varString:
      meta = m.u16();
      break;
    case t.newdecimal:
      meta = m.u8() << 8;
      meta |= m.u8();
      break;
    case t.bit:
      meta = m.u8();
      meta += m.u8() * 8;
      break;
    case t.enum:
    case t.set:
      m.skip(1);
      meta = m.u8();
      break;
    case t.string: {
      const high = m.u8();
      const low = m.u8();
      // lengths beyond 255 use two bits of the type's byte, inverted
      if ((high & 0x30) !== 0x30) {
        type = high | 0x30;
        meta = low | (((high & 0x30) ^ 0x30) << 4);
      } else {
        type = high;
        meta = low;
      }
      break;
    }
  }
  return { type, meta, nullable: true, unsigned: undefined, charset: undefined, name: undefined, values: undefined };
}

const numeric = new Set<number>([t.tiny, t.short, t.int24, t.long, t.longlong, t.float, t.double, t.newdecimal, t.year]);
const character = new Set<number>([
  t.varchar,
  t.varcharCompressed,
  t.varString,
  t.string,
  t.blob,
  t.blobCompressed,
  t.tinyBlob,
  t.mediumBlob,
  t.longBlob,
]);

function isEnumOrSet(c: Draft): boolean {
  return c.type === t.enum || c.type === t.set;
}

/** Fields of the optional metadata; those that are not used are skipped. */
function readOptional(field: number, c: Cursor, columns: Draft[], withCharset: readonly Draft[], members: Members): void {
  switch (field) {
    case 1: {
      const bits = c.bytes(c.left);
      let i = 0;
      for (const column of columns)
        if (numeric.has(column.type)) {
          column.unsigned = (bits[i >> 3]! & (0x80 >> (i & 7))) !== 0;
          i++;
        }
      return;
    }
    case 2:
    case 10: {
      const of = field === 2 ? withCharset : columns.filter(isEnumOrSet);
      const all = c.lengthEncoded();
      for (const column of of) column.charset = all;
      while (c.left > 0) {
        const index = c.lengthEncoded();
        const charset = c.lengthEncoded();
        const column = of[index];
        if (column) column.charset = charset;
      }
      return;
    }
    case 3:
    case 11:
      for (const column of field === 3 ? withCharset : columns.filter(isEnumOrSet)) column.charset = c.lengthEncoded();
      return;
    case 4:
      for (const column of columns) column.name = c.text(c.lengthEncoded());
      return;
    case 5:
    case 6:
      for (const column of columns) {
        if (column.type !== (field === 5 ? t.set : t.enum)) continue;
        const count = c.lengthEncoded();
        const values: Buffer[] = [];
        for (let i = 0; i < count; i++) values.push(c.bytes(c.lengthEncoded()));
        members.set(column, values);
      }
      return;
  }
}
