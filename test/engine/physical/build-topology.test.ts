import { describe, expect, it } from "vitest";
import { silentLogger } from "../../../src/common/logger.js";
import { buildTopology } from "../../../src/engine/physical/build-topology.js";
import { SchemaRegistry } from "../../../src/schema-registry/registry.js";
import { MemorySchemaStore } from "../../../src/schema-registry/store.js";
import { builtInFunctions } from "../../../src/sql/functions/built-in.js";
import { Metastore } from "../../../src/sql/metastore/metastore.js";
import { parse } from "../../../src/sql/parser/parse.js";
import type { QueryPlan } from "../../../src/sql/plan/step.js";
import { planStatement } from "../../../src/sql/planner/plan-statement.js";
import { TopologyTestDriver } from "../../../src/streams/test-driver.js";

async function plan(sql: string): Promise<QueryPlan> {
  let metastore = Metastore.empty;
  let found: QueryPlan | undefined;
  for (const parsed of parse(sql)) {
    const planned = planStatement(parsed, {
      metastore,
      functions: builtInFunctions,
      properties: {},
      nextQueryId: (prefix) => prefix,
      topicPartitions: () => 1,
    });
    if (planned.kind !== "command") throw new Error(planned.kind);
    metastore = planned.metastore;
    if (planned.command && "plan" in planned.command && planned.command.plan) found = planned.command.plan;
  }
  return found!;
}

/** A driver of the last statement's query, and a printer of what it wrote: `key -> value` of JSON topics. */
async function drive(sql: string, properties: Record<string, string> = { "cache.max.bytes.buffering": "0" }, partitions = 1) {
  const registry = await SchemaRegistry.open({ logger: silentLogger, store: new MemorySchemaStore() });
  const built = buildTopology(await plan(sql), { registry, functions: builtInFunctions, properties, partitionsOf: () => partitions });
  const driver = new TopologyTestDriver(built.topology);
  return {
    ...built,
    driver,
    send: (topic: string, key: string | null, value: object | null, timestamp?: number) =>
      driver.pipe(topic, key === null ? null : Buffer.from(key), value === null ? null : Buffer.from(JSON.stringify(value)), timestamp),
    read: (topic: string) =>
      driver.read(topic).map(({ key, value, timestamp }) => `${key?.toString("utf8")} -> ${value?.toString() ?? "null"} @${timestamp}`),
  };
}

const json = "VALUE_FORMAT='JSON', KEY_FORMAT='DELIMITED'";

describe("a table with TTL_MS", () => {
  const sql = (ttl: number) => `CREATE STREAM s (k STRING KEY, a INTEGER) WITH (KAFKA_TOPIC='s', ${json});
    CREATE TABLE o WITH (KAFKA_TOPIC='o', TTL_MS=${ttl}) AS SELECT k, COUNT(*) AS n FROM s GROUP BY k;`;

  it("ends rows by the records' time: each once, and counts anew behind that", async () => {
    const t = await drive(sql(8000));
    await t.send("s", "a", { A: 1 }, 1000);
    await t.send("s", "b", { A: 1 }, 5000);
    await t.send("s", "b", { A: 1 }, 8999);
    expect(t.read("o")).toEqual(['a -> {"N":1} @1000', 'b -> {"N":1} @5000', 'b -> {"N":2} @8999']);
    await t.send("s", "b", { A: 1 }, 9000);
    await t.send("s", "b", { A: 1 }, 9001);
    expect(t.read("o")).toEqual(["a -> null @9000", 'b -> {"N":3} @9000', 'b -> {"N":4} @9001']);
    await t.send("s", "b", { A: 1 }, 17_001);
    await t.send("s", "a", { A: 1 }, 17_001);
    expect(t.read("o")).toEqual(["b -> null @17001", 'b -> {"N":1} @17001', 'a -> {"N":1} @17001']);
    expect(t.driver.store(t.materialization!.store)).toHaveLength(2);
  });

  it("ends rows by the clock while nothing comes", async () => {
    for (const buffer of ["0", "1000"]) {
      const t = await drive(sql(8000), { "cache.max.bytes.buffering": buffer });
      await t.send("s", "a", { A: 1 }, 1000);
      for (let second = 0; second < 8; second++) await t.driver.advance(1000);
      expect(t.read("o")).toEqual(['a -> {"N":1} @1000']);
      for (let second = 0; second < 4; second++) await t.driver.advance(1000);
      expect(t.read("o")).toEqual(["a -> null @9000"]);
    }
  });

  it("does not count the time of a stop", async () => {
    const t = await drive(sql(8000));
    await t.send("s", "a", { A: 1 }, 1000);
    await t.driver.advance(1000);
    await t.driver.advance(3_600_000);
    expect(t.read("o")).toEqual(['a -> {"N":1} @1000']);
  });

  it("of a topic that others write ends for who reads it", async () => {
    const t = await drive(`CREATE TABLE e (k STRING PRIMARY KEY, a INTEGER) WITH (KAFKA_TOPIC='e', TTL_MS=8000, ${json});
      CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT k, a FROM e;`);
    await t.send("e", "a", { A: 1 }, 1000);
    await t.send("e", "b", { A: 2 }, 9500);
    await t.send("e", "b", null, 9600);
    await t.send("e", "c", { A: 3 }, 30_000);
    expect(t.read("o")).toEqual(['a -> {"A":1} @1000', "a -> null @9000", 'b -> {"A":2} @9500', "b -> null @9600", 'c -> {"A":3} @30000']);
  });
});

