import { setTimeout as sleep } from "node:timers/promises";
import { MillraceError } from "../../common/errors.js";
import { type SqlClient, SqlError } from "../sql-client.js";
import type { Project } from "./project.js";

export type State = "PENDING" | "RUNNING" | "MIGRATED" | "ERROR";

/** One row of the table, all text as ksqlDB's tool writes it; times are epoch ms. */
export interface Version {
  readonly version: string;
  readonly name: string;
  readonly state: State;
  readonly checksum: string;
  readonly started: string;
  readonly completed: string;
  /** `<none>` for the first */
  readonly previous: string;
  readonly error: string;
}

export const noVersion = "<none>";
/** The key under which the latest version stands once more. */
const current = "CURRENT";
const columns = ["VERSION", "NAME", "STATE", "CHECKSUM", "STARTED_ON", "COMPLETED_ON", "PREVIOUS", "ERROR_REASON"];

/** The state of migrations on the server: a stream of events, and a table of the latest by version. */
export class Metadata {
  constructor(
    private readonly client: SqlClient,
    private readonly project: Project,
  ) {}

  /** @throws SqlError where the stream or the table is there already */
  async initialize(say: (line: string) => void): Promise<void> {
    const { stream, table, replicas } = this.project;
    const info = (await this.client.get("/info"))["KsqlServerInfo"] as { ksqlServiceId: string };
    const topic = (given: string | null, name: string) => quote(given ?? `${info.ksqlServiceId}ksql_${name}`);
    say("Initializing migrations metadata");
    say(`Creating stream: ${stream}`);
    await this.client.statements({
      sql: `CREATE STREAM ${stream} (VERSION_KEY STRING KEY, ${columns.map((c) => `${c} STRING`).join(", ")})
        WITH (KAFKA_TOPIC=${topic(this.project.streamTopic, stream)}, VALUE_FORMAT='JSON', PARTITIONS=1, REPLICAS=${replicas});`,
    });
    say(`Creating table: ${table}`);
    await this.client.statements({
      sql: `CREATE TABLE ${table} WITH (KAFKA_TOPIC=${topic(this.project.tableTopic, table)}, PARTITIONS=1, REPLICAS=${replicas})
        AS SELECT VERSION_KEY, ${columns.map((c) => `LATEST_BY_OFFSET(${c}) AS ${c}`).join(", ")}
        FROM ${stream} GROUP BY VERSION_KEY EMIT CHANGES;`,
      // without this the table would miss what the stream's topic already holds
      properties: { "auto.offset.reset": "earliest" },
    });
    say("Migrations metadata initialized successfully");
  }

  /** The version that was applied last, whether or not it succeeded. */
  latest(): Promise<Version | undefined> {
    return this.read(current);
  }

  version(version: number | string): Promise<Version | undefined> {
    return this.read(String(version));
  }

  /** Writes the event, and waits until the table has it: the next command reads the table. */
  async record(version: Version): Promise<void> {
    for (const key of [current, version.version]) {
      const values = [
        key,
        version.version,
        version.name,
        version.state,
        version.checksum,
        version.started,
        version.completed,
        version.previous,
        version.error,
      ];
      await this.client.statements({
        sql: `INSERT INTO ${this.project.stream} (VERSION_KEY, ${columns.join(", ")}) VALUES (${values.map(quote).join(", ")});`,
        // without this a `${…}` in an error's text would be taken for a variable
        properties: { "ksql.variable.substitution.enable": "false" },
      });
    }
    for (const end = Date.now() + 30_000; Date.now() < end; await sleep(20)) {
      const read = await this.version(version.version);
      if (read?.state === version.state && read.started === version.started) return;
    }
    throw new MillraceError("TIMEOUT", `${this.project.table} does not show version ${version.version} as ${version.state} after 30 s`);
  }

  async destroy(say: (line: string) => void): Promise<void> {
    const { stream, table } = this.project;
    say("Cleaning migrations metadata stream and table from ksqlDB server");
    for (const query of await this.writers(table)) {
      say(`Terminating query with ID: ${query}`);
      await this.client.statements({ sql: `TERMINATE ${query};` });
    }
    say(`Dropping migrations metadata table: ${table}`);
    await this.client.statements({ sql: `DROP TABLE ${table} DELETE TOPIC;` });
    say(`Dropping migrations metadata stream: ${stream}`);
    await this.client.statements({ sql: `DROP STREAM ${stream} DELETE TOPIC;` });
    say("Migrations metadata cleaned successfully");
  }

  private async writers(source: string): Promise<string[]> {
    const [described] = await this.client.statements({ sql: `DESCRIBE ${source};` });
    const { writeQueries = [] } = (described?.["sourceDescription"] ?? {}) as { writeQueries?: { id: string }[] };
    return writeQueries.map((q) => q.id);
  }

  private async read(key: string): Promise<Version | undefined> {
    const sql = `SELECT ${columns.join(", ")} FROM ${this.project.table} WHERE VERSION_KEY = ${quote(key)};`;
    try {
      for await (const { row } of this.client.select({ sql }))
        if (row) {
          const [version, name, state, checksum, started, completed, previous, error] = row as string[];
          return { version, name, state, checksum, started, completed, previous, error } as Version;
        }
      return undefined;
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      throw new MillraceError(
        "NOT_FOUND",
        `The state of migrations cannot be read from ${this.project.table}: ${error.message} (millrace migrations initialize-metadata creates it)`,
        { cause: error },
      );
    }
  }
}

const quote = (text: string) => `'${text.replaceAll("'", "''")}'`;
