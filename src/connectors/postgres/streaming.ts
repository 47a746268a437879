import { transactionBlock } from "../../cdc/envelope.js";
import type { RowMemory } from "../../cdc/row-memory.js";
import type { RowWriter } from "../../cdc/row-writer.js";
import { TransactionOrder } from "../../cdc/transaction-order.js";
import type { Logger } from "../../common/logger.js";
import type { SourceOffset } from "../../connect/api/record.js";
import type { RecordShape } from "../../connect/api/shape.js";
import type { SourceItem } from "../../connect/api/source.js";
import { Struct } from "../../data/schema.js";
import type { CaptureRules } from "./capture-rules.js";
import { loadTable, loadTypes, type Querier } from "./catalog.js";
import { type SnapshotSegment, type StoredOffset, writeOffset } from "./offsets.js";
import type { Relation } from "./pgoutput-relation.js";
import { covered } from "./segment-filter.js";
import type { PostgresSettings } from "./settings.js";
import { StreamDecoder, type StreamEvents, type StreamPosition } from "./stream-decoder.js";
import { messageCollection, StreamRecords } from "./stream-records.js";
import { StreamShapes } from "./stream-shapes.js";
import type { StreamTable } from "./stream-table.js";
import { TableModel } from "./table-model.js";
import type { TypeRegistry } from "./types/type-info.js";
import { TypeRegistry as NoTypes } from "./types/type-info.js";
import type { WireSession } from "./wire-session.js";

const batchBytes = 1 << 20;
const aliveMs = 1000;
/** bytes a second from which on a stream is under load */
const busyRate = 4_000_000;
const epoch2000us = 946_684_800_000_000n;

export interface StreamingContext {
  readonly settings: PostgresSettings;
  readonly rules: CaptureRules;
  readonly headers: RecordShape["headers"];
  readonly logger: Logger;
  readonly memory: RowMemory;
  /** an ordinary connection, for the catalogue */
  readonly catalog: Querier;
}

/** What looks at the rows of the stream beside the records that they become: signals, windows of incremental snapshots. */
export interface RowListener {
  /** @param both the old row's columns follow the new one's */
  row(
    table: StreamTable,
    kind: "c" | "u" | "d",
    writer: RowWriter,
    o: number,
    lsn: number,
    both: boolean,
    position: StreamPosition,
    offset: SourceOffset,
  ): void;
  /** called between batches; may wait for the database */
  between(): Promise<void>;
  state(): string | null;
}

/** Streams from the slot: decodes what arrives, answers keepalives, confirms what is durable. */
export class Streaming {
  /** of the last batch that was handed out whole */
  position: StreamPosition;
  private readonly decoder: StreamDecoder;
  private readonly records: StreamRecords;
  private readonly order = new TransactionOrder();
  private segments: readonly SnapshotSegment[];
  private types: TypeRegistry = new NoTypes(new Map());
  /** everything the server has sent up to here is read, and no transaction is open */
  private caughtUp = 0;
  private reported = 0;
  private progressAt = 0;
  private statusAt = 0;
  private confirmed = 0;
  private sentConfirmed = -1;
  private replyNow = false;
  private pendingRecords: ((offset: Record<string, unknown>) => SourceItem)[] = [];

