import type { NodeWriter } from "../api/converter.js";
import type { ColumnNode, Node, SlotNode, StructNode, TemplateNode } from "../api/shape.js";
import * as scan from "./text-scan.js";

/** Bytes that the general way gives for a value: a column's from its text, a slot's from its number. */
export type SlowColumn = (buffer: Buffer, start: number, end: number) => Uint8Array;
export type SlowSlot = (value: number) => Uint8Array;

const room = 32;

type Compiled = (helpers: typeof scan, kept: readonly unknown[]) => NodeWriter;
/** By source: a connector that starts again, or a table like another, goes on with machine code that is there. */
const compiled = new Map<string, Compiled>();
const COMPILED = 500;
/** fixed bytes from which on a part with a single number is worth keeping */
const worthBytes = 48;

/** columns from which on a row has a function of its own */
const worthColumns = 3;

/**
 * The first of a row's columns, where the struct has columns and constants alone: its writer is then a function of its own, which the
 * images before and after a change and all kinds of changes share. V8 compiles it once, and an envelope without rows in less time.
 */
export function firstColumn(struct: StructNode): number | undefined {
  let first = Number.POSITIVE_INFINITY;
  let count = 0;
  const fits = (node: Node): boolean => {
    switch (node.kind) {
      case "const":
        return true;
      case "struct":
        return node.fields.every(fits);
      case "column":
        first = Math.min(first, node.column);
        count++;
        return node.text.as !== "int" || node.text.with === undefined;
      default:
        return false;
    }
  };
  return struct.fields.every(fits) && count >= worthColumns ? first : undefined;
}

/** A part of the code whose bytes are the same from row to row while the numbers of these slots are. */
interface Repeating {
  /** where it begins in the lines */
  readonly from: number;
  readonly fixed: number;
  readonly slots: Set<number>;
  /** how many numbers and texts are written */
  values: number;
}

/**
 * Collects the code of a NodeWriter: constant bytes are joined until something that depends on the row comes between.
 * Generated code: b the chunk's buffer, p where it writes, s and e a column's text, n a number.
 */
export class WriterCode {
  private readonly lines: string[] = [];
  private readonly lengths: string[] = [];
  private readonly kept: unknown[] = [];
  private pending: Uint8Array[] = [];
  /** bytes of all that is constant, and what a store of eight may write behind it */
  private fixed = 8;
  private labels = 0;
  private repeating: Repeating | null = null;

  /** @param base the row's first column: the code is the same wherever in a chunk its columns are */
  constructor(private readonly base = 0) {}

  /** A part that writes the columns from `base` on; see `firstColumn`. */
  part(writer: NodeWriter, base: number): void {
    this.vary();
    this.flush();
    this.lines.push(`q = ${this.keep(writer)}(out, p, b, offsets, o + ${base * 2}, slots, si);
if (q < 0) return -1;
extra += q - p; p = q;
if (position + need + extra > out.length) return -1;`);
  }

  constant(bytes: Uint8Array): void {
    if (bytes.length) this.pending.push(bytes);
  }

  /** A value that the generated code refers to. */
  keep(value: unknown): string {
    return `k[${this.kept.push(value) - 1}]`;
  }

  /**
   * A column: null, else `fast` (which breaks out of its label to give up), else the general way.
   * @param fast JavaScript that writes the text [s, e); undefined where only the general way does
   */
  column(node: ColumnNode, onNull: Uint8Array | Error, slow: SlowColumn, fast: ((giveUp: string) => string) | undefined): void {
    if (node.text.as === "int" && node.text.with !== undefined) this.repeat(node.text.with);
    else this.vary();
    this.flush();
    const at = `o + ${(node.column - this.base) * 2}`;
    const end = `offsets[${at} + 1]`;
    const label = this.labels++;
    this.fixed += room;
    this.lengths.push(`s = offsets[${at}]; if (s >= 0) need += ${end} - s;`);
    const general = `g = ${this.keep(slow)}(b, s, e); extra += g.length; if (position + need + extra > out.length) return -1; out.set(g, p); p += g.length;`;
    this.lines.push(
      `s = offsets[${at}];`,
      `if (s < 0) { ${this.nullCode(onNull)} } else { e = ${end};`,
      fast ? `slow${label}: { fast${label}: {\n${fast(`break fast${label};`)}\nbreak slow${label}; }\n${general} }` : general,
      "}",
    );
  }

