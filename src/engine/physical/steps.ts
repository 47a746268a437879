import { MillraceError } from "../../common/errors.js";
import type { Row } from "../../serde/row-serde.js";
import { compileRow } from "../../sql/evaluate/compile.js";
import type { FunctionRegistry } from "../../sql/functions/registry.js";
import type { Expression } from "../../sql/plan/expression.js";
import { sourceKey, sourceSteps } from "../../sql/plan/source-steps.js";
import type {
  AggregateStep,
  DistinctStep,
  ExecutionStep,
  FilterStep,
  FlatMapStep,
  GroupByStep,
  JoinStep,
  SelectKeyStep,
  SelectStep,
  UnionStep,
  WindowSpec,
} from "../../sql/plan/step.js";
import { hasRegistrySchema } from "../../sql/planner/formats.js";
import { Aggregate } from "../../streams/processor/aggregate.js";
import { DistinctStream, DistinctTable } from "../../streams/processor/distinct.js";
import { SessionAggregate, sessionSchema } from "../../streams/processor/session-aggregate.js";
import {
  type Bind,
  FlatMap,
  MapRow,
  type RowMapper,
  SelectKey,
  StreamFilter,
  StreamGroupBy,
  TableFilter,
  TableGroupBy,
} from "../../streams/processor/stateless.js";
import { MappedGetter, StoreGetter } from "../../streams/processor/table.js";
import { WindowedAggregate } from "../../streams/processor/windowed-aggregate.js";
import { internalFormat } from "../../streams/topology/internal-format.js";
import { type CompiledAggregate, compileAggregate } from "./aggregates.js";
import type { BuildContext, Built, Wanted } from "./built.js";
import { buildForeignKeyJoin } from "./foreign-key-join.js";
import { buildStreamJoin, buildStreamTableJoin, buildTableJoin } from "./joins.js";
import { referenced } from "./needed-columns.js";
import { kept, keyFor, repartition } from "./repartition.js";
import { compileFilter, compileMapper, evalContext, keyExpressions, sameKey, throughSelect } from "./row-functions.js";
import { buildSource } from "./sources.js";

export function buildStep(step: ExecutionStep, context: BuildContext, wanted: Wanted): Built {
  switch (step.step) {
    case "stream-source":
    case "table-source":
      return buildSource(step, context, wanted);
    case "filter":
      return buildFilter(step, context, wanted);
    case "select":
      return buildSelect(step, context, wanted);
    case "select-key":
      return buildSelectKey(step, context);
    case "flat-map":
      return buildFlatMap(step, context);
    case "aggregate":
      return buildAggregate(step, context, wanted);
    case "suppress":
      // The aggregate itself holds windows back until they close: its window says so.
      return buildStep(step.source, context, wanted);
    case "table-table-join":
    case "stream-table-join":
    case "stream-stream-join":
    case "foreign-key-join":
      return buildJoin(step, context, wanted);
    case "union":
      return buildUnion(step, context);
    case "distinct":
      return buildDistinct(step, context);
    case "stream-group-by":
    case "table-group-by":
    case "stream-sink":
    case "table-sink":
      throw new MillraceError("INTERNAL", `step ${step.id} (${step.step}) is not where it belongs in the plan`);
    default:
      throw new MillraceError("UNSUPPORTED", `the step ${(step as { step: string }).step} is not known to this version`);
  }
}

function buildJoin(step: JoinStep, context: BuildContext, wanted: Wanted): Built {
  const left = buildSide("left", step, context);
  const right = buildSide("right", step, context);
  switch (step.step) {
    case "table-table-join":
      return buildTableJoin(step, left, right, context);
    case "stream-table-join":
      return buildStreamTableJoin(step, left, right, context);
    case "stream-stream-join":
      return buildStreamJoin(step, left, right, context);
    case "foreign-key-join":
      return buildForeignKeyJoin(step, left, right, context, wanted);
  }
}

/**
 * A side of a join. Bytes of keys whose schemas stand in the registry hold a schema's id, so equal keys of two topics may lie in
 * different partitions: both sides then pass through topics of the query's own, whose keys have one encoding.
 */
