// What the benches over HTTP share: the SQL server of one process, in a folder that a restart keeps.
import { join } from "node:path";
import { EmbeddedBroker } from "../../dist/broker/embedded/embedded-broker.js";
import { silentLogger } from "../../dist/common/logger.js";
import { Metrics } from "../../dist/common/metrics.js";
import { Engine } from "../../dist/engine/engine.js";
import { RecordBatchBuilder } from "../../dist/protocol/record-batch-builder.js";
import { SchemaRegistry } from "../../dist/schema-registry/registry.js";
import { registerKsqlRoutes } from "../../dist/server/ksql/routes.js";
import { listen } from "../../dist/server/listen.js";

export async function startSql(dir, config = {}) {
  const broker = await EmbeddedBroker.open({ dir: join(dir, "log") });
  const registry = await SchemaRegistry.open({ broker, logger: silentLogger });
  const engine = await Engine.open({
    broker,
    registry,
    stateDir: join(dir, "state"),
    logger: silentLogger,
    metrics: new Metrics(),
    config: { "auto.offset.reset": "earliest", ...config },
  });
  const listener = await listen((app) => registerKsqlRoutes(app, engine), { port: 0, logger: silentLogger, http2: true });
  return {
    broker,
    engine,
    url: listener.url,
    async ksql(ksql) {
      const response = await fetch(`${listener.url}/ksql`, { method: "POST", body: JSON.stringify({ ksql }) });
      if (response.status !== 200) throw new Error(await response.text());
      await response.text();
    },
    async drained() {
      for (const q of engine.persistentQueries.all()) await q.running.drained();
    },
    async close() {
      await listener.close(0);
      await engine.close();
      await broker.close();
    },
  };
}

/** `value(i)` is the record's text; 5,000 a batch. Returns when all queries have seen them. */
export async function insertRows(server, topic, count, value) {
  const builder = new RecordBatchBuilder(1 << 20);
  for (let i = 0; i < count; i++) {
    builder.append(1_700_000_000_000 + i, null, Buffer.from(value(i)));
    if (builder.count < 5000 && i + 1 < count) continue;
    const [result] = await server.broker.produce({ acks: "leader", batches: [{ topic, partition: 0, batch: builder.finish() }] });
    if (result.error) throw result.error;
  }
  await server.drained();
}
