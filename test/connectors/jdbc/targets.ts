import { installed, startMysql } from "../../support/mysql.js";
import { startPostgres } from "../../support/postgres.js";

/** A real database as a target, and what tests of all of them need to say in its own words. */
export interface TargetDatabase {
  readonly port: number;
  readonly url: string;
  readonly user: string;
  readonly password: string;
  query(sql: string): Promise<Record<string, unknown>[]>;
  quote(name: string): string;
  /** The name that an unquoted identifier has. */
  fold(name: string): string;
  /** Ends every connection but the test's own. */
  cutConnections(): Promise<void>;
  /** kill -9 and a new start; the test's own connection is a new one afterwards */
  crash(): Promise<void>;
  stop(): Promise<void>;
}

export interface Target {
  readonly name: string;
  /** its name, or that it is not run and why */
  readonly title: string;
  readonly installed: boolean;
  start(options?: readonly string[]): Promise<TargetDatabase>;
}

const postgres: Target = {
  name: "postgres",
  title: "Postgres",
  installed: true,
  async start() {
    const server = await startPostgres();
    const db = await server.client();
    return {
      port: server.port,
      url: `jdbc:postgresql://127.0.0.1:${server.port}/postgres`,
      user: "postgres",
      password: "postgres",
      query: async (sql) => {
        const result = (await db.query(sql)) as unknown;
        return (Array.isArray(result) ? result[result.length - 1] : result).rows;
      },
      quote: (name) => `"${name}"`,
      fold: (name) => name.toLowerCase(),
      async cutConnections() {
        await db.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'millrace'").catch(() => {});
      },
      crash: () => Promise.reject(new Error("the embedded Postgres is killed in the crash tests")),
      stop: () => server.stop(),
    };
  },
};

function mysqlTarget(flavor: "mysql" | "mariadb", title: string): Target {
  return {
    name: flavor,
    title: installed(flavor) ? title : `${title} (not run: not installed, see test/services/${flavor}.sh)`,
    installed: installed(flavor),
    async start(options = []) {
      const server = await startMysql(flavor, { password: "s3cret", options });
      await server.run("CREATE DATABASE target");
      let db = await server.client("target");
      return {
        port: server.port,
        url: `jdbc:${flavor}://127.0.0.1:${server.port}/target`,
        user: "root",
        password: "s3cret",
        query: async (sql) => (await db.query(sql))[0] as Record<string, unknown>[],
        quote: (name) => `\`${name}\``,
        fold: (name) => name,
        async cutConnections() {
          const [rows] = await db.query("SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND user = 'root'");
          for (const { id } of rows as { id: number }[]) await db.query(`KILL ${id}`).catch(() => {});
        },
        async crash() {
          await server.restart(undefined, "SIGKILL");
          db = await server.client("target");
        },
        stop: () => server.stop(),
      };
    },
  };
}

export const targets: readonly Target[] = [postgres, mysqlTarget("mysql", "MySQL"), mysqlTarget("mariadb", "MariaDB")];