function buildSide(side: "left" | "right", step: JoinStep, context: BuildContext): Built {
  const from = step[side];
  const table = step.step !== "stream-stream-join" && (side === "right" || step.step !== "stream-table-join");
  const registryKey = (s: "left" | "right") => hasRegistrySchema(step.formats[s].key.format);
  // A foreign key's subscriptions go where the right rows lie; answers find their way back by themselves.
  const apart =
    !context.onePartition &&
    (step.step === "foreign-key-join"
      ? side === "right" && registryKey("right")
      : step.apart === true || registryKey("left") || registryKey("right"));
  const done = from.step === "select-key" && from.repartition !== undefined;
  const built = buildStep(from, context, { old: table && !apart });
  const id = `${step.id}-${side}`;
  if (!apart || done || built.window !== undefined) return table && sharesSource(step) ? kept(id, from.schema, built, context) : built;
  const moved = repartition(id, from.schema, built, context.topology, false);
  return table ? kept(id, from.schema, moved, context) : moved;
}

/**
 * Whether a record may change both sides of a join of tables. The side that hears of it first would find the other's row changed already,
 * and take back what was never there: each side then keeps its rows as they were handed on.
 */
function sharesSource(step: JoinStep): boolean {
  if (step.step !== "table-table-join") return false;
  const left = new Set(sourceSteps(step.left).map(sourceKey));
  return sourceSteps(step.right).some((s) => left.has(sourceKey(s)));
}

function buildFilter(step: FilterStep, context: BuildContext, wanted: Wanted): Built {
  // A table's filter must know whether a row passed before: what never did is not deleted.
  const source = buildStep(step.source, context, { ...wanted, old: true });
  const { bind, quiet } = compileFilter(step.predicate, context.functions, step.id);
  const stream = source.kind === "stream";
  context.topology.addProcessor(step.id, () => (stream ? new StreamFilter(bind) : new TableFilter(bind, source.knowsOld)), source.parents);
  const { getter, pull } = source;
  return {
    ...source,
    parents: [step.id],
    ...(getter
      ? {
          getter: (c) => {
            const passes = bind(c);
            return new MappedGetter(getter(c), (row) => (passes(row) ? row : null));
          },
        }
      : {}),
    ...(pull
      ? {
          pull: {
            ...pull,
            rowOf: (stored: Row) => {
              const row = pull.rowOf(stored);
              return row !== null && quiet(row) ? row : null;
            },
          },
        }
      : {}),
  };
}

function buildSelect(step: SelectStep, context: BuildContext, wanted: Wanted): Built {
  const source = buildStep(step.source, context, wanted);
  const schema = step.source.schema;
  const { bind, quiet } = compileMapper(keyExpressions(schema), step.columns, schema, context.functions, step.id);
  context.topology.addProcessor(step.id, () => new MapRow(bind), source.parents);
  const { getter, pull } = source;
  return {
    ...source,
    parents: [step.id],
    ...(getter ? { getter: (c) => new MappedGetter(getter(c), bind(c)) } : {}),
    ...(pull
      ? {
          pull: {
            ...pull,
            rowOf: (stored: Row) => {
              const row = pull.rowOf(stored);
              return row === null ? null : quiet(row);
            },
          },
        }
      : {}),
  };
}

function buildSelectKey(step: SelectKeyStep, context: BuildContext): Built {
  const { topology, functions, registry } = context;
  const source = buildStep(step.source, context, { old: false });
  const { bind } = compileMapper(step.key, step.columns, step.source.schema, functions, step.id);
  // Where a join follows, a record without a value is nothing; by itself it stands under what its old key says of the new one.
  const ofKey = step.repartition ? undefined : keyOfKey(step, functions);
  topology.addProcessor(step.id, () => new SelectKey(bind, ofKey), source.parents);
  const built: Built = { parents: [step.id], kind: "stream", knowsOld: false, stores: [], sources: source.sources };
  if (!step.repartition) return { ...built, keyIsRecord: true };
  if (context.onePartition) return built;
  return repartition(step.id, step.schema, built, topology, false, keyFor(step.repartition.formats.key, step.schema, registry));
}

