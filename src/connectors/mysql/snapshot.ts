import { markerOf } from "../../cdc/snapshot-marker.js";
import type { Logger } from "../../common/logger.js";
import type { Metrics } from "../../common/metrics.js";
import { nextTurn, sliceEnd } from "../../common/turn.js";
import type { RecordShape, RowChunk } from "../../connect/api/shape.js";
import type { SourceItem } from "../../connect/api/source.js";
import type { CaptureRules } from "./capture-rules.js";
import { CapturedTable } from "./captured-table.js";
import { type RowBatch, RowStream } from "./connection/row-stream.js";
import type { WireSession } from "./connection/wire-session.js";
import { type SnapshotSegment, type SnapshotState, type StoredOffset, type StreamPosition, writeOffset } from "./offsets.js";
import type { SchemaChanges } from "./schema-changes.js";
import type { MysqlSettings } from "./settings.js";
import { planTables, selectStatement, type TablePlan } from "./snapshot-plan.js";
import { readSlots, SnapshotShapes, type SnapshotSource } from "./snapshot-shapes.js";
import type { SnapshotView } from "./snapshot-view.js";

export interface SnapshotContext {
  readonly settings: MysqlSettings;
  readonly rules: CaptureRules;
  readonly headers: RecordShape["headers"];
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly connector: string;
  /** null: changes of tables are not sent */
  readonly changes: SchemaChanges | null;
}

/**
 * Reads the captured tables one after the other in one consistent view. Each batch carries how far it came, so that a later one
 * can go on behind it in a new view; `segments` then says which parts were read in which view.
 */
export class Snapshot {
  segments: SnapshotSegment[];
  finished = false;
  private readonly plans: TablePlan[];
  private readonly source: SnapshotSource;
  private readonly started = Date.now();
  private index = -1;
  private rows: RowStream | null = null;
  private shapes!: SnapshotShapes;
  private place = { first: false, last: false, resumed: false };
  /** columns of the key by which the table is read */
  private key: readonly number[] = [];
  private lastKey: readonly string[] | null = null;
  private count = 0;
  private total = 0;
  private logged = 0;

  /** @param position where streaming will go on from */
  constructor(
    private readonly context: SnapshotContext,
    private readonly session: WireSession,
    view: SnapshotView,
    resume: SnapshotState | null,
    private readonly position: StreamPosition,
    /** whether rows are read, or structures alone */
    data: boolean,
  ) {
    const from = resume?.at ? { table: resume.at.table, key: resume.at.key } : null;
    const end = view.position;
    this.segments = [
      ...(resume?.segments ?? []),
      { file: end?.file ?? "", pos: end?.position ?? 0, gtids: end?.gtidSet ?? null, from, startedMs: this.started },
    ];
    this.source = { tsUs: view.tsUs, file: end?.file ?? "", pos: end?.position ?? 0 };
    this.plans = data ? planTables(view.structures.models, context.rules) : [];
    if (resume?.at) this.seek(resume.at);
    context.logger.info("snapshot starts", {
      tables: this.plans.length,
      ...(resume?.at ? { resumedAt: resume.at.table.join(".") } : {}),
    });
    // a snapshot that goes on has sent them before
    if (context.changes && !resume) this.prelude = this.structures(context.changes, view);
    if (data && !this.plans.length) context.logger.warn("no table is captured: check table.include.list and database.include.list");
  }

  private prelude: SourceItem[] = [];

  /** The statements that make the tables as they are, as records. */
  private structures(changes: SchemaChanges, view: SnapshotView): SourceItem[] {
    const { source } = this;
    const offset = writeOffset({}, { position: this.position, snapshot: { segments: [], at: null }, segments: [], incremental: null });
    const place = { snapshot: "true", tsUs: Date.now() * 1000, serverId: 0, gtid: null, file: source.file, pos: source.pos };
    return view.structures.changes.map((c) => changes.of(c, place, offset));
  }

  /** Goes to the place where the earlier snapshot stopped. */
  private seek(at: NonNullable<SnapshotState["at"]>): void {
    const i = this.plans.findIndex(({ model }) => model.database === at.table[0] && model.name === at.table[1]);
    if (i >= 0) {
      // a table without a key has no place to go on from: it is read again from its start
      this.index = at.done ? i : i - 1;
      this.lastKey = at.done || !this.plans[i]!.key.length ? null : at.key;
      return;
    }
    // the table is gone; those behind it in the order are left
    const behind = this.plans.findIndex(({ model }) => [model.database, model.name].join("\0") > at.table.join("\0"));
    this.index = (behind < 0 ? this.plans.length : behind) - 1;
  }

