import { optionalInt64, transactionBlock } from "../../cdc/envelope.js";
import { constant, digits } from "../../cdc/nodes.js";
import type { SnapshotMarker } from "../../cdc/snapshot-marker.js";
import type { Node, RecordShape } from "../../connect/api/shape.js";
import { primitive, type Value } from "../../data/schema.js";
import type { CapturedTable } from "./captured-table.js";
import { nanos, sourceNode } from "./source-block.js";

/** Slots of a row that was read and not streamed. */
export const readSlot = { nowMs: 0, nowUs: 1 } as const;
export const readSlots = 2;

/** What all rows of one view of the tables have in common. */
export interface SnapshotSource {
  /** the server's time, µs since the epoch */
  readonly tsUs: number;
  readonly file: string;
  readonly pos: number;
}

export function snapshotSource(source: SnapshotSource, marker: SnapshotMarker): Record<string, Value> {
  return {
    ts_ms: Math.floor(source.tsUs / 1000),
    snapshot: marker,
    ts_us: source.tsUs,
    ts_ns: nanos(source.tsUs),
    server_id: 0,
    file: source.file,
    pos: source.pos,
    row: 0,
  };
}

const string = primitive("string");

/** The shapes of one table's rows as they are read. Columns of a chunk: the row's, then the digits of the envelope's ts_ns. */
export class SnapshotShapes {
  private readonly cache = new Map<SnapshotMarker, RecordShape>();

  constructor(
    readonly table: CapturedTable,
    private readonly headers: RecordShape["headers"],
    private readonly source: SnapshotSource,
  ) {}

  get columnCount(): number {
    return this.table.columns.length + 1;
  }

  get(marker: SnapshotMarker): RecordShape {
    let shape = this.cache.get(marker);
    if (!shape) this.cache.set(marker, (shape = this.build(marker)));
    return shape;
  }

  private build(marker: SnapshotMarker): RecordShape {
    const { table } = this;
    const { settings, model } = table;
    const value: Node = {
      kind: "struct",
      schema: table.envelope,
      fields: [
        constant(table.row, null),
        table.rowNode((i) => table.valueNode(i, i)),
        sourceNode(settings.flavor, settings.prefix, model.database, model.name, snapshotSource(this.source, marker)),
        constant(transactionBlock, null),
        constant(string, "r"),
        { kind: "slot", schema: optionalInt64, slot: readSlot.nowMs },
        { kind: "slot", schema: optionalInt64, slot: readSlot.nowUs },
        digits(table.columns.length, readSlot.nowUs),
      ],
    };
    return {
      topic: table.topic,
      key: table.keyNode((i) => i),
      value,
      headers: this.headers,
      timestampSlot: null,
      sourceTimeSlot: null,
      columnCount: this.columnCount,
      slotCount: readSlots,
    };
  }
}
