import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type pg from "pg";

const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

export interface Ports {
  readonly kafka: number;
  readonly registry: number;
  readonly restProxy: number;
  readonly connect: number;
  readonly sql: number;
  readonly console: number;
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** `start` if absent; or `up FILE` */
  readonly command?: readonly string[];
}

export const freePorts = ["kafka", "registry", "rest-proxy", "connect", "sql", "console"].flatMap((name) => [`--${name}-port`, "0"]);

/** `millrace …` as a process of its own, to its end. */
export async function millrace(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const child = launch(args, options);
  let stdout = "";
  let stderr = "";
  child.stdout!.on("data", (chunk) => (stdout += chunk));
  child.stderr!.on("data", (chunk) => (stderr += chunk));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, stdout, stderr };
}

function launch(args: readonly string[], options: RunOptions): ChildProcess {
  if (!existsSync(main)) throw new Error("dist/main.js is missing: npm run build comes first");
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(MILLRACE|CONNECT|KSQL)_/.test(name)));
  return spawn(process.execPath, [main, ...args], {
    env: { ...env, NO_COLOR: "1", ...options.env },
    cwd: options.cwd ?? tmpdir(),
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** A `millrace start` that is ready, on ports that the system picked. */
export class MillraceProcess {
  /** Everything that it wrote to stdout and stderr. */
  output = "";
  ports!: Ports;
  private readonly ended: Promise<number | null>;

  private constructor(private readonly child: ChildProcess) {
    for (const stream of [child.stdout!, child.stderr!]) stream.on("data", (chunk) => (this.output += chunk));
    this.ended = new Promise((resolve) => child.once("close", resolve));
  }

  /** Without `dir` the folder and the ports are what the settings say. */
  static async start(dir: string | undefined, args: readonly string[] = [], options: RunOptions = {}): Promise<MillraceProcess> {
    const own = dir === undefined ? [] : ["--dir", dir, ...freePorts];
    const child = launch([...(options.command ?? ["start"]), ...own, "--log-format", "json", ...args], options);
    const started = new MillraceProcess(child);
    await until(
      "millrace is ready",
      () => {
        const line = started.output.split("\n").find((l) => l.includes('"ready"') && l.endsWith("}"));
        if (line) started.ports = JSON.parse(line) as Ports;
        else if (child.exitCode !== null) throw new Error(`millrace start ended with ${child.exitCode}: ${started.output}`);
        return line !== undefined;
      },
      20_000,
    );
    return started;
  }

  get pid(): number {
    return this.child.pid!;
  }

  url(surface: keyof Ports): string {
    return `http://127.0.0.1:${this.ports[surface]}`;
  }

  async call<T = Record<string, unknown>>(surface: keyof Ports, method: string, path: string, body?: unknown): Promise<Answer<T>> {
    const response = await fetch(this.url(surface) + path, {
      method,
      ...(body === undefined
        ? {}
        : { headers: { "content-type": "application/json" }, body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      json = undefined;
    }
    return { status: response.status, text, json: json as T };
  }

  /** Statements through `/ksql`. @throws Error where the answer is not 200 */
  async ksql(statements: string, properties: Record<string, string> = {}): Promise<Record<string, unknown>[]> {
    const answer = await this.call<Record<string, unknown>[]>("sql", "POST", "/ksql", { ksql: statements, streamsProperties: properties });
    if (answer.status !== 200) throw new Error(`${statements}: ${answer.status} ${answer.text}`);
    return answer.json;
  }

  /** The rows of a pull query through `/query-stream`. */
  async rows(sql: string): Promise<unknown[][]> {
    const answer = await this.call("sql", "POST", "/query-stream", { sql });
    const [header, ...rows] = answer.text.trim().split("\n");
    if (answer.status !== 200 || !header?.includes("columnNames")) throw new Error(`${sql}: ${answer.status} ${answer.text}`);
    return rows.map((row) => JSON.parse(row) as unknown[]);
  }

  async createConnector(body: unknown): Promise<void> {
    const answer = await this.call("connect", "POST", "/connectors", body);
    if (answer.status !== 201) throw new Error(`POST /connectors: ${answer.status} ${answer.text}`);
  }

  /** Resolves when a task of the connector runs; fails with its trace where it failed. */
  async running(name: string): Promise<void> {
    await until(`${name} runs`, async () => {
      const { json } = await this.call<Status>("connect", "GET", `/connectors/${name}/status`);
      const failed = json.tasks?.find((task) => task.state === "FAILED");
      if (failed) throw new Error(`${name} failed: ${failed.trace}`);
      return json.tasks?.some((task) => task.state === "RUNNING") ?? false;
    });
  }

  cli(args: readonly string[]): Promise<Ran> {
    const surface = { sql: "sql", topics: "sql", connectors: "connect", errors: "console", backup: "console" }[args[0]!] as keyof Ports;
    const [command, ...rest] = args;
    return millrace(command === "sql" ? [command, this.url(surface), ...rest] : [command!, ...rest, "--url", this.url(surface)]);
  }

  /** SIGTERM; the exit code. */
  async stop(): Promise<number | null> {
    this.child.kill("SIGTERM");
    return this.ended;
  }

  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.ended;
  }
}

export interface Answer<T> {
  readonly status: number;
  readonly text: string;
  readonly json: T;
}

export interface Status {
  readonly connector: { readonly state: string };
  readonly tasks?: readonly { readonly id: number; readonly state: string; readonly trace?: string }[];
}

/** Polls until the test holds; its last error is told where it never does. */
export async function until(what: string, test: () => boolean | Promise<boolean>, ms = 20_000): Promise<void> {
  for (const end = Date.now() + ms; !(await test()); await new Promise((resolve) => setTimeout(resolve, 20)))
    if (Date.now() > end) throw new Error(`timed out waiting until ${what}`);
}

/** Polls a query until its rows equal these; shows the last ones where they never do. */
export async function untilRows(client: pg.Client, sql: string, expected: readonly unknown[], ms = 20_000): Promise<void> {
  let last: unknown;
  const wanted = JSON.stringify(expected);
  try {
    await until(
      sql,
      async () => {
        try {
          last = (await client.query(sql)).rows;
        } catch (error) {
          last = (error as Error).message; // the sink makes its table with the first rows
        }
        return JSON.stringify(last) === wanted;
      },
      ms,
    );
  } catch {
    throw new Error(`${sql} gives ${JSON.stringify(last)}, not ${wanted}`);
  }
}

/** A folder that is gone after the test file. */
export function temporary(prefix: string): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `millrace-${prefix}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** A Debezium source's config, for tables whose key is `id`, for a database of the test's own Postgres. */
export function sourceConfig(port: number, database: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
    "plugin.name": "pgoutput",
    "database.hostname": "127.0.0.1",
    "database.port": String(port),
    "database.user": "postgres",
    "database.password": "postgres",
    "database.dbname": database,
    "topic.prefix": database,
    "slot.name": `slot_${database}`,
    "publication.name": `publication_${database}`,
    transforms: "unwrap,key",
    "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
    // a bare key, which streaming SQL takes as a column: Debezium's own is a struct
    "transforms.key.type": "org.apache.kafka.connect.transforms.ExtractField$Key",
    "transforms.key.field": "id",
    ...more,
  };
}

/** A JDBC sink's config for a database of the test's own Postgres. */
export function sinkConfig(port: number, database: string, topics: string, more: Readonly<Record<string, string>> = {}) {
  return {
    "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
    topics,
    "connection.url": `jdbc:postgresql://127.0.0.1:${port}/${database}`,
    "connection.username": "postgres",
    "connection.password": "postgres",
    "insert.mode": "upsert",
    "delete.enabled": "true",
    "primary.key.mode": "record_key",
    "primary.key.fields": "id",
    "schema.evolution": "basic",
    ...more,
  };
}

export const exampleFile = (name: string): string => readFileSync(new URL(`../../examples/admissions/${name}`, import.meta.url), "utf8");
