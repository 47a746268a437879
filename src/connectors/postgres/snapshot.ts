import type { RowMemory } from "../../cdc/row-memory.js";
import { markerOf } from "../../cdc/snapshot-marker.js";
import type { Logger } from "../../common/logger.js";
import type { Metrics } from "../../common/metrics.js";
import { nextTurn, sliceEnd } from "../../common/turn.js";
import type { RecordShape } from "../../connect/api/shape.js";
import type { SourceItem } from "../../connect/api/source.js";
import type { CaptureRules } from "./capture-rules.js";
import { type CatalogTable, loadTables, loadTypes, tableName } from "./catalog.js";
import { CopyDecoder } from "./copy-decoder.js";
import { parseLsn } from "./lsn.js";
import { type SnapshotSegment, type SnapshotState, type StoredOffset, writeOffset } from "./offsets.js";
import type { PostgresSettings } from "./settings.js";
import { copyStatement, planTables, type TablePlan } from "./snapshot-plan.js";
import { SnapshotShapes, type SnapshotSource } from "./snapshot-shapes.js";
import { TableModel } from "./table-model.js";
import type { TypeRegistry } from "./types/type-info.js";
import type { WireSession } from "./wire-session.js";

const batchBytes = 1 << 20;
/** Chunks of the socket that are decoded between two looks at the time. */
const chunksAtOnce = 4;

export interface SnapshotContext {
  readonly settings: PostgresSettings;
  readonly rules: CaptureRules;
  readonly headers: RecordShape["headers"];
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly connector: string;
  readonly memory: RowMemory;
}

/** Where a table's rows are said to come from in their `source` and what the stored offset begins with. */
export interface SnapshotStart {
  /** the slot's consistent point */
  readonly lsn: number;
  /** the exported view of a slot made for this snapshot; null: a view of its own, whose events the stream drops */
  readonly exported: string | null;
  readonly resume: SnapshotState | null;
  /** the position that streaming will go on from */
  readonly position: StoredOffset["position"];
}

/**
 * Reads the captured tables one after the other in one consistent view, through COPY. Each batch carries how far it came, so
 * that a later one can go on behind it in a new view; `segments` then says which parts were read in which view.
 */
export class Snapshot {
  segments: SnapshotSegment[] = [];
  private plans: TablePlan[] = [];
  private index = -1;
  private decoder: CopyDecoder | null = null;
  private after: readonly string[] | null = null;
  private source!: SnapshotSource;
  private types!: TypeRegistry;
  private started = 0;
  private total = 0;
  private logged = 0;
  finished = false;

  constructor(
    private readonly context: SnapshotContext,
    private readonly session: WireSession,
    private readonly start: SnapshotStart,
  ) {}

  async open(): Promise<void> {
    const { session, start, context } = this;
    const { config } = context.settings;
    const level =
      config.string("snapshot.isolation.mode") === "serializable" && start.exported === null ? "SERIALIZABLE" : "REPEATABLE READ";
    await session.query(`BEGIN ISOLATION LEVEL ${level} READ ONLY`);
    if (start.exported) await session.query(`SET TRANSACTION SNAPSHOT '${start.exported}'`);
    await session.query("SET LOCAL work_mem = '64MB'");
    const [row] = await session.query(
      `SELECT txid_current_snapshot()::text, CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END,
       (extract(epoch FROM clock_timestamp()) * 1000000)::bigint`,
    );
    const view = row![0]!;
    const lsn = start.exported ? start.lsn : parseLsn(row![1]!);
    const { resume } = start;
    const from = resume?.at ? { table: resume.at.table, key: resume.at.key } : null;
    this.segments = [...(resume?.segments ?? []), { view: start.exported ? null : view, lsn, from, startedMs: Date.now() }];
    const xmax = view.split(":")[1]!;
    this.source = { tsUs: Number(row![2]), sequence: `[null,"${lsn}"]`, txId: Number(xmax) % 2 ** 32, lsn };
    this.types = await loadTypes(session);
    this.plans = planTables(await loadTables(session), context.rules, this.types);
    if (config.string("snapshot.locking.mode") === "shared") await this.lock();
    if (resume?.at) this.seek(resume.at);
    this.started = Date.now();
    context.logger.info("snapshot starts", {
      tables: this.plans.length,
      ...(resume?.at ? { resumedAt: resume.at.table.join(".") } : {}),
    });
    if (!this.plans.length) context.logger.warn("no table is captured: check table.include.list and schema.include.list");
  }

  private async lock(): Promise<void> {
    await this.session.query(`SET LOCAL lock_timeout = ${this.context.settings.config.number("snapshot.lock.timeout.ms")}`);
    for (const { table } of this.plans) await this.session.query(`LOCK TABLE ${tableName(table)} IN ACCESS SHARE MODE`);
  }

  /** Goes to the place where the earlier snapshot stopped. */
  private seek(at: NonNullable<SnapshotState["at"]>): void {
    const i = this.plans.findIndex(({ table }) => table.schema === at.table[0] && table.name === at.table[1]);
    if (i >= 0) {
      // a table without a key has no place to go on from: it is read again from its start
      this.index = at.done ? i : i - 1;
      this.after = at.done || !this.plans[i]!.key.length ? null : at.key;
      return;
    }
    // the table is gone; those behind it in the order are left
    const behind = this.plans.findIndex(({ table }) => [table.schema, table.name].join("\0") > at.table.join("\0"));
    this.index = (behind < 0 ? this.plans.length : behind) - 1;
  }

