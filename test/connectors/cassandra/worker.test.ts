import type { Client } from "cassandra-driver";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { cassandraSink } from "../../../src/connectors/cassandra/connector.js";
import { cassandraInstalled, startCassandra, type TestCassandra } from "../../support/cassandra.js";
import { ConnectBed, until } from "../../support/connect.js";
import { newKeyspace } from "./harness.js";

const title = cassandraInstalled
  ? "Cassandra sink under the worker"
  : "Cassandra sink under the worker (not run: no server in .services/cassandra)";

describe.skipIf(!cassandraInstalled)(title, () => {
  let server: TestCassandra;
  let db: Client;
  let bed: ConnectBed;
  let ks: string;
  beforeAll(async () => {
    server = await startCassandra();
    db = await server.client();
  }, 150_000);
  afterAll(async () => {
    await server?.stop();
  }, 60_000);
  beforeEach(async () => {
    ks = await newKeyspace(db);
    await db.execute(`CREATE TABLE ${ks}.counts (id int PRIMARY KEY, name text, short tinyint)`);
    bed = await new ConnectBed().open({ sinks: [cassandraSink], hosts: { map: { "cassandra:9042": `127.0.0.1:${server.port}` } } });
  });
  afterEach(async () => {
    await bed?.remove();
    await db.execute(`DROP KEYSPACE ${ks}`);
  });

  const source = (count: number) => ({ "connector.class": "CountingSource", topic: "counts", count: String(count), as: "chunks" });
  const sink = (extra: Record<string, string> = {}) => ({
    "connector.class": "com.datastax.oss.kafka.sink.CassandraSinkConnector",
    "tasks.max": "1",
    topics: "counts",
    contactPoints: "cassandra",
    "loadBalancing.localDc": "datacenter1",
    "auth.provider": "PLAIN",
    "auth.username": "cassandra",
    "auth.password": "hidden-word",
    [`topic.counts.${ks}.counts.mapping`]: "id=key.id, name=value.name, short=value.id",
    ...extra,
  });
  const ids = async () => (await db.execute(`SELECT id FROM ${ks}.counts`)).rows.map((r) => r["id"] as number).sort((a, b) => a - b);

  it("delivers by its container's name, sets rows aside that do not fit, and keeps its write times with the offsets", async () => {
    await bed.worker.create("count", source(130));
    await bed.worker.create("sink", sink());
    await until("128 rows are there", async () => (await ids()).length === 128, 20_000);
    await until("two are set aside", () => bed.errors.count() === 2);
    const [first] = bed.errors.list();
    expect(first).toMatchObject({ stage: "sink", topic: "counts" });
    await until(
      "the write time is committed",
      async () => {
        const [committed] = await bed.broker.offsetFetch("connect-sink", [{ topic: "counts", partition: 0 }]);
        return (committed?.offset ?? 0) >= 130 && /^\{"writeTime":\d{16}\}$/.test(committed?.metadata ?? "");
      },
      20_000,
    );
    expect((await bed.worker.config("sink"))["auth.password"]).toBe("********");
    expect(bed.log.join("")).not.toContain("hidden-word");
    await db.execute(`ALTER TABLE ${ks}.counts DROP short`);
    await db.execute(`ALTER TABLE ${ks}.counts ADD wide int`);
    await bed.worker.putConfig("sink", sink({ [`topic.counts.${ks}.counts.mapping`]: "id=key.id, name=value.name, wide=value.id" }));
    await until("both fit now", async () => {
      for (const e of bed.errors.list()) await bed.errors.replay(e.id).catch(() => undefined);
      return bed.errors.count() === 0;
    });
    expect(await ids()).toEqual(Array.from({ length: 130 }, (_, i) => i));
  }, 60_000);

  it("works through transforms, and again from the start where its offsets are reset", async () => {
    await bed.worker.create("count", { ...source(20), topic: "raw.counts" });
    await bed.worker.create(
      "sink",
      sink({
        transforms: "to,name",
        "transforms.name.type": "org.apache.kafka.connect.transforms.RegexRouter",
        "transforms.name.regex": "raw\\.(.*)",
        "transforms.name.replacement": "$1",
        topics: "raw.counts",
        "transforms.to.type": "org.apache.kafka.connect.transforms.InsertField$Value",
        "transforms.to.static.field": "s",
        "transforms.to.static.value": "x",
      }),
    );
    await until("20 rows are there", async () => (await ids()).length === 20, 20_000);
    await bed.worker.stop("sink");
    await db.execute(`TRUNCATE ${ks}.counts`);
    await bed.worker.resetOffsets("sink");
    await bed.worker.resume("sink");
    await until("all rows come again", async () => (await ids()).length === 20, 20_000);
  }, 60_000);

  it("is refused with what is wrong in its mapping", async () => {
    await expect(bed.worker.create("sink", sink({ [`topic.counts.${ks}.counts.mapping`]: "id=key.id, oops" }))).rejects.toThrow(
      /mapping: .*at position 16: expected '=' after oops, found the end/,
    );
  }, 60_000);
});
