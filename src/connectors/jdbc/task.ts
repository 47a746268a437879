import { describeError, MillraceError } from "../../common/errors.js";
import type { SinkRecord } from "../../connect/api/record.js";
import type { SinkRows, SinkTask, SinkTaskContext } from "../../connect/api/sink.js";
import type { Schema } from "../../data/schema.js";
import { formatTopicPartition, type TopicPartition } from "../../data/topic-partition.js";
import { buildStatements, keyReader, rowReader } from "./changes.js";
import type { Dialect, Session, TablePlan } from "./dialect.js";
import { dialectOf } from "./dialects.js";
import { Lane, type PartitionState } from "./lane.js";
import { OffsetsTable } from "./offsets.js";
import { makePlan, targetTable } from "./plan.js";
import { isEnvelope, transpose } from "./rows.js";
import type { SinkSettings } from "./settings.js";

/** Rows that may wait in the lanes; beyond, `put` waits. Two full transactions a lane are under way beside them. */
const PENDING_ROWS = 80_000;
/** How often the offsets row of a lane without rows of its own follows the others. */
const ADVANCE_MS = 5000;

/** Upserts, inserts, updates and deletes into tables, exactly once through the offsets in the target. */
export class JdbcSinkTask implements SinkTask {
  /** The lanes work on while a flush waits for what was taken before it. */
  readonly overlapsFlush = true;
  private settings!: SinkSettings;
  private context!: SinkTaskContext;
  private dialect!: Dialect;
  private offsets!: OffsetsTable;
  private control: Session | undefined;
  private lanes: Lane[] = [];
  private readonly partitions = new Map<string, PartitionState>();
  private readonly plans = new Map<string, Map<Schema | null, Map<Schema | null, TablePlan>>>();
  private advancedAt = 0;

  constructor(private readonly read: (config: Readonly<Record<string, string>>) => SinkSettings) {}

  async start(config: Readonly<Record<string, string>>, context: SinkTaskContext): Promise<void> {
    this.settings = this.read(config);
    this.context = context;
    this.dialect = dialectOf(this.settings);
    this.offsets = new OffsetsTable(this.dialect, this.settings.offsetsTable);
    await this.withControl((session) => this.offsets.create(session));
  }

  async open(partitions: readonly TopicPartition[]): Promise<void> {
    const lanes = this.settings.primaryKey === "none" ? 1 : this.settings.lanes;
    for (const tp of partitions) {
      const { connector, clusterId } = this.context;
      const key = { connector, clusterId, topicId: this.context.topicId(tp.topic), topic: tp.topic, partition: tp.partition };
      const positions = await this.withControl((session) => this.offsets.claim(session, key, lanes));
      while (this.lanes.length < positions.length) this.lanes.push(this.newLane());
      const known = positions.map((p) => p.nextOffset);
      const lowest = Math.min(...known);
      this.partitions.set(formatTopicPartition(tp), { key, positions, sent: [...known], through: Math.max(lowest, 0) });
      // a lane without a position may have lost its first rows with a crash: then the group's offset, which waits for all lanes, tells
      if (lowest >= 0) this.context.seek(tp, lowest);
    }
  }

  async put(records: readonly SinkRecord[]): Promise<void> {
    for (const item of transpose(records)) {
      if ("rows" in item) await this.take(item.rows);
      else await this.truncate(item.truncate);
    }
  }

  async putRows(rows: SinkRows): Promise<void> {
    if (isEnvelope(rows.valueSchema)) await this.put(Array.from({ length: rows.count }, (_, r) => rows.record(r)));
    else await this.take(rows);
  }