  /** The next rows. `finished` is set with the last. @throws ServerError, SOURCE_RETRIABLE */
  async next(): Promise<SourceItem[]> {
    if (this.prelude.length) {
      const items = this.prelude;
      this.prelude = [];
      return items;
    }
    if (!this.rows && !(await this.advance())) return this.finish();
    const batch = await this.rows!.next();
    const offset: Record<string, unknown> = {};
    const items: SourceItem[] = [];
    const done = batch === null || batch.last;
    if (batch?.count) await this.chunks(batch, items, offset);
    const { model } = this.plans[this.index]!;
    const at = { table: [model.database, model.name] as const, key: this.lastKey, done };
    writeOffset(offset, { position: this.position, snapshot: { segments: this.segments, at }, segments: [], incremental: null });
    this.report(model.database, model.name, done);
    if (done) {
      this.rows = null;
      this.lastKey = null;
      if (this.index === this.plans.length - 1) items.push(...this.finish());
      else if (!items.length) items.push({ progress: true, sourcePartition: this.partition, sourceOffset: offset });
    }
    return items;
  }

  private get partition(): { readonly server: string } {
    return { server: this.context.settings.prefix };
  }

  /** Cuts a batch into chunks of one marker each. */
  private async chunks(batch: RowBatch, items: SourceItem[], offset: Record<string, unknown>): Promise<void> {
    const { buffer, count, offsets } = batch;
    const { columnCount } = this.shapes;
    const n = columnCount - 1;
    const now = Date.now();
    buffer.latin1Write(`${now}000000`, 0);
    const slots = new Float64Array(count * readSlots);
    for (let i = 0, o = 2 * n, s = 0; i < count; i++, o += 2 * columnCount, s += readSlots) {
      offsets[o] = 0;
      offsets[o + 1] = 19;
      slots[s] = now;
      slots[s + 1] = now * 1000;
    }
    const add = (from: number, to: number, firstRow: boolean, lastRow: boolean) => {
      if (to <= from) return;
      items.push({
        shape: this.shapes.get(markerOf(firstRow, lastRow, this.place)),
        count: to - from,
        buffer,
        offsets: offsets.subarray(from * 2 * columnCount, to * 2 * columnCount),
        slots: slots.subarray(from * readSlots, to * readSlots),
        sourcePartition: this.partition,
        sourceOffset: offset,
        timestamp: this.segments[0]!.startedMs ?? this.started,
      } satisfies RowChunk);
    };
    const first = this.count === 0 ? 1 : 0;
    const last = batch.last ? count - 1 : count;
    if (first) add(0, 1, true, batch.last && count === 1);
    add(first, last, false, false);
    if (last >= first && last < count) add(last, count, false, true);
    this.count += count;
    this.total += count;
    if (this.key.length) {
      const o = (count - 1) * 2 * columnCount;
      this.lastKey = this.key.map((i) => buffer.toString("utf8", offsets[o + 2 * i]!, offsets[o + 2 * i + 1]!));
    }
    if (performance.now() > sliceEnd()) await nextTurn();
  }

  private async advance(): Promise<boolean> {
    const plan = this.plans[++this.index];
    if (!plan) return false;
    const { settings, rules, headers } = this.context;
    const table = new CapturedTable(plan.model, settings, rules, null);
    this.shapes = new SnapshotShapes(table, headers, this.source);
    this.key = plan.key.map((k) => table.columns.findIndex((c) => c.name === k.name));
    this.place = { first: this.index === 0, last: this.index === this.plans.length - 1, resumed: this.lastKey !== null };
    this.count = 0;
    this.rows = await RowStream.open(this.session, selectStatement(plan, table, this.lastKey), this.shapes.columnCount);
    return true;
  }

  private report(database: string, name: string, done: boolean): void {
    const now = Date.now();
    if (!done && now - this.logged < 5000) return;
    this.logged = now;
    this.context.logger.info(done ? "snapshot: table read" : "snapshot: reading", {
      table: `${database}.${name}`,
      rows: this.count,
      totalRows: this.total,
      seconds: Math.round((now - this.started) / 100) / 10,
    });
    const labels = { connector: this.context.connector };
    this.context.metrics.gauge("millrace_source_snapshot_rows", "Rows read by the snapshot", labels).set(this.total);
    this.context.metrics
      .gauge("millrace_source_snapshot_tables_left", "Tables that the snapshot has not read", labels)
      .set(this.plans.length - this.index - (done ? 1 : 0));
  }

  /** The snapshot is complete: an offset says so, with what the stream must know of the parts. */
  private finish(): SourceItem[] {
    this.finished = true;
    this.session.close();
    this.context.logger.info("snapshot complete", { rows: this.total, seconds: (Date.now() - this.started) / 1000 });
    const offset = writeOffset({}, {
      position: this.position,
      snapshot: null,
      segments: this.left(),
      incremental: null,
    } satisfies StoredOffset);
    return [{ progress: true, sourcePartition: this.partition, sourceOffset: offset }];
  }

  /** The parts whose events the stream may repeat: none where all was read in the view at which streaming begins. */
  left(): SnapshotSegment[] {
    return this.segments.length > 1 ? this.segments : [];
  }
}
