import { optionalInt64, transactionBlock } from "../../cdc/envelope.js";
import type { Node, RecordShape } from "../../connect/api/shape.js";
import { primitive, type Value } from "../../data/schema.js";
import { constant, sourceNode } from "./source-block.js";
import type { TableModel } from "./table-model.js";

export type SnapshotMarker = "first" | "first_in_data_collection" | "true" | "last_in_data_collection" | "last" | "incremental";

/** Slots of a row that was read and not streamed. */
export const readSlot = { nowMs: 0, nowUs: 1 } as const;
export const readSlots = 2;

/** What all rows of one snapshot have in common. */
export interface SnapshotSource {
  readonly tsUs: number;
  readonly sequence: string;
  readonly txId: number | null;
  readonly lsn: number | null;
}

const string = primitive("string");

/** The shapes of one table's rows as they are read. Columns of a chunk: the row's, then the digits of the envelope's ts_ns. */
export class SnapshotShapes {
  private readonly cache = new Map<SnapshotMarker, RecordShape>();

  constructor(
    readonly table: TableModel,
    private readonly headers: RecordShape["headers"],
    private readonly source: SnapshotSource,
  ) {}

  get(marker: SnapshotMarker): RecordShape {
    let shape = this.cache.get(marker);
    if (!shape) this.cache.set(marker, (shape = this.build(marker)));
    return shape;
  }

  private build(marker: SnapshotMarker): RecordShape {
    const { table, source } = this;
    const { settings } = table;
    const n = table.columns.length;
    const ns = BigInt(source.tsUs) * 1000n;
    const parts: Partial<Record<string, Value>> = {
      ts_ms: Math.floor(source.tsUs / 1000),
      snapshot: marker,
      sequence: source.sequence,
      ts_us: source.tsUs,
      ts_ns: ns <= 9007199254740991n ? Number(ns) : ns,
      txId: source.txId,
      lsn: source.lsn,
    };
    const value: Node = {
      kind: "struct",
      schema: table.envelope,
      fields: [
        constant(table.row, null),
        table.rowNode((i) => table.valueNode(i, i)),
        sourceNode(settings.prefix, settings.dbname, table.schema, table.name, parts),
        constant(transactionBlock, null),
        constant(string, "r"),
        { kind: "slot", schema: optionalInt64, slot: readSlot.nowMs },
        { kind: "slot", schema: optionalInt64, slot: readSlot.nowUs },
        { kind: "column", schema: optionalInt64, column: n, text: { as: "int" }, decode: (b, s, e) => BigInt(b.toString("latin1", s, e)) },
      ],
    };
    return {
      topic: table.topic,
      key: table.keyNode((i) => i),
      value,
      headers: this.headers,
      timestampSlot: null,
      sourceTimeSlot: null,
      columnCount: n + 1,
      slotCount: readSlots,
    };
  }
}
