import { randomUUID } from "node:crypto";
import { Heartbeat } from "../../cdc/heartbeat.js";
import { contextHeaders } from "../../cdc/nodes.js";
import { initialStatements, Reconnect } from "../../cdc/reconnect.js";
import { RowMemory } from "../../cdc/row-memory.js";
import { asError } from "../../common/errors.js";
import type { SourceOffset, SourcePartition } from "../../connect/api/record.js";
import type { RecordShape } from "../../connect/api/shape.js";
import type { ConnectorConfig, SourceItem, SourceTask, SourceTaskContext } from "../../connect/api/source.js";
import { CaptureRules } from "./capture-rules.js";
import { connect } from "./connect.js";
import { Incremental } from "./incremental.js";
import { formatLsn } from "./lsn.js";
import { readOffset, type StoredOffset } from "./offsets.js";
import { ensurePublication } from "./publication.js";
import { classify } from "./server-errors.js";
import { type PostgresSettings, readSettings } from "./settings.js";
import { createSlot, findSlot, lostSlot, type SlotInfo } from "./slot.js";
import { Snapshot } from "./snapshot.js";
import { startReplication } from "./start-replication.js";
import { Streaming } from "./streaming.js";
import { WireSession } from "./wire-session.js";

const nothing: StoredOffset = {
  position: { commitLsn: 0, lsn: 0, txId: 0, tsUs: 0, inTx: 0 },
  snapshot: null,
  segments: [],
  incremental: null,
};

/** One connector's task: a snapshot where one is due, then the stream; makes lost connections anew with a growing pause. */
export class PostgresSourceTask implements SourceTask {
  private settings!: PostgresSettings;
  private rules!: CaptureRules;
  private context!: SourceTaskContext;
  private headers!: RecordShape["headers"];
  private partition!: SourcePartition;
  /** where to go on from: stored, then what was handed out last */
  private at: StoredOffset = nothing;
  private stored: StoredOffset | undefined;
  private readonly memory = new RowMemory();
  private snapshotDue = false;
  private streamDue = true;
  private snapshot: Snapshot | null = null;
  private streaming: Streaming | null = null;
  private sessions: WireSession[] = [];
  private catalog: WireSession | null = null;
  private confirmed = 0;
  private reconnect!: Reconnect;
  private beats!: Heartbeat;
  private stopped = false;

  async start(config: ConnectorConfig, context: SourceTaskContext): Promise<void> {
    this.settings = readSettings(config);
    this.rules = new CaptureRules(this.settings);
    this.context = context;
    const headers = contextHeaders("postgresql", this.settings.prefix, context.taskId, randomUUID());
    this.headers = this.settings.config.boolean("extended.headers.enabled") ? headers : [];
    this.partition = { server: this.settings.prefix };
    const offset = context.offset(this.partition);
    this.stored = offset && readOffset(offset);
    this.at = this.stored ?? nothing;
    if (this.stored && !this.stored.snapshot) this.confirmed = this.stored.position.commitLsn;
    this.reconnect = new Reconnect(this.settings.config, context.logger);
    this.beats = new Heartbeat(this.settings.config, context.clock, context.logger);
    await this.decide();
  }

  /** Looks at the server and the stored offset, and finds what is to be done. */
  private async decide(): Promise<void> {
    const { settings, stored } = this;
    const { config } = settings;
    const mode = settings.snapshotMode;
    const catalog = await this.openCatalog();
    if (config.string("plugin.name") !== "pgoutput")
      this.context.logger.debug("plugin.name is read as pgoutput, which every Postgres has", { given: config.string("plugin.name") });
    await ensurePublication(catalog, settings, this.rules);
    const slot = await findSlot(catalog, config.string("slot.name"));
    const based = (name: string) => config.boolean(`snapshot.mode.configuration.based.${name}`);
    this.streamDue = mode === "configuration_based" ? based("start.stream") : mode !== "initial_only";
    const complete = stored !== undefined && stored.snapshot === null;
    if (complete && this.streamDue) this.snapshotDue = mode === "always" || this.gap(slot, stored);
    else if (complete) this.snapshotDue = false;
    else this.snapshotDue = mode === "configuration_based" ? based("snapshot.data") : mode !== "no_data";
    if (stored?.snapshot && !slot) this.at = nothing; // its view and the stream's beginning are gone: from the start
    if (this.snapshotDue && config.number("snapshot.delay.ms") > 0 && !complete) await this.pause(config.number("snapshot.delay.ms"));
    await this.setIdentities(catalog);
  }

