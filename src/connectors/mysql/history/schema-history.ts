import { parsePatterns } from "../../../cdc/filters.js";
import { type HistoryRecord, HistoryTopic, historyError } from "../../../cdc/schema-history.js";
import type { Logger } from "../../../common/logger.js";
import type { JavaPattern } from "../../../common/regex/java-pattern.js";
import type { ConnectorTopic } from "../../../connect/api/source.js";
import type { CaptureRules } from "../capture-rules.js";
import type { DdlChange, Tables } from "../ddl/tables.js";
import { containsAll, covers } from "../gtids.js";
import type { StreamPosition } from "../offsets.js";
import type { MysqlSettings } from "../settings.js";
import { tableChanges } from "./table-changes.js";

/** A place in the binlog as the history has it: behind the statement. What is not Debezium's is `gtid` and `sql_mode`. */
export interface HistoryPosition {
  readonly ts_sec?: number;
  readonly file?: string;
  readonly pos?: number;
  /** executed before the place, the statement's own not among them */
  readonly gtids?: string | null;
  readonly server_id?: number;
  readonly snapshot?: boolean | string;
  /** the statement's own transaction */
  readonly gtid?: string | null;
  /** of the session, where it changes how the statement is read */
  readonly sql_mode?: number;
}

/** A statement of the binlog with its place. */
export interface HistoryStatement {
  readonly database: string;
  readonly sql: string;
  readonly sqlMode: number | null;
  readonly file: string;
  /** behind the statement */
  readonly nextPosition: number;
  readonly gtid: string | null;
  /** executed before the statement's transaction */
  readonly gtids: string | null;
  readonly serverId: number;
  readonly tsUs: number;
}

/** ANSI_QUOTES, NO_BACKSLASH_ESCAPES and REAL_AS_FLOAT: the bits of sql_mode by which a statement is read. */
const readingModes = 4 | 0x100000 | 1;

/**
 * The statements that made the tables, on a topic: what a start after a stop needs to know the tables as they were at its offset.
 * A statement is written before anything behind it is: after a kill in between, the stream meets it again, and it is written once.
 */
export class SchemaHistory {
  private readonly topic: HistoryTopic<HistoryPosition>;
  /** statements that are on the topic behind the offset, by their place: met again by the stream, they are not written again */
  private ahead = new Set<string>();
  private readonly unwanted: readonly JavaPattern[];
  private readonly onlyTables: boolean;
  private readonly onlyDatabases: boolean;

  constructor(
    topic: ConnectorTopic,
    private readonly settings: MysqlSettings,
    private readonly rules: CaptureRules,
    private readonly logger: Logger,
  ) {
    const { config } = settings;
    this.topic = new HistoryTopic(topic, settings.historyTopic);
    this.unwanted = parsePatterns(config.optionalString("schema.history.internal.ddl.filter") ?? "");
    this.onlyTables = config.boolean("schema.history.internal.store.only.captured.tables.ddl");
    this.onlyDatabases = config.boolean("schema.history.internal.store.only.captured.databases.ddl");
  }

  /** Writes the statements that make the tables as a snapshot found them, at its place. */
  async begin(changes: readonly DdlChange[], at: StreamPosition): Promise<void> {
    const position: HistoryPosition = { ...place(at), snapshot: true };
    this.ahead = new Set();
    for (const change of changes)
      if (this.wanted([change], change.ddl)) await this.topic.append(this.record(position, change.database, change.ddl, [change]));
  }

  /** Writes a statement that changed tables, once. */
  async store(s: HistoryStatement, changes: readonly DdlChange[]): Promise<void> {
    if (!this.wanted(changes, s.sql)) return;
    const mode = (s.sqlMode ?? 0) & readingModes;
    const position: HistoryPosition = {
      ts_sec: Math.floor(s.tsUs / 1_000_000),
      file: s.file,
      pos: s.nextPosition,
      ...(s.gtids === null ? {} : { gtids: s.gtids }),
      server_id: s.serverId,
      ...(s.gtid === null ? {} : { gtid: s.gtid }),
      ...(mode ? { sql_mode: mode } : {}),
    };
    if (this.ahead.delete(key(position))) return;
    await this.topic.append(this.record(position, s.database, s.sql, changes));
  }

