import { RowMemory } from "../../cdc/row-memory.js";
import { RowWriter } from "../../cdc/row-writer.js";
import type { SnapshotMarker } from "../../cdc/snapshot-marker.js";
import type { SourceOffset, SourcePartition } from "../../connect/api/record.js";
import type { SourceItem } from "../../connect/api/source.js";
import type { SnapshotShapes } from "./snapshot-shapes.js";
import { errorOf } from "./wire-session.js";

const header = 20;

/**
 * Splits the answer to `COPY … TO STDOUT` (text) into chunks of rows straight from the socket's bytes. A row is held back until
 * it is known whether another follows, because the last one is marked.
 */
export class CopyDecoder {
  done = false;
  rows = 0;
  /** the texts of the key of the row written last, once `finish` was called */
  lastKey: string[] | null = null;
  private rest: Buffer = Buffer.alloc(0);
  private failed: Error | null = null;

  constructor(
    private shapes: SnapshotShapes,
    private readonly options: {
      /** which marker a row has */
      readonly marker: (first: boolean, last: boolean) => SnapshotMarker;
      readonly key: readonly number[];
      /** gives the shapes with a column made optional that has a null although the catalogue said it cannot */
      readonly relax: (column: number) => SnapshotShapes;
    },
    private readonly memory = new RowMemory(),
  ) {}

  /** Decodes chunks of the socket into items; at the end of the answer `done` is set. */
  decode(chunks: readonly Buffer[], partition: SourcePartition, offset: SourceOffset): SourceItem[] {
    let size = this.rest.length;
    for (const c of chunks) size += c.length;
    const block = this.memory.lend(header + size, offset);
    const b = block.bytes;
    let end = header;
    this.rest.copy(b, end);
    end += this.rest.length;
    for (const c of chunks) {
      c.copy(b, end);
      end += c.length;
    }
    const now = Date.now();
    b.write(`${now}000000`, 0, "latin1");
    const writer = new RowWriter(block, partition, offset);
    const n = this.shapes.table.columns.length;
    const { columnCount, slotCount } = this.shapes;
    let middle = this.shapes.get(this.options.marker(false, false));
    let lastRow = -1;
    let p = header;
    while (end - p >= 5) {
      const next = p + 1 + ((b[p + 1]! << 24) | (b[p + 2]! << 16) | (b[p + 3]! << 8) | b[p + 4]!);
      if (next > end) break;
      const type = b[p]!;
      if (type === 100) {
        // the byte behind the row tells whether it is the last
        if (next >= end) break;
        const o = writer.begin(columnCount, slotCount);
        const lacks = split(b, p + 5, next - 1, writer.offsets, o, n);
        if (lacks) {
          for (let i = 0; i < n; i++)
            if (writer.offsets[o + 2 * i] === -1 && this.shapes.table.columns[i]!.required) {
              this.shapes = this.options.relax(i);
              middle = this.shapes.get(this.options.marker(false, false));
            }
        }
        const { offsets, slots } = writer;
        offsets[o + 2 * n] = 0;
        offsets[o + 2 * n + 1] = 19;
        slots[writer.slotBase] = now;
        slots[writer.slotBase + 1] = now * 1000;
        const first = this.rows === 0;
        writer.end(first || b[next] !== 100 ? this.shapes.get(this.options.marker(first, b[next] !== 100)) : middle);
        this.rows++;
        lastRow = o;
      } else if (type === 69) this.failed = errorOf(b.subarray(p + 5, next));
      else if (type === 90) this.done = true;
      p = next;
    }
    writer.flush();
    this.rest = p === end ? Buffer.alloc(0) : Buffer.from(b.subarray(p, end));
    if (lastRow >= 0 && this.options.key.length)
      this.lastKey = this.options.key.map((i) =>
        b.toString("utf8", writer.offsets[lastRow + 2 * i]!, writer.offsets[lastRow + 2 * i + 1]!),
      );
    if (this.done && this.failed) throw this.failed;
    return writer.items;
  }
}

/** Splits one row at its tabs; texts with a backslash are unescaped in place. Returns whether a column is null. */
function split(b: Buffer, from: number, end: number, offsets: Int32Array, o0: number, n: number): boolean {
  let o = o0;
  let p = from;
  let lacks = false;
  for (let i = 0; i < n; i++, o += 2) {
    const start = p;
    let c = 0;
    while (p < end && (c = b[p]!) !== 9 && c !== 92) p++;
    if (c === 92 && p < end) {
      if (p === start && b[p + 1] === 78) {
        // \N
        offsets[o] = -1;
        offsets[o + 1] = -1;
        lacks = true;
        p += 3;
        continue;
      }
      let w = p;
      while (p < end && (c = b[p]!) !== 9) {
        if (c === 92) {
          c = unescaped(b[p + 1]!);
          p++;
        }
        b[w++] = c;
        p++;
      }
      offsets[o] = start;
      offsets[o + 1] = w;
    } else {
      offsets[o] = start;
      offsets[o + 1] = p;
    }
    p++;
  }
  return lacks;
}

function unescaped(c: number): number {
  switch (c) {
    case 110:
      return 10;
    case 116:
      return 9;
    case 114:
      return 13;
    case 98:
      return 8;
    case 102:
      return 12;
    case 118:
      return 11;
    default:
      return c;
  }
}