/** The new key from the old one alone; what it takes from the value is null. */
function keyOfKey(step: SelectKeyStep, functions: FunctionRegistry): Bind<RowMapper> {
  const own = step.source.schema.key.length;
  const nothing = (e: Expression): Expression => ({ kind: "literal", value: null, type: e.type });
  const key = step.key.map((e) => ([...referenced([e], new Set())].every((index) => index < own) ? e : nothing(e)));
  return compileMapper(key, step.columns.map(nothing), step.source.schema, functions, step.id).bind;
}

function buildFlatMap(step: FlatMapStep, context: BuildContext): Built {
  const source = buildStep(step.source, context, { old: false });
  const { schema } = step.source;
  const carried = schema.key.length + schema.value.length;
  const compiled = compileRow(step.functions, context.functions);
  context.topology.addProcessor(
    step.id,
    () =>
      new FlatMap((c) => {
        const evaluation = evalContext(c, step.id);
        return (row) => {
          const lists = compiled(row, evaluation) as (readonly unknown[] | null)[];
          let longest = 0;
          for (const list of lists) if (list !== null && list.length > longest) longest = list.length;
          const rows: Row[] = [];
          for (let i = 0; i < longest; i++)
            rows.push([...row.slice(0, carried), ...lists.map((list) => list?.[i] ?? null), ...row.slice(carried)]);
          return rows;
        };
      }),
    source.parents,
  );
  return { ...source, parents: [step.id] };
}

/** Rows of either stream as they come. */
function buildUnion(step: UnionStep, context: BuildContext): Built {
  const [left, right] = [step.left, step.right].map((s) => buildStep(s, context, { old: false }));
  return {
    parents: [...left!.parents, ...right!.parents],
    kind: "stream",
    knowsOld: false,
    stores: [],
    sources: [...left!.sources, ...right!.sources],
  };
}

function buildDistinct(step: DistinctStep, context: BuildContext): Built {
  const { topology, onePartition } = context;
  const source = buildStep(step.source, context, { old: true });
  if (source.kind === "table") {
    topology.addProcessor(step.id, () => new DistinctTable(), source.parents);
    return { ...source, parents: [step.id] };
  }
  const columns = [...step.schema.key, ...step.schema.value];
  let { parents, sources } = source;
  if (step.repartition && !onePartition) {
    const topic = `${step.id}-repartition`;
    // All columns are the key, and one of nulls alone is a key too.
    const { valueInto: keyInto } = internalFormat({ key: [], value: columns });
    const format = { ...internalFormat({ key: columns, value: [] }), keyInto };
    topology.addSink({ name: `${topic}-sink`, topic, internal: true, format }, parents);
    topology.addSource({ name: topic, topic, internal: true, format });
    parents = [topic];
    sources = [topic];
  }
  const store = `${step.id}-Seen`;
  topology.addStore({ name: store, kind: "key-value", schema: { key: columns, value: [] }, changelog: { type: "own" } });
  topology.addProcessor(step.id, () => new DistinctStream(store), parents, [store]);
  return { parents: [step.id], kind: "stream", knowsOld: false, stores: [], sources, ...(source.window ? { window: source.window } : {}) };
}

/** @param used positions of the step's row that the aggregate looks at; the others are not carried along */
function buildGroupBy(step: GroupByStep, context: BuildContext, used: ReadonlySet<number>): Built {
  const { topology, functions } = context;
  const table = step.step === "table-group-by";
  // A projection ahead of the group is made in the same go: one row less for each that comes.
  const inner = step.source.step === "select" ? step.source : undefined;
  const from = inner === undefined ? step.source : inner.source;
  const source = buildStep(from, context, { old: table });
  const { schema } = step.source;
  const first = step.schema.key.length;
  const carried = schema.value.map(
    ({ type }, i): Expression =>
      used.has(first + i) ? { kind: "column", index: schema.key.length + i, name: "", type } : { kind: "literal", value: null, type },
  );
  const through = (e: Expression) => (inner === undefined ? e : throughSelect(e, inner));
  const { bind } = compileMapper(step.by.map(through), carried.map(through), from.schema, functions, step.id);
  const keys = step.schema.key.length;
  const same = sameKey(step.schema.key);
  topology.addProcessor(step.id, () => (table ? new TableGroupBy(bind, keys, same) : new StreamGroupBy(bind, keys)), source.parents);
  const built: Built = { parents: [step.id], kind: "stream", knowsOld: table, stores: [], sources: source.sources };
  if (!step.repartition.needed || context.onePartition) return built;
  const key = step.repartition.keyed ? keyFor(step.repartition.formats.key, step.schema, context.registry) : undefined;
  return repartition(step.id, step.schema, built, topology, table, key);
}