  /**
   * Applies what led to the tables at a place in the binlog.
   * @throws SOURCE_FAILED where the history is missing, not whole or not readable
   */
  async restore(tables: Tables, at: StreamPosition, mayBeEmpty: boolean): Promise<void> {
    const records = await this.topic.records((r) => beginning(r) && this.reached(r.position, at));
    if (!records.length && !mayBeEmpty) throw historyError(this.topic.name, "is missing, or was never written");
    const started = Date.now();
    const skip = this.settings.config.boolean("schema.history.internal.skip.unparseable.ddl");
    tables.clear();
    this.ahead = new Set();
    const applied = new Set<string>();
    let count = 0;
    for (const r of records) {
      const { position, ddl } = r;
      const id = key(position);
      if (!this.reached(position, at)) {
        if (!position.snapshot) this.ahead.add(id);
        continue;
      }
      // the statements of a snapshot stand at one place
      if (!position.snapshot && applied.has(id)) continue;
      applied.add(id);
      if (!ddl) continue;
      try {
        tables.apply(ddl, {
          database: r.databaseName || null,
          sqlMode: position.sql_mode ?? null,
          // SHOW CREATE TABLE leaves nothing to defaults
          ...(position.snapshot ? { explicitDefaultsForTimestamp: true } : {}),
        });
        count++;
      } catch (e) {
        const text = `has a statement that cannot be applied: ${(e as Error).message}: ${ddl.slice(0, 500)}`;
        if (!skip) throw historyError(this.topic.name, text, e);
        this.logger.warn(`The schema history ${text}`);
      }
    }
    this.logger.info("schema history restored", { statements: count, later: this.ahead.size, ms: Date.now() - started });
  }

  private record(position: HistoryPosition, database: string, ddl: string, changes: readonly DdlChange[]): HistoryRecord<HistoryPosition> {
    return {
      source: { server: this.settings.prefix },
      position,
      ts_ms: Date.now(),
      databaseName: database,
      ddl,
      tableChanges: tableChanges(changes),
    };
  }

  private wanted(changes: readonly DdlChange[], sql: string): boolean {
    if (this.unwanted.some((p) => p.matches(sql))) return false;
    return changes.some((c) => {
      if (c.kind === "TRUNCATE") return false;
      if (c.kind === "SERVER") return true;
      const names = c.previous ? [c.previous, { database: c.database, table: c.table! }] : [{ database: c.database, table: c.table }];
      return names.some(
        (n) =>
          (!this.onlyDatabases || this.rules.namespace(n.database)) &&
          (!this.onlyTables || n.table === null || this.rules.table(n.database, n.table)),
      );
    });
  }

  /** Whether a statement of the history lies before a place in the binlog: by GTIDs, which hold on every server, else by file. */
  private reached(position: HistoryPosition, at: StreamPosition): boolean {
    const { flavor } = this.settings;
    if (at.gtids !== null && position.gtid) return covers(at.gtids, position.gtid, flavor);
    if (at.gtids !== null && position.gtids) return containsAll(at.gtids, position.gtids, flavor);
    const order = compareFiles(position.file ?? "", at.file);
    return order < 0 || (order === 0 && (position.pos ?? 0) <= at.pos);
  }
}

/** The first of the statements with which a snapshot makes all tables. */
function beginning(r: HistoryRecord<HistoryPosition>): boolean {
  return Boolean(r.position.snapshot) && /^SET character_set_server\b/i.test(r.ddl ?? "");
}

function place(at: StreamPosition): HistoryPosition {
  return { ts_sec: Math.floor(at.tsUs / 1_000_000), file: at.file, pos: at.pos, ...(at.gtids === null ? {} : { gtids: at.gtids }) };
}

function key(p: HistoryPosition): string {
  return p.gtid ?? `${p.file}:${p.pos}`;
}

/** Files are numbered; the number has six digits or more. */
function compareFiles(a: string, b: string): number {
  const number = (file: string) => Number(file.slice(file.lastIndexOf(".") + 1)) || 0;
  return number(a) - number(b);
}
