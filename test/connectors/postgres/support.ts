import type pg from "pg";
import type { SourceOffset } from "../../../src/connect/api/record.js";
import { postgresSource } from "../../../src/connectors/postgres/connector.js";
import type { TestPostgres } from "../../support/postgres.js";
import { SourceDriver } from "../../support/source-driver.js";

let number = 0;

/** A database of its own on the server, and drivers of the source on it. */
export class PostgresBed {
  private constructor(
    readonly server: TestPostgres,
    readonly db: pg.Client,
    readonly name: string,
  ) {}
  private readonly drivers: SourceDriver[] = [];

  static async open(server: TestPostgres, sql = ""): Promise<PostgresBed> {
    const name = `t${process.pid}_${++number}`;
    await server.createDatabase(name);
    const db = await server.client(name);
    if (sql) await db.query(sql);
    return new PostgresBed(server, db, name);
  }

  config(more: Record<string, string> = {}): Record<string, string> {
    return {
      "database.hostname": "127.0.0.1",
      "database.port": String(this.server.port),
      "database.user": "postgres",
      "database.password": "postgres",
      "database.dbname": this.name,
      "topic.prefix": "s",
      "slot.name": `slot_${this.name}`,
      "publication.name": "pub",
      "plugin.name": "pgoutput",
      ...more,
    };
  }

  async driver(more: Record<string, string> = {}, stored?: SourceOffset): Promise<SourceDriver> {
    const driver = await new SourceDriver(postgresSource, this.config(more), stored).start();
    this.drivers.push(driver);
    return driver;
  }

  /** Polls until the source streams. */
  async streaming(driver: SourceDriver): Promise<void> {
    await driver.until("it streams", async () => {
      const { rows } = await this.db.query("SELECT active FROM pg_replication_slots WHERE slot_name = $1", [`slot_${this.name}`]);
      return rows[0]?.active === true && driver.polls > 1 && !String(driver.stored?.["snapshot_completed"]).includes("false");
    });
  }

  async slot(): Promise<{ confirmed: string; active: boolean } | undefined> {
    const { rows } = await this.db.query("SELECT confirmed_flush_lsn AS confirmed, active FROM pg_replication_slots WHERE slot_name = $1", [
      `slot_${this.name}`,
    ]);
    return rows[0];
  }

  /** The server needs a moment to see that a connection is gone. */
  async dropSlot(): Promise<void> {
    for (let i = 0; ; i++)
      try {
        await this.db.query("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1", [
          `slot_${this.name}`,
        ]);
        return;
      } catch (e) {
        if (i === 30) throw e;
        await new Promise((r) => setTimeout(r, 100));
      }
  }

  async close(): Promise<void> {
    for (const d of this.drivers) await d.kill().catch(() => {});
    await this.dropSlot().catch(() => {});
  }
}
