import { MillraceError } from "../../common/errors.js";
import { compileRow } from "../../sql/evaluate/compile.js";
import type { JoinStep } from "../../sql/plan/step.js";
import { hasRegistrySchema } from "../../sql/planner/formats.js";
import {
  answerPartition,
  ForeignKeyResponse,
  ForeignKeyRight,
  ForeignKeySubscribe,
  ForeignKeySubscription,
  responseSchema,
  subscribersSchema,
  subscriptionSchema,
} from "../../streams/processor/foreign-key-join.js";
import type { ProcessorContext } from "../../streams/processor/processor.js";
import { MaterializeTable, StoreGetter } from "../../streams/processor/table.js";
import { internalFormat } from "../../streams/topology/internal-format.js";
import type { BuildContext, Built, Wanted } from "./built.js";
import { compileJoiner, compileMatches } from "./joins.js";
import { evalContext, sameKey } from "./row-functions.js";
import { keySerde } from "./topic-formats.js";

/** Where all inputs have one partition the two tables lie in one task, and nothing passes through a topic. */
export function buildForeignKeyJoin(step: JoinStep, left: Built, right: Built, context: BuildContext, wanted: Wanted): Built {
  const { topology, functions, registry, onePartition } = context;
  const { id } = step;
  const [leftGetter, rightGetter] = [left.getter, right.getter];
  if (!leftGetter || !rightGetter)
    throw new MillraceError("UNSUPPORTED", "a side of the join is not a table that can be looked up", { context: { step: id } });
  const leftKey = step.left.schema.key;
  const fk = { name: "FOREIGN_KEY", type: step.right.schema.key[0]!.type };
  const compiled = compileRow([step.foreignKey!], functions);
  const foreignKey = (c: ProcessorContext) => {
    const evaluation = evalContext(c, id);
    return (row: unknown[]) => compiled(row, evaluation)[0];
  };
  const leftKeys = leftKey.length;
  const rightColumns = step.right.schema.key.length + step.right.schema.value.length;
  const common = { leftJoin: step.join === "LEFT", foreignKey, same: sameKey([fk]), leftKeys };
  const store = `${id}-Subscribers`;
  const answer = { store, leftKeys, rightColumns };
  const nodes = { subscribe: `${id}-Subscribe`, subscription: `${id}-Subscription`, right: `${id}-Right`, response: `${id}-Response` };

  topology.addStore({ name: store, kind: "key-value", schema: subscribersSchema(fk, leftKey), changelog: { type: "own" } });
  topology.addProcessor(nodes.subscribe, () => new ForeignKeySubscribe(common), left.parents);
  let subscriptions = nodes.subscribe;
  if (!onePartition) {
    subscriptions = `${id}-subscription-registration`;
    // As the right table's topic writes its keys, or as it was repartitioned.
    const info = step.formats.right.key;
    const key = hasRegistrySchema(info.format) ? undefined : keySerde(info, step.right.schema, registry);
    const format = internalFormat(subscriptionSchema(fk, leftKey), key);
    topology.addSink({ name: `${subscriptions}-sink`, topic: subscriptions, internal: true, format }, [nodes.subscribe]);
    topology.addSource({ name: subscriptions, topic: subscriptions, internal: true, format });
    topology.copartition([...right.sources, subscriptions]);
  }
  topology.addProcessor(
    nodes.subscription,
    () => new ForeignKeySubscription(answer, rightGetter),
    [subscriptions],
    [store, ...right.stores],
  );
  topology.addProcessor(nodes.right, () => new ForeignKeyRight(answer), right.parents, [store]);
  let responses = [nodes.subscription, nodes.right];
  if (!onePartition) {
    const topic = `${id}-subscription-response`;
    const schema = responseSchema(fk, leftKey, step.right.schema);
    const format = internalFormat(schema);
    topology.addSink({ name: `${topic}-sink`, topic, internal: true, format, partitionOf: answerPartition(leftKeys) }, responses);
    topology.addSource({ name: topic, topic, internal: true, format });
    topology.copartition([...left.sources, topic]);
    responses = [topic];
  }
  const joiner = compileJoiner(step);
  const matches = compileMatches(step, functions);
  const options = { ...common, joiner, rightColumns, ...(matches ? { matches } : {}) };
  topology.addProcessor(nodes.response, () => new ForeignKeyResponse(options, leftGetter), responses, left.stores);
  const built: Built = { parents: [nodes.response], kind: "table", knowsOld: false, stores: [], sources: left.sources };
  if (!wanted.old) return built;
  const result = `${id}-Materialize`;
  topology.addStore({ name: result, kind: "key-value", schema: step.schema, changelog: { type: "own" } });
  topology.addProcessor(result, () => new MaterializeTable(result, leftKeys), [nodes.response], [result]);
  return { ...built, parents: [result], knowsOld: true, stores: [result], getter: (c) => new StoreGetter(c.store(result), false) };
}
