import type { Row } from "../../serde/row-serde.js";
import { PSEUDO_COLUMNS } from "../topology/record-format.js";
import type { Processor, ProcessorContext } from "./processor.js";
import type { Bind, RowPredicate } from "./stateless.js";
import type { TableGetter, TableGetterSupplier } from "./table.js";

export type JoinType = "INNER" | "LEFT" | "RIGHT" | "FULL";
/** The joined row; one side may be null, never both. Null where the two are no match and neither stands without one. */
export type Joiner = (key: Row, left: Row | null, right: Row | null) => Row | null;

/**
 * A joiner of rows with the same key that match only where `matches` says so of the joined row: where not, an outer join's row stands
 * alone. Of a FULL join both would, which is not one row: it has no such condition.
 */
export function conditional(type: JoinType, joiner: Joiner, matches: RowPredicate | undefined): Joiner {
  if (matches === undefined) return joiner;
  return (key, left, right) => {
    const joined = joiner(key, left, right);
    if (left === null || right === null || joined === null || matches(joined)) return joined;
    return type === "LEFT" ? joiner(key, left, null) : type === "RIGHT" ? joiner(key, null, right) : null;
  };
}

/**
 * One side of a join of two tables with the same key. A change of this side meets the other side's current row; the joined row
 * before the change is computed from this side's old row and the same other row, so that what is downstream can take it back.
 * Right because a change of either side is handed through before the next record of the other is looked at.
 */
export class TableJoinSide implements Processor {
  private next!: Processor;
  private context!: ProcessorContext;
  private other!: TableGetter;
  /** without a row on this side there is no joined row */
  private readonly needsThis: boolean;
  private readonly needsOther: boolean;

  constructor(
    private readonly side: "left" | "right",
    private readonly type: JoinType,
    private joiner: Joiner,
    private readonly otherSupplier: TableGetterSupplier,
    private readonly matches?: Bind<RowPredicate>,
  ) {
    const leftNeeded = type === "INNER" || type === "LEFT";
    const rightNeeded = type === "INNER" || type === "RIGHT";
    this.needsThis = side === "left" ? leftNeeded : rightNeeded;
    this.needsOther = side === "left" ? rightNeeded : leftNeeded;
  }

  init(context: ProcessorContext): void {
    this.context = context;
    this.next = context.next;
    this.other = this.otherSupplier(context);
    this.joiner = conditional(this.type, this.joiner, this.matches?.(context));
  }

  process(key: Row, row: Row | null, old: Row | null, timestamp: number): void {
    const { other, context } = this;
    const match = other.get(key);
    if (match === null && (this.needsOther || (row === null && old === null))) return;
    const time = match !== null && other.timestamp > timestamp ? other.timestamp : timestamp;
    if (match !== null && other.sourceTime > context.sourceTime) context.sourceTime = other.sourceTime;
    const joined = this.join(key, row, match);
    if (joined !== null) joined[joined.length - PSEUDO_COLUMNS] = time;
    const before = this.join(key, old, match);
    // No match now and none before: a deletion would delete nothing.
    if (joined === null && before === null && row !== null) return;
    this.next.process(joined ?? key, joined, before, time);
  }

  private join(key: Row, row: Row | null, match: Row | null): Row | null {
    if (row === null && (this.needsThis || match === null)) return null;
    return this.side === "left" ? this.joiner(key, row, match) : this.joiner(key, match, row);
  }
}

/** The current row of a join's result, for a join further on. */
export class JoinGetter implements TableGetter {
  timestamp = -1;
  sourceTime = -1;

  constructor(
    private readonly type: JoinType,
    private readonly joiner: Joiner,
    private readonly left: TableGetter,
    private readonly right: TableGetter,
  ) {}

  get(key: Row): Row | null {
    const left = this.left.get(key);
    const { timestamp, sourceTime } = this.left;
    const right = this.right.get(key);
    if (left === null && (right === null || this.type === "INNER" || this.type === "LEFT")) return null;
    if (right === null && (this.type === "INNER" || this.type === "RIGHT")) return null;
    this.timestamp = Math.max(left === null ? -1 : timestamp, right === null ? -1 : this.right.timestamp);
    this.sourceTime = Math.max(left === null ? -1 : sourceTime, right === null ? -1 : this.right.sourceTime);
    const joined = this.joiner(key, left, right);
    if (joined !== null) joined[joined.length - PSEUDO_COLUMNS] = this.timestamp;
    return joined;
  }
}

/** A stream's rows with the table's row of the same key at that moment. */
export class StreamTableJoin implements Processor {
  private next!: Processor;
  private context!: ProcessorContext;
  private table!: TableGetter;

  constructor(
    private readonly type: "INNER" | "LEFT",
    private joiner: Joiner,
    private readonly tableSupplier: TableGetterSupplier,
    private readonly keyColumns: number,
    private readonly matches?: Bind<RowPredicate>,
  ) {}

  init(context: ProcessorContext): void {
    this.context = context;
    this.next = context.next;
    this.table = this.tableSupplier(context);
    this.joiner = conditional(this.type, this.joiner, this.matches?.(context));
  }

  process(key: Row, row: Row | null, _old: Row | null, timestamp: number): void {
    if (row === null) return;
    for (let i = 0; i < this.keyColumns; i++) if (key[i] === null && this.type === "INNER") return;
    const match = this.table.get(key);
    if (match === null && this.type === "INNER") return;
    if (match !== null && this.table.sourceTime > this.context.sourceTime) this.context.sourceTime = this.table.sourceTime;
    const joined = this.joiner(key, row, match);
    if (joined === null) return;
    joined[joined.length - PSEUDO_COLUMNS] = timestamp;
    this.next.process(joined, joined, null, timestamp);
  }
}