describe("buildTopology", () => {
  it("filters and projects a stream", async () => {
    const t = await drive(`CREATE STREAM s (k STRING KEY, a INTEGER, b STRING) WITH (KAFKA_TOPIC='s', ${json});
      CREATE STREAM o WITH (KAFKA_TOPIC='o') AS SELECT k, a * 2 AS d, UCASE(b) AS u FROM s WHERE a > 1;`);
    await t.send("s", "x", { A: 1, B: "no" }, 5);
    await t.send("s", "x", { A: 2, B: "yes" }, 6);
    await t.send("s", "y", null, 7);
    expect(t.read("o")).toEqual(['x -> {"D":4,"U":"YES"} @6']);
  });

  it("sets a record aside that does not decode, and goes on", async () => {
    const t = await drive(`CREATE STREAM s (k STRING KEY, a INTEGER) WITH (KAFKA_TOPIC='s', ${json});
      CREATE STREAM o WITH (KAFKA_TOPIC='o') AS SELECT k, a FROM s;`);
    await t.driver.pipe("s", Buffer.from("k"), Buffer.from("{not json"), 1);
    await t.send("s", "k", { A: 3 }, 2);
    expect(t.driver.badRecords).toMatchObject([{ stage: "DESERIALIZATION", topic: "s", partition: 0, offset: 0 }]);
    expect(t.driver.badRecords[0]!.value?.toString()).toBe("{not json");
    expect(t.read("o")).toEqual(['k -> {"A":3} @2']);
  });

  it("takes the record's time from a text of a Java pattern, of what it reads and of what it writes", async () => {
    const t =
      await drive(`CREATE STREAM s (k STRING KEY, at STRING) WITH (KAFKA_TOPIC='s', ${json}, TIMESTAMP='at', TIMESTAMP_FORMAT='yyyy-MM-dd HH:mm');
      CREATE STREAM o WITH (KAFKA_TOPIC='o', TIMESTAMP='later', TIMESTAMP_FORMAT='dd.MM.yyyy xxx') AS
        SELECT k, ROWTIME AS t, '02.01.1970 +01:00' AS later FROM s;`);
    await t.send("s", "k", { AT: "1970-01-01 00:02" }, 7);
    await t.send("s", "k", { AT: "soon" }, 8);
    expect(t.read("o")).toEqual(['k -> {"T":120000,"LATER":"02.01.1970 +01:00"} @82800000']);
    expect(t.driver.badRecords[0]!.cause).toHaveProperty(
      "message",
      "column AT, which holds the record's time, is soon, not of the form yyyy-MM-dd HH:mm",
    );
  });

  it("gives null and a log entry for an expression that fails", async () => {
    const t = await drive(`CREATE STREAM s (k STRING KEY, a INTEGER, b INTEGER) WITH (KAFKA_TOPIC='s', ${json});
      CREATE STREAM o WITH (KAFKA_TOPIC='o') AS SELECT k, a / b AS q, a FROM s;`);
    await t.send("s", "k", { A: 6, B: 0 }, 1);
    await t.send("s", "k", { A: 6, B: 2 }, 2);
    expect(t.read("o")).toEqual(['k -> {"Q":null,"A":6} @1', 'k -> {"Q":3,"A":6} @2']);
    expect(t.driver.processingErrors).toHaveLength(1);
  });

  for (const partitions of [1, 3])
    it(`joins tables and takes rows back from a group, ${partitions === 1 ? "directly" : "through a repartition topic"}`, async () => {
      const t = await drive(
        `CREATE TABLE l (id STRING PRIMARY KEY, a DOUBLE) WITH (KAFKA_TOPIC='l', ${json});
        CREATE TABLE r (id STRING PRIMARY KEY, g STRING) WITH (KAFKA_TOPIC='r', ${json});
        CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT r.g AS g, COUNT(*) AS n, SUM(l.a) AS total FROM l LEFT JOIN r ON l.id = r.id GROUP BY r.g;`,
        undefined,
        partitions,
      );
      await t.send("l", "1", { A: 1.5 }, 1);
      expect(t.read("o")).toEqual([]);
      await t.send("r", "1", { G: "x" }, 2);
      await t.send("l", "2", { A: 2 }, 3);
      await t.send("r", "2", { G: "x" }, 1);
      expect(t.read("o")).toEqual(['x -> {"N":1,"TOTAL":1.5} @2', 'x -> {"N":2,"TOTAL":3.5} @3']);
      await t.send("r", "1", { G: "y" }, 4);
      expect(t.read("o")).toEqual(['x -> {"N":1,"TOTAL":2.0} @4', 'y -> {"N":1,"TOTAL":1.5} @4']);
      await t.send("l", "2", null, 5);
      expect(t.read("o")).toEqual(['x -> {"N":0,"TOTAL":0.0} @5']);
      expect(t.topology.subTopologies()).toHaveLength(partitions === 1 ? 1 : 2);
    });

  it("joins a stream with the table's row of the moment", async () => {
    const t = await drive(`CREATE STREAM s (k STRING KEY, a INTEGER) WITH (KAFKA_TOPIC='s', ${json});
      CREATE TABLE t (k STRING PRIMARY KEY, v STRING) WITH (KAFKA_TOPIC='t', ${json});
      CREATE STREAM o WITH (KAFKA_TOPIC='o') AS SELECT s.k, s.a AS a, t.v AS v FROM s LEFT JOIN t ON s.k = t.k;`);
    await t.send("s", "k", { A: 1 }, 10);
    await t.send("t", "k", { V: "one" }, 11);
    await t.send("s", "k", { A: 2 }, 12);
    expect(t.read("o")).toEqual(['k -> {"A":1,"V":null} @10', 'k -> {"A":2,"V":"one"} @12']);
  });

  it("joins two streams within a window, each pair once, by whichever record comes second", async () => {
    for (const [join, alone] of [
      ["JOIN", []],
      ["LEFT JOIN", ['k -> {"A":1,"B":null} @1000']],
    ] as const) {
      const t = await drive(`CREATE STREAM l (k STRING KEY, a INTEGER) WITH (KAFKA_TOPIC='l', ${json});
        CREATE STREAM r (k STRING KEY, b INTEGER) WITH (KAFKA_TOPIC='r', ${json});
        CREATE STREAM o WITH (KAFKA_TOPIC='o') AS SELECT l.k, l.a AS a, r.b AS b FROM l ${join} r WITHIN 10 SECONDS ON l.k = r.k;`);
      await t.send("l", "k", { A: 1 }, 1_000);
      expect(t.read("o")).toEqual(alone);
      await t.send("r", "k", { B: 7 }, 11_000);
      await t.send("r", "k", { B: 8 }, 11_001);
      await t.send("r", "other", { B: 9 }, 5_000);
      expect(t.read("o")).toEqual(['k -> {"A":1,"B":7} @11000']);
      await t.send("l", "k", { A: 2 }, 9_000);
      expect(t.read("o")).toEqual(['k -> {"A":2,"B":7} @11000', 'k -> {"A":2,"B":8} @11001']);
    }
  });

  it("counts in tumbling and hopping windows, and drops what comes after the grace period", async () => {
    for (const [window, first] of [
      ["TUMBLING (SIZE 10 SECONDS, GRACE PERIOD 5 SECONDS)", 1],
      ["HOPPING (SIZE 10 SECONDS, ADVANCE BY 5 SECONDS, GRACE PERIOD 5 SECONDS)", 2],
    ] as const) {
      const t = await drive(`CREATE STREAM s (k STRING KEY, a INTEGER) WITH (KAFKA_TOPIC='s', ${json});
        CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT k, COUNT(*) AS n FROM s WINDOW ${window} GROUP BY k;`);
      await t.send("s", "k", { A: 1 }, 12_000);
      expect(t.driver.read("o").map(({ key }) => [key!.toString("utf8", 0, 1), key!.readBigInt64BE(1)])).toEqual(
        first === 1
          ? [["k", 10_000n]]
          : [
              ["k", 5_000n],
              ["k", 10_000n],
            ],
      );
      await t.send("s", "k", { A: 1 }, 40_000);
      t.read("o");
      await t.send("s", "k", { A: 1 }, 12_000);
      expect(t.read("o")).toEqual([]);
      expect(t.materialization?.window?.type).toBe(window.slice(0, 7).trim() === "HOPPING" ? "HOPPING" : "TUMBLING");
    }
  });

  it("lets sessions grow and become one", async () => {
    const t = await drive(`CREATE STREAM s (k STRING KEY, a INTEGER) WITH (KAFKA_TOPIC='s', ${json});
      CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT k, COUNT(*) AS n, SUM(a) AS total FROM s WINDOW SESSION (10 SECONDS, GRACE PERIOD 1 MINUTE) GROUP BY k;`);
    const read = () =>
      t.driver.read("o").map(({ key, value }) => {
        const end = key!.length;
        return `${key!.readBigInt64BE(end - 8)}..${key!.readBigInt64BE(end - 16)} ${value?.toString() ?? "gone"}`;
      });
    await t.send("s", "k", { A: 1 }, 1_000);
    await t.send("s", "k", { A: 2 }, 20_000);
    expect(read()).toEqual(['1000..1000 {"N":1,"TOTAL":1}', '20000..20000 {"N":1,"TOTAL":2}']);
    await t.send("s", "k", { A: 4 }, 10_500);
    expect(read()).toEqual(["1000..1000 gone", "20000..20000 gone", '1000..20000 {"N":3,"TOTAL":7}']);
    await t.send("s", "k", { A: 8 }, 20_000);
    expect(read()).toEqual(["1000..20000 gone", '1000..20000 {"N":4,"TOTAL":15}']);
    await t.send("s", "k", { A: 1 }, 200_000);
    read();
    await t.send("s", "k", { A: 1 }, 100_000);
    expect(read()).toEqual([]);
  });

  it("finds a table's rows for pull queries through HAVING and the select list", async () => {
    const t = await drive(`CREATE STREAM s (k STRING KEY, a INTEGER) WITH (KAFKA_TOPIC='s', ${json});
      CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT k, SUM(a) * 10 AS ten FROM s GROUP BY k HAVING COUNT(*) > 1;`);
    await t.send("s", "x", { A: 1 }, 1);
    await t.send("s", "y", { A: 2 }, 2);
    await t.send("s", "y", { A: 3 }, 3);
    const { store, rowOf } = t.materialization!;
    expect(
      t.driver
        .store(store)
        .flatMap(({ row, timestamp }) => [rowOf(row, timestamp)?.slice(0, 2)])
        .filter(Boolean),
    ).toEqual([["y", 50]]);
  });

  it("decodes only the columns that the query looks at", async () => {
    const built = await drive(`CREATE STREAM s (k STRING KEY, a INTEGER, b STRING, c DOUBLE) WITH (KAFKA_TOPIC='s', ${json});
      CREATE STREAM o WITH (KAFKA_TOPIC='o') AS SELECT k, c FROM s;`);
    // B would not decode as its type, but nobody looks at it.
    await built.send("s", "k", { A: 1, B: { deep: true }, C: 2.5 }, 1);
    expect(built.driver.badRecords).toEqual([]);
    expect(built.read("o")).toEqual(['k -> {"C":2.5} @1']);
  });

  it("refuses a plan of another version", async () => {
    const registry = await SchemaRegistry.open({ logger: silentLogger, store: new MemorySchemaStore() });
    const broken = { version: 99, queryId: "q", sources: [], sink: null, root: {} } as unknown as QueryPlan;
    expect(() => buildTopology(broken, { registry, functions: builtInFunctions })).toThrow(/version 99/);
  });
});
