import type { Row } from "../../src/serde/row-serde.js";
import { Aggregate, type RowAggregator } from "../../src/streams/processor/aggregate.js";
import { TableGroupBy } from "../../src/streams/processor/stateless.js";
import { MaterializeTable, StoreGetter } from "../../src/streams/processor/table.js";
import { type JoinType, TableJoinSide } from "../../src/streams/processor/table-join.js";
import type { StoreSchema } from "../../src/streams/state/store.js";
import { internalFormat } from "../../src/streams/topology/internal-format.js";
import { Topology } from "../../src/streams/topology/topology.js";

const integer = { base: "INTEGER" } as const;
const bigint = { base: "BIGINT" } as const;
const text = { base: "STRING" } as const;

export const leftSchema: StoreSchema = { key: [{ name: "ID", type: integer }], value: [{ name: "A", type: integer }] };
export const rightSchema: StoreSchema = { key: [{ name: "ID", type: integer }], value: [{ name: "G", type: text }] };
export const joinedSchema: StoreSchema = {
  key: leftSchema.key,
  value: [
    { name: "A", type: integer },
    { name: "G", type: text },
  ],
};
export const groupedSchema: StoreSchema = {
  key: [{ name: "G", type: text }],
  value: [{ name: "A", type: integer }],
};
export const sumSchema: StoreSchema = {
  key: [{ name: "G", type: text }],
  value: [
    { name: "COUNT", type: bigint },
    { name: "SUM", type: bigint },
  ],
};

const pseudo = [null, null, null, null, null];

/** COUNT(*) and SUM(A) of rows `[G, A]`. */
export const countAndSum: RowAggregator = {
  add: (stored, row) => [
    row[0],
    ((stored?.[1] as number) ?? 0) + 1,
    ((stored?.[2] as number) ?? 0) + ((row[1] as number | null) ?? 0),
    ...pseudo,
  ],
  undo: (stored, row) => [row[0], (stored[1] as number) - 1, (stored[2] as number) - ((row[1] as number | null) ?? 0), ...pseudo],
  merge: (a, b) => [a[0], (a[1] as number) + (b[1] as number), (a[2] as number) + (b[2] as number), ...pseudo],
  result: (stored) => stored,
};

export interface PipelineOptions {
  readonly join: JoinType;
  readonly coalesce?: boolean;
  readonly repartition?: boolean;
}

/** Two tables joined by key into topic `joined`; then COUNT and SUM by G into topic `sums`. */
export function joinAndAggregate({ join, coalesce = false, repartition = false }: PipelineOptions): Topology {
  const joiner = (key: Row, left: Row | null, right: Row | null): Row => [key[0], left?.[1] ?? null, right?.[1] ?? null, ...pseudo];
  const topology = new Topology()
    .addSource({ name: "left", topic: "left", format: internalFormat(leftSchema) })
    .addSource({ name: "right", topic: "right", format: internalFormat(rightSchema) })
    .addStore({ name: "left-table", kind: "key-value", schema: leftSchema, changelog: { type: "source", source: "left" } })
    .addStore({ name: "right-table", kind: "key-value", schema: rightSchema, changelog: { type: "source", source: "right" } })
    .addStore({ name: "aggregate", kind: "key-value", schema: sumSchema, changelog: { type: "own" } })
    .addProcessor("materialize-left", () => new MaterializeTable("left-table", 1), ["left"], ["left-table"])
    .addProcessor("materialize-right", () => new MaterializeTable("right-table", 1), ["right"], ["right-table"])
    .addProcessor(
      "join-left",
      () => new TableJoinSide("left", join, joiner, (c) => new StoreGetter(c.store("right-table"), false)),
      ["materialize-left"],
      ["right-table"],
    )
    .addProcessor(
      "join-right",
      () => new TableJoinSide("right", join, joiner, (c) => new StoreGetter(c.store("left-table"), false)),
      ["materialize-right"],
      ["left-table"],
    )
    .copartition(["left", "right"])
    .addSink({ name: "joined", topic: "joined", format: internalFormat(joinedSchema) }, ["join-left", "join-right"])
    .addProcessor(
      "group",
      () =>
        new TableGroupBy(
          () => (row) => [row[2], row[1], ...pseudo],
          1,
          (a, b) => a[0] === b[0],
        ),
      ["join-left", "join-right"],
    );
  let parent = "group";
  if (repartition) {
    topology
      .addSink(
        { name: "repartition-sink", topic: "group-repartition", internal: true, changes: true, format: internalFormat(groupedSchema) },
        ["group"],
      )
      .addSource({ name: "repartition", topic: "group-repartition", internal: true, changes: true, format: internalFormat(groupedSchema) });
    parent = "repartition";
  }
  return topology
    .addProcessor(
      "aggregate",
      () => new Aggregate({ store: "aggregate", aggregator: () => countAndSum, coalesce, needOld: false }),
      [parent],
      ["aggregate"],
    )
    .addSink({ name: "sums", topic: "sums", format: internalFormat(sumSchema) }, ["aggregate"]);
}

/** What `joined` and `sums` must hold, computed from the tables alone. */
export function recompute(left: ReadonlyMap<number, number | null>, right: ReadonlyMap<number, string | null>, join: JoinType) {
  const joined = new Map<number, [number | null, string | null]>();
  for (const id of new Set([...left.keys(), ...right.keys()])) {
    const inLeft = left.has(id);
    const inRight = right.has(id);
    const there = join === "INNER" ? inLeft && inRight : join === "LEFT" ? inLeft : join === "RIGHT" ? inRight : true;
    if (there) joined.set(id, [left.get(id) ?? null, right.get(id) ?? null]);
  }
  const sums = new Map<string, [number, number]>();
  for (const [a, g] of joined.values()) {
    if (g === null) continue;
    const [count, sum] = sums.get(g) ?? [0, 0];
    sums.set(g, [count + 1, sum + (a ?? 0)]);
  }
  return { joined, sums };
}
