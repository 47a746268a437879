import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Service } from "../../src/embed/service.js";
import { TopicProducer } from "../../src/embed/topic-producer.js";
import { serdes } from "../../src/serde/serdes.js";
import { StreamsBuilder } from "../../src/streams/dsl/streams-builder.js";
import { freePort } from "../support/postgres.js";
import { MillraceProcess } from "./process.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const kafka = join(root, ".services", "kafka");
const script = (action: string, port: number) =>
  execFileSync("bash", [join(root, "test/services/kafka.sh"), action, kafka, String(port)], { stdio: "ignore" });
const installed = existsSync(join(kafka, "lib"));

describe.skipIf(!installed)(`millrace start --bootstrap-servers${installed ? "" : " (Apache Kafka is not in .services/kafka)"}`, () => {
  const dir = mkdtempSync(join(tmpdir(), "millrace-cluster-"));
  const lines = join(dir, "in.txt");
  let port = 0;
  let millrace: MillraceProcess | undefined;

  const start = () => MillraceProcess.start(join(dir, "data"), ["--bootstrap-servers", `127.0.0.1:${port}`]);
  const write = (from: number, count: number) =>
    appendFileSync(
      lines,
      Array.from({ length: count }, (_, i) => `${JSON.stringify({ id: from + i, name: `n${(from + i) % 7}`, amount: from + i })}\n`).join(
        "",
      ),
    );
  /** of all lines up to `count`: `[name, number, sum]` */
  const totals = (count: number) =>
    Array.from({ length: 7 }, (_, name) => {
      const amounts = Array.from({ length: count }, (_, i) => i).filter((i) => i % 7 === name);
      return [`n${name}`, amounts.length, amounts.reduce((a, b) => a + b, 0)];
    });
  const found = async () =>
    (await millrace!.rows("SELECT name, n, total FROM totals;")).sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));

  beforeAll(async () => {
    port = await freePort();
    script("start", port);
  }, 120_000);

  afterAll(async () => {
    await millrace?.stop();
    if (port) script("stop", port);
    rmSync(join(kafka, "instances", String(port)), { recursive: true, force: true });
    rmSync(dir, { recursive: true, force: true });
  });

  it("keeps topics, state and offsets of connectors and queries on the cluster, through kill -9", async () => {
    write(0, 700);
    millrace = await start();
    expect(millrace.ports.kafka).toBe(port);
    await millrace.createConnector({
      name: "lines",
      config: {
        "connector.class": "FileStreamSource",
        file: lines,
        topic: "lines",
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.storage.StringConverter",
      },
    });
    await millrace.ksql(
      `CREATE STREAM lines (id INT, name VARCHAR, amount INT) WITH (KAFKA_TOPIC='lines', VALUE_FORMAT='JSON', PARTITIONS=1);
       CREATE TABLE totals WITH (VALUE_FORMAT='AVRO') AS SELECT name, COUNT(*) AS n, SUM(amount) AS total FROM lines GROUP BY name EMIT CHANGES;`,
      { "auto.offset.reset": "earliest" },
    );
    await expect.poll(found, { timeout: 60_000 }).toEqual(totals(700));
    await millrace.kill();
    write(700, 700);
    // The data folder holds no log: the secrets' key and the queries' snapshots alone.
    expect(existsSync(join(dir, "data", "log"))).toBe(false);
    millrace = await start();
    await expect.poll(() => found().catch(() => []), { timeout: 60_000 }).toEqual(totals(1400));
  }, 180_000);

  it("lets a service of its own run on the same cluster", async () => {
    const connection = {
      "bootstrap.servers": `127.0.0.1:${port}`,
      "schema.registry.url": millrace!.url("registry"),
      "state.dir": join(dir, "services"),
      "log.level": "error",
    } as const;
    const words = await TopicProducer.open({ ...connection, topic: "words", key: serdes.string, value: serdes.string, partitions: 2 });
    for (let i = 0; i < 300; i++) await words.send(`${i}`, `w${i % 5}`);
    await words.close();
    const topology = new StreamsBuilder();
    topology
      .stream("words", { key: serdes.string, value: serdes.string })
      .groupBy((_key, word) => word, { name: "by-word", key: serdes.string })
      .count({ store: "counts" });
    const service = await new Service({ ...connection, "application.id": "word-counts", topology }).start();
    await service.drained();
    expect(new Map(service.store<string, number>("counts").all())).toEqual(new Map([0, 1, 2, 3, 4].map((i) => [`w${i}`, 60])));
    await service.close();
  }, 60_000);
});