function buildAggregate(step: AggregateStep, context: BuildContext, wanted: Wanted): Built {
  const { topology, coalesce } = context;
  const { window } = step;
  const looked = [
    ...step.aggregates.flatMap((a) => a.args),
    ...step.carried.map((i) => ({ kind: "column", index: step.schema.key.length + i }) as Expression),
  ];
  const source = buildGroupBy(step.source, context, referenced(looked, new Set()));
  const compiled = compileAggregate(step, context.functions, window !== undefined);
  const { bind, result, stored } = compiled;
  const store = `${step.id}-Materialize`;
  const value = stored;
  const base = { parents: [step.id], kind: "table" as const, knowsOld: wanted.old, stores: [store], sources: source.sources };
  if (window === undefined) {
    topology.addStore({ name: store, kind: "key-value", schema: { key: step.schema.key, value }, changelog: { type: "own" } });
    const { old: needOld, ...ttl } = wanted;
    topology.addProcessor(step.id, () => new Aggregate({ store, aggregator: bind, coalesce, needOld, ...ttl }), source.parents, [store]);
    return {
      ...base,
      getter: (c) => new MappedGetter(new StoreGetter(c.store(store), coalesce), result),
      pull: { store, rowOf: result },
    };
  }
  const final = window.emit === "final";
  if (window.type === "SESSION") return buildSessionAggregate(step, context, base, source.parents, compiled);
  const advance = window.advance ?? window.size;
  const grace = graceOf(window);
  const retention = Math.max(window.retention ?? 0, window.size + grace);
  topology.addStore({
    name: store,
    kind: "window",
    schema: { key: [...step.schema.key, { name: "WINDOWSTART", type: { base: "BIGINT" } }], value },
    changelog: { type: "own" },
    retention,
    windowSize: window.size,
    windowAdvance: advance,
  });
  topology.addProcessor(
    step.id,
    () =>
      new WindowedAggregate({
        store,
        aggregator: bind,
        coalesce,
        needOld: wanted.old,
        size: window.size,
        advance,
        grace,
        ...(final ? { final: { retention } } : {}),
      }),
    source.parents,
    [store],
  );
  return { ...base, window: { type: window.type, size: window.size }, pull: { store, rowOf: result, window } };
}

/** Kafka Streams' default: late records are taken for a day. A final result waits for nothing unless told to. */
function graceOf(window: WindowSpec): number {
  return window.grace ?? (window.emit === "final" ? 0 : Math.max(86_400_000 - window.size, 0));
}

function buildSessionAggregate(
  step: AggregateStep,
  { topology }: BuildContext,
  base: Built,
  parents: readonly string[],
  { bind, result, stored }: CompiledAggregate,
): Built {
  const window = step.window!;
  const store = base.stores[0]!;
  const grace = graceOf(window);
  const retention = Math.max(window.retention ?? 0, window.size + grace);
  const keyColumns = step.schema.key.length;
  topology.addStore({
    name: store,
    kind: "session",
    schema: sessionSchema(step.schema.key, stored),
    changelog: { type: "own" },
    retention,
  });
  const options = { store, aggregator: bind, keyColumns, gap: window.size, grace, retention, final: window.emit === "final" };
  topology.addProcessor(step.id, () => new SessionAggregate(options), parents, [store]);
  return { ...base, window: { type: "SESSION" }, pull: { store, rowOf: result, window } };
}
