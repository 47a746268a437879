import { MillraceError } from "../../../common/errors.js";
import { decimalBytes } from "./cells/decimal.js";
import type { ColumnWire, TableMap } from "./events.js";
import { typeCode as t } from "./type-code.js";

/**
 * Reads one row image that starts at `p`: notes for column i of the table where its value's bytes are, as
 * [offsets[o + 2 i], offsets[o + 2 i + 1]), lengths in front of values left out; -1, -1 for NULL, and -1, -2 for a column that
 * the image does not have. Returns where the image ends; NaN or beyond `end` is thrown as RangeError.
 */
export type ImageReader = (b: Buffer, p: number, end: number, offsets: Int32Array, o: number) => number;

const readers = new WeakMap<TableMap, Map<string, ImageReader>>();

/** The reader of a table's images with these columns (a bit a column); generated once a table map. */
export function imageReader(table: TableMap, present: Uint8Array): ImageReader {
  let byPresent = readers.get(table);
  if (!byPresent) readers.set(table, (byPresent = new Map()));
  const key = Buffer.from(present).toString("latin1");
  let reader = byPresent.get(key);
  if (!reader) byPresent.set(key, (reader = generate(table, present)));
  return reader;
}

function isPresent(present: Uint8Array, i: number): boolean {
  return (present[i >> 3]! & (1 << (i & 7))) !== 0;
}

function generate(table: TableMap, present: Uint8Array): ImageReader {
  const { columns } = table;
  let count = 0;
  for (let i = 0; i < columns.length; i++) if (isPresent(present, i)) count++;
  const lines: string[] = ["let n = p, l = 0;", `p += ${(count + 7) >> 3};`];
  let k = 0;
  columns.forEach((column, i) => {
    const start = `f[o + ${2 * i}]`;
    const end = `f[o + ${2 * i + 1}]`;
    if (!isPresent(present, i)) {
      lines.push(`${start} = -1; ${end} = -2;`);
      return;
    }
    lines.push(`if (b[n + ${k >> 3}] & ${1 << (k & 7)}) { ${start} = -1; ${end} = -1; } else {`);
    const { prefix, size } = layout(column, table);
    if (prefix) {
      const parts = Array.from({ length: prefix }, (_, at) =>
        at === 0 ? "b[p]" : at === 3 ? "b[p + 3] * 16777216" : `(b[p + ${at}] << ${8 * at})`,
      );
      // sums, not ors: beyond the buffer it becomes NaN and is found at the end
      lines.push(`  l = ${parts.join(" + ")}; ${start} = p += ${prefix}; ${end} = p += l;`);
    } else lines.push(`  ${start} = p; ${end} = p += ${size};`);
    lines.push("}");
    k++;
  });
  lines.push('if (!(p <= end)) throw new RangeError("a row image ends beyond its event");', "return p;");
  return new Function("b", "p", "end", "f", "o", lines.join("\n")) as ImageReader;
}

/** How a value lies in an image: bytes of its length, or its fixed size. */
export function layout(column: ColumnWire, table: TableMap): { prefix: number; size: number } {
  const { meta } = column;
  const fixed = (size: number) => ({ prefix: 0, size });
  switch (column.type) {
    case t.tiny:
    case t.year:
      return fixed(1);
    case t.short:
      return fixed(2);
    case t.int24:
    case t.date:
    case t.newdate:
    case t.time:
      return fixed(3);
    case t.long:
    case t.float:
    case t.timestamp:
      return fixed(4);
    case t.longlong:
    case t.double:
    case t.datetime:
      return fixed(8);
    case t.null:
      return fixed(0);
    case t.time2:
      return fixed(3 + ((meta + 1) >> 1));
    case t.timestamp2:
      return fixed(4 + ((meta + 1) >> 1));
    case t.datetime2:
      return fixed(5 + ((meta + 1) >> 1));
    case t.newdecimal:
      return fixed(decimalBytes(meta >> 8, meta & 0xff));
    case t.bit:
      return fixed((meta + 7) >> 3);
    case t.enum:
    case t.set:
      return fixed(meta);
    case t.varchar:
    case t.varcharCompressed:
    case t.varString:
    case t.string:
      return { prefix: meta > 255 ? 2 : 1, size: 0 };
    case t.blob:
    case t.tinyBlob:
    case t.mediumBlob:
    case t.longBlob:
    case t.blobCompressed:
    case t.json:
    case t.geometry:
    case t.vector:
      if (meta >= 1 && meta <= 4) return { prefix: meta, size: 0 };
  }
  throw new MillraceError(
    "UNSUPPORTED",
    `${table.database}.${table.table}, column ${column.name ?? "of unknown name"}: the binlog's column type ${column.type} (metadata ${meta}) is not known`,
  );
}
