// A Millrace in this process over a bench Postgres, and what the pipeline benches ask of it.
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Millrace } from "../dist/embed/millrace.js";

export const SCALE = Number(process.env.BENCH_SCALE ?? 1);

/** The row of the figures: bigint key, int, text, numeric(12,2), timestamptz, boolean, varchar(20). */
export const columns = "id bigint PRIMARY KEY, a int, t text, n numeric(12,2), ts timestamptz, b boolean, v varchar(20)";
export const rows = (from, to) =>
  `SELECT i, i % 100000, 'some text of row ' || i, (i % 1000000) / 100.0, timestamptz '2026-01-01' + i * interval '1 second', i % 2 = 0, 'v' || i % 1000 FROM generate_series(${from}::bigint, ${to}::bigint) i`;

export const converters = {
  avro: {
    "key.converter": "io.confluent.connect.avro.AvroConverter",
    "key.converter.schema.registry.url": "http://schema-registry:8081",
    "value.converter": "io.confluent.connect.avro.AvroConverter",
    "value.converter.schema.registry.url": "http://schema-registry:8081",
  },
  json: {
    "key.converter": "org.apache.kafka.connect.json.JsonConverter",
    "key.converter.schemas.enable": "false",
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter.schemas.enable": "false",
  },
};

export async function startMillrace(postgresPort) {
  const dir = mkdtempSync(join(tmpdir(), "millrace-bench-data-"));
  const millrace = await Millrace.start({
    dir,
    ports: { kafka: 0, registry: 0, restProxy: 0, connect: 0, sql: 0, console: 0 },
    hosts: { postgres: `127.0.0.1:${postgresPort}` },
    logLevel: "error",
  });
  const connect = `http://127.0.0.1:${millrace.ports.connect}/connectors`;
  const call = async (method, url, body) => {
    const response = await fetch(url, {
      method,
      headers: { "content-type": "application/json" },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${url} answered ${response.status}: ${text}`);
    return text ? JSON.parse(text) : undefined;
  };
  return {
    millrace,
    connector: (name, config) => call("PUT", `${connect}/${name}/config`, config),
    stopConnector: (name) => call("PUT", `${connect}/${name}/stop`),
    resumeConnector: (name) => call("PUT", `${connect}/${name}/resume`),
    deleteConnector: (name) => call("DELETE", `${connect}/${name}`),
    status: (name) => call("GET", `${connect}/${name}/status`),
    sql: (ksql) => call("POST", `http://127.0.0.1:${millrace.ports.sql}/ksql`, { ksql, streamsProperties: {} }),
    metrics: async () => (await fetch(`http://127.0.0.1:${millrace.ports.console}/metrics`)).text(),
    /** Resolves when the topic's committed end is at least `count` records beyond `from`. */
    async reached(topic, count, name) {
      for (let turn = 1; ; turn++) {
        const [end] = await millrace.broker
          .listOffsets({ partitions: [{ topic, partition: 0, timestamp: "latest" }], isolation: "read_committed" })
          .catch(() => []);
        if (end && !end.error && end.offset >= count) return end.offset;
        // seldom: a request costs this process, which is the one measured
        if (name && turn % 50 === 0) {
          const failed = (await this.status(name)).tasks.find((task) => task.state === "FAILED");
          if (failed) throw new Error(failed.trace);
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    async end(topic) {
      const [end] = await millrace.broker.listOffsets({
        partitions: [{ topic, partition: 0, timestamp: "latest" }],
        isolation: "read_committed",
      });
      return end.offset;
    },
    async close() {
      await millrace.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

export const source = (name, extra) => ({
  "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
  "tasks.max": "1",
  "database.hostname": "postgres",
  "database.port": "5432",
  "database.user": "postgres",
  "database.password": "postgres",
  "database.dbname": "postgres",
  "topic.prefix": name,
  "slot.name": name,
  "publication.name": name,
  "publication.autocreate.mode": "filtered",
  ...extra,
});