  /** Whether a new snapshot must close the gap between the stored position and what the slot still has. */
  private gap(slot: SlotInfo | undefined, stored: StoredOffset): boolean {
    const { config } = this.settings;
    const name = config.string("slot.name");
    let why: string | undefined;
    if (!slot) why = "does not exist any more";
    else if (slot.lost) why = "was invalidated by the server (its log was removed, see max_slot_wal_keep_size)";
    else if (slot.confirmed > stored.position.commitLsn && stored.position.commitLsn > 0)
      why = `is at ${formatLsn(slot.confirmed)}, beyond the stored position ${formatLsn(stored.position.commitLsn)}`;
    if (!why) return false;
    if (!slot && config.boolean("slot.drop.on.stop")) {
      this.context.logger.warn(`replication slot ${name} was dropped when the connector stopped: changes made since are not captured`);
      return false;
    }
    const mode = this.settings.snapshotMode;
    if (
      mode === "when_needed" ||
      mode === "always" ||
      (mode === "configuration_based" && config.boolean("snapshot.mode.configuration.based.snapshot.on.data.error"))
    ) {
      this.context.logger.warn(`replication slot ${name} ${why}: taking a new snapshot`);
      this.at = nothing;
      return true;
    }
    throw lostSlot(name, why);
  }

  private async setIdentities(catalog: WireSession): Promise<void> {
    const values = this.settings.config.optionalString("replica.identity.autoset.values");
    if (!values) return;
    const { setReplicaIdentities } = await import("./replica-identity.js");
    await setReplicaIdentities(catalog, values, this.context.logger);
  }

  async poll(): Promise<readonly SourceItem[]> {
    if (this.stopped || this.context.signal.aborted) return [];
    try {
      const items = await this.step();
      if (items.length) this.reconnect.worked();
      return items;
    } catch (e) {
      if (this.stopped || this.context.signal.aborted) return [];
      await this.recover(e);
      return [];
    }
  }

  private async step(): Promise<SourceItem[]> {
    if (this.snapshotDue) {
      this.snapshot ??= await this.openSnapshot();
      const items = await this.snapshot.next();
      const last = items[items.length - 1];
      if (last) this.at = readOffset(last.sourceOffset);
      if (this.snapshot.finished) {
        this.snapshotDue = false;
        this.snapshot = null;
      }
      return items;
    }
    if (!this.streamDue) {
      await this.pause(500);
      return [];
    }
    this.streaming ??= await this.openStream();
    const { streaming } = this;
    await this.beats.beat(
      (now) => streaming.add((offset, records) => records.heartbeat(now, offset)),
      async (sql) => (await this.openCatalog()).query(sql),
    );
    const items = await streaming.next(this.beats.waitMs());
    this.at = streaming.place();
    return items;
  }

  private async openSession(replication: boolean): Promise<WireSession> {
    const client = await connect(this.settings, this.context.resolveHost.bind(this.context), replication);
    const session = new WireSession(client);
    this.sessions.push(session);
    return session;
  }

  private async openCatalog(): Promise<WireSession> {
    if (this.catalog && !this.catalog.error) return this.catalog;
    this.catalog = await this.openSession(false);
    for (const s of initialStatements(this.settings.config.optionalString("database.initial.statements"))) await this.catalog.query(s);
    return this.catalog;
  }