  constructor(
    private readonly context: StreamingContext,
    private readonly session: WireSession,
    position: StreamPosition,
    segments: readonly SnapshotSegment[],
    private readonly listener: RowListener | null,
    confirmed: number,
  ) {
    const { settings, rules } = context;
    this.position = { ...position };
    this.segments = segments;
    this.confirmed = confirmed;
    this.records = new StreamRecords(settings.prefix, settings.dbname, rules.topics);
    const { order } = this;
    const offsetOf = () => this.offset;
    const events: StreamEvents = {
      begin: (w, resumed) => {
        order.clear();
        if (settings.transactions && !resumed)
          w.push(this.records.transactionBegin(this.transactionId(this.decoder.position.commitLsn), this.commitMs(), offsetOf()));
      },
      commit: (w, endLsn) => {
        if (settings.transactions) {
          const id = this.transactionId(endLsn);
          w.push(this.records.transactionEnd(id, this.commitMs(), order.total, order.collections(), offsetOf()));
        }
      },
      message: (w, transactional, prefix, content, lsn) => {
        if (!rules.message(prefix)) return;
        const place = settings.transactions && transactional ? order.next(messageCollection) : 0;
        const block = place ? new Struct(transactionBlock, [`${this.decoder.position.txId}:${lsn}`, order.total, place]) : null;
        w.push(this.records.message(transactional, prefix, content, lsn, this.decoder.position, block, offsetOf()));
      },
      order: settings.transactions ? (t) => order.next(t.fullName) : null,
      total: () => order.total,
      row: listener ? (t, kind, w, o, lsn, both) => listener.row(t, kind, w, o, lsn, both, this.decoder.position, offsetOf()) : null,
      skip: segments.length ? (t, b, offsets, o) => this.repeated(t, b, offsets, o) : null,
      keepalive: (end, reply) => {
        if (!this.decoder.open && end > this.caughtUp) this.caughtUp = end;
        if (reply) this.replyNow = true;
      },
    };
    // the server cuts a connection that is silent for wal_sender_timeout, however long nobody polls (a paused connector)
    this.timer = setInterval(() => {
      if (Date.now() - this.statusAt >= aliveMs) this.sendStatus();
    }, aliveMs);
    this.timer.unref();
    const options = {
      skipped: settings.skipped,
      tombstones: settings.tombstones,
      transactions: settings.transactions,
      onlyChanges: settings.config.boolean("skip.messages.without.change"),
    };
    this.decoder = new StreamDecoder(position, events, options, context.memory);
  }

  private offset: Record<string, unknown> = {};
  private readonly timer: NodeJS.Timeout;
  /** bytes taken since `busySince`, to tell a stream under load from one with a change now and then */
  private busyBytes = 0;
  private busySince = 0;
  private busy = false;

  private transactionId(lsn: number): string {
    return `${this.decoder.position.txId}:${lsn}`;
  }
  private commitMs(): number {
    return Math.floor(this.decoder.position.tsUs / 1000);
  }

  /** An event whose transaction is in the view in which a later part of a resumed snapshot read this row. */
  private repeated(t: StreamTable, b: Buffer, offsets: Int32Array, o: number): boolean {
    const key = t.model.primary.map((i) =>
      offsets[o + 2 * i]! < 0 ? "" : b.toString("utf8", offsets[o + 2 * i]!, offsets[o + 2 * i + 1]!),
    );
    return covered(this.segments, t.model, key, this.decoder.position.txId, this.context.rules);
  }

  /**
   * What has arrived; empty where nothing has within `ms`.
   * @throws ServerError, or SOURCE_RETRIABLE where the connection is lost
   */
  async next(ms: number): Promise<SourceItem[]> {
    const { session, decoder, settings } = { ...this, settings: this.context.settings };
    if (this.listener) await this.listener.between();
    const first = session.takePending();
    let chunks = session.queue.take(batchBytes);
    if (!first.length && !chunks.length) {
      const { error } = session;
      if (error) throw error;
      await session.queue.wait(ms);
      chunks = session.queue.take(batchBytes);
    }
    if (first.length) chunks = [first, ...chunks];
    this.measure(chunks);
    const offset: Record<string, unknown> = {};
    this.offset = offset;
    let items: SourceItem[] = [];
    if (chunks.length) {
      decoder.start(chunks, { server: settings.prefix }, offset);
      session.queue.recycle(chunks);
      while (!decoder.run()) decoder.resume(await this.table(decoder.relation!));
      items = decoder.items;
    }
    for (const make of this.pendingRecords) items.push(make(offset));
    this.pendingRecords = [];
    this.complete(offset, items);
    this.status();
    if (decoder.ended) throw session.error ?? new Error("the server ended the stream");
    return items;
  }

  private measure(chunks: readonly Buffer[]): void {
    for (const c of chunks) this.busyBytes += c.length;
    const now = Date.now();
    if (now - this.busySince < 50) return;
    this.busy = (this.busyBytes / (now - this.busySince)) * 1000 > busyRate;
    // a quiet stream never waits, nor does a unix socket, which is slower with pauses
    this.session.gather = this.busy && !this.session.local;
    this.busySince = now;
    this.busyBytes = 0;
  }

