import type { SqlField } from "../../data/sql-type.js";
import type { Row } from "../../serde/row-serde.js";
import type { KeyedStore } from "../state/keyed-store.js";
import type { StoreSchema } from "../state/store.js";
import { PSEUDO_COLUMNS, rowMaker } from "../topology/record-format.js";
import { compareRows } from "./key-order.js";
import type { Processor, ProcessorContext } from "./processor.js";
import type { Bind, RowPredicate } from "./stateless.js";
import type { TableGetter, TableGetterSupplier } from "./table.js";
import { conditional, type Joiner } from "./table-join.js";

/*
 * A join of a table with another one's key that one of its columns names. Each left row subscribes to its foreign key, where the right
 * table's rows lie; there every change of either side is answered with the right row, and the answer, back where the left rows lie, is
 * joined with the left row as it is by then.
 *
 * Right because answers under one foreign key come in the order of the right row's changes, and an answer for a foreign key that
 * the left row does not have any more is dropped: the subscription to the new one is answered too.
 */

/** What a left row wants of its foreign key. The numbers stand in repartition topics. */
const SUBSCRIBE = 0;
/** answered even where there is no right row */
const SUBSCRIBE_OR_NULL = 1;
const UNSUBSCRIBE = 2;
/** the left row is gone: answered with nothing, so that the result goes too */
const LEFT_DELETED = 3;

const integer = { base: "INTEGER" } as const;
const partitionField: SqlField = { name: "LEFT_PARTITION", type: integer };

/** `[foreign key, ...left key, what, the left row's partition]` */
export function subscriptionSchema(foreignKey: SqlField, leftKey: readonly SqlField[]): StoreSchema {
  return { key: [foreignKey], value: [...named("LEFT", leftKey), { name: "WHAT", type: integer }, partitionField] };
}

/** Behind the left key: foreign key, what, whether there is a right row, the left row's partition; then the right row. */
const ANSWER_COLUMNS = 4;

/** `[...left key, foreign key, what, there is a right row, the left row's partition, ...right columns]` */
export function responseSchema(foreignKey: SqlField, leftKey: readonly SqlField[], right: StoreSchema): StoreSchema {
  const value: SqlField[] = [foreignKey, { name: "WHAT", type: integer }, { name: "FOUND", type: { base: "BOOLEAN" } }, partitionField];
  return { key: leftKey, value: [...value, ...named("RIGHT", [...right.key, ...right.value])] };
}

/**
 * The subscribers of each foreign key as a list through the store, so that neither adding nor removing one costs more the more there
 * are: `[foreign key, ...left key] → [...next left key, ...left key before, the left row's partition]`; nulls for a left key are the
 * list's beginning.
 */
export function subscribersSchema(foreignKey: SqlField, leftKey: readonly SqlField[]): StoreSchema {
  return { key: [foreignKey, ...named("LEFT", leftKey)], value: [...named("NEXT", leftKey), ...named("BEFORE", leftKey), partitionField] };
}

function named(prefix: string, columns: readonly SqlField[]): SqlField[] {
  return columns.map((c, i) => ({ name: `${prefix}_${i}`, type: c.type }));
}

export interface SubscribeOptions {
  readonly leftJoin: boolean;
  readonly foreignKey: Bind<(row: Row) => unknown>;
  readonly same: (a: Row, b: Row) => boolean;
  readonly leftKeys: number;
}

/** Left rows become what their foreign keys are told. */
export class ForeignKeySubscribe implements Processor {
  private next!: Processor;
  private foreignKey!: (row: Row) => unknown;
  private partition = 0;
  private readonly empty: () => Row;

  constructor(private readonly options: SubscribeOptions) {
    this.empty = rowMaker(3 + options.leftKeys + PSEUDO_COLUMNS);
  }

  init(context: ProcessorContext): void {
    this.next = context.next;
    this.partition = context.partition;
    this.foreignKey = this.options.foreignKey(context);
  }