  private async openSnapshot(): Promise<Snapshot> {
    const catalog = await this.openCatalog();
    const name = this.settings.config.string("slot.name");
    const slot = await findSlot(catalog, name);
    const session = await this.openSession(false);
    let exported: string | null = null;
    let lsn = slot?.confirmed ?? 0;
    let replication: WireSession | null = null;
    // without streaming afterwards no slot is needed: it would hold back the server's log for nobody
    if (!slot && this.streamDue) {
      replication = await this.openSession(true);
      const created = await createSlot(replication, this.settings, true);
      exported = created.snapshotName;
      lsn = created.lsn;
    }
    const snapshot = new Snapshot(
      {
        settings: this.settings,
        rules: this.rules,
        headers: this.headers,
        logger: this.context.logger,
        metrics: this.context.metrics,
        connector: this.context.connector,
        memory: this.memory,
      },
      session,
      {
        lsn,
        exported,
        resume: this.at.snapshot?.at ? this.at.snapshot : null,
        position: { ...this.at.position, lsn: this.at.position.lsn || lsn },
      },
    );
    await snapshot.open();
    replication?.close(); // the exported view may go now that the snapshot's transaction has it
    return snapshot;
  }

  private async openStream(): Promise<Streaming> {
    const catalog = await this.openCatalog();
    const name = this.settings.config.string("slot.name");
    const slot = await findSlot(catalog, name);
    if (!slot) {
      const dropped = this.settings.config.boolean("slot.drop.on.stop");
      if (!dropped && (this.stored || this.at.position.commitLsn > 0)) throw lostSlot(name, "does not exist any more");
      const creating = await this.openSession(true);
      await createSlot(creating, this.settings, false);
      creating.close();
    } else if (slot.lost) throw lostSlot(name, "was invalidated by the server (its log was removed, see max_slot_wal_keep_size)");
    const session = await startReplication(() => this.openSession(true), this.settings, this.at.position.commitLsn, this.context);
    const { settings, rules, headers } = this;
    const { config } = settings;
    this.context.logger.info("streaming starts", { slot: name, from: formatLsn(this.at.position.commitLsn) });
    const { logger } = this.context;
    const listener = config.optionalString("signal.data.collection")
      ? new Incremental(settings, rules, headers, logger, catalog, this.at.incremental)
      : null;
    return new Streaming(
      { settings, rules, headers, logger, catalog, memory: this.memory },
      session,
      this.at.position,
      this.at.segments,
      listener,
      this.confirmed,
    );
  }

  /** Closes what is open and waits; the next poll goes on from what was handed out last. @throws what no retry cures */
  private async recover(e: unknown): Promise<void> {
    const error = classify(e, this.settings);
    this.closeAll();
    await this.pause(this.reconnect.pauseAfter(error));
  }

  private async pause(ms: number): Promise<void> {
    await this.context.clock.sleep(ms, this.context.signal).catch(() => {});
  }

  private closeAll(): void {
    this.streaming?.close();
    this.streaming = null;
    this.snapshot = null;
    this.catalog = null;
    for (const s of this.sessions) s.close();
    this.sessions = [];
  }

  committed(offsets: readonly { partition: SourcePartition; offset: SourceOffset }[]): void {
    for (const { offset } of offsets) this.memory.giveBack(offset);
    if (this.settings.config.string("lsn.flush.mode") === "manual" || !this.settings.config.boolean("flush.lsn.source")) return;
    for (const { offset } of offsets) {
      const o = readOffset(offset);
      if (!o.snapshot && o.position.commitLsn > this.confirmed) this.confirmed = o.position.commitLsn;
    }
    this.streaming?.confirm(this.confirmed);
  }

  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    try {
      this.streaming?.sendStatus();
      // a task that fails is started again and needs its slot: only one that was told to stop drops it
      if (this.context?.signal.aborted && this.settings.config.boolean("slot.drop.on.stop")) await this.dropSlot();
    } finally {
      this.closeAll();
    }
  }

  private async dropSlot(): Promise<void> {
    const name = this.settings.config.string("slot.name");
    this.closeAll();
    const session = await this.openSession(false);
    for (let i = 0; i < 20; i++)
      try {
        await session.query(`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '${name}'`);
        return;
      } catch (e) {
        // the server needs a moment to see that the stream's connection is closed
        if (i === 19) this.context.logger.warn("the slot could not be dropped", { slot: name, error: asError(e).message });
        await new Promise((r) => setTimeout(r, 100));
      }
  }
}