  slot(node: SlotNode, onNull: Uint8Array | Error, slow: SlowSlot, fast: string | undefined): void {
    if (node.varies) this.vary();
    else this.repeat(node.slot);
    this.flush();
    this.fixed += room;
    const general = `g = ${this.keep(slow)}(n); extra += g.length; if (position + need + extra > out.length) return -1; out.set(g, p); p += g.length;`;
    this.lines.push(
      `n = slots[si + ${node.slot}];`,
      `if (n !== n) { ${this.nullCode(onNull)} }`,
      fast ? `else if (n === Math.floor(n) && n > -4e15 && n < 4e15) { ${fast} } else { ${general} }` : `else { ${general} }`,
    );
  }

  /** Fixed bytes and slots as text, behind an Avro length or between quotes. */
  template(node: TemplateNode, asBytes: (text: string) => Uint8Array, avroLength: boolean): void {
    const slots = node.parts.flatMap((part) => (typeof part === "string" ? [] : [part]));
    if (slots.some((s) => s.varies)) this.vary();
    else for (const { slot } of slots) this.repeat(slot);
    const most = node.parts.reduce((sum, part) => sum + (typeof part === "string" ? Buffer.byteLength(part) : 25), 0);
    // Avro's length is one byte below 64 and two below 8192
    if (avroLength) this.raw(`q = p; p += ${most < 64 ? 1 : 2};`, 2);
    for (const part of node.parts) {
      if (typeof part === "string") this.constant(asBytes(part));
      else this.raw(`p = putSlotText(out, p, slots[si + ${part.slot}]);`, 25);
    }
    if (!avroLength) return;
    if (most < 64) this.raw("out[q] = (p - q - 1) << 1;");
    else
      this.raw(`n = p - q - 2;
if (n < 64) { out.copyWithin(q + 1, q + 2, p); p--; out[q] = n << 1; } else { out[q] = ((n << 1) & 127) | 128; out[q + 1] = n >> 6; }`);
  }

  private repeat(slot: number): void {
    const part = (this.repeating ??= { from: this.lines.length, fixed: this.fixed, slots: new Set(), values: 0 });
    part.slots.add(slot);
    part.values++;
  }

  /**
   * What comes now is another in every row. The part before is wrapped: its bytes are kept from the second row of the same numbers on,
   * and copied while they stay. What is written beyond the room that was asked for (`extra`) is not kept.
   */
  private vary(): void {
    const part = this.repeating;
    if (!part) return;
    this.flush();
    this.repeating = null;
    if (part.values < 2 && this.fixed - part.fixed < worthBytes + room) return;
    const code = this.lines.splice(part.from).join("\n");
    const bytes = this.fixed - part.fixed;
    const kept = this.keep({ bytes: Buffer.alloc(bytes), view: Buffer.alloc(0), length: 0 });
    const numbers = this.keep(new Float64Array(part.slots.size).fill(Number.POSITIVE_INFINITY));
    const same: string[] = [];
    const note: string[] = [];
    [...part.slots].forEach((slot, i) => {
      same.push(`(slots[si + ${slot}] === w[${i}] || (slots[si + ${slot}] !== slots[si + ${slot}] && w[${i}] !== w[${i}]))`);
      note.push(`w[${i}] = slots[si + ${slot}];`);
    });
    this.lines.push(`{ const m = ${kept}, w = ${numbers};
const same = ${same.join(" && ")};
if (same && m.length > 0) { out.set(m.view, p); p += m.length; }
else { const from = p, before = extra;
${code}
m.length = 0;
if (!same) { ${note.join(" ")} }
else if (extra === before && p - from <= ${bytes}) {
out.copy(m.bytes, 0, from, p); if (m.view.length !== p - from) m.view = m.bytes.subarray(0, p - from); m.length = p - from; }
} }`);
  }