  process(key: Row, row: Row | null, old: Row | null, timestamp: number): void {
    const { leftJoin, same } = this.options;
    const was = old === null ? null : this.foreignKey(old);
    if (row === null) {
      if (old !== null && (was !== null || leftJoin)) this.tell(was, key, LEFT_DELETED, timestamp);
      return;
    }
    const is = this.foreignKey(row);
    if (old === null) {
      if (is !== null || leftJoin) this.tell(is, key, leftJoin ? SUBSCRIBE_OR_NULL : SUBSCRIBE, timestamp);
      return;
    }
    const moved = was !== null && !same([was], [is]);
    if (moved) this.tell(was, key, UNSUBSCRIBE, timestamp);
    // A row under the former key may have been joined; under the same key what there was has gone with the right row.
    if (is !== null || moved || leftJoin) this.tell(is, key, moved || leftJoin ? SUBSCRIBE_OR_NULL : SUBSCRIBE, timestamp);
  }

  private tell(foreignKey: unknown, key: Row, what: number, timestamp: number): void {
    const { leftKeys } = this.options;
    const row = this.empty();
    row[0] = foreignKey;
    for (let i = 0; i < leftKeys; i++) row[1 + i] = key[i];
    row[1 + leftKeys] = what;
    row[2 + leftKeys] = this.partition;
    row[3 + leftKeys] = timestamp;
    this.next.process(row, row, null, timestamp);
  }
}

export interface AnswerOptions {
  readonly store: string;
  readonly leftKeys: number;
  /** key and value columns of the right table */
  readonly rightColumns: number;
}

/** Keeps who has subscribed, and answers with the right row as it is. */
export class ForeignKeySubscription implements Processor {
  private next!: Processor;
  private context!: ProcessorContext;
  private subscribers!: Subscribers;
  private right!: TableGetter;
  private answer!: Answer;

  constructor(
    private readonly options: AnswerOptions,
    private readonly rightSupplier: TableGetterSupplier,
  ) {}

  init(context: ProcessorContext): void {
    this.context = context;
    this.next = context.next;
    this.subscribers = new Subscribers(context.store(this.options.store), this.options.leftKeys);
    this.right = this.rightSupplier(context);
    this.answer = answerMaker(this.options);
  }

  process(_key: Row, row: Row | null, _old: Row | null, timestamp: number): void {
    if (row === null) return;
    const { subscribers, right, context, options } = this;
    const foreignKey = row[0];
    const leftKey = row.slice(1, 1 + options.leftKeys);
    const what = row[1 + options.leftKeys] as number;
    const partition = row[2 + options.leftKeys] as number;
    let found: Row | null = null;
    let time = timestamp;
    if (foreignKey !== null) {
      if (what === SUBSCRIBE || what === SUBSCRIBE_OR_NULL) subscribers.add(foreignKey, leftKey, partition, timestamp);
      else subscribers.remove(foreignKey, leftKey, timestamp);
      if (what === UNSUBSCRIBE) return;
      found = right.get([foreignKey]);
      if (found !== null) {
        if (right.timestamp > time) time = right.timestamp;
        if (right.sourceTime > context.sourceTime) context.sourceTime = right.sourceTime;
      }
    }
    if (found === null && what === SUBSCRIBE) return;
    const answer = this.answer(leftKey, foreignKey, what, partition, what === LEFT_DELETED ? null : found, time);
    this.next.process(answer, answer, null, time);
  }
}

/** A change of a right row answers all who have subscribed to it, by their keys. */
export class ForeignKeyRight implements Processor {
  private next!: Processor;
  private context!: ProcessorContext;
  private subscribers!: Subscribers;
  private answer!: Answer;

  constructor(private readonly options: AnswerOptions) {}

  init(context: ProcessorContext): void {
    this.context = context;
    this.next = context.next;
    this.subscribers = new Subscribers(context.store(this.options.store), this.options.leftKeys);
    this.answer = answerMaker(this.options);
  }

