import pg from "pg";
import type { ValueKind } from "../../../cdc/value-kind.js";
import type { Schema, Value } from "../../../data/schema.js";
import type { Dialect, Failure, Move, NewColumn, PlanColumn, Session, Statement, Table, TableName, TablePlan } from "../dialect.js";
import { OffsetsTable } from "../offsets.js";
import type { SinkSettings } from "../settings.js";
import { toText } from "../text.js";
import { queryBound } from "./bound-query.js";
import { classify, existsAlready, openClient } from "./connection.js";
import { postgresPlan } from "./plan.js";
import { addColumns, createTable, readTable } from "./table.js";
import { columnType } from "./types.js";

export const postgres: Dialect = {
  name: "PostgreSqlDatabaseDialect",
  products: ["postgresql"],
  defaultPort: 5432,
  connect: async (settings, context) => new PostgresSession(await openClient(settings, context), settings),
  classify,
  refusesUs(cause) {
    const code = (cause as { code?: string } | undefined)?.code;
    return code?.startsWith("28") ? "credentials" : code === "3D000" ? "database" : undefined;
  },
  existsAlready,
  quoteIdentifier: (name) => pg.escapeIdentifier(name),
  literal: (text) => pg.escapeLiteral(text),
  fold: (name) => name.toLowerCase(),
  columnIdentity: (name) => name,
  empty: (quoted) => `TRUNCATE TABLE ${quoted}`,
  createOffsetsTable: (quoted) =>
    `CREATE TABLE IF NOT EXISTS ${quoted} (connector text, cluster_id text, topic_id text, topic text NOT NULL, "partition" int, lane int,
       next_offset bigint NOT NULL, epoch bigint NOT NULL, PRIMARY KEY (connector, cluster_id, topic_id, "partition", lane)) WITH (fillfactor = 20)`,
  keepExisting: "ON CONFLICT DO NOTHING",
};

class PostgresSession implements Session {
  private readonly offsets: OffsetsTable;

  constructor(
    private readonly client: pg.Client,
    private readonly settings: SinkSettings,
  ) {
    this.offsets = new OffsetsTable(postgres, settings.offsetsTable);
  }

  async query(sql: string): Promise<Record<string, unknown>[]> {
    return (await this.client.query(sql)).rows;
  }

  readTable(_name: TableName, quoted: string): Promise<Table | undefined> {
    return readTable(this.client, quoted);
  }

  columnFor(kind: ValueKind, schema: Schema): { type: string; default?: string } | undefined {
    const type = columnType(kind, schema);
    if (type === undefined || schema.default === undefined || schema.default === null) return type === undefined ? undefined : { type };
    return { type, default: `${pg.escapeLiteral(toText(kind, schema.default as Exclude<Value, null>))}::${type}` };
  }

  createTable(_name: TableName, quoted: string, columns: readonly NewColumn[], primaryKey: readonly string[]): Promise<void> {
    return createTable(this.client, quoted, columns, primaryKey);
  }

  addColumns(quoted: string, columns: readonly NewColumn[]): Promise<void> {
    return addColumns(this.client, quoted, columns);
  }

  plan(quoted: string, _table: Table, columns: readonly PlanColumn[]): TablePlan {
    return postgresPlan(this.settings, quoted, columns);
  }

  async transact(move: Move | undefined, statements: readonly Statement[]): Promise<Failure | undefined> {
    const { client } = this;
    // sent in one go: the offsets row first, because a lane that was fenced or is behind must not even wait for row locks
    const results = await Promise.allSettled([
      client.query("BEGIN"),
      ...(move ? [client.query(this.moveOffsets(move))] : []),
      ...statements.map((s) =>
        s.parameters ? queryBound(client, s.name!, s.text as string, s.parameters) : client.query(s.text as string),
      ),
      client.query("COMMIT"),
    ]);
    for (const s of statements) s.release?.();
    const failed = results.findIndex((r) => r.status === "rejected");
    if (failed >= 0) {
      const error = (results[failed] as PromiseRejectedResult).reason;
      return { error, moved: move !== undefined && failed === 1 && (error as { code?: unknown }).code === "22012" };
    }
    const commit = results[results.length - 1] as PromiseFulfilledResult<pg.QueryResult>;
    return commit.value.command === "COMMIT" ? undefined : { error: new Error("the transaction was rolled back"), moved: false };
  }

  end(): Promise<void> {
    return this.client.end();
  }

  /** Fails (22012, division by zero) and so undoes its transaction where the row is not at `at` or not ours any more. */
  private moveOffsets({ key, at, next }: Move): pg.QueryConfig {
    return {
      name: "millrace_offsets",
      text: `WITH moved AS (UPDATE ${this.offsets.quoted} SET next_offset = $1 WHERE connector = $2 AND cluster_id = $3 AND topic_id = $4 AND "partition" = $5 AND lane = $6
               AND next_offset = $7 AND epoch = $8 RETURNING 1) SELECT 1 / count(*) FROM moved`,
      values: [next, key.connector, key.clusterId, key.topicId, key.partition, at.lane, at.nextOffset, at.epoch],
    };
  }
}
