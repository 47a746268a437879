import { describe, expect, test } from "vitest";
import { installed, startMysql } from "./mysql.js";

describe.each(["mysql", "mariadb"] as const)("a real %s for tests", (flavor) => {
  test.skipIf(!installed(flavor))(
    `starts with options, keeps its data over a restart and goes away${installed(flavor) ? "" : " (not run: not installed)"}`,
    async () => {
      const server = await startMysql(flavor, { options: ["--binlog-row-image=MINIMAL"], password: "secret" });
      try {
        await server.run("create database d", "create table d.t (i bigint)", "insert into d.t values (9007199254740993)");
        await server.restart(["--binlog-row-image=NOBLOB"]);
        const client = await server.client("d");
        const [rows] = await client.query("select i, @@global.binlog_row_image as image from t");
        expect(rows).toEqual([{ i: "9007199254740993", image: "NOBLOB" }]);
      } finally {
        await server.stop();
      }
    },
    120_000,
  );
});
