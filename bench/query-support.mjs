// What the query benches share: a broker and a registry in a folder of their own, a query planned from SQL, rows put into topics
// through the serdes, and the limit: JSON.parse of 166-byte orders on one thread.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmbeddedBroker } from "../dist/broker/embedded/embedded-broker.js";
import { silentLogger } from "../dist/common/logger.js";
import { buildTopology } from "../dist/engine/physical/build-topology.js";
import { RecordBatchBuilder } from "../dist/protocol/record-batch-builder.js";
import { SchemaRegistry } from "../dist/schema-registry/registry.js";
import { createRowSerde } from "../dist/serde/create.js";
import { builtInFunctions } from "../dist/sql/functions/built-in.js";
import { Metastore } from "../dist/sql/metastore/metastore.js";
import { parse } from "../dist/sql/parser/parse.js";
import { planStatement } from "../dist/sql/planner/plan-statement.js";
import { startQuery } from "../dist/streams/runtime/start-query.js";
import { measure } from "./support.mjs";

export async function openBench() {
  const dir = mkdtempSync(join(tmpdir(), "millrace-query-"));
  const broker = await EmbeddedBroker.open({ dir: join(dir, "broker") });
  const registry = await SchemaRegistry.open({ logger: silentLogger, broker });
  let metastore = Metastore.empty;
  let ids = 0;
  return {
    dir,
    broker,
    registry,
    /** Runs CREATE statements on paper; returns the last one's plan. */
    plan(sql) {
      let plan;
      for (const parsed of parse(sql)) {
        const planned = planStatement(parsed, {
          metastore,
          functions: builtInFunctions,
          properties: {},
          nextQueryId: (prefix) => `${prefix}_${ids++}`,
          topicPartitions: () => 1,
        });
        metastore = planned.metastore;
        plan = planned.command.plan;
      }
      return plan;
    },
    start(plan, properties = {}) {
      const { topology } = buildTopology(plan, { registry, functions: builtInFunctions, properties, partitionsOf: () => 1 });
      return startQuery({ topology, applicationId: plan.queryId, broker, stateDir: join(dir, "state"), properties });
    },
    async close() {
      await broker.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Rows into a topic, 5,000 a batch. `row(i)` gives `[key columns, value columns]`. */
export async function fill({ broker, registry }, topic, format, keyFields, valueFields, count, row) {
  const key = keyFields.length ? createRowSerde({ format: "KAFKA", isKey: true, columns: keyFields }, { registry }) : undefined;
  const value = createRowSerde({ format, isKey: false, columns: valueFields }, { registry });
  await key?.prepareWrite(topic);
  await value.prepareWrite(topic);
  const builder = new RecordBatchBuilder(1 << 20);
  for (let i = 0; i < count; i++) {
    const [k, v, ts] = row(i);
    builder.append(ts ?? 1_700_000_000_000 + i, key ? key.serialize(topic, k) : null, value.serialize(topic, v));
    if (builder.count < 5000 && i + 1 < count) continue;
    const [result] = await broker.produce({ acks: "leader", batches: [{ topic, partition: 0, batch: builder.finish() }] });
    if (result.error) throw result.error;
  }
}

export const words = ["NEW", "PAID", "SENT", "DONE", "BACK"];
export function order(i) {
  const price = ((i * 7919) % 10000) / 100;
  return {
    order_id: i,
    customer_id: (i * 31) % 10000,
    product_id: i % 10000,
    qty: (i % 10) + 1,
    price,
    status: words[i % 5],
    note: "n".repeat(45),
    ts: 1_700_000_000_000 + i,
  };
}

/** The limit: JSON.parse of the orders' bytes, one after another. */
export async function parseLimit() {
  const lines = Array.from({ length: 20_000 }, (_, i) => JSON.stringify(order(i)));
  const bytes = lines.reduce((n, l) => n + l.length, 0) / lines.length;
  let sum = 0;
  for (const line of lines) sum += JSON.parse(line).qty;
  const rounds = 15;
  const measured = await measure(async () => {
    for (let r = 0; r < rounds; r++) for (const line of lines) sum += JSON.parse(line).qty;
    return sum;
  });
  return { ...measured, count: rounds * lines.length, limit: `JSON.parse of ${Math.round(bytes)}-byte orders` };
}

/** Peak delay and 99th percentile (ms) of the event loop while `work` runs. */
export async function loopDelay(work) {
  const { monitorEventLoopDelay } = await import("node:perf_hooks");
  const h = monitorEventLoopDelay({ resolution: 1 });
  h.enable();
  const result = await work();
  h.disable();
  return { result, p99: h.percentile(99) / 1e6, max: h.max / 1e6 };
}
