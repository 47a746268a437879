import { MillraceError } from "../../common/errors.js";
import { nextTurn } from "../../common/turn.js";
import type { Row } from "../../serde/row-serde.js";
import { type ExecutionStep, PLAN_VERSION, type QueryPlan, type SinkStep } from "../../sql/plan/step.js";
import type { BatchPlan } from "../../sql/planner/pull-batch.js";
import { QueryStoreView } from "../../streams/runtime/store-view.js";
import { StreamTask } from "../../streams/runtime/stream-task.js";
import { PSEUDO_COLUMNS } from "../../streams/topology/record-format.js";
import type { PersistentQuery } from "../persistent/persistent-query.js";
import { buildTopology } from "../physical/build-topology.js";
import { givesTable } from "../physical/gives-table.js";
import type { QueryResult, ResultRow } from "../query-result.js";
import type { EngineServices } from "../services.js";
import { compareKeys } from "./compare-keys.js";
import { type PreparedPull, preparePull } from "./pull-query.js";
import { batchRows, type Reading, readingOf } from "./reading.js";
import { rowText } from "./row-text.js";

/** Rows that wait in a stage's stores before they are packed. */
const packEvery = 10_000;

/**
 * A pull query that joins, groups or sorts: the steps of a persistent query over what is there, in memory. All tables are read as
 * they are at one moment, each between two commits of its query.
 * @throws as startPullQuery
 */
export function startBatchQuery(
  plan: BatchPlan,
  queryId: string,
  properties: Readonly<Record<string, string>>,
  materializing: (source: string) => PersistentQuery | undefined,
  services: EngineServices,
): QueryResult {
  const abort = new AbortController();
  const inputs = plan.inputs.map(({ step, read }) => {
    const prepared = preparePull(read, services);
    return { step, prepared, reading: readingOf(prepared, [], materializing(read.source.name), services, abort.signal) };
  });
  let limited = plan.limit === 0;
  const answer = async function* (): AsyncGenerator<readonly ResultRow[]> {
    if (plan.limit === 0) return;
    try {
      const rows = await sorted(plan, compute(plan, inputs, properties, services, abort.signal));
      limited = rows.length === plan.limit;
      for (let at = 0; at < rows.length && !abort.signal.aborted; at += batchRows)
        yield rows.slice(at, at + batchRows).map((row) => ({ values: plan.columns.map((c) => row[c.index] ?? null), tombstone: false }));
    } finally {
      for (const { reading } of inputs) reading.close();
    }
  };
  let ended = false;
  const untilEnd = async function* () {
    yield* answer();
    ended = true;
  };
  return {
    kind: "pull-table",
    queryId,
    columns: plan.columns,
    isTable: true,
    batches: untilEnd(),
    limitReached: () => limited,
    close: async () => {
      if (!ended) abort.abort();
      for (const { reading } of inputs) reading.close();
    },
  };
}

interface Input {
  readonly step: string;
  readonly prepared: PreparedPull;
  readonly reading: Reading;
}

async function* compute(
  plan: BatchPlan,
  inputs: readonly Input[],
  properties: Readonly<Record<string, string>>,
  services: EngineServices,
  signal: AbortSignal,
): AsyncGenerator<Row> {
  // Between two commits of every query, and without a pause until all are taken: one cut through all tables.
  while (!inputs.every((input) => input.reading.atCommit())) await nextTurn();
  for (const { reading } of inputs) reading.open();
  const last = new Stage(plan.root, properties, services);
  const joined = plan.joined && new Stage(plan.joined, properties, services);
  const first = joined ?? last;
  const takeIn = function* (step: string, rows: readonly Row[]): Generator<Row> {
    signal.throwIfAborted();
    for (const row of rows) first.feed(step, row);
    if (!joined) yield* first.given();
    else {
      for (const row of first.given()) last.feed("Rows", row);
      yield* last.given();
    }
  };
  // A stream's rows are joined with the tables' as they are: those go first.
  const [tables, streams] = [inputs.filter((i) => isTableInput(i)), inputs.filter((i) => !isTableInput(i))];
  for (const { step, reading } of streams.length > 1 ? tables : [...tables, ...streams])
    for await (const rows of reading.batches()) {
      yield* takeIn(step, rows);
      await nextTurn();
    }
  // A join of streams keeps records for its window: they have to come in the order of their times.
  if (streams.length > 1) for (const { step, row } of await byTime(streams, signal)) yield* takeIn(step, [row]);
  if (joined) {
    let fed = 0;
    for (const row of joined.kept()) {
      last.feed("Rows", row);
      if (++fed % batchRows !== 0) continue;
      signal.throwIfAborted();
      yield* last.given();
      await nextTurn();
    }
    yield* last.given();
  }
  yield* last.kept();
}