  process(key: Row, row: Row | null, _old: Row | null, timestamp: number): void {
    const foreignKey = key[0];
    const all = this.subscribers.of(foreignKey);
    all.sort((a, b) => compareRows(a.leftKey, b.leftKey, a.leftKey.length));
    const { sourceTime } = this.context;
    for (const { leftKey, partition } of all) {
      this.context.sourceTime = sourceTime;
      const answer = this.answer(leftKey, foreignKey, SUBSCRIBE_OR_NULL, partition, row, timestamp);
      this.next.process(answer, answer, null, timestamp);
    }
  }
}

export interface ResponseOptions extends SubscribeOptions {
  readonly joiner: Joiner;
  readonly matches?: Bind<RowPredicate>;
  readonly rightColumns: number;
}

/** Joins an answer with the left row, unless that has another foreign key by now. */
export class ForeignKeyResponse implements Processor {
  private next!: Processor;
  private context!: ProcessorContext;
  private left!: TableGetter;
  private foreignKey!: (row: Row) => unknown;
  private joiner!: Joiner;

  constructor(
    private readonly options: ResponseOptions,
    private readonly leftSupplier: TableGetterSupplier,
  ) {}

  init(context: ProcessorContext): void {
    this.context = context;
    this.next = context.next;
    this.left = this.leftSupplier(context);
    const { foreignKey, joiner, leftJoin, matches } = this.options;
    this.foreignKey = foreignKey(context);
    this.joiner = conditional(leftJoin ? "LEFT" : "INNER", joiner, matches?.(context));
  }

  process(key: Row, row: Row | null, _old: Row | null, timestamp: number): void {
    if (row === null) return;
    const { leftKeys, rightColumns, same, leftJoin } = this.options;
    const left = this.left.get(key);
    const foreignKey = row[leftKeys];
    if (left === null) {
      this.next.process(key.slice(0, leftKeys), null, null, timestamp);
      return;
    }
    if (row[leftKeys + 1] === LEFT_DELETED || !same([this.foreignKey(left)], [foreignKey])) return;
    if (this.left.sourceTime > this.context.sourceTime) this.context.sourceTime = this.left.sourceTime;
    const at = leftKeys + ANSWER_COLUMNS;
    const right = row[leftKeys + 2] === true ? row.slice(at, at + rightColumns) : null;
    const joined = right === null && !leftJoin ? null : this.joiner(key, left, right);
    if (joined === null) {
      this.next.process(key.slice(0, leftKeys), null, null, timestamp);
      return;
    }
    joined[joined.length - PSEUDO_COLUMNS] = timestamp;
    this.next.process(joined, joined, null, timestamp);
  }
}

/** Where an answer's partition stands: it goes back to where the left row lies, however that topic is partitioned. */
export function answerPartition(leftKeys: number): (row: Row) => number {
  return (row) => row[leftKeys + 3] as number;
}

type Answer = (leftKey: Row, foreignKey: unknown, what: number, partition: number, right: Row | null, timestamp: number) => Row;

function answerMaker({ leftKeys, rightColumns }: AnswerOptions): Answer {
  const first = leftKeys + ANSWER_COLUMNS;
  const empty = rowMaker(first + rightColumns + PSEUDO_COLUMNS);
  return (leftKey, foreignKey, what, partition, right, timestamp) => {
    const row = empty();
    for (let i = 0; i < leftKeys; i++) row[i] = leftKey[i];
    row[leftKeys] = foreignKey;
    row[leftKeys + 1] = what;
    row[leftKeys + 2] = right !== null;
    row[leftKeys + 3] = partition;
    if (right !== null) for (let i = 0; i < rightColumns; i++) row[first + i] = right[i];
    row[first + rightColumns] = timestamp;
    return row;
  };
}

class Subscribers {
  private readonly nobody: Row;
  private readonly entry: (foreignKey: unknown, leftKey: Row, next: Row, before: Row, partition: number | null) => Row;

