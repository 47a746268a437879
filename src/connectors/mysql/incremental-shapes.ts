import { optionalInt64, transactionBlock } from "../../cdc/envelope.js";
import { constant, digits } from "../../cdc/nodes.js";
import type { Node, RecordShape } from "../../connect/api/shape.js";
import { primitive } from "../../data/schema.js";
import type { CapturedTable } from "./captured-table.js";
import { sourceNode } from "./source-block.js";

/** Slots of a row of an incremental snapshot; all but the first two are known when its window closes. */
export const incrementalSlot = { nowMs: 0, nowUs: 1, tsMs: 2, tsUs: 3, pos: 4 } as const;
export const incrementalSlots = 5;

const string = primitive("string");
const int64 = primitive("int64");

/**
 * The shapes of a table's rows as an incremental snapshot reads them. Columns of a chunk: the row's, the digits of the envelope's
 * ts_ns, those of the source block's.
 */
export class IncrementalShapes {
  private readonly cache = new Map<string, RecordShape>();

  constructor(
    readonly table: CapturedTable,
    private readonly headers: RecordShape["headers"],
  ) {}

  get columnCount(): number {
    return this.table.columns.length + 2;
  }

  /** @param file of the binlog, where the window closes */
  get(file: string, serverId: number): RecordShape {
    const id = `${file}:${serverId}`;
    let shape = this.cache.get(id);
    if (!shape) this.cache.set(id, (shape = this.build(file, serverId)));
    return shape;
  }

  private build(file: string, serverId: number): RecordShape {
    const { table } = this;
    const { settings, model } = table;
    const n = table.columns.length;
    const at = (slot: number, schema = int64): Node => ({ kind: "slot", schema, slot });
    const source = sourceNode(settings.flavor, settings.prefix, model.database, model.name, {
      ts_ms: at(incrementalSlot.tsMs),
      snapshot: "incremental",
      ts_us: at(incrementalSlot.tsUs, optionalInt64),
      ts_ns: digits(n + 1, incrementalSlot.tsUs),
      server_id: serverId,
      file,
      pos: at(incrementalSlot.pos),
      row: 0,
    });
    const value: Node = {
      kind: "struct",
      schema: table.envelope,
      fields: [
        constant(table.row, null),
        table.rowNode((i) => table.valueNode(i, i)),
        source,
        constant(transactionBlock, null),
        constant(string, "r"),
        at(incrementalSlot.nowMs, optionalInt64),
        at(incrementalSlot.nowUs, optionalInt64),
        digits(n, incrementalSlot.nowUs),
      ],
    };
    return {
      topic: table.topic,
      key: table.keyNode((i) => i),
      value,
      headers: this.headers,
      timestampSlot: null,
      sourceTimeSlot: incrementalSlot.tsUs,
      columnCount: this.columnCount,
      slotCount: incrementalSlots,
    };
  }
}
