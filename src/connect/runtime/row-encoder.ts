import type { RecordHeader } from "../../data/headers.js";
import type { RecordBatchBuilder } from "../../protocol/record-batch-builder.js";
import type { Converter, NodeWriter } from "../api/converter.js";
import { materialize } from "../api/materialize.js";
import type { Node, RecordShape, RowChunk } from "../api/shape.js";
import { encodeHeaders, writeMicros } from "./source-headers.js";

export interface Converters {
  readonly key: Converter;
  readonly value: Converter;
  readonly header: Converter;
}

/** Encodes one shape's rows, from the database's bytes into an open batch, without an object a row. */
export interface RowEncoder {
  readonly shape: RecordShape;
  /**
   * Appends the row's record. @throws what a writer throws, with the record begun taken back
   * @param now the timestamp in ms of a row without one
   */
  append(builder: RecordBatchBuilder, chunk: RowChunk, row: number, now: number): void;
  /** The bytes of the row's key, to choose a partition by; valid until the next call. null for no key. */
  key(chunk: RowChunk, row: number): Buffer | null;
}

/**
 * The encoder of a shape as the transforms left it; undefined where a converter has none for it. After prepareWrite of both
 * converters for the shape's schemas.
 */
export function rowEncoder(shape: RecordShape, converters: Converters): RowEncoder | undefined {
  const { topic } = shape;
  const key = nodeEncoder(shape.key, topic, converters.key);
  const value = nodeEncoder(shape.value, topic, converters.value);
  if (key === undefined || value === undefined) return undefined;
  const withTime = shape.sourceTimeSlot !== null;
  const constant = shape.headers.every((h) => h.node.kind === "const");
  const headerOf = (name: string, node: Node, chunk: RowChunk | undefined, row: number): RecordHeader => {
    const v = node.kind === "const" ? node.value : materialize(node, chunk!, row);
    return { key: name, value: converters.header.fromConnect(topic, node.schema, v) };
  };
  const encoded = (chunk: RowChunk | undefined, row: number, time: boolean) =>
    encodeHeaders(
      shape.headers.map((h) => headerOf(h.key, h.node, chunk, row)),
      time,
    );
  const fixed = constant ? encoded(undefined, 0, withTime) : undefined;
  const untimed = constant && withTime ? encoded(undefined, 0, false) : fixed;
  /** the time that is in `fixed` */
  let fixedTime = Number.NaN;
  const { timestampSlot, sourceTimeSlot } = shape;
  let scratch = Buffer.allocUnsafe(256);

  return {
    shape,
    key(chunk, row) {
      if (key === null) return null;
      if (typeof key !== "function") return key;
      const { columnCount, slotCount } = chunk.shape;
      for (;;) {
        const end = key(scratch, 0, chunk.buffer, chunk.offsets, row * columnCount * 2, chunk.slots, row * slotCount);
        if (end >= 0) return scratch.subarray(0, end);
        scratch = Buffer.allocUnsafe(scratch.length * 2);
      }
    },
    append(builder, chunk, row, now) {
      const { slots, offsets, buffer } = chunk;
      const o = row * chunk.shape.columnCount * 2;
      const s = row * chunk.shape.slotCount;
      const at = timestampSlot === null ? Number.NaN : slots[s + timestampSlot]!;
      try {
        builder.beginRecord(Number.isNaN(at) ? now : at);
        if (key === null) builder.nullKey();
        else {
          builder.beginKey();
          put(builder, key, buffer, offsets, o, slots, s);
          builder.endKey();
        }
        if (value === null) builder.nullValue();
        else {
          builder.beginValue();
          put(builder, value, buffer, offsets, o, slots, s);
          builder.endValue();
        }
        const time = sourceTimeSlot === null ? Number.NaN : slots[s + sourceTimeSlot]!;
        const known = !Number.isNaN(time);
        const headers = (known ? fixed : untimed) ?? encoded(chunk, row, known);
        if (known && (headers !== fixed || time !== fixedTime)) {
          writeMicros(headers.bytes, headers.timeAt, time);
          if (headers === fixed) fixedTime = time;
        }
        builder.endRecordEncoded(headers.bytes);
      } catch (error) {
        builder.rollback();
        throw error;
      }
    },
  };
}

/** The node's writer; its bytes where they are the same in every row; null for a null payload; undefined where it has none. */
function nodeEncoder(node: Node | null, topic: string, converter: Converter): NodeWriter | Buffer | null | undefined {
  if (node === null) return null;
  if (node.kind === "const") {
    const bytes = converter.fromConnect(topic, node.schema, node.value);
    return bytes === null ? null : Buffer.from(bytes);
  }
  return converter.compileWriter?.(topic, node);
}

function put(
  builder: RecordBatchBuilder,
  writer: NodeWriter | Buffer,
  buffer: Buffer,
  offsets: Int32Array,
  o: number,
  slots: Float64Array,
  s: number,
): void {
  if (typeof writer !== "function") {
    builder.ensure(writer.length);
    builder.buffer.set(writer, builder.position);
    builder.position += writer.length;
    return;
  }
  for (;;) {
    const end = writer(builder.buffer, builder.position, buffer, offsets, o, slots, s);
    if (end >= 0) {
      builder.position = end;
      return;
    }
    // More than is left, so the buffer doubles and everything written so far is kept.
    builder.ensure(builder.buffer.length - builder.position + 1);
  }
}
