import { randomUUID } from "node:crypto";
import { Heartbeat } from "../../cdc/heartbeat.js";
import { contextHeaders } from "../../cdc/nodes.js";
import { Reconnect } from "../../cdc/reconnect.js";
import { RowMemory } from "../../cdc/row-memory.js";
import { asError, MillraceError } from "../../common/errors.js";
import type { SourceOffset, SourcePartition } from "../../connect/api/record.js";
import type { RecordShape } from "../../connect/api/shape.js";
import type { ConnectorConfig, SourceItem, SourceTask, SourceTaskContext } from "../../connect/api/source.js";
import { BinlogReader } from "./binlog/reader.js";
import { CaptureRules } from "./capture-rules.js";
import { connect } from "./connection/connect.js";
import { classify, ServerError } from "./connection/server-error.js";
import type { WireSession } from "./connection/wire-session.js";
import { SchemaHistory } from "./history/schema-history.js";
import { Incremental } from "./incremental.js";
import { nowhere, readOffset, type StoredOffset, type StreamPosition } from "./offsets.js";
import { SchemaChanges } from "./schema-changes.js";
import { binlogEnd, binlogFiles, listTables, missingLog, prepareSession, type ServerInfo, serverInfo } from "./server.js";
import { type MysqlSettings, readSettings } from "./settings.js";
import { Snapshot } from "./snapshot.js";
import { openView } from "./snapshot-view.js";
import type { Flavor } from "./source-block.js";
import { Streaming } from "./streaming.js";
import { Structures } from "./structures.js";

const nothing: StoredOffset = { position: nowhere, snapshot: null, segments: [], incremental: null };

/** The server cannot send the binlog from a position on. */
function isGone(e: MillraceError): boolean {
  return e.cause instanceof ServerError && e.cause.errno === 1236 && !/server_id|server_uuid|same server id/i.test(e.cause.message);
}

/** One connector's task: a snapshot where one is due, then the stream; makes lost connections anew with a growing pause. */
export class MysqlSourceTask implements SourceTask {
  private settings!: MysqlSettings;
  private rules!: CaptureRules;
  private context!: SourceTaskContext;
  private headers!: RecordShape["headers"];
  private partition!: SourcePartition;
  /** where to go on from: stored, then what was handed out last */
  private at: StoredOffset = nothing;
  private stored: StoredOffset | undefined;
  private readonly memory = new RowMemory();
  private info!: ServerInfo;
  private structures: Structures | null = null;
  private serverId = 0;
  private changes: SchemaChanges | null = null;
  private snapshotDue = false;
  /** whether the snapshot reads rows, or structures alone */
  private dataDue = false;
  private streamDue = true;
  private decided = false;
  private snapshot: Snapshot | null = null;
  private streaming: Streaming | null = null;
  private history!: SchemaHistory;
  /** snapshot.mode=recovery: the structures are read anew once */
  private rebuilt = false;
  private sessions: WireSession[] = [];
  private catalog: WireSession | null = null;
  private reconnect!: Reconnect;
  private beats!: Heartbeat;
  /** streaming.delay.ms after a snapshot */
  private streamFrom = 0;
  private stopped = false;

  constructor(private readonly flavor: Flavor) {}

  async start(config: ConnectorConfig, context: SourceTaskContext): Promise<void> {
    this.settings = readSettings(config, this.flavor);
    this.rules = new CaptureRules(this.settings);
    this.context = context;
    const headers = contextHeaders(this.flavor, this.settings.prefix, context.taskId, randomUUID());
    this.headers = this.settings.config.boolean("extended.headers.enabled") ? headers : [];
    this.changes = this.settings.schemaChanges ? new SchemaChanges(this.settings, this.headers) : null;
    this.partition = { server: this.settings.prefix };
    this.serverId = this.settings.config.optionalNumber("database.server.id") ?? 5400 + Math.floor(Math.random() * 1001);
    const offset = context.offset(this.partition);
    this.stored = offset && readOffset(offset);
    this.at = this.stored ?? nothing;
    this.reconnect = new Reconnect(this.settings.config, context.logger);
    this.beats = new Heartbeat(this.settings.config, context.clock, context.logger);
    this.history = new SchemaHistory(context.topic(this.settings.historyTopic), this.settings, this.rules, context.logger);
    await this.decide();
  }

