import { optionalInt64, optionalString, transactionBlock } from "../../cdc/envelope.js";
import { constant, digits } from "../../cdc/nodes.js";
import type { SnapshotMarker } from "../../cdc/snapshot-marker.js";
import type { Node, RecordShape } from "../../connect/api/shape.js";
import { primitive, type Value } from "../../data/schema.js";
import { sourceNode } from "./source-block.js";
import type { TableModel } from "./table-model.js";

/** Slots of a row that was read and not streamed; the later ones are those of incremental snapshots. */
export const readSlot = { nowMs: 0, nowUs: 1, tsMs: 2, tsUs: 3, lsn: 4 } as const;

/** What all rows of one snapshot have in common. */
export interface SnapshotSource {
  readonly tsUs: number;
  readonly sequence: string;
  readonly txId: number | null;
  readonly lsn: number | null;
}

const string = primitive("string");

/**
 * The shapes of one table's rows as they are read. Columns of a chunk: the row's, then the digits of the envelope's ts_ns; of an
 * incremental snapshot, whose source block is known only when its window closes, the digits of source.ts_ns besides.
 */
export class SnapshotShapes {
  private readonly cache = new Map<SnapshotMarker, RecordShape>();

  constructor(
    readonly table: TableModel,
    private readonly headers: RecordShape["headers"],
    /** null: an incremental snapshot */
    private readonly source: SnapshotSource | null,
  ) {}

  get columnCount(): number {
    return this.table.columns.length + (this.source ? 1 : 2);
  }
  get slotCount(): number {
    return this.source ? 2 : 5;
  }

  get(marker: SnapshotMarker): RecordShape {
    let shape = this.cache.get(marker);
    if (!shape) this.cache.set(marker, (shape = this.build(marker)));
    return shape;
  }

  private build(marker: SnapshotMarker): RecordShape {
    const { table } = this;
    const { settings } = table;
    const n = table.columns.length;
    const value: Node = {
      kind: "struct",
      schema: table.envelope,
      fields: [
        constant(table.row, null),
        table.rowNode((i) => table.valueNode(i, i)),
        sourceNode(settings.prefix, settings.dbname, table.schema, table.name, this.sourceParts(marker, n)),
        constant(transactionBlock, null),
        constant(string, "r"),
        { kind: "slot", schema: optionalInt64, slot: readSlot.nowMs },
        { kind: "slot", schema: optionalInt64, slot: readSlot.nowUs },
        digits(n, readSlot.nowUs),
      ],
    };
    return {
      topic: table.topic,
      key: table.keyNode((i) => i),
      value,
      headers: this.headers,
      timestampSlot: null,
      sourceTimeSlot: this.source ? null : readSlot.tsUs,
      columnCount: this.columnCount,
      slotCount: this.slotCount,
    };
  }

  private sourceParts(marker: SnapshotMarker, n: number): Partial<Record<string, Node | Value>> {
    const { source } = this;
    if (!source)
      return {
        ts_ms: { kind: "slot", schema: primitive("int64"), slot: readSlot.tsMs },
        snapshot: marker,
        sequence: { kind: "template", schema: optionalString, parts: ['["', { slot: readSlot.lsn }, '","', { slot: readSlot.lsn }, '"]'] },
        ts_us: { kind: "slot", schema: optionalInt64, slot: readSlot.tsUs },
        ts_ns: digits(n + 1, readSlot.tsUs),
      };
    const ns = BigInt(source.tsUs) * 1000n;
    return {
      ts_ms: Math.floor(source.tsUs / 1000),
      snapshot: marker,
      sequence: source.sequence,
      ts_us: source.tsUs,
      ts_ns: ns <= 9007199254740991n ? Number(ns) : ns,
      txId: source.txId,
      lsn: source.lsn,
    };
  }
}