  /** The next rows; empty where none have arrived within half a second. `finished` is set with the last. */
  async next(): Promise<SourceItem[]> {
    if (!this.decoder && !this.advance()) return this.finish();
    const { session } = this;
    const pending = session.takePending();
    const chunks = session.queue.take(batchBytes);
    if (!pending.length && !chunks.length) {
      const error = session.error;
      if (error) throw error;
      await session.queue.wait(500);
      return [];
    }
    const decoder = this.decoder!;
    const offset: Record<string, unknown> = {};
    const before = decoder.rows;
    const items = await this.decode(decoder, pending.length ? [pending, ...chunks] : chunks, offset);
    const { table, key } = this.plans[this.index]!;
    this.total += decoder.rows - before;
    const at = { table: [table.schema, table.name] as const, key: key.length ? (decoder.lastKey ?? this.after) : null, done: decoder.done };
    writeOffset(offset, { position: this.start.position, snapshot: { segments: this.segments, at }, segments: [], incremental: null });
    this.report(table, decoder.done);
    if (decoder.done) {
      this.decoder = null;
      this.after = null;
      if (this.index === this.plans.length - 1) items.push(...(await this.finish()));
    }
    return items;
  }

  private async decode(decoder: CopyDecoder, chunks: readonly Buffer[], offset: Record<string, unknown>): Promise<SourceItem[]> {
    const partition = { server: this.context.settings.prefix };
    const items: SourceItem[] = [];
    const timestamp = this.segments[0]!.startedMs ?? this.started;
    let until = sliceEnd();
    for (let i = 0; i < chunks.length; i += chunksAtOnce) {
      const some = chunks.slice(i, i + chunksAtOnce);
      for (const chunk of decoder.decode(some, partition, offset)) items.push({ ...chunk, timestamp });
      this.session.queue.recycle(some);
      if (performance.now() < until || i + chunksAtOnce >= chunks.length) continue;
      await nextTurn();
      until = sliceEnd();
    }
    return items;
  }

  private advance(): boolean {
    const plan = this.plans[++this.index];
    if (!plan) return false;
    const relaxed = new Set<number>();
    const shapes = () => new SnapshotShapes(this.model(plan.table, relaxed), this.context.headers, this.source);
    const place = { first: this.index === 0, last: this.index === this.plans.length - 1, resumed: this.after !== null };
    const initial = shapes();
    const options = {
      marker: (firstRow: boolean, lastRow: boolean) => markerOf(firstRow, lastRow, place),
      key: plan.key.map((k) => plan.table.columns.findIndex((c) => c.name === k.name)),
      relax: (i: number) => {
        relaxed.add(i);
        return shapes();
      },
    };
    this.decoder = new CopyDecoder(initial, options, this.context.memory);
    this.session.sendQuery(
      copyStatement(
        plan,
        plan.table.columns.map((c) => c.name),
        this.after,
      ),
    );
    return true;
  }

  private model(table: CatalogTable, relaxed: ReadonlySet<number>): TableModel {
    const columns = table.columns.map((c, i) => ({ ...c, required: c.required && !relaxed.has(i), identity: true }));
    const { settings, rules } = this.context;
    return new TableModel(table.schema, table.name, columns, table.primaryKey, settings, rules, this.types, false);
  }

  private report(table: CatalogTable, done: boolean): void {
    const now = Date.now();
    if (!done && now - this.logged < 5000) return;
    this.logged = now;
    const fields = {
      table: `${table.schema}.${table.name}`,
      rows: this.decoder!.rows,
      totalRows: this.total,
      seconds: Math.round((now - this.started) / 100) / 10,
    };
    this.context.logger.info(done ? "snapshot: table read" : "snapshot: reading", fields);
    const labels = { connector: this.context.connector };
    this.context.metrics.gauge("millrace_source_snapshot_rows", "Rows read by the snapshot", labels).set(this.total);
    this.context.metrics
      .gauge("millrace_source_snapshot_tables_left", "Tables that the snapshot has not read", labels)
      .set(this.plans.length - this.index - (done ? 1 : 0));
  }

  /** The snapshot is complete: an offset says so, with what the stream must know of the parts. */
  private async finish(): Promise<SourceItem[]> {
    this.finished = true;
    this.session.sendQuery("COMMIT");
    this.session.close();
    this.context.logger.info("snapshot complete", { rows: this.total, seconds: (Date.now() - this.started) / 1000 });
    const offset = writeOffset({}, { position: this.start.position, snapshot: null, segments: this.left(), incremental: null });
    return [{ progress: true, sourcePartition: { server: this.context.settings.prefix }, sourceOffset: offset }];
  }

  /** The parts whose events the stream may repeat. */
  left(): SnapshotSegment[] {
    return this.segments.some((s) => s.view !== null) ? this.segments : [];
  }
}