function isTableInput({ prepared }: Input): boolean {
  return prepared.plan.source.kind === "table";
}

async function byTime(streams: readonly Input[], signal: AbortSignal): Promise<{ step: string; row: Row }[]> {
  const all: { step: string; row: Row; time: number }[] = [];
  for (const { step, reading, prepared } of streams)
    for await (const rows of reading.batches()) {
      signal.throwIfAborted();
      for (const row of rows) all.push({ step, row, time: row[prepared.width - PSEUDO_COLUMNS] as number });
    }
  return all.sort((a, b) => a.time - b.time);
}

/**
 * Steps in memory, without topics: rows go in at their sources; a stream's rows come out as they are `given`, a table's are `kept`
 * to the end.
 */
class Stage {
  private readonly task: StreamTask;
  private readonly result: (() => Iterable<Row>) | undefined;
  private waiting = 0;

  constructor(root: ExecutionStep, properties: Readonly<Record<string, string>>, { registry, functions, clock, logger }: EngineServices) {
    const plan: QueryPlan = { version: PLAN_VERSION, queryId: "", sources: [], sink: null, root: givesTable(root) ? kept(root) : root };
    const options = { registry, functions, properties: { ...properties, "cache.max.bytes.buffering": "1" }, partitionsOf: () => 1 };
    const { topology, materialization } = buildTopology(plan, options);
    if (givesTable(root) && !materialization)
      throw new MillraceError("SQL_STATEMENT", "Pull queries don't support joins of windowed tables.");
    const [sub] = topology.subTopologies();
    const none = {
      open: () => {
        throw new MillraceError("INTERNAL", "a pull query writes nothing");
      },
    };
    this.task = new StreamTask(sub!, 0, {
      clock,
      topicName: (topic) => topic,
      partitionsOf: () => 1,
      target: () => none,
      changelogName: (store) => store,
      globalStore: () => undefined,
      onBadRecord: ({ cause }) => {
        throw cause;
      },
      onProcessingError: (error) => logger.debug("an expression of a pull query failed, its result is null", { error: error.cause }),
    });
    this.task.start();
    for (const sink of this.task.sinks) sink.outputs = materialization ? undefined : [];
    this.result =
      materialization &&
      (() => {
        const view = new QueryStoreView(topology.stores.get(materialization.store)!, () => [this.task.stores.get(materialization.store)!]);
        return rowsOf(view, materialization.rowOf);
      });
  }

  feed(source: string, row: Row): void {
    this.task.pipe(source, row);
    // Packed: rows that wait for a commit are objects.
    if (++this.waiting >= packEvery) this.pack();
  }

  *given(): Generator<Row> {
    for (const sink of this.task.sinks) {
      const { outputs } = sink;
      if (!outputs || outputs.length === 0) continue;
      sink.outputs = [];
      for (const { row } of outputs) if (row !== null) yield row;
    }
  }

  kept(): Iterable<Row> {
    this.pack();
    return this.result?.() ?? [];
  }

  private pack(): void {
    this.waiting = 0;
    this.task.applyCommit();
  }
}

function* rowsOf(view: QueryStoreView, rowOf: (stored: Row, timestamp: number) => Row | null): Generator<Row> {
  for (const { row, timestamp } of view.scan()) {
    const given = rowOf(row, timestamp);
    if (given !== null) yield given;
  }
}

function kept(root: ExecutionStep): SinkStep {
  const formats = { key: { format: "JSON" }, value: { format: "JSON" } };
  return { step: "table-sink", id: "Kept", source: root, topic: "", formats, schema: root.schema };
}

/** The rows in the order asked for; of a limited answer without an order by their keys, that it be the same each time. */
async function sorted({ columns, distinct, order, limit, root }: BatchPlan, rows: AsyncIterable<Row>): Promise<Row[]> {
  const keys = root.schema.key.map((_, index) => ({ index, descending: false, nullsFirst: false }));
  const by = order.length > 0 ? order : limit !== null ? keys : [];
  const compare = (a: Row, b: Row): number => {
    for (const { index, descending, nullsFirst } of by) {
      const [x, y] = [a[index] ?? null, b[index] ?? null];
      if (x === null || y === null) {
        if (x !== y) return (x === null) === nullsFirst ? -1 : 1;
        continue;
      }
      const c = compareKeys(x, y);
      if (c !== 0) return descending ? -c : c;
    }
    return 0;
  };
  const most = limit ?? Number.POSITIVE_INFINITY;
  const seen = new Set<string>();
  let all: Row[] = [];
  for await (const row of rows) {
    if (distinct && seen.size === seen.add(rowText(columns.map((c) => row[c.index]))).size) continue;
    all.push(row);
    if (all.length > most * 2 + batchRows) all = all.sort(compare).slice(0, most);
  }
  return by.length > 0 ? all.sort(compare).slice(0, most) : all;
}