  constructor(
    private readonly store: KeyedStore,
    private readonly leftKeys: number,
  ) {
    this.nobody = new Array(leftKeys).fill(null);
    const each = (name: string) => Array.from({ length: leftKeys }, (_, i) => `${name}[${i}]`);
    const columns = ["f", ...each("l"), ...each("n"), ...each("b"), "p", ...new Array(PSEUDO_COLUMNS).fill("null")];
    this.entry = new Function("f", "l", "n", "b", "p", `return [${columns.join(", ")}];`) as typeof this.entry;
  }

  /** Changes entries where they stand: nobody but the store has them. */
  add(foreignKey: unknown, leftKey: Row, partition: number, timestamp: number): void {
    const { store, nobody, leftKeys } = this;
    const head = store.get(this.key(foreignKey, nobody));
    const headAt = store.position;
    const first = this.next(head);
    if (store.get(this.key(foreignKey, leftKey)) !== null) return;
    store.putCurrent(this.entry(foreignKey, leftKey, first ?? nobody, nobody, partition), timestamp, -1);
    if (first !== undefined) {
      const entry = store.get(this.key(foreignKey, first))!;
      for (let i = 0; i < leftKeys; i++) entry[1 + 2 * leftKeys + i] = leftKey[i];
      store.putCurrent(entry, timestamp, -1);
    }
    if (head === null) this.write(foreignKey, nobody, leftKey, nobody, null, timestamp);
    else {
      for (let i = 0; i < leftKeys; i++) head[1 + leftKeys + i] = leftKey[i];
      store.putAt(headAt, head, timestamp, -1);
    }
  }

  remove(foreignKey: unknown, leftKey: Row, timestamp: number): void {
    const { store, leftKeys } = this;
    const entry = store.get(this.key(foreignKey, leftKey));
    if (entry === null) return;
    const next = this.next(entry);
    const before = entry.slice(1 + 2 * leftKeys, 1 + 3 * leftKeys);
    store.putCurrent(null, timestamp, -1);
    if (before[0] === null && next === undefined) store.put(this.key(foreignKey, this.nobody), null, timestamp, -1);
    else {
      const previous = store.get(this.key(foreignKey, before))!;
      this.write(foreignKey, before, next, previous.slice(1 + 2 * leftKeys, 1 + 3 * leftKeys), this.partition(previous), timestamp);
    }
    if (next === undefined) return;
    const following = store.get(this.key(foreignKey, next))!;
    this.write(foreignKey, next, this.next(following), before, this.partition(following), timestamp);
  }

  of(foreignKey: unknown): { leftKey: Row; partition: number }[] {
    const all: { leftKey: Row; partition: number }[] = [];
    for (let leftKey = this.next(this.store.get(this.key(foreignKey, this.nobody))); leftKey !== undefined; ) {
      const entry = this.store.get(this.key(foreignKey, leftKey))!;
      all.push({ leftKey, partition: this.partition(entry)! });
      leftKey = this.next(entry);
    }
    return all;
  }

  private partition(entry: Row): number | null {
    return entry[1 + 3 * this.leftKeys] as number | null;
  }

  private next(entry: Row | null): Row | undefined {
    const { leftKeys } = this;
    return entry === null || entry[1 + leftKeys] === null ? undefined : entry.slice(1 + leftKeys, 1 + 2 * leftKeys);
  }

  private write(foreignKey: unknown, leftKey: Row, next: Row | undefined, before: Row, partition: number | null, timestamp: number): void {
    this.store.put(this.key(foreignKey, leftKey), this.entry(foreignKey, leftKey, next ?? this.nobody, before, partition), timestamp, -1);
  }

  private readonly lookedUp: Row = [];
  private key(foreignKey: unknown, leftKey: Row): Row {
    const { lookedUp } = this;
    lookedUp[0] = foreignKey;
    for (let i = 0; i < this.leftKeys; i++) lookedUp[1 + i] = leftKey[i];
    return lookedUp;
  }
}