  /** Beside the lanes, whose offsets rows have passed these records: the rows of each batch in one transaction of their own. */
  async replay(records: readonly SinkRecord[]): Promise<void> {
    await Promise.all(this.lanes.map((lane) => lane.settled()));
    for (const item of transpose(records)) {
      if (!("rows" in item)) continue;
      const { rows } = item;
      const plan = this.plans.get(rows.topic)?.get(rows.keySchema)?.get(rows.valueSchema) ?? (await this.makePlan(rows));
      const { deleteEnabled, tombstoneWithoutDelete } = this.settings;
      const index: number[] = [];
      const key = keyReader(plan, rows);
      for (let r = 0; r < rows.count; r++) {
        const refused = rows.tombstone[r] === 1 && !deleteEnabled ? tombstoneWithoutDelete : nullKey(plan, rows, r, key(r));
        if (refused === undefined) index.push(r);
        else if (refused !== "skip") throw new MillraceError("RECORD_REFUSED", refused === "error" ? "deletes are not enabled" : refused);
      }
      if (index.length === 0) continue;
      const piece = { rows, index: Int32Array.from(index), from: 0, to: index.length };
      const statements = buildStatements(plan, [piece], this.settings.insertMode !== "insert");
      await this.withControl(async (session) => {
        const failed = await session.transact(undefined, statements);
        if (failed) throw failed.error;
      });
    }
  }

  async flush(): Promise<ReadonlyMap<string, number>> {
    const reached = [...this.partitions].map(([name, state]) => [name, state.through] as const);
    await Promise.all(this.lanes.map((lane) => lane.settled()));
    const now = this.context.clock.now();
    if (now - this.advancedAt >= ADVANCE_MS) {
      this.advancedAt = now;
      await this.advanceIdle(new Map(reached));
    }
    return new Map(reached);
  }

  async close(partitions: readonly TopicPartition[]): Promise<void> {
    try {
      const reached = await this.flush();
      await this.advanceIdle(reached);
    } catch (error) {
      this.context.logger.warn("closing without the last rows; they are read again", { error: describeError(error) });
    }
    for (const tp of partitions) this.partitions.delete(formatTopicPartition(tp));
  }

  async stop(): Promise<void> {
    await Promise.all(this.lanes.map((lane) => lane.stop()));
    await this.control?.end().catch(() => {});
    this.control = undefined;
  }

  private newLane(): Lane {
    const environment = {
      dialect: this.dialect,
      settings: this.settings,
      context: this.context,
      offsets: this.offsets,
      replan: (rows: SinkRows) => this.makePlan(rows),
    };
    return new Lane(environment, this.lanes.length);
  }

