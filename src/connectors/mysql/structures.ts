import { MillraceError } from "../../common/errors.js";
import type { Logger } from "../../common/logger.js";
import type { BinlogEvent } from "./binlog/events.js";
import type { CaptureRules } from "./capture-rules.js";
import type { WireSession } from "./connection/wire-session.js";
import { type DdlChange, Tables } from "./ddl/tables.js";
import { identifier, listDatabases, listTables, type ServerInfo, showCreate } from "./server.js";
import type { MysqlSettings } from "./settings.js";
import type { Transaction } from "./stream-decoder.js";
import type { TableModel } from "./table-model.js";

/** The structures of the tables as of the place in the binlog that is being read. */
export class Structures {
  readonly tables: Tables;

  constructor(
    private readonly settings: MysqlSettings,
    private readonly rules: CaptureRules,
    private readonly logger: Logger,
    readonly info: ServerInfo,
  ) {
    this.tables = new Tables({ flavor: settings.flavor, lowerCaseTableNames: info.lowerCaseTableNames, serverVersion: info.version });
    this.tables.setServerDefaults(info.charset, info.collation || null);
  }

  /** Reads all tables of the captured databases from the server. */
  async read(session: WireSession): Promise<readonly TableModel[]> {
    this.tables.clear();
    for (const d of await listDatabases(session))
      if (this.rules.namespace(d.name))
        this.tables.apply(`CREATE DATABASE ${identifier(d.name)} CHARSET ${d.charset} COLLATE ${d.collation}`, { database: null });
    const models: TableModel[] = [];
    for (const { database, name } of await listTables(session)) {
      if (!this.rules.namespace(database)) continue;
      this.tables.apply(await showCreate(session, database, name), { database });
      const model = this.tables.get(database, name);
      if (model) models.push(model);
    }
    return models;
  }

  /** Applies a statement of the binlog. @throws SOURCE_FAILED where it cannot be read */
  async apply(e: Extract<BinlogEvent, { kind: "query" }>, _transaction: Transaction): Promise<DdlChange[]> {
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
