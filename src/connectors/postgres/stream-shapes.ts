import { changeShape, hasBoth, type RecordKind } from "../../cdc/change-shapes.js";
import { optionalInt64, optionalString, transactionBlock } from "../../cdc/envelope.js";
import { constant, digits } from "../../cdc/nodes.js";
import type { Node, RecordShape } from "../../connect/api/shape.js";
import { primitive } from "../../data/schema.js";
import { sourceNode } from "./source-block.js";
import type { TableModel } from "./table-model.js";

/** Slots of a streamed row. The wide ones are there with transaction metadata or a replication origin alone. */
export const slot = { lsn: 0, txId: 1, tsMs: 2, tsUs: 3, lastCommit: 4, nowMs: 5, nowUs: 6, total: 7, order: 8, originLsn: 9 } as const;
export const narrowSlots = 7;
export const wideSlots = 10;

export interface StreamVariant {
  /** no transaction has been committed before: the sequence begins with null */
  readonly first: boolean;
  /** the transaction's replication origin */
  readonly origin: string | null;
}

const string = primitive("string");
const int64 = primitive("int64");

/**
 * The shapes of one table's streamed records. Columns of a chunk: the new row's (or of a delete the old row's) 0..n-1; where
 * both are there, the old row's follow; then the digits of source.ts_ns and of the envelope's ts_ns.
 */
export class StreamShapes {
  private readonly cache = new Map<string, RecordShape>();

  constructor(
    readonly table: TableModel,
    private readonly headers: RecordShape["headers"],
    private readonly fullIdentity: boolean,
  ) {}

  /** @param absent of the new row: which columns were not sent (unchanged TOAST), as text of 0 and 1, or "" */
  get(kind: RecordKind, variant: StreamVariant, absent = ""): RecordShape {
    const id = `${kind}|${absent}|${variant.first}|${variant.origin ?? ""}`;
    let shape = this.cache.get(id);
    if (!shape) this.cache.set(id, (shape = this.build(kind, variant, absent)));
    return shape;
  }

  private build(kind: RecordKind, variant: StreamVariant, absent: string): RecordShape {
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
        columnCount: rows + 2,
        slotCount: this.slotCount(variant),
      },
      headers: this.headers,
      none: constant(table.row, null),
      before: () =>
        table.rowNode((i) => {
          const c = table.columns[i]!;
          return this.fullIdentity || c.identity ? table.valueNode(i, oldAt(i)) : table.absentNode(i);
        }),
      after: () => table.rowNode((i) => (absent[i] === "1" ? table.unavailableNode(i) : table.valueNode(i, i))),
      newKey: () => table.keyNode((i) => i),
      oldKey: () => (this.fullIdentity ? table.keyNode(oldAt) : table.oldKeyNode(oldAt)),
      oldKeyHeader: () => (this.fullIdentity ? table.keyNode(oldAt) : table.oldKeyHeader(oldAt)),
      envelope: (op, b, a) => this.envelope(op, b, a, rows, variant),
    });
  }

  private slotCount(variant: StreamVariant): number {
    return this.table.settings.transactions || variant.origin !== null ? wideSlots : narrowSlots;
  }

  private envelope(op: string, before: Node, after: Node, rows: number, variant: StreamVariant): Node {
    const { table } = this;
    const { settings } = table;
    const at = (s: number, schema = int64): Node => ({ kind: "slot", schema, slot: s });
    const lsn = { slot: slot.lsn, varies: true };
    const source = sourceNode(settings.prefix, settings.dbname, table.schema, table.name, {
      ts_ms: at(slot.tsMs),
      snapshot: "false",
      sequence: {
        kind: "template",
        schema: optionalString,
        parts: variant.first ? ['[null,"', lsn, '"]'] : ['["', { slot: slot.lastCommit }, '","', lsn, '"]'],
      },
      ts_us: at(slot.tsUs, optionalInt64),
      ts_ns: digits(rows, slot.tsUs),
      txId: at(slot.txId, optionalInt64),
      lsn: { kind: "slot", schema: optionalInt64, ...lsn },
      origin: variant.origin,
      origin_lsn: variant.origin === null ? null : at(slot.originLsn, optionalInt64),
    });
    const transaction: Node = settings.transactions
      ? {
          kind: "struct",
          schema: transactionBlock,
          fields: [
            { kind: "template", schema: string, parts: [{ slot: slot.txId }, ":", lsn] },
            { kind: "slot", schema: int64, slot: slot.total, varies: true },
            { kind: "slot", schema: int64, slot: slot.order, varies: true },
          ],
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