  private async take(rows: SinkRows): Promise<void> {
    const state = this.stateOf(rows);
    const through = rows.offsets[rows.count - 1]! + 1;
    let plan: TablePlan;
    try {
      plan = this.plans.get(rows.topic)?.get(rows.keySchema)?.get(rows.valueSchema) ?? (await this.makePlan(rows));
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== "RECORD_REFUSED") throw error;
      for (let r = 0; r < rows.count; r++) await this.context.reportError(rows.record(r), error);
      state.through = through;
      return;
    }
    await this.distribute(state, plan, rows, through);
    state.through = through;
    await Promise.all(this.lanes.map((lane) => lane.room(PENDING_ROWS / this.lanes.length)));
  }

  /** Each row to the lane of its key; rows that a lane has already are passed over. */
  private async distribute(state: PartitionState, plan: TablePlan, rows: SinkRows, through: number): Promise<void> {
    const { deleteEnabled, tombstoneWithoutDelete } = this.settings;
    const n = state.positions.length;
    const index = Array.from({ length: n }, () => new Int32Array(rows.count));
    const used = new Array<number>(n).fill(0);
    const { tombstone, offsets, count } = rows;
    const keyed = plan.keyColumns.length > 0;
    const key = keyed ? keyReader(plan, rows) : (row: number) => offsets[row];
    const next = state.positions.map((p) => p.nextOffset);
    for (let r = 0; r < count; r++) {
      const id = key(r);
      const refused = tombstone[r] === 1 && !deleteEnabled ? tombstoneWithoutDelete : nullKey(plan, rows, r, id);
      if (refused === "skip") continue;
      const lane = n === 1 ? 0 : hash(id) % n;
      if (offsets[r]! < next[lane]!) continue;
      if (refused !== undefined) {
        const why = refused === "error" ? "the record has no value, and deletes are not enabled" : refused;
        await this.context.reportError(rows.record(r), new MillraceError("RECORD_REFUSED", why));
        continue;
      }
      index[lane]![used[lane]!++] = r;
    }
    for (let lane = 0; lane < n; lane++)
      if (used[lane]! > 0) this.lanes[lane]!.enqueue({ state, plan, rows, index: index[lane]!, from: 0, to: used[lane]!, through });
  }

  private async truncate(record: SinkRecord): Promise<void> {
    const state = this.stateOf(record);
    state.through = record.offset + 1;
    if (!this.settings.truncateEnabled || record.offset < Math.min(...state.positions.map((p) => p.nextOffset))) return;
    // every lane's earlier rows must be in the table, or they would come back after it was emptied
    await Promise.all(this.lanes.map((lane) => lane.settled()));
    const { quoted } = targetTable(this.dialect, this.settings, record.topic);
    await this.lanes[0]!.advance(state, record.offset + 1, [this.dialect.empty(quoted)]);
    await this.advanceIdle(new Map([[formatTopicPartition(state.key), record.offset + 1]]));
  }

  private async advanceIdle(reached: ReadonlyMap<string, number>): Promise<void> {
    for (const [name, offset] of reached) {
      const state = this.partitions.get(name);
      if (!state) continue;
      for (const [i, position] of state.positions.entries())
        if (position.nextOffset < offset && this.lanes[i]!.pending === 0) await this.lanes[i]!.advance(state, offset);
    }
  }

  private async makePlan(rows: SinkRows): Promise<TablePlan> {
    const plan = await this.withControl((session) => makePlan(this.dialect, session, this.settings, rows));
    let byKey = this.plans.get(rows.topic);
    if (!byKey || byKey.size > 1000) this.plans.set(rows.topic, (byKey = new Map()));
    let byValue = byKey.get(rows.keySchema);
    if (!byValue || byValue.size > 1000) byKey.set(rows.keySchema, (byValue = new Map()));
    byValue.set(rows.valueSchema, plan);
    return plan;
  }

  /** Runs on a connection beside the lanes, made anew where it was lost. */
  private async withControl<T>(use: (session: Session) => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        this.control ??= await this.dialect.connect(this.settings, this.context);
        return await use(this.control);
      } catch (error) {
        const lost = error instanceof MillraceError ? error.retriable : this.dialect.classify(error) === "connection";
        if (!lost) {
          if (error instanceof MillraceError) throw error;
          throw new MillraceError("TARGET_FAILED", describeError(error), { cause: error });
        }
        this.control?.end().catch(() => {});
        this.control = undefined;
        if (this.dialect.refusesUs((error as Error).cause)) throw error;
        if (attempt === 0) this.context.logger.warn("the target is away; waiting for it", { error: describeError(error) });
        await this.context.clock.sleep(Math.min(250 * 2 ** attempt, 5000), this.context.signal);
      }
    }
  }

  /** Of the partition that was read, whatever a transform has renamed its topic to. */
  private stateOf(read: TopicPartition & { readonly originalTopic?: string }): PartitionState {
    const { partition, originalTopic: topic = read.topic } = read;
    const state = this.partitions.get(formatTopicPartition({ topic, partition }));
    if (!state) throw new MillraceError("INTERNAL", `records of ${topic}-${partition}, which this task was not given`);
    return state;
  }
}

/** Why a row whose key is `id` is refused, if it is. */
function nullKey(plan: TablePlan, rows: SinkRows, row: number, id: unknown): string | undefined {
  if (id !== null && id !== undefined) return undefined;
  const column = plan.keyColumns.find((c) => (rowReader(c, rows)(row) ?? null) === null);
  return column && `the primary key column ${column.name} is null`;
}

/** Of a key's identity: spreads consecutive numbers, the same in every run. */
function hash(key: unknown): number {
  if (typeof key === "number" && Number.isInteger(key)) return (Math.imul(key ^ (key / 4294967296), 0x9e3779b1) >>> 16) & 0xffff;
  const text = String(key);
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 8;
}
