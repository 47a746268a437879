import { Struct, type Value } from "../../data/schema.js";
import type { ConnectHeader, SourceRecord } from "./record.js";
import type { Node, RowChunk } from "./shape.js";

/** The value of one row's node, as the general converters take it. */
export function materialize(node: Node, chunk: RowChunk, row: number): Value {
  switch (node.kind) {
    case "const":
      return node.value;
    case "column": {
      const at = row * chunk.shape.columnCount * 2 + node.column * 2;
      const start = chunk.offsets[at]!;
      return start < 0 ? (node.ifNull ?? null) : node.decode(chunk.buffer, start, chunk.offsets[at + 1]!);
    }
    case "slot": {
      const n = slotOf(chunk, row, node.slot);
      return Number.isNaN(n) ? null : n;
    }
    case "struct": {
      const values = new Array<Value>(node.fields.length);
      for (let i = 0; i < values.length; i++) values[i] = materialize(node.fields[i]!, chunk, row);
      return new Struct(node.schema, values);
    }
    case "template": {
      let text = "";
      for (const part of node.parts) text += typeof part === "string" ? part : slotText(slotOf(chunk, row, part.slot));
      return text;
    }
  }
}

/**
 * One row of a chunk as a record. The chunk's source offset belongs to the position after its last row; every record gets it,
 * so commit it only with the last.
 */
export function materializeRecord(chunk: RowChunk, row: number): SourceRecord {
  const { shape } = chunk;
  const headers: ConnectHeader[] = shape.headers.map(({ key, node }) => ({
    key,
    schema: node.schema,
    value: materialize(node, chunk, row),
  }));
  const timestamp = shape.timestampSlot === null ? Number.NaN : slotOf(chunk, row, shape.timestampSlot);
  const sourceTime = shape.sourceTimeSlot === null ? Number.NaN : slotOf(chunk, row, shape.sourceTimeSlot);
  return {
    topic: shape.topic,
    partition: null,
    keySchema: shape.key?.schema ?? null,
    key: shape.key === null ? null : materialize(shape.key, chunk, row),
    valueSchema: shape.value?.schema ?? null,
    value: shape.value === null ? null : materialize(shape.value, chunk, row),
    timestamp: Number.isNaN(timestamp) ? (chunk.timestamp ?? null) : timestamp,
    headers,
    sourcePartition: chunk.sourcePartition,
    sourceOffset: chunk.sourceOffset,
    ...(Number.isNaN(sourceTime) ? {} : { sourceTimeUs: sourceTime }),
  };
}

function slotOf(chunk: RowChunk, row: number, slot: number): number {
  return chunk.slots[row * chunk.shape.slotCount + slot]!;
}

/** A template's slot: a whole number's digits, `null` for NaN. */
export function slotText(n: number): string {
  return Number.isNaN(n) ? "null" : n.toString();
}
