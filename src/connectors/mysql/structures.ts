import { MillraceError } from "../../common/errors.js";
import type { Logger } from "../../common/logger.js";
import type { BinlogEvent } from "./binlog/events.js";
import type { CaptureRules } from "./capture-rules.js";
import type { WireSession } from "./connection/wire-session.js";
import { type DdlChange, Tables } from "./ddl/tables.js";
import type { SchemaHistory } from "./history/schema-history.js";
import type { StreamPosition } from "./offsets.js";
import { identifier, listDatabases, listTables, type ServerInfo, showCreate, tableName } from "./server.js";
import type { MysqlSettings } from "./settings.js";
import type { Transaction } from "./stream-events.js";
import type { TableModel } from "./table-model.js";

/** What a reading of the server's tables gave: the tables, and the statements that would make them, in that order. */
export interface StructuresRead {
  readonly models: readonly TableModel[];
  readonly changes: readonly DdlChange[];
}

/** The structures of the tables as of the place in the binlog that is being read. */
export class Structures {
  readonly tables: Tables;
  /** whether they were read or restored */
  known = false;

  constructor(
    private readonly settings: MysqlSettings,
    private readonly rules: CaptureRules,
    private readonly logger: Logger,
    readonly info: ServerInfo,
    private readonly history: SchemaHistory,
  ) {
    const { lowerCaseTableNames, explicitDefaultsForTimestamp, version } = info;
    this.tables = new Tables({ flavor: settings.flavor, lowerCaseTableNames, explicitDefaultsForTimestamp, serverVersion: version });
    this.tables.setServerDefaults(info.charset, info.collation || null);
  }

  /** Reads all tables of the captured databases from the server, and forgets what was known. */
  async read(session: WireSession): Promise<StructuresRead> {
    const { tables, info } = this;
    this.known = true;
    tables.clear();
    const changes: DdlChange[] = [];
    const apply = (sql: string, database: string | null) =>
      changes.push(...tables.apply(sql, { database, explicitDefaultsForTimestamp: true }));
    const databases = (await listDatabases(session)).filter((d) => this.rules.namespace(d.name));
    const names = (await listTables(session)).filter((t) => this.rules.namespace(t.database));
    apply(`SET character_set_server=${info.charset}, collation_server=${info.collation}`, null);
    for (const { database, name } of names) apply(`DROP TABLE IF EXISTS ${tableName(database, name)}`, null);
    const models: TableModel[] = [];
    for (const d of databases) {
      apply(`DROP DATABASE IF EXISTS ${identifier(d.name)}`, null);
      apply(`CREATE DATABASE ${identifier(d.name)} CHARSET ${d.charset} COLLATE ${d.collation}`, null);
      apply(`USE ${identifier(d.name)}`, null);
      for (const { database, name } of names) {
        if (database !== d.name) continue;
        apply(await showCreate(session, database, name), database);
        const model = tables.get(database, name);
        if (model) models.push(model);
      }
    }
    return { models, changes };
  }

  /** Makes the tables what they were at a place in the binlog. @throws SOURCE_FAILED where the history does not tell */
  async restore(at: StreamPosition, mayBeEmpty: boolean): Promise<void> {
    await this.history.restore(this.tables, at, mayBeEmpty);
    this.known = true;
  }

  /**
   * Applies a statement of the binlog and writes it to the history.
   * @param gtids executed before the statement's transaction
   * @throws SOURCE_FAILED where it cannot be read
   */
  async apply(e: Extract<BinlogEvent, { kind: "query" }>, transaction: Transaction, gtids: string | null): Promise<DdlChange[]> {
    const changes = this.changes(e);
    const { database, sql, sqlMode } = e;
    const { file, nextPosition, serverId } = e.header;
    const { gtid, tsUs } = transaction;
    // before any record behind it: a start at such a record's offset would not know the table
    if (changes.length) await this.history.store({ database, sql, sqlMode, file, nextPosition, gtid, gtids, serverId, tsUs }, changes);
    return changes;
  }

  private changes(e: Extract<BinlogEvent, { kind: "query" }>): DdlChange[] {
    try {
      return this.tables.apply(e.sql, { database: e.database || null, sqlMode: e.sqlMode });
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      const text = `The statement at ${e.header.file}:${e.header.position} cannot be read: ${error.message}: ${e.sql.slice(0, 500)}`;
      if (this.settings.config.boolean("schema.history.internal.skip.unparseable.ddl")) {
        this.logger.warn(text);
        return [];
      }
      throw new MillraceError("SOURCE_FAILED", `${text}. schema.history.internal.skip.unparseable.ddl=true passes over such statements`, {
        cause: error,
      });
    }
  }
}
