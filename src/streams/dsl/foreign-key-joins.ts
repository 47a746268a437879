import { ByteWriter } from "../../serde/byte-writer.js";
import type { Row, RowSerde } from "../../serde/row-serde.js";
import type { OpenSerde, Serde } from "../../serde/serde.js";
import {
  ForeignKeyResponse,
  ForeignKeyRight,
  ForeignKeySubscribe,
  ForeignKeySubscription,
  responseSchema,
  subscribersSchema,
  subscriptionSchema,
} from "../processor/foreign-key-join.js";
import { internalFormat } from "../topology/internal-format.js";
import type { Binding } from "./binding.js";
import type { AnyNode, Graph, Node } from "./graph.js";
import { type Joiner, rowJoiner } from "./k-stream.js";
import type { AnyTable } from "./k-table.js";
import { VALUE } from "./rows.js";

export interface ForeignKeyJoin {
  readonly left: AnyTable;
  readonly right: AnyTable;
  readonly keyOf: (value: unknown, key: unknown) => unknown;
  readonly joiner: Joiner<unknown, unknown, unknown, unknown>;
  readonly leftJoin: boolean;
}

/** A table joined with another one's row that each of its rows names. What it hands on does not know the row before: keep it. */
export function addForeignKeyJoin(graph: Graph, join: ForeignKeyJoin): AnyNode {
  const { left, right } = join;
  const { topology, binding } = graph;
  const id = graph.name("KTABLE-FK-JOIN");
  const names = {
    store: `${id}-subscription-store`,
    subscribe: `${id}-subscription-registration`,
    subscription: `${id}-subscription`,
    right: `${id}-foreign`,
    response: `${id}-subscription-response`,
    resolve: `${id}-output`,
  };
  const leftSerdes = graph.serdesOf(`foreign-key join ${id}`, left.node as Node<unknown, unknown>);
  const rightSerdes = graph.serdesOf(`foreign-key join ${id}`, right.node as Node<unknown, unknown>);
  const leftSchema = binding.storeSchema(`${id}-left`, leftSerdes.key, leftSerdes.value, "changelog");
  const rightSchema = binding.storeSchema(`${id}-right`, rightSerdes.key, rightSerdes.value, "changelog");
  const foreignKey = { name: "FOREIGN_KEY", type: rightSchema.key[0]!.type };
  const common = {
    leftJoin: join.leftJoin,
    foreignKey: () => (row: Row) => join.keyOf(row[VALUE], row[0]) ?? null,
    same: (a: Row, b: Row) => sameValue(a[0], b[0]),
    leftKeys: 1,
  };
  const answer = { store: names.store, leftKeys: 1, rightColumns: 2 };
  topology.addStore({
    name: names.store,
    kind: "key-value",
    schema: subscribersSchema(foreignKey, leftSchema.key),
    changelog: { type: "own" },
  });
  graph.add(names.subscribe, () => new ForeignKeySubscribe(common), [left.node.name]);
  const through = (
    topic: string,
    schema: ReturnType<typeof subscriptionSchema>,
    key: Serde<NonNullable<unknown>>,
    from: string[],
    like: string[],
  ) => {
    const format = internalFormat(schema, keyOnly(binding, key));
    topology.addSink({ name: `${topic}-sink`, topic, internal: true, format }, from);
    topology.addSource({ name: `${topic}-source`, topic, internal: true, format });
    topology.copartition([...like, `${topic}-source`]);
    return `${topic}-source`;
  };
  const subscriptions = through(
    `${names.subscribe}-topic`,
    subscriptionSchema(foreignKey, leftSchema.key),
    rightSerdes.key,
    [names.subscribe],
    [...right.node.sources],
  );
  const lookRight = right.lookup();
  const stores = [names.store, ...lookRight.stores];
  graph.add(names.subscription, () => new ForeignKeySubscription(answer, lookRight.getter), [subscriptions], stores);
  graph.add(names.right, () => new ForeignKeyRight(answer), [right.node.name], [names.store]);
  const responses = through(
    `${names.response}-topic`,
    responseSchema(foreignKey, leftSchema.key, rightSchema),
    leftSerdes.key,
    [names.subscription, names.right],
    [...left.node.sources],
  );
  const lookLeft = left.lookup();
  const options = { ...common, joiner: rowJoiner((value, other, key) => join.joiner(value, other, key)), rightColumns: 2 };
  graph.add(names.resolve, () => new ForeignKeyResponse(options, lookLeft.getter), [responses], lookLeft.stores);
  return { name: names.resolve, sources: [responses, ...left.node.sources] };
}

function sameValue(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === "object" && JSON.stringify(a) === JSON.stringify(b));
}

/** A key's serde where the runtime wants one of a row: for topics that must be partitioned as the user's are. */
function keyOnly<K>(binding: Binding, serde: Serde<K>): RowSerde {
  const out = new ByteWriter(256);
  let opened: OpenSerde<K> | undefined;
  const open = (topic: string) => {
    opened ??= serde.open({ topic, isKey: true, registry: binding.get().services.registry });
    return opened;
  };
  return {
    prepareWrite: async (topic) => open(topic).prepareWrite?.(),
    prepareRead: (topic, bytes, start, end) => open(topic).prepareRead?.(bytes, start, end),
    serialize(topic, row) {
      if (row === null) return null;
      out.position = 0;
      open(topic).serialize(row[0] as K, out);
      return out.take();
    },
    serializeInto(topic, row, into, position) {
      out.position = 0;
      open(topic).serialize(row[0] as K, out);
      const end = position + out.position;
      if (end > into.length) return -1;
      out.buffer.copy(into, position, 0, out.position);
      return end;
    },
    deserialize: (topic, bytes, start, end) => [open(topic).deserialize(bytes, start, end)],
  };
}
