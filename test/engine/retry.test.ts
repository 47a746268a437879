import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { Broker } from "../../src/broker/api/broker.js";
import { BrokerError } from "../../src/broker/api/errors.js";
import { readToEnd } from "../../src/broker/api/reader.js";
import { EmbeddedBroker } from "../../src/broker/embedded/embedded-broker.js";
import { silentLogger } from "../../src/common/logger.js";
import { Metrics } from "../../src/common/metrics.js";
import { Engine } from "../../src/engine/engine.js";
import { recordCount } from "../../src/protocol/record-batch.js";
import { SchemaRegistry } from "../../src/schema-registry/registry.js";

const dirs: string[] = [];
afterEach(async () => {
  for (const dir of dirs.splice(0)) await rm(dir, { recursive: true, force: true });
});

interface Faults {
  broker: Broker;
  failure: Error | undefined;
  startFailure: Error | undefined;
}

/** The broker, whose fetches of one topic fail with what is asked for. */
function failing(broker: Broker, topic: string): Faults {
  const state: Faults = { broker, failure: undefined, startFailure: undefined };
  state.broker = new Proxy(broker, {
    get(target, name) {
      const member = Reflect.get(target, name, target) as unknown;
      if (typeof member !== "function") return member;
      if (name === "initProducerId" && state.startFailure) return () => Promise.reject(state.startFailure);
      if (name !== "fetch") return member.bind(target);
      return (request: Parameters<Broker["fetch"]>[0]) =>
        state.failure && request.partitions.some((p) => p.topic === topic) ? Promise.reject(state.failure) : target.fetch(request);
    },
  });
  return state;
}

async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 500 && !(await check()); i++) await new Promise((r) => setTimeout(r, 10));
  expect(await check()).toBe(true);
}

test("a failure that may pass is tried again until it has passed; another waits for RESUME", async () => {
  const dir = await mkdtemp(join(tmpdir(), "retry-"));
  dirs.push(dir);
  const real = await EmbeddedBroker.open({ dir: join(dir, "log") });
  const state = failing(real, "s");
  const registry = await SchemaRegistry.open({ broker: real, logger: silentLogger });
  const engine = await Engine.open({
    broker: state.broker,
    registry,
    stateDir: join(dir, "state"),
    logger: silentLogger,
    metrics: new Metrics(),
    config: { "auto.offset.reset": "earliest", "ksql.query.retry.backoff.initial.ms": "20" },
  });
  await engine.execute({
    sql: `CREATE STREAM s (id INT) WITH (kafka_topic='s', value_format='json', partitions=1);
          CREATE STREAM d AS SELECT id, id * 2 AS twice FROM s;`,
  });
  const query = engine.persistentQueries.get("CSAS_D_1")!;
  const written = (records: number) =>
    until(async () => {
      let count = 0;
      await readToEnd(real, "D", "read_committed", (batch) => (count += recordCount(batch)));
      return count === records;
    });
  expect(query.state).toBe("RUNNING");

  state.failure = new BrokerError("REQUEST_TIMED_OUT", "the broker does not answer");
  await engine.execute({ sql: "INSERT INTO s (id) VALUES (4);" });
  await new Promise((r) => setTimeout(r, 300));
  state.failure = undefined;
  await written(1);
  expect([query.state, query.failures]).toEqual(["RUNNING", []]);

  state.failure = new BrokerError("CORRUPT_MESSAGE", "a batch is broken");
  await until(() => query.state === "ERROR");
  const tries = query.failures.length;
  await new Promise((r) => setTimeout(r, 200));
  expect([query.state, query.failures.length]).toEqual(["ERROR", tries]);
  expect(query.failures.at(-1)!.errorMessage).toContain("a batch is broken");
  state.failure = undefined;
  await engine.execute({ sql: "RESUME CSAS_D_1;" });
  expect(query.state).toBe("RUNNING");
  await engine.execute({ sql: "INSERT INTO s (id) VALUES (5);" });
  await written(2);

  state.startFailure = new BrokerError("REQUEST_TIMED_OUT", "not yet");
  await engine.execute({ sql: "CREATE STREAM e AS SELECT id FROM s;" });
  const late = engine.persistentQueries.all().at(-1)!;
  expect(late.state).toBe("ERROR");
  await until(() => late.failures.length >= 3);
  state.startFailure = undefined;
  await until(() => late.state === "RUNNING");
  await engine.close();
  await real.close();
});
