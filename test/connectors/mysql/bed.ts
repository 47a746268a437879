import type mysql from "mysql2/promise";
import type { SourceOffset } from "../../../src/connect/api/record.js";
import { mariadbSource, mysqlSource } from "../../../src/connectors/mysql/connector.js";
import type { TestMysql } from "../../support/mysql.js";
import { SourceDriver } from "../../support/source-driver.js";

let number = 0;
let serverId = 81_000;

/** A database of its own on the server, and drivers of the source on it. */
export class MysqlBed {
  private readonly drivers: SourceDriver[] = [];

  private constructor(
    readonly server: TestMysql,
    readonly db: mysql.Connection,
    readonly name: string,
  ) {}

  static async open(server: TestMysql, ...statements: string[]): Promise<MysqlBed> {
    const name = `t${process.pid}_${++number}`;
    await server.run(`CREATE DATABASE ${name}`);
    const db = await server.client(name);
    for (const s of statements) await db.query(s);
    return new MysqlBed(server, db, name);
  }

  config(more: Record<string, string> = {}): Record<string, string> {
    return {
      "database.hostname": "127.0.0.1",
      "database.port": String(this.server.port),
      "database.user": "root",
      "database.password": "",
      "database.server.id": String(++serverId),
      "topic.prefix": "s",
      "database.include.list": this.name,
      "include.schema.changes": "false",
      ...more,
    };
  }

  async sql(...statements: string[]): Promise<void> {
    for (const s of statements) await this.db.query(s);
  }

  /** @param after a driver whose offset and own topics the new one goes on with */
  async driver(more: Record<string, string> = {}, after?: SourceDriver | SourceOffset): Promise<SourceDriver> {
    const source = this.server.flavor === "mysql" ? mysqlSource : mariadbSource;
    const stored = after instanceof SourceDriver ? after.stored : after;
    const driver = new SourceDriver(source, this.config(more), stored);
    if (after instanceof SourceDriver) driver.topics = after.topics;
    this.drivers.push(driver);
    return driver.start();
  }

  /** Polls until the snapshot is over and the source streams. */
  async streaming(driver: SourceDriver): Promise<void> {
    await driver.until("it streams", async () => {
      const [rows] = await this.db.query(
        "SELECT 1 FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%' AND STATE LIKE '%has sent all binlog%'",
      );
      return driver.polls > 1 && (rows as unknown[]).length > 0;
    });
  }

  /** Breaks all connections that read the binlog. */
  async killDumps(): Promise<void> {
    const [rows] = await this.db.query("SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'");
    for (const { ID } of rows as { ID: number }[]) await this.db.query(`KILL ${ID}`).catch(() => {});
  }

  topic(table: string): string {
    return `s.${this.name}.${table}`;
  }

  async close(): Promise<void> {
    for (const d of this.drivers) await d.kill().catch(() => {});
    await this.db.query(`DROP DATABASE IF EXISTS ${this.name}`).catch(() => {});
  }
}
