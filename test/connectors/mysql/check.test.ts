import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mariadbSource, mysqlSource } from "../../../src/connectors/mysql/connector.js";
import { readOffset, writeOffset } from "../../../src/connectors/mysql/offsets.js";
import { readSettings } from "../../../src/connectors/mysql/settings.js";
import { type Flavor, installed, startMysql, type TestMysql } from "../../support/mysql.js";

const context = { resolveHost: (host: string, port: number) => ({ host, port }) };
const base = {
  "database.hostname": "127.0.0.1",
  "database.port": "1",
  "database.user": "root",
  "topic.prefix": "s",
};

describe("settings", () => {
  test("the keys of older versions are read", () => {
    const s = readSettings(
      {
        "database.hostname": "mysql",
        "database.user": "root",
        "database.password": "mysql",
        "database.server.id": "111111",
        "database.server.name": "_mysql_",
        "database.whitelist": "main",
        "table.whitelist": "main.a",
        "snapshot.mode": "schema_only",
        "database.history.kafka.bootstrap.servers": "broker-1:9092,broker-2:9092",
        "database.history.kafka.topic": "dbhistory._mysql_",
        "include.schema.changes": "true",
      },
      "mysql",
    );
    expect(s).toMatchObject({
      prefix: "_mysql_",
      snapshotMode: "no_data",
      historyTopic: "dbhistory._mysql_",
      schemaChanges: true,
      port: 3306,
    });
    expect(s.config.list("database.include.list")).toEqual(["main"]);
    expect(s.config.list("table.include.list")).toEqual(["main.a"]);
  });

  test.each([
    [{ "snapshot.mode": "custom" }, "snapshot.mode"],
    [{ "snapshot.locking.mode": "minimal_percona" }, "snapshot.locking.mode"],
    [{ "snapshot.locking.mode": "custom" }, "snapshot.locking.mode"],
    [{ "database.include.list": "a", "database.exclude.list": "b" }, "database.exclude.list"],
    [{ "table.include.list": "a(" }, "table.include.list"],
    [{ "gtid.source.includes": "a", "gtid.source.excludes": "b" }, "gtid.source.excludes"],
    [{ "database.server.id": "0" }, "database.server.id"],
    [{ "time.precision.mode": "sundial" }, "time.precision.mode"],
  ])("%j names its setting", (more, setting) => {
    expect(() => readSettings({ ...base, ...more }, "mysql")).toThrow(setting);
  });

  test("offsets of one's own and Debezium's are read; others are refused", () => {
    const debezium = {
      transaction_id: null,
      ts_sec: 1700000000,
      file: "binlog.000003",
      pos: 157,
      gtids: "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5",
      server_id: 1,
    };
    const read = readOffset(debezium);
    expect(read.position).toMatchObject({ file: "binlog.000003", pos: 157, gtids: debezium.gtids, events: 0 });
    expect(readOffset(JSON.parse(JSON.stringify(writeOffset({}, read))))).toEqual(read);
    expect(() => readOffset({ pos: 4 })).toThrow(/file/);
    expect(() => readOffset({ file: "binlog.000001", pos: "x" })).toThrow(/pos/);
    expect(() => mysqlSource.checkOffsets!([{ partition: { other: "x" }, offset: null }])).toThrow(/server/);
  });
});

for (const flavor of ["mysql", "mariadb"] as Flavor[])
  describe.skipIf(!installed(flavor))(`checks of ${flavor} (needs .services/${flavor})`, () => {
    let server: TestMysql;
    const source = flavor === "mysql" ? mysqlSource : mariadbSource;
    const config = (more: Record<string, string> = {}) => ({ ...base, "database.port": String(server.port), ...more });
    beforeAll(async () => {
      server = await startMysql(flavor);
      await server.run("CREATE USER 'reader'@'%' IDENTIFIED BY 'secret-9'", "GRANT SELECT ON *.* TO 'reader'@'%'");
    }, 120_000);
    afterAll(() => server?.stop());

    test("a config that works has no problem", async () => {
      expect(await source.check!(config(), context)).toEqual([]);
    });

    test.each([
      [{ "database.port": "1" }, "database.hostname", /Cannot connect/],
      [{ "database.user": "reader", "database.password": "wrong-7" }, "database.user", /reader/],
      [{ "database.user": "reader", "database.password": "secret-9" }, "database.user", /REPLICATION SLAVE/],
      [{ "signal.data.collection": "no.such" }, "signal.data.collection", /does not exist/],
      [{ "database.ssl.truststore": "/no/such.pem", "database.ssl.mode": "verify_ca" }, "database.ssl.truststore", /cannot read/],
    ])("%j", async (more, setting, message) => {
      const problems = await source.check!(config(more as unknown as Record<string, string>), context);
      expect(problems[0]).toMatchObject({ setting, message: expect.stringMatching(message) });
      expect(JSON.stringify(problems)).not.toMatch(/secret-9|wrong-7/);
    });

    test("the other connector's class is named", async () => {
      const other = flavor === "mysql" ? mariadbSource : mysqlSource;
      const [problem] = await other.check!(config(), context);
      expect(problem).toMatchObject({
        setting: "connector.class",
        message: expect.stringContaining(flavor === "mysql" ? "MySqlConnector" : "MariaDbConnector"),
      });
    });
  });