  /** Looks at the server and the stored offset, and finds what is to be done. */
  private async decide(): Promise<void> {
    const { settings, stored } = this;
    const { config, snapshotMode: mode } = settings;
    const catalog = await this.openCatalog();
    this.info = await serverInfo(catalog);
    const based = (name: string) => config.boolean(`snapshot.mode.configuration.based.${name}`);
    this.streamDue = mode === "configuration_based" ? based("start.stream") : mode !== "initial_only";
    if (this.streamDue && !this.info.logBin)
      throw new MillraceError(
        "SOURCE_FAILED",
        "The server writes no binlog: start it with log_bin and binlog_format=ROW (database.hostname)",
      );
    if (this.streamDue && this.info.format && this.info.format.toUpperCase() !== "ROW")
      throw new MillraceError(
        "SOURCE_FAILED",
        `The server's binlog_format is ${this.info.format}: streaming needs ROW (database.hostname)`,
      );
    const complete = stored !== undefined && stored.snapshot === null;
    this.dataDue = mode === "configuration_based" ? based("snapshot.data") : !["no_data", "recovery", "never"].includes(mode);
    this.snapshotDue = complete ? mode === "always" && this.streamDue : mode !== "never";
    const delay = config.number("snapshot.delay.ms");
    if (this.snapshotDue && delay > 0 && !complete) await this.pause(delay);
    this.decided = true;
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
    if (!this.decided) await this.decide();
    if (this.snapshotDue) {
      this.snapshot ??= await this.openSnapshot();
      const items = await this.snapshot.next();
      const last = items[items.length - 1];
      if (last) this.at = readOffset(last.sourceOffset);
      if (this.snapshot.finished) {
        this.snapshotDue = false;
        // a snapshot that went on has read the tables later than where the stream begins
        if (this.snapshot.left().length) this.structures = null;
        this.snapshot = null;
        this.streamFrom = this.context.clock.now() + this.settings.config.number("streaming.delay.ms");
      }
      return items;
    }
    if (!this.streamDue) {
      await this.pause(500);
      return [];
    }
    const early = this.streamFrom - this.context.clock.now();
    if (early > 0) {
      await this.pause(Math.min(500, early));
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

  private async openSession(): Promise<WireSession> {
    const session = await connect(this.settings, this.context.resolveHost.bind(this.context));
    this.sessions.push(session);
    return session;
  }

  private async openCatalog(): Promise<WireSession> {
    if (this.catalog && !this.catalog.error) return this.catalog;
    this.catalog = await this.openSession();
    await prepareSession(this.catalog, this.settings.config.optionalString("database.initial.statements"));
    return this.catalog;
  }

  private newStructures(): Structures {
    return (this.structures = new Structures(this.settings, this.rules, this.context.logger, this.info, this.history));
  }

  private async openSnapshot(): Promise<Snapshot> {
    const { settings, rules, context } = this;
    const session = await this.openSession();
    await prepareSession(session, settings.config.optionalString("database.initial.statements"));
    const structures = this.newStructures();
    const view = await openView(
      session,
      settings,
      this.info,
      rules,
      context.logger,
      () => structures.read(session),
      () => listTables(session),
    );
    const resume = this.at.snapshot?.at ? this.at.snapshot : null;
    const begin = { ...nowhere, file: view.position?.file ?? "", pos: view.position?.position ?? 0, gtids: view.position?.gtidSet ?? null };
    // before the snapshot's first offset is: with an offset and without a history nothing could go on
    if (!resume) await this.history.begin(view.structures.changes, begin);
    const { headers, changes } = this;
    const { logger, metrics, connector } = context;
    return new Snapshot(
      { settings, rules, headers, logger, metrics, connector, changes },
      session,
      view,
      resume,
      resume ? this.at.position : begin,
      this.dataDue,
    );
  }

  private async openStream(): Promise<Streaming> {
    const { settings, rules, headers, memory } = this;
    const { logger } = this.context;
    const catalog = await this.openCatalog();
    let { position } = this.at;
    if (position.gtids !== null && settings.gtidSources.limited) {
      const end = await binlogEnd(catalog, this.info);
      position = { ...position, gtids: settings.gtidSources.from(position.gtids, end?.gtidSet ?? "") };
    }
    const gone = await missingLog(catalog, this.info, position);
    if (gone) throw new MillraceError("SOURCE_FAILED", gone, { cause: new ServerError(1236, "HY000", gone) });
    if (!position.file && position.gtids === null) {
      // snapshot.mode=never: all that the server still has
      const [file] = await binlogFiles(catalog);
      position = { ...nowhere, file: file ?? "", pos: 4 };
    }
    const structures = this.structures ?? this.newStructures();
    if (!structures.known) await this.knowStructures(structures, catalog, position);
    const heartbeatMs = Math.max(1000, Math.floor(settings.config.number("connect.keep.alive.interval.ms") / 4));
    const reader = await BinlogReader.open(
      await this.openSession(),
      { file: position.file, position: position.pos, gtidSet: position.gtids },
      { serverId: this.serverId, heartbeatMs, captured: (database, table) => this.rules.table(database, table) },
    );
    logger.info("streaming starts", {
      file: position.file,
      pos: position.pos,
      ...(position.gtids === null ? {} : { gtids: position.gtids }),
    });
    const incremental = this.incremental(structures, catalog);
    return new Streaming(
      { settings, rules, headers, logger, memory, structures, changes: this.changes, setAside: this.context.setAside.bind(this.context) },
      reader,
      position,
      this.at.segments,
      incremental,
    );
  }

  /** What acts on the signal table's rows; null: there is none. */
  private incremental(structures: Structures, catalog: WireSession): Incremental | null {
    const { settings, rules, headers } = this;
    const { logger } = this.context;
    if (!settings.config.optionalString("signal.data.collection")) return null;
    if (settings.config.boolean("read.only")) {
      logger.warn("read.only=true: incremental snapshots are not available, because their windows are marked in the signal table");
      return null;
    }
    return new Incremental(settings, rules, headers, logger, structures, catalog, this.at.incremental);
  }

  /** The tables as they were at the place where the stream begins. */
  private async knowStructures(structures: Structures, catalog: WireSession, at: StreamPosition): Promise<void> {
    const { config, snapshotMode: mode } = this.settings;
    const anew =
      mode === "recovery" ||
      (mode === "configuration_based" && config.boolean("snapshot.mode.configuration.based.snapshot.on.schema.error"));
    if (mode === "recovery" && !this.rebuilt) {
      const { changes } = await structures.read(catalog);
      await this.history.begin(changes, at);
      this.rebuilt = true;
      this.context.logger.warn(
        "the schema history was built anew from the tables as they are now: set snapshot.mode back, or a later start takes changes in between for done",
      );
      return;
    }
    try {
      // with `never`, statements of the binlog may have made no table yet
      await structures.restore(at, mode === "never");
    } catch (e) {
      if (mode === "when_needed") {
        this.startOver(asError(e).message);
        throw new MillraceError("SOURCE_RETRIABLE", "a new snapshot is needed", { cause: e });
      }
      if (!anew) throw e;
      this.context.logger.warn("the schema history cannot be used and is built anew", { error: asError(e).message });
      const { changes } = await structures.read(catalog);
      await this.history.begin(changes, at);
    }
  }

  /** Closes what is open and waits; the next poll goes on from what was handed out last. @throws what no retry cures */
  private async recover(e: unknown): Promise<void> {
    const error = classify(e);
    this.closeAll();
    if (isGone(error)) {
      this.closeGap(error.message);
      return;
    }
    await this.pause(this.reconnect.pauseAfter(error));
  }

  /** Takes a new snapshot where the mode says so. @throws SOURCE_FAILED that says what else to do */
  private closeGap(why: string): void {
    const { config, snapshotMode: mode } = this.settings;
    const wanted =
      mode === "when_needed" ||
      mode === "always" ||
      (mode === "configuration_based" && config.boolean("snapshot.mode.configuration.based.snapshot.on.data.error"));
    if (!wanted)
      throw new MillraceError(
        "SOURCE_FAILED",
        `The binlog is no longer there from the connector's position on: changes are missing. Only a new snapshot closes the gap: set snapshot.mode=when_needed, or delete the connector's offsets. Keep the binlog longer on the server (binlog_expire_logs_seconds). ${why}`,
        { context: { setting: "snapshot.mode" } },
      );
    this.startOver(why);
  }

  private startOver(why: string): void {
    this.context.logger.warn("what the stored position needs is no longer there: taking a new snapshot", { why });
    this.at = nothing;
    this.structures = null;
    this.snapshotDue = this.dataDue = true;
  }

  private async pause(ms: number): Promise<void> {
    await this.context.clock.sleep(ms, this.context.signal).catch(() => {});
  }

  private closeAll(): void {
    this.streaming?.close();
    this.streaming = null;
    this.snapshot = null;
    // they may be ahead of what was handed out last
    this.structures = null;
    this.catalog = null;
    for (const s of this.sessions) s.close();
    this.sessions = [];
  }

  committed(offsets: readonly { partition: SourcePartition; offset: SourceOffset }[]): void {
    for (const { offset } of offsets) this.memory.giveBack(offset);
  }

  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    this.closeAll();
  }
}
