import type { SchemaClient } from "../../schema-registry/client.js";
import type { FormatInfo, RowSchema } from "../../sql/plan/step.js";
import { hasRegistrySchema, holdsKey } from "../../sql/planner/formats.js";
import { MaterializeTable, StoreGetter } from "../../streams/processor/table.js";
import { internalFormat } from "../../streams/topology/internal-format.js";
import type { Topology } from "../../streams/topology/topology.js";
import type { BuildContext, Built } from "./built.js";
import { keySerde } from "./topic-formats.js";

/** Through a topic of the query's own, so that all rows of a key come to one task. */
export function repartition(
  id: string,
  schema: RowSchema,
  built: Built,
  topology: Topology,
  changes: boolean,
  key?: ReturnType<typeof keySerde>,
): Built {
  const topic = `${id}-repartition`;
  const format = internalFormat(schema, key);
  const extra = changes ? { changes } : {};
  topology.addSink({ name: `${topic}-sink`, topic, internal: true, format, ...extra }, built.parents);
  topology.addSource({ name: topic, topic, internal: true, format, ...extra });
  return { ...built, parents: [topic], sources: [topic] };
}

/**
 * How a repartition topic's keys are written so that they meet those of a topic of this format; undefined where there can be no such
 * topic: KAFKA has no keys of several columns, and a registered schema's bytes hold its id.
 */
export function keyFor(info: FormatInfo, schema: RowSchema, registry: SchemaClient) {
  return hasRegistrySchema(info.format) || !holdsKey(info, schema.key) ? undefined : keySerde(info, schema, registry);
}

/** A table in a store of its own. */
export function kept(id: string, schema: RowSchema, built: Built, { topology }: BuildContext): Built {
  const store = `${id}-Materialize`;
  topology.addStore({ name: store, kind: "key-value", schema, changelog: { type: "own" } });
  topology.addProcessor(store, () => new MaterializeTable(store, schema.key.length), built.parents, [store]);
  return { ...built, parents: [store], knowsOld: true, stores: [store], getter: (c) => new StoreGetter(c.store(store), false) };
}
