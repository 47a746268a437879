import { sourceKey } from "../../sql/plan/source-steps.js";
import type { SourceStep } from "../../sql/plan/step.js";
import { TableSource } from "../../streams/processor/stateless.js";
import { MaterializeTable, MaterializeWindowedTable, StoreGetter } from "../../streams/processor/table.js";
import type { Topology } from "../../streams/topology/topology.js";
import type { BuildContext, Built, Wanted } from "./built.js";
import { headerReader, sourceFormat, timestampReader } from "./topic-formats.js";

/** A topic that is read, once however often the plan names it. */
export function buildSource(step: SourceStep, context: BuildContext, wanted: Wanted): Built {
  const { topology, needed, registry, timestampRequired, sources } = context;
  const key = sourceKey(step);
  const used = needed.get(key);
  const table = step.step === "table-source";
  let shared = sources.get(key);
  if (shared === undefined) {
    const timestampOf = timestampReader(step.timestamp, step.schema);
    const readHeaders = headerReader(step);
    topology.addSource({
      name: step.id,
      topic: step.topic,
      format: sourceFormat(step, used, registry),
      ...(timestampOf ? { timestampOf } : {}),
      ...(timestampRequired ? { timestampRequired } : {}),
      ...(readHeaders ? { readHeaders } : {}),
      // A table is all of its rows, whenever the query was created.
      ...(table ? { table, offsetReset: "earliest" as const } : {}),
    });
    shared = { id: step.id };
    sources.set(key, shared);
  }
  const { id } = shared;
  const window = step.window;
  const plain: Built = {
    parents: [id],
    kind: table ? "table" : "stream",
    knowsOld: false,
    stores: [],
    sources: [id],
    ...(window ? { window } : {}),
  };
  if (!table) return plain;
  if (!wanted.old && step.ttl === undefined) {
    if (shared.plain === undefined) {
      topology.addProcessor(`${id}-Keyed`, () => new TableSource(step.schema.key.length), [id]);
      shared.plain = { ...plain, parents: [`${id}-Keyed`] };
    }
    return shared.plain;
  }
  shared.kept ??= keepTable(step, plain, used, topology);
  return shared.kept;
}

/** A table with a store of its rows. @param plain as it is read */
function keepTable(step: SourceStep, plain: Built, used: ReadonlySet<number> | undefined, topology: Topology): Built {
  const [id] = plain.sources;
  const store = `${id}-Materialize`;
  const kept = { ...plain, parents: [store], knowsOld: true, stores: [store] };
  if (step.window) {
    const bounds = ["WINDOWSTART", "WINDOWEND"].map((name) => ({ name, type: { base: "BIGINT" } as const }));
    const schema = { key: [...step.schema.key, ...bounds], value: step.schema.value };
    topology.addStore({ name: store, kind: "key-value", schema, changelog: { type: "own" } });
    const [keys, values] = [step.schema.key.length, step.schema.value.length];
    topology.addProcessor(store, () => new MaterializeWindowedTable(store, keys, values), [id!], [store]);
    return kept;
  }
  topology.addStore({
    name: store,
    kind: "key-value",
    schema: step.schema,
    // The topic does not say which rows have ended.
    changelog: step.ttl === undefined ? { type: "source", source: id! } : { type: "own" },
    ...(used ? { layout: [...used].sort((a, b) => a - b).join() } : {}),
  });
  topology.addProcessor(store, () => new MaterializeTable(store, step.schema.key.length, step.ttl), [id!], [store]);
  return { ...kept, getter: (c) => new StoreGetter(c.store(store), false) };
}
