import { changeShape, hasBoth, type RecordKind } from "../../cdc/change-shapes.js";
import { optionalInt64, optionalString, transactionBlock } from "../../cdc/envelope.js";
import { constant, digits } from "../../cdc/nodes.js";
import type { Node, RecordShape } from "../../connect/api/shape.js";
import { primitive } from "../../data/schema.js";
import type { CapturedTable } from "./captured-table.js";
import { sourceNode } from "./source-block.js";

/** Slots of a streamed row. The wide ones are there with transaction metadata alone. */
export const slot = {
  tsMs: 0,
  tsUs: 1,
  serverId: 2,
  pos: 3,
  row: 4,
  thread: 5,
  /** the number behind the GTID's prefix */
  number: 6,
  nowMs: 7,
  nowUs: 8,
  total: 9,
  order: 10,
  /** where the transaction begins */
  start: 11,
} as const;
export const narrowSlots = 9;
export const wideSlots = 12;
/** columns behind the row's: the digits of source.ts_ns and of the envelope's ts_ns, the statement */
export const extraColumns = 3;

/** What the records of a stretch of the binlog have in common. Compared by identity. */
export interface StreamVariant {
  readonly file: string;
  /** a GTID's text up to its number; null: the transaction has none */
  readonly gtid: string | null;
  /** whether the statement is known */
  readonly query: boolean;
}

const string = primitive("string");
const int64 = primitive("int64");

/**
 * The shapes of one table's streamed records. Columns of a chunk: the new row's (or of a delete the old row's) 0..n-1; where
 * both are there, the old row's follow; then the extra ones.
 */
export class StreamShapes {
  private readonly cache = new WeakMap<StreamVariant, Map<string, RecordShape>>();

  constructor(
    readonly table: CapturedTable,
    private readonly headers: RecordShape["headers"],
  ) {}

  /** @param newLacks columns that the new row lacks, as text of 0 and 1, or ""; `oldLacks` of the old row */
  get(kind: RecordKind, variant: StreamVariant, newLacks = "", oldLacks = ""): RecordShape {
    let shapes = this.cache.get(variant);
    if (!shapes) this.cache.set(variant, (shapes = new Map()));
    const id = newLacks || oldLacks ? `${kind}|${newLacks}|${oldLacks}` : kind;
    let shape = shapes.get(id);
    if (!shape) shapes.set(id, (shape = this.build(kind, variant, newLacks, oldLacks)));
    return shape;
  }

  private build(kind: RecordKind, variant: StreamVariant, newLacks: string, oldLacks: string): RecordShape {
    const { table } = this;
    const n = table.columns.length;
    const both = hasBoth(kind);
    const rows = kind === "truncate" ? 0 : both ? 2 * n : n;
    const oldAt = (i: number) => (both ? n + i : i);
    return changeShape(kind, {
      base: {
        topic: table.topic,
        timestampSlot: null,
        sourceTimeSlot: slot.tsUs,
        columnCount: rows + extraColumns,
        slotCount: table.settings.transactions ? wideSlots : narrowSlots,
      },
      headers: this.headers,
      none: constant(table.row, null),
      before: () => table.rowNode((i) => (oldLacks[i] === "1" ? table.unknownNode(i) : table.valueNode(i, oldAt(i)))),
      after: () => table.rowNode((i) => (newLacks[i] === "1" ? table.missingNode(i) : table.valueNode(i, i))),
      newKey: () => table.keyNode((i) => i),
      oldKey: () => table.keyNode(oldAt),
      oldKeyHeader: () => table.keyNode(oldAt),
      envelope: (op, b, a) => this.envelope(op, b, a, rows, variant),
    });
  }

  private envelope(op: string, before: Node, after: Node, rows: number, variant: StreamVariant): Node {
    const { table } = this;
    const { settings, model } = table;
    const at = (s: number, schema = int64): Node => ({ kind: "slot", schema, slot: s });
    const varying = (s: number, schema = int64): Node => ({ kind: "slot", schema, slot: s, varies: true });
    const gtid: Node | null =
      variant.gtid === null ? null : { kind: "template", schema: optionalString, parts: [variant.gtid, { slot: slot.number }] };
    const statement: Node = {
      kind: "column",
      schema: optionalString,
      column: rows + 2,
      text: { as: "utf8" },
      decode: (b, s, e) => b.toString("utf8", s, e),
    };
    const source = sourceNode(settings.flavor, settings.prefix, model.database, model.name, {
      ts_ms: at(slot.tsMs),
      snapshot: "false",
      ts_us: at(slot.tsUs, optionalInt64),
      ts_ns: digits(rows, slot.tsUs),
      server_id: at(slot.serverId),
      gtid,
      file: variant.file,
      pos: varying(slot.pos),
      row: varying(slot.row, primitive("int32")),
      thread: at(slot.thread, optionalInt64),
      query: variant.query ? statement : null,
    });
    const parts = variant.gtid === null ? [`file=${variant.file},pos=`, { slot: slot.start }] : [variant.gtid, { slot: slot.number }];
    const transaction: Node = settings.transactions
      ? {
          kind: "struct",
          schema: transactionBlock,
          fields: [{ kind: "template", schema: string, parts }, varying(slot.total), varying(slot.order)],
        }
      : constant(transactionBlock, null);
    return {
      kind: "struct",
      schema: table.envelope,
      fields: [
        before,
        after,
        source,
        transaction,
        constant(string, op),
        at(slot.nowMs, optionalInt64),
        at(slot.nowUs, optionalInt64),
        digits(rows + 1, slot.nowUs),
      ],
    };
  }
}