  private raw(line: string, bytes = 0): void {
    this.flush();
    this.fixed += bytes;
    this.lines.push(line);
  }

  build(): NodeWriter {
    this.vary();
    this.flush();
    const source = `"use strict";
const { ${Object.keys(scan).join(", ")} } = scan;
let last = null, d = null;
return (out, position, b, offsets, o, slots, si) => {
let p = position, s = 0, e = 0, n = 0, c = 0, i = 0, q = 0, f = 0, g = null, extra = 0, need = ${this.fixed};
${this.lengths.join("\n")}
if (position + need > out.length) return -1;
if (out !== last) { last = out; d = new DataView(out.buffer, out.byteOffset, out.length); }
${this.lines.join("\n")}
return p;
};`;
    let made = compiled.get(source);
    if (!made) {
      if (compiled.size >= COMPILED) compiled.clear();
      compiled.set(source, (made = new Function("scan", "k", source) as Compiled));
    }
    return made(scan, this.kept);
  }

  private nullCode(onNull: Uint8Array | Error): string {
    if (onNull instanceof Error) return `throw ${this.keep(onNull)};`;
    this.fixed += onNull.length;
    return this.store(onNull);
  }

  private flush(): void {
    if (!this.pending.length) return;
    const bytes = Buffer.concat(this.pending);
    this.pending = [];
    this.fixed += bytes.length;
    this.lines.push(this.store(bytes));
  }

  /**
   * Stores constant bytes, eight at a time, up to seven more than there are: what follows is written over them. Longer ones by a
   * call: a store of its own for each eight bytes of an envelope made a function that took V8 half a second to compile.
   */
  store(bytes: Uint8Array): string {
    const n = bytes.length;
    if (n === 0) return "";
    if (n < 4) return `${Array.from(bytes, (byte, i) => `out[p + ${i}] = ${byte};`).join(" ")} p += ${n};`;
    const padded = new Uint8Array(Math.ceil(n / 8) * 8);
    padded.set(bytes);
    const doubles = new Float64Array(padded.buffer);
    // the bits of a NaN might change on the way, but text is never one
    if (doubles.some((x) => Number.isNaN(x))) return `p = putInts(d, p, ${this.keep(new Int32Array(padded.buffer))}, ${n});`;
    if (doubles.length === 1 && doubles[0] !== 0) return `d.setFloat64(p, ${doubles[0]}, true); p += ${n};`;
    return `p = putDoubles(d, p, ${this.keep(doubles)}, ${n});`;
  }
}

/** n: the whole number of the text, at most 15 digits. */
export function parseInteger(giveUp: string): string {
  return `i = b[s] === 45 ? s + 1 : s; if (e - i > 15 || i >= e) ${giveUp}
n = 0; q = i;
for (; i < e; i++) { c = b[i] - 48; if (c < 0 || c > 9) ${giveUp} n = n * 10 + c; }
if (q > s) n = 0 - n;`;
}

/** n: the decimal's unscaled value at the scale, at most 15 digits; f: the digits behind its point. */
export function parseDecimal(scale: number, giveUp: string): string {
  return `i = b[s] === 45 ? s + 1 : s; if (e - i > 16 || i >= e) ${giveUp}
n = 0; q = i; f = -1;
for (; i < e; i++) { c = b[i] - 48; if (c < 0 || c > 9) { if (c !== -2 || f >= 0) ${giveUp} f = 0; } else { n = n * 10 + c; if (f >= 0) f++; } }
if (f < 0) f = 0;
if (f > ${scale} || e - q > 15) ${giveUp}
for (i = f; i < ${scale}; i++) n *= 10;
if (n >= 1e15) ${giveUp}
if (q > s) n = 0 - n;`;
}