  /** Where to go on from after the last batch. */
  place(): StoredOffset {
    return { position: this.position, snapshot: null, segments: this.segments, incremental: this.listener?.state() ?? null };
  }

  /** Adds a record to the next batch (a heartbeat). */
  add(make: (offset: Record<string, unknown>, records: StreamRecords) => SourceItem): void {
    this.pendingRecords.push((offset) => make(offset, this.records));
  }

  /** Fills in the batch's offset, and adds it alone where the log went on without a record. */
  private complete(offset: Record<string, unknown>, items: SourceItem[]): void {
    const position = this.decoder.resumable;
    const safe = Math.max(position.commitLsn, this.caughtUp);
    if (this.segments.length && safe >= Math.max(...this.segments.map((s) => s.lsn))) this.segments = [];
    this.position = { ...position, commitLsn: safe };
    const now = Date.now();
    const quiet = items.length === 0 && safe > this.reported && now - this.progressAt >= 1000;
    if (quiet || items.length) {
      writeOffset(offset, {
        position: this.position,
        snapshot: null,
        segments: this.segments,
        incremental: this.listener?.state() ?? null,
      });
      this.reported = safe;
      this.progressAt = now;
    }
    if (quiet) items.push({ progress: true, sourcePartition: { server: this.context.settings.prefix }, sourceOffset: offset });
  }

  /** What was stored up to here is durable: the server may forget it. */
  confirm(lsn: number): void {
    if (lsn > this.confirmed) this.confirmed = lsn;
  }

  private status(): void {
    const now = Date.now();
    const interval = this.context.settings.config.number("status.update.interval.ms");
    // a confirmed position is sent soon, so that a slot is never far behind; the interval is for idle times
    const due = now - this.statusAt >= (this.confirmed > this.sentConfirmed ? Math.min(interval, 1000) : interval);
    if (this.replyNow || due) this.sendStatus();
  }

  sendStatus(): void {
    this.replyNow = false;
    this.statusAt = Date.now();
    this.sentConfirmed = this.confirmed;
    const body = Buffer.alloc(34);
    body[0] = 114; // r
    const written = BigInt(Math.max(this.confirmed, this.position.commitLsn));
    body.writeBigInt64BE(written, 1);
    body.writeBigInt64BE(BigInt(this.confirmed), 9);
    body.writeBigInt64BE(BigInt(this.confirmed), 17);
    body.writeBigInt64BE(BigInt(Date.now()) * 1000n - epoch2000us, 25);
    this.session.sendCopyData(body);
  }

  private async table(relation: Relation): Promise<StreamTable | null> {
    const { rules, settings, catalog, logger, headers } = this.context;
    const name = `${relation.schema}.${relation.name}`;
    const captured = rules.table(relation.schema, relation.name);
    const signals = name === settings.config.optionalString("signal.data.collection");
    if (!captured && !signals) return null;
    if (relation.columns.some((c) => !this.types.get(c.type) || c.type >= 16384)) this.types = await loadTypes(catalog);
    const now = await loadTable(catalog, relation.oid);
    const known = new Map(now?.columns.map((c) => [c.name, c]) ?? []);
    const key = now?.primaryKey ?? (relation.identity === "d" ? relation.columns.filter((c) => c.key).map((c) => c.name) : []);
    logger.debug("relation", { table: name, columns: relation.columns.length });
    const full = relation.identity === "f";
    const { types } = this;
    const build = (optional: ReadonlySet<number>): StreamTable => {
      const columns = relation.columns.map((c, i) => {
        const k = known.get(c.name);
        return {
          name: c.name,
          type: c.type,
          modifier: c.modifier,
          required: (k?.required ?? false) && !optional.has(i),
          default: k?.default ?? null,
          identity: c.key,
        };
      });
      const model = new TableModel(relation.schema, relation.name, columns, key, settings, rules, types, true);
      return {
        model,
        shapes: new StreamShapes(model, headers, full),
        count: columns.length,
        required: Uint8Array.from(columns, (c) => (c.required ? 1 : 0)),
        full,
        fullName: name,
        captured,
        signals,
        relax: (i) => build(new Set([...optional, i])),
        insert: null,
        update: null,
        updateFull: null,
      };
    };
    return build(new Set());
  }

  close(): void {
    clearInterval(this.timer);
    this.session.close();
  }
}
