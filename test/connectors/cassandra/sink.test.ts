import type { Client } from "cassandra-driver";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { primitive } from "../../../src/data/schema.js";
import { cassandraInstalled, startCassandra, type TestCassandra } from "../../support/cassandra.js";
import { CassandraHarness, newKeyspace, record, struct, text } from "./harness.js";

const title = cassandraInstalled ? "Cassandra sink" : "Cassandra sink (not run: no server in .services/cassandra)";

describe.skipIf(!cassandraInstalled)(title, () => {
  let server: TestCassandra;
  let db: Client;
  let ks: string;
  let open: CassandraHarness[] = [];
  beforeAll(async () => {
    server = await startCassandra();
    db = await server.client();
    ks = await newKeyspace(db);
  }, 150_000);
  afterAll(async () => {
    await db?.execute(`DROP KEYSPACE IF EXISTS ${ks}`).catch(() => {});
    await server?.stop();
  }, 60_000);
  afterEach(async () => {
    for (const h of open) await h.stop();
    open = [];
  });
  const sink = async (config: Record<string, string>, ...topics: string[]) => {
    const h = new CassandraHarness(server.port, config);
    open.push(h);
    return h.start(...topics);
  };
  const rows = async (query: string) => (await db.execute(query.replaceAll("KS", ks))).rows;

  it("writes the rows of the orders pipeline", async () => {
    await db.execute(
      `CREATE TABLE ${ks}.all_orders (source_system text, order_id text, store text, user_name text, quantity int, ts timestamp, PRIMARY KEY (source_system, order_id))`,
    );
    const h = await sink(
      {
        [`topic.ALL_ORDERS.${ks}.all_orders.mapping`]:
          "source_system=value.SOURCE_SYSTEM, order_id=value.ORDER_ID, store=value.STORE_NAME, user_name=value.USER_NAME, quantity=value.QUANTITY, ts=value.ORDER_TS",
        [`topic.ALL_ORDERS.${ks}.all_orders.consistencyLevel`]: "LOCAL_QUORUM",
      },
      "ALL_ORDERS",
    );
    const order = (i: number) =>
      struct({
        SOURCE_SYSTEM: [text, i % 2 ? "mysql" : "postgres"],
        ORDER_ID: [text, `o${i}`],
        STORE_NAME: [text, `store ${i}`],
        USER_NAME: [text, `user ${i}`],
        QUANTITY: [primitive("int32", { optional: true }), i],
        ORDER_TS: [primitive("int64", { optional: true }), 1_700_000_000_000 + i],
      });
    await h.put(...Array.from({ length: 100 }, (_, i) => record("ALL_ORDERS", i, [text, `k${i}`], order(i))));
    expect(h.messages()).toEqual([]);
    const all = await rows("SELECT source_system, order_id, store, user_name, quantity, ts, writetime(store) AS w FROM KS.all_orders");
    expect(all).toHaveLength(100);
    const one = all.find((r) => r["order_id"] === "o7")!;
    expect({ ...one }).toMatchObject({ source_system: "mysql", store: "store 7", user_name: "user 7", quantity: 7 });
    expect((one["ts"] as Date).getTime()).toBe(1_700_000_000_007);
    expect(Number(one["w"])).toBe(1_700_000_000_007_000);
  });
});
