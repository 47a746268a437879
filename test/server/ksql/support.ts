import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readToEnd } from "../../../src/broker/api/reader.js";
import { EmbeddedBroker } from "../../../src/broker/embedded/embedded-broker.js";
import { createLogger, type Logger, silentLogger } from "../../../src/common/logger.js";
import { Metrics } from "../../../src/common/metrics.js";
import { Engine } from "../../../src/engine/engine.js";
import { ErrorStore } from "../../../src/errors/error-store.js";
import { RecordBatchBuilder } from "../../../src/protocol/record-batch-builder.js";
import { RecordCursor } from "../../../src/protocol/record-cursor.js";
import { SchemaRegistry } from "../../../src/schema-registry/registry.js";
import { registerKsqlRoutes } from "../../../src/server/ksql/routes.js";
import { type Listener, listen } from "../../../src/server/listen.js";

type Json = Record<string, unknown>;

/** The SQL server on a port of its own, over an embedded broker and registry in a folder that `restart` keeps. */
export class SqlServer {
  broker!: EmbeddedBroker;
  registry!: SchemaRegistry;
  errors!: ErrorStore;
  engine!: Engine;
  private listener!: Listener;

  private constructor(
    readonly dir: string,
    private readonly config: Record<string, string>,
  ) {}

  static async start(config: Record<string, string> = {}): Promise<SqlServer> {
    const server = new SqlServer(await mkdtemp(join(tmpdir(), "millrace-sql-")), config);
    await server.open();
    return server;
  }

  get url(): string {
    return this.listener.url;
  }

  private async open(): Promise<void> {
    const logger: Logger = process.env["TEST_LOG"] ? createLogger({ format: "text" }) : silentLogger;
    const metrics = new Metrics();
    this.broker = await EmbeddedBroker.open({ dir: join(this.dir, "log"), logger, metrics });
    this.registry = await SchemaRegistry.open({ broker: this.broker, logger });
    this.errors = await ErrorStore.open({ broker: this.broker, metrics });
    this.engine = await Engine.open({
      broker: this.broker,
      registry: this.registry,
      errors: this.errors,
      stateDir: join(this.dir, "state"),
      logger,
      metrics,
      config: this.config,
    });
    this.listener = await listen((app) => registerKsqlRoutes(app, this.engine), { port: 0, logger, http2: true });
  }

  private async shut(): Promise<void> {
    await this.listener.close(100);
    await this.engine.close();
    await this.broker.close();
  }

  async restart(): Promise<void> {
    await this.shut();
    await this.open();
  }

  async close(): Promise<void> {
    await this.shut();
    await rm(this.dir, { recursive: true, force: true });
  }

  async post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<{ status: number; body: unknown; text: string }> {
    const response = await fetch(`${this.url}${path}`, {
      method: "POST",
      body: typeof body === "string" ? body : JSON.stringify(body),
      headers: { "content-type": "application/vnd.ksql.v1+json; charset=utf-8", ...headers },
    });
    const text = await response.text();
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      parsed = undefined;
    }
    return { status: response.status, body: parsed, text };
  }

  /** Entities of a request that must succeed. */
  async ksql(ksql: string, extra: Json = {}): Promise<Json[]> {
    const { status, body, text } = await this.post("/ksql", { ksql, ...extra });
    if (status !== 200) throw new Error(`${status}: ${text}`);
    return body as Json[];
  }

  /** The error of a request that must fail. */
  async refused(ksql: string, extra: Json = {}): Promise<Json> {
    const { status, body, text } = await this.post("/ksql", { ksql, ...extra });
    if (status === 200) throw new Error(`was not refused: ${text}`);
    return { status, ...(body as Json) };
  }

  /** The items of /query's array. */
  async query(ksql: string, streamsProperties: Json = {}): Promise<Json[]> {
    const { status, body, text } = await this.post("/query", { ksql, streamsProperties });
    if (status !== 200 || !body) throw new Error(`${status}: ${text}`);
    return body as Json[];
  }

  /** The rows of a pull query. */
  async rows(sql: string): Promise<unknown[][]> {
    const items = await this.query(sql);
    const wrong = items.find((i) => i["errorMessage"]);
    if (wrong) throw new Error(JSON.stringify(wrong));
    return items.filter((i) => i["row"]).map((i) => (i["row"] as { columns: unknown[] }).columns);
  }

  /** Asks until the rows are as they should be, or fails with the last ones. */
  async eventually(sql: string, check: (rows: unknown[][]) => boolean, timeoutMs = 10_000): Promise<unknown[][]> {
    const until = Date.now() + timeoutMs;
    for (;;) {
      let rows: unknown[][] = [];
      let failure: unknown;
      try {
        rows = await this.rows(sql);
      } catch (error) {
        failure = error;
      }
      if (!failure && check(rows)) return rows;
      if (Date.now() > until) throw failure ?? new Error(`last rows of ${sql}: ${JSON.stringify(rows)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async produce(
    topic: string,
    records: readonly { key?: string | null; value: string | null; timestamp?: number }[],
    partition = 0,
  ): Promise<void> {
    const builder = new RecordBatchBuilder();
    for (const r of records)
      builder.append(r.timestamp ?? Date.now(), r.key == null ? null : Buffer.from(r.key), r.value === null ? null : Buffer.from(r.value));
    const [result] = await this.broker.produce({ acks: "all", batches: [{ topic, partition, batch: builder.finish() }] });
    if (result!.error) throw result!.error;
  }

  /** Keys and values of a topic, as text. */
  async read(topic: string): Promise<{ key: string | null; value: string | null; timestamp: number }[]> {
    const out: { key: string | null; value: string | null; timestamp: number }[] = [];
    const cursor = new RecordCursor();
    await readToEnd(this.broker, topic, "read_committed", (batch) => {
      cursor.open(batch);
      while (cursor.next()) {
        const { bytes, keyStart, keyEnd, valueStart, valueEnd, timestamp } = cursor;
        out.push({
          key: keyStart < 0 ? null : bytes.toString("utf8", keyStart, keyEnd),
          value: valueStart < 0 ? null : bytes.toString("utf8", valueStart, valueEnd),
          timestamp,
        });
      }
    });
    return out;
  }
}

/** The lines of a streaming answer, as they come. */
export async function* streamLines(
  url: string,
  path: string,
  body: unknown,
  signal: AbortSignal,
  accept = "application/vnd.ksqlapi.delimited.v1",
): AsyncGenerator<string> {
  const response = await fetch(`${url}${path}`, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", accept },
    signal,
  });
  if (response.status !== 200) throw new Error(await response.text());
  const decoder = new TextDecoder();
  let pending = "";
  for await (const chunk of response.body!) {
    const parts = (pending + decoder.decode(chunk, { stream: true })).split("\n");
    pending = parts.pop()!;
    yield* parts.filter((p) => p !== "");
  }
  if (pending) yield pending;
}
