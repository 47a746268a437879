import type { Client } from "cassandra-driver";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { cassandraSink } from "../../../src/connectors/cassandra/connector.js";
import { arrayOf, primitive } from "../../../src/data/schema.js";
import { cassandraInstalled, startCassandra, type TestCassandra } from "../../support/cassandra.js";
import { record, struct, text } from "../../support/sink-harness.js";
import { CassandraHarness, newKeyspace } from "./harness.js";

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

  const int = primitive("int32", { optional: true });
  const bigint = primitive("int64", { optional: true });
  let tables = 0;
  /** A table of this definition; its settings under the topic `t`. */
  async function table(definition: string, settings: Record<string, string>) {
    const name = `t${++tables}`;
    await db.execute(`CREATE TABLE ${ks}.${name} (${definition})`);
    const config: Record<string, string> = {};
    for (const [k, v] of Object.entries(settings)) config[`topic.t.${ks}.${name}.${k}`] = v.replaceAll("TABLE", `${ks}.${name}`);
    return { name: `${ks}.${name}`, config };
  }

  it("maps nested fields, headers, functions, constants, quoted names and missing fields", async () => {
    const { name, config } = await table(
      'id text PRIMARY KEY, "Camel Case" int, city text, trace text, made timeuuid, kind text, gone text, dotted int',
      {
        mapping: `id=key.id, "Camel Case"=value.n, city=value.address.city, trace=header.trace, made=now(), kind='order', gone=value.nothing, dotted=value."a.b"`,
      },
    );
    const h = await sink(config, "t");
    const inner = struct({ city: [text, "Bern"] });
    const value = struct({ n: [int, 7], address: [{ ...inner[0], optional: true }, inner[1]], "a.b": [int, 3] });
    const headers = [
      { key: "trace", schema: text, value: "first" },
      { key: "trace", schema: text, value: "last" },
    ];
    await h.put(record("t", 0, struct({ id: [text, "a"] }), value, { headers }), record("t", 1, struct({ id: [text, "b"] }), null));
    expect(h.messages()).toEqual([]);
    const [row] = await rows(`SELECT * FROM ${name} WHERE id = 'a'`);
    expect({ ...row }).toMatchObject({ id: "a", "Camel Case": 7, city: "Bern", trace: "last", kind: "order", gone: null, dotted: 3 });
    expect(String(row!["made"])).toMatch(/^[0-9a-f-]{36}$/);
    expect(await rows(`SELECT * FROM ${name} WHERE id = 'b'`)).toEqual([]);
  });

  it("maps schemaless maps and texts that hold JSON, whole keys and values, to several tables", async () => {
    const one = await table("id bigint PRIMARY KEY, name text, tags set<text>", {
      mapping: "id=value.id, name=value.who.name, tags=value.tags",
    });
    const two = await table("id int PRIMARY KEY, json text", { mapping: "id=key, json=value" });
    const h = await sink({ ...one.config, ...two.config }, "t");
    const map = new Map<string, never>([
      ["id", 1],
      ["who", new Map([["name", "Ann"]])],
      ["tags", ["x"]],
    ] as never);
    await h.put(
      record("t", 0, [int, 1], [null, map]),
      record("t", 1, [int, 2], [text, '{"id": 9007199254740993, "who": {"name": "Bo"}}']),
      record("t", 2, [int, 3], [text, "no json"]),
    );
    expect(h.messages()).toHaveLength(1);
    expect(h.messages()[0]).toContain("value.id does not fit column id (bigint)");
    expect((await rows(`SELECT id, name, tags FROM ${one.name}`)).map((r) => [String(r["id"]), r["name"], r["tags"]]).sort()).toEqual([
      ["1", "Ann", ["x"]],
      ["9007199254740993", "Bo", null],
    ]);
    expect((await rows(`SELECT id, json FROM ${two.name}`)).map((r) => [r["id"], r["json"]]).sort()).toEqual([
      [1, '{"id":1,"who":{"name":"Ann"},"tags":["x"]}'],
      [2, '{"id": 9007199254740993, "who": {"name": "Bo"}}'],
      [3, "no json"],
    ]);
  });

  it("deletes by a tombstone and by nulls in all other columns, and writes again after it", async () => {
    const { name, config } = await table("a int, b int, v text, w text, PRIMARY KEY (a, b)", {
      mapping: "a=key.a, b=key.b, v=value.v, w=value.w",
    });
    const h = await sink(config, "t");
    const key = (a: number, b: number) => struct({ a: [int, a], b: [int, b] });
    const value = (v: string | null, w: string | null) => struct({ v: [text, v], w: [text, w] });
    const seen = async () => (await rows(`SELECT a, b, v, w FROM ${name}`)).map((r) => [r["a"], r["b"], r["v"], r["w"]]);
    await h.put(
      record("t", 0, key(1, 1), value("x", "y")),
      record("t", 1, key(1, 2), value("x", null)),
      record("t", 2, key(2, 1), value("z", "z")),
    );
    expect(await seen()).toEqual([
      [1, 1, "x", "y"],
      [1, 2, "x", null],
      [2, 1, "z", "z"],
    ]);
    await h.put(record("t", 3, key(1, 1), null), record("t", 4, key(2, 1), value(null, null)), record("t", 5, key(1, 2), value(null, "w")));
    expect(await seen()).toEqual([[1, 2, "x", "w"]]);
    await h.put(record("t", 6, key(1, 1), value("new", null)), record("t", 7, struct({ a: [int, 1], b: [int, null] }), null));
    expect(h.messages()).toEqual([`the primary key column b of ${name} is null: the record has no key.b`]);
    expect(await seen()).toEqual([
      [1, 1, "new", null],
      [1, 2, "x", "w"],
    ]);
  });

  it("keeps or writes nulls, and does not delete where that is off or columns are not mapped", async () => {
    const keep = await table("id int PRIMARY KEY, v text, w text", { mapping: "id=key, v=value.v" });
    const clear = await table("id int PRIMARY KEY, v text", {
      mapping: "id=key, v=value.v",
      nullToUnset: "false",
      deletesEnabled: "false",
    });
    const h = await sink({ ...keep.config, ...clear.config }, "t");
    const value = (v: string | null) => struct({ v: [text, v] });
    await h.put(record("t", 0, [int, 1], value("x")), record("t", 1, [int, 1], value(null)), record("t", 2, [int, 2], null));
    expect((await rows(`SELECT id, v FROM ${keep.name}`)).map((r) => [r["id"], r["v"]])).toEqual([[1, "x"]]);
    expect((await rows(`SELECT id, v FROM ${clear.name}`)).map((r) => [r["id"], r["v"]]).sort()).toEqual([
      [1, null],
      [2, null],
    ]);
    expect(h.messages()).toEqual([]);
  });

  it("sets TTLs and write times from the settings and from fields", async () => {
    const fixed = await table("id int PRIMARY KEY, v text", { mapping: "id=key, v=value.v", ttl: "2", ttlTimeUnit: "HOURS" });
    const mapped = await table("id int PRIMARY KEY, v text", {
      mapping: "id=key, v=value.v, __ttl=value.ttl, __timestamp=value.at",
      ttlTimeUnit: "MINUTES",
      timestampTimeUnit: "MILLISECONDS",
      ttl: "9",
    });
    const h = await sink({ ...fixed.config, ...mapped.config }, "t");
    const value = (ttl: number | null, at: number | null) => struct({ v: [text, "x"], ttl: [int, ttl], at: [bigint, at] });
    await h.put(
      record("t", 0, [int, 1], value(3, 1_600_000_000_000)),
      record("t", 1, [int, 2], value(-1, null)),
      record("t", 2, [int, 3], value(null, 5)),
    );
    expect(h.messages()).toEqual([]);
    const of = async (t: string) =>
      (await rows(`SELECT id, ttl(v) AS ttl, writetime(v) AS w FROM ${t}`)).map((r) => [r["id"], r["ttl"], Number(r["w"])]).sort();
    for (const [, ttl] of await of(fixed.name)) expect(Math.abs((ttl as number) - 7200)).toBeLessThan(60);
    const m = await of(mapped.name);
    expect(Math.abs((m[0]![1] as number) - 180)).toBeLessThan(30);
    expect(m.map((r) => r[2])).toEqual([1_600_000_000_000_000, 1_700_000_000_001_000, 5000]);
    expect(m[1]![1]).toBeNull();
    expect(Math.abs((m[2]![1] as number) - 540)).toBeLessThan(60);
  });

  it("runs a query of one's own, in the order of the records, and counts with it", async () => {
    const { name, config } = await table("id int PRIMARY KEY, n counter", {
      mapping: "k=key, more=value.n",
      query: "UPDATE TABLE SET n = n + :more WHERE id = :k",
      deletesEnabled: "false",
    });
    const last = await table("id int PRIMARY KEY, v text, ids set<int>, at timeuuid", {
      mapping: "Pk=key, v=value.v, made=value.made, at=now()",
      query: "UPDATE TABLE SET v = :v, ids = ids + :made, at = :at WHERE id = :Pk",
      deletesEnabled: "false",
    });
    const h = await sink({ ...config, ...last.config }, "t");
    const value = (n: number) => struct({ n: [bigint, n], v: [text, `v${n}`], made: [text, `[${n}]`] });
    await h.put(...Array.from({ length: 200 }, (_, i) => record("t", i, [int, i % 2], value(i))));
    expect(h.messages()).toEqual([]);
    expect((await rows(`SELECT id, n FROM ${name}`)).map((r) => [r["id"], Number(r["n"])]).sort()).toEqual([
      [0, 9900],
      [1, 10000],
    ]);
    const of = await rows(`SELECT id, v, ids, at FROM ${last.name}`);
    expect(of.map((r) => [r["id"], r["v"]]).sort()).toEqual([
      [0, "v198"],
      [1, "v199"],
    ]);
    expect(of[0]!["ids"]).toHaveLength(100);
    expect(String(of[0]!["at"])).not.toBe(String(of[1]!["at"]));
  });

  it("sets one refused row aside while the rest arrives, in batches too", async () => {
    const { name, config } = await table("a text, b int, v text, PRIMARY KEY (a, b)", { mapping: "a=value.a, b=value.b, v=value.v" });
    const h = await sink(config, "t");
    const value = (i: number) =>
      struct({ a: [text, i === 30 ? "" : "p"], b: [int, i], v: [text, i === 40 ? "x".repeat(5_000_000) : `v${i}`] });
    await h.put(...Array.from({ length: 100 }, (_, i) => record("t", i, null, value(i))));
    expect(h.errors.map((e) => e.record.offset).sort()).toEqual([30, 40]);
    expect(h.messages().join("\n")).toMatch(/refuses the row: .*(Key may not be empty|empty)/);
    expect(await rows(`SELECT b FROM ${name}`)).toHaveLength(98);
  }, 60_000);

  it("stops on a refused record where the config says so, and goes on with ignoreErrors", async () => {
    const { name, config } = await table("id int PRIMARY KEY, v int", { mapping: "id=key, v=value" });
    for (const [ignoreErrors, stops] of [
      ["None", true],
      ["Driver", true],
      ["All", false],
    ] as const) {
      const h = await sink({ ...config, ignoreErrors }, "t");
      h.strict = true;
      const put = h.put(record("t", 0, [int, 1], [text, "x"]), record("t", 1, [int, 2], [text, "2"]));
      if (stops) await expect(put).rejects.toThrow("value does not fit column v (int)");
      else await put;
      expect(h.errors).toHaveLength(1);
    }
    expect((await rows(`SELECT id FROM ${name}`)).map((r) => r["id"])).toEqual([2]);
  });

  it("ends as the last record of a key says, whatever is replayed and wherever timestamps go", async () => {
    const { name, config } = await table("id int PRIMARY KEY, v text", { mapping: "id=key, v=value.v" });
    let seed = 7;
    const random = (n: number) => (seed = (seed * 48271) % 2147483647) % n;
    const records = Array.from({ length: 2000 }, (_, i) => {
      const id = random(20);
      const value = random(5) === 0 ? null : struct({ v: [text, `v${i}`] });
      return record("t", i, [int, id], value, { timestamp: 1_700_000_000_000 - random(1_000_000) });
    });
    const expected = new Map<number, string>();
    for (const r of records) {
      if (r.value === null) expected.delete(r.key as number);
      else expected.set(r.key as number, `v${r.offset}`);
    }
    const state = async () => new Map((await rows(`SELECT id, v FROM ${name}`)).map((r) => [r["id"] as number, r["v"] as string]));
    const sorted = (m: Map<number, string>) => [...m].sort((a, b) => a[0] - b[0]);
    const first = await sink(config, "t");
    await first.put(...records.slice(0, 700));
    const stored = first.task.offsetMetadata!({ topic: "t", partition: 0 });
    await first.put(...records.slice(700, 1500));
    // the process dies; what was committed was offset 700 with its text
    for (let round = 0; round < 2; round++) {
      const again = new CassandraHarness(server.port, config);
      open.push(again);
      again.metadata.set("t-0", stored);
      await again.start("t");
      await again.put(...records.slice(700));
      expect(sorted(await state())).toEqual(sorted(expected));
    }
    // a record that was set aside comes back alone: it wins over what was there before it, and later ones win over it
    const late = open.at(-1)!;
    const back = record("t", 3, [int, 5], struct({ v: [text, "back"] }), { timestamp: 5 });
    await late.task.replay!([back]);
    expect((await state()).get(5)).toBe("back");
    await late.put(record("t", 2000, [int, 5], struct({ v: [text, "later"] }), { timestamp: 6 }));
    expect((await state()).get(5)).toBe("later");
  });

  it("does not double the elements of a list on a replay", async () => {
    const { name, config } = await table("id int PRIMARY KEY, l list<int>, v text", { mapping: "id=key, l=value.l, v=value.v" });
    const records = Array.from({ length: 50 }, (_, i) =>
      record(
        "t",
        i,
        [int, i % 3],
        i % 10 === 9 ? null : struct({ l: [{ ...arrayOf(primitive("int32")), optional: true }, [i, i + 1]], v: [text, `v${i}`] }),
      ),
    );
    for (let round = 0; round < 3; round++) {
      const h = await sink(config, "t");
      await h.put(...records);
      expect(h.messages()).toEqual([]);
    }
    expect((await rows(`SELECT id, l, v FROM ${name}`)).map((r) => [r["id"], r["l"], r["v"]]).sort()).toEqual([
      [0, [48, 49], "v48"],
      [2, [47, 48], "v47"],
    ]);
  });

  it("makes the same row of a record again where now() is part of the key", async () => {
    const { name, config } = await table("a int, id timeuuid, v text, PRIMARY KEY (a, id)", { mapping: "a=key, id=now(), v=value.v" });
    const records = Array.from({ length: 20 }, (_, i) => record("t", i, [int, 1], struct({ v: [text, `v${i}`] })));
    for (let round = 0; round < 2; round++) await (await sink(config, "t")).put(...records);
    expect((await rows(`SELECT v FROM ${name}`)).map((r) => r["v"])).toEqual(records.map((_, i) => `v${i}`));
  });

  it("checks a config against the tables", async () => {
    const { name, config } = await table('id int PRIMARY KEY, "Mixed" text, n int', { mapping: "id=key" });
    const counters = await table("id int PRIMARY KEY, n counter", { mapping: "id=key, n=value" });
    const table1 = name.split(".")[1]!;
    const check = async (extra: Record<string, string>) =>
      cassandraSink.check!(
        { topics: "t", contactPoints: "127.0.0.1", port: String(server.port), "loadBalancing.localDc": "datacenter1", ...extra },
        { resolveHost: (host, port) => ({ host, port }) },
      );
    const problem = async (extra: Record<string, string>) => {
      const [first] = await check(extra);
      return first && `${first.setting.replace(`topic.t.${ks}.${table1}.`, "…")}: ${first.message}`;
    };
    const mapping = (m: string) => ({ [`topic.t.${ks}.${table1}.mapping`]: m });
    expect(await check({ ...config, [`topic.t.${ks}.${table1}.mapping`]: 'ID=key, "Mixed"=value, Mixed2=value.x' })).toHaveLength(1);
    expect(await problem(mapping("id=key, Mixed=value, n=value.n"))).toBeUndefined();
    expect(await problem(mapping("id=key, typo=value"))).toBe(`…mapping: at position 9: table ${name} has no column typo`);
    expect(await problem(mapping("n=value.n"))).toBe(`…mapping: the primary key of ${name} needs id, which the mapping does not set`);
    expect(await problem(mapping("id=key, n='text'"))).toMatch(/^…mapping: .*Invalid STRING constant/);
    expect(await problem(mapping("id=uuid()"))).toMatch(/part of the primary key/);
    expect(await problem({ [`topic.t.${ks}.absent.mapping`]: "id=key" })).toMatch(/table k\w+\.absent does not exist/);
    expect(await problem({ "topic.t.absent.x.mapping": "id=key" })).toMatch(/keyspace absent does not exist/);
    expect(await problem(counters.config)).toMatch(/column n is a counter/);
    const query = { deletesEnabled: "false", query: `UPDATE ${name} SET n = :n WHERE id = :id` };
    const withQuery = (m: string, q = query.query) => ({
      ...mapping(m),
      [`topic.t.${ks}.${table1}.query`]: q,
      [`topic.t.${ks}.${table1}.deletesEnabled`]: "false",
    });
    expect(await problem(withQuery("id=key, n=value"))).toBeUndefined();
    expect(await problem(withQuery("id=key"))).toBe("…mapping: does not set :n of the query");
    expect(await problem(withQuery("id=key, n=value, x=value"))).toBe("…mapping: at position 18: x is not a variable of the query");
    expect(await problem(withQuery("id=key", "UPDATE nonsense"))).toMatch(/^…query: /);
    expect(await problem({ ...config, "loadBalancing.localDc": "elsewhere" })).toMatch(/^loadBalancing.localDc: .*datacenter1/);
    expect(await problem({ ...config, port: "1" })).toMatch(/^contactPoints: cannot connect to 127\.0\.0\.1:1/);
  }, 60_000);
});
