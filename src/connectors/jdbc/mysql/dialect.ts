import type mysql from "mysql2";
import type { ValueKind } from "../../../cdc/value-kind.js";
import type { Schema } from "../../../data/schema.js";
import type { Dialect, Failure, Move, NewColumn, PlanColumn, Session, Statement, Table, TableName, TablePlan } from "../dialect.js";
import { OffsetsTable } from "../offsets.js";
import type { SinkSettings } from "../settings.js";
import { checkUrlParameters, openConnection, query, sendBytes } from "./connection.js";
import { classify, existsAlready, refusesUs } from "./errors.js";
import { FRAME_BYTES, mysqlPlan } from "./plan.js";
import type { Server } from "./server.js";
import { type MysqlTable, readTable } from "./table.js";
import { columnFor } from "./types.js";

/** MySQL from 5.7 and MariaDB from 10.2. */
export const mysqlDialect: Dialect = {
  name: "MySqlDatabaseDialect",
  products: ["mysql", "mariadb"],
  defaultPort: 3306,
  async connect(settings, context) {
    const { connection, server } = await openConnection(settings, context);
    return new MysqlSession(connection, server, settings);
  },
  classify,
  refusesUs,
  existsAlready,
  checkSettings: (settings) => checkUrlParameters(settings.url),
  quoteIdentifier: (name) => `\`${name.replaceAll("`", "``")}\``,
  // the sessions have no backslash escapes
  literal: (text) => `'${text.replaceAll("'", "''")}'`,
  fold: (name) => name,
  columnIdentity: (name) => name.toLowerCase(),
  // TRUNCATE would commit the transaction that it stands in
  empty: (quoted) => `DELETE FROM ${quoted}`,
  createOffsetsTable: (quoted) =>
    `CREATE TABLE IF NOT EXISTS ${quoted} (connector varchar(190) NOT NULL, cluster_id varchar(64) NOT NULL, topic_id varchar(64) NOT NULL, topic varchar(255) NOT NULL,
       \`partition\` int NOT NULL, lane int NOT NULL, next_offset bigint NOT NULL, epoch bigint NOT NULL,
       PRIMARY KEY (connector, cluster_id, topic_id, \`partition\`, lane)) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
  keepExisting: "ON DUPLICATE KEY UPDATE lane = lane",
};

const COMMIT = Buffer.from("COMMIT");
/** "Subquery returns more than 1 row": nothing else that is sent can say so. */
const MOVED = 1242;

class MysqlSession implements Session {
  private readonly offsets: OffsetsTable;
  /** the last transaction of this connection */
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly connection: mysql.Connection,
    private readonly server: Server,
    private readonly settings: SinkSettings,
  ) {
    this.offsets = new OffsetsTable(mysqlDialect, settings.offsetsTable);
  }

  query(sql: string): Promise<Record<string, unknown>[]> {
    return query(this.connection, sql);
  }

  readTable(name: TableName, quoted: string): Promise<Table | undefined> {
    return readTable((sql) => this.query(sql), mysqlDialect.literal, name, quoted);
  }

  columnFor(kind: ValueKind, schema: Schema, isKey: boolean, keyColumns: number): { type: string; default?: string } | undefined {
    return columnFor(this.server, this.settings, kind, schema, isKey, keyColumns);
  }

  async createTable(name: TableName, quoted: string, columns: readonly NewColumn[], primaryKey: readonly string[]): Promise<void> {
    const { quoteIdentifier } = mysqlDialect;
    const key = primaryKey.length ? [`PRIMARY KEY (${primaryKey.map(quoteIdentifier).join(",")})`] : [];
    // a database of another character set would refuse what the source holds
    const schema = name.schema === null ? "DATABASE()" : mysqlDialect.literal(name.schema);
    const defaults = await this.query(
      `SELECT default_character_set_name AS charset FROM information_schema.schemata WHERE schema_name = ${schema}`,
    );
    const charset = defaults[0]?.charset === "utf8mb4" ? "" : " CHARACTER SET utf8mb4";
    await this.query(`CREATE TABLE IF NOT EXISTS ${quoted} (${[...columns.map(columnText), ...key].join(", ")}) ENGINE=InnoDB${charset}`);
  }

  async addColumns(quoted: string, columns: readonly NewColumn[]): Promise<void> {
    for (const c of columns) {
      try {
        await this.query(`ALTER TABLE ${quoted} ADD COLUMN ${columnText(c)}`);
      } catch (error) {
        if (!existsAlready(error)) throw error; // somebody else was faster
      }
    }
  }

  plan(quoted: string, table: Table, columns: readonly PlanColumn[]): TablePlan {
    return mysqlPlan(this.server, this.settings, quoted, table as MysqlTable, columns);
  }

  transact(move: Move | undefined, statements: readonly Statement[]): Promise<Failure | undefined> {
    // one after the other: a BEGIN that is sent behind a transaction that failed would commit what it had done
    const outcome = this.last
      .then(() => this.run(move, statements))
      .finally(() => {
        for (const s of statements) s.release?.();
      });
    this.last = outcome;
    return outcome;
  }

  end(): Promise<void> {
    // a command may be waiting for an answer that never comes
    this.connection.destroy();
    return Promise.resolve();
  }

  private async run(move: Move | undefined, statements: readonly Statement[]): Promise<Failure | undefined> {
    try {
      let strict = statements;
      if (statements.some((s) => s.load)) {
        if (await this.loaded(move, statements)) return undefined;
        await query(this.connection, "ROLLBACK");
        strict = statements.flatMap((s) => s.load?.instead() ?? s);
      }
      for (const message of this.messages(move, strict)) await sendBytes(this.connection, message);
      return undefined;
    } catch (error) {
      const moved = (error as { errno?: number }).errno === MOVED;
      try {
        await query(this.connection, "ROLLBACK");
      } catch {
        this.connection.destroy(); // what is left of the transaction ends with the connection
      }
      return { error, moved };
    }
  }

  /** With LOAD DATA LOCAL, which bends what does not fit and only warns: false, and uncommitted, where it has. */
  private async loaded(move: Move | undefined, statements: readonly Statement[]): Promise<boolean> {
    let message: Uint8Array[] = [this.begin(move)];
    for (const { text, load } of statements) {
      // one message a statement: it may be as large as the server takes
      if (message.length > 1) await sendBytes(this.connection, message.splice(0));
      message.push(bytesOf(text));
      if (load === undefined) continue;
      const { warningStatus, affectedRows } = await sendBytes(this.connection, message, load.rows);
      if (warningStatus > 0 || affectedRows < load.count) return false;
      message = [];
    }
    if (message.length > 0) await sendBytes(this.connection, message);
    await sendBytes(this.connection, [COMMIT]);
    return true;
  }

  /** The transaction in as few messages as the server takes, mostly one; the first has its BEGIN, the last its COMMIT. */
  private messages(move: Move | undefined, statements: readonly Statement[]): Uint8Array[][] {
    const most = this.server.maxPacket - FRAME_BYTES;
    const messages: Uint8Array[][] = [[this.begin(move)]];
    let size = 0;
    for (const { text } of statements) {
      const bytes = bytesOf(text);
      if (size > 0 && size + bytes.length > most) {
        messages.push([]);
        size = 0;
      }
      messages[messages.length - 1]!.push(bytes);
      size += bytes.length;
    }
    messages[messages.length - 1]!.push(COMMIT);
    return messages;
  }

  private begin(move: Move | undefined): Buffer {
    return Buffer.from(`BEGIN;${move ? this.moveOffsets(move) : ""}`);
  }

  /** Fails, and with it all that is behind it in the message, where the row is not at `at` or not ours any more. */
  private moveOffsets({ key, at, next }: Move): string {
    return `UPDATE ${this.offsets.quoted} SET next_offset = ${next} WHERE ${this.offsets.where(key)} AND lane = ${at.lane} AND next_offset = ${at.nextOffset} AND epoch = ${at.epoch};
SELECT IF(ROW_COUNT() = 1, 1, (SELECT 1 UNION ALL SELECT 2));`;
  }
}

const bytesOf = (text: string | Buffer) => (typeof text === "string" ? Buffer.from(`${text};`) : text);

/** NULL is written out: MariaDB takes a first TIMESTAMP column without it for one that follows every update. */
function columnText(c: NewColumn): string {
  const value = c.default === undefined ? "" : ` DEFAULT ${c.default}`;
  return `${mysqlDialect.quoteIdentifier(c.name)} ${c.type}${c.notNull ? " NOT NULL" : " NULL"}${value}`;
}
