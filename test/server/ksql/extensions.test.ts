import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { partitionFor } from "../../../src/broker/api/partitioner.js";
import { SqlServer } from "./support.js";

/*
 * What ksqlDB does not have, over topics of several partitions and different numbers of them, whose keys are written in different
 * formats: what is joined, grouped and told apart must come together all the same.
 */
type Value = Record<string, string | number | boolean>;
interface Entry {
  readonly key: string;
  readonly value: Value;
}
const partitions = { orders: 4, offers: 3, accounts: 4, customers: 4, shops: 2 } as const;
type Topic = keyof typeof partitions;
const jsonKeys: ReadonlySet<Topic> = new Set(["offers", "customers"]);

let seed = 7;
const below = (n: number): number => (seed = (seed * 1_103_515_245 + 12_345) & 0x7fff_ffff) % n;
const many = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
const customer = () => `c${below(12)}`;
const product = () => `p${below(5)}`;

const orders = many(120, (i): Entry => ({ key: `o${i % 90}`, value: { CUSTOMER: customer(), PRODUCT: product(), N: below(10) } }));
const offers = many(60, (i): Entry => ({ key: `o${i}`, value: { CUSTOMER: customer(), PRODUCT: product(), M: below(10) } }));
const customers = many(20, (i): Entry => ({ key: `c${i % 10}`, value: { NAME: `name ${i}`, VIP: below(2) === 1 } }));
const shops = many(12, (i): Entry => ({ key: `s${i % 6}`, value: { REGION: `r${below(4)}`, OPEN: below(2) === 1 } }));
const accounts = many(
  60,
  (i): Entry => ({ key: `a${i % 40}`, value: { CUSTOMER: customer(), SHOP: `s${below(8)}`, REGION: `r${below(4)}` } }),
);

const table = (entries: readonly Entry[]) => new Map(entries.map((e) => [e.key, e.value]));
const counts = <T>(items: readonly T[], key: (item: T) => string) => {
  const n = new Map<string, number>();
  for (const item of items) n.set(key(item), (n.get(key(item)) ?? 0) + 1);
  return n;
};
const pair = ({ value }: Entry) => `${value["CUSTOMER"]},${value["PRODUCT"]}`;

let server: SqlServer;
beforeAll(async () => {
  server = await SqlServer.start({ "auto.offset.reset": "earliest" });
  await server.broker.createTopics(Object.entries(partitions).map(([name, count]) => ({ name, partitions: count })));
  const json = (name: Topic) => `(kafka_topic='${name}', value_format='json'${jsonKeys.has(name) ? ", key_format='json'" : ""})`;
  await server.ksql(`
    create stream orders (id string key, customer string, product string, n int) with ${json("orders")};
    create stream offers (id string key, customer string, product string, m int) with ${json("offers")};
    create table accounts (id string primary key, customer string, shop string, region string) with ${json("accounts")};
    create table customers (id string primary key, name string, vip boolean) with ${json("customers")};
    create table shops (id string primary key, region string, open boolean) with ${json("shops")};`);
  // Tables and offers are there first; a half of what is in a table changes later.
  let time = 1_000;
  for (const [topic, entries] of Object.entries({ customers, shops, offers, accounts, orders }) as [Topic, Entry[]][]) {
    const lists = many(partitions[topic], () => [] as { key: string; value: string; timestamp: number }[]);
    for (const { key, value } of entries) {
      const written = jsonKeys.has(topic) ? JSON.stringify(key) : key;
      const at = partitionFor(Buffer.from(written), partitions[topic]);
      lists[at]!.push({ key: written, value: JSON.stringify(value), timestamp: time++ });
    }
    for (const [partition, records] of lists.entries()) if (records.length > 0) await server.produce(topic, records, partition);
  }
});
afterAll(() => server.close());

async function gives(create: string, select: string, expected: readonly string[]): Promise<void> {
  await server.ksql(create);
  const sorted = [...expected].sort();
  const rows = await server
    .eventually(select, (found) => JSON.stringify(found.map(String).sort()) === JSON.stringify(sorted), 30_000)
    .catch(() => server.rows(select));
  expect(rows.map(String).sort()).toEqual(sorted);
}

describe("over several partitions", () => {
  it("joins streams by two columns", () => {
    const expected = orders.flatMap((o) =>
      offers
        .filter((f) => pair(f) === pair(o) && (f.value["M"] as number) < (o.value["N"] as number))
        .map((f) => `${pair(o)},${o.key},${f.key}`),
    );
    return gives(
      `create stream pairs with (key_format='json') as select o.customer as c, o.product as p, o.id as o, f.id as f
        from orders o join offers f within 1 hour on o.customer = f.customer and o.product = f.product and f.m < o.n;`,
      "select c, p, o, f from pairs;",
      expected,
    );
  });

  it("joins tables of subqueries by two columns", () => {
    const [a, b] = [counts(orders, pair), counts(offers, pair)];
    return gives(
      `create table by_pair with (key_format='json') as select x.customer as c, x.product as p, x.n as n, y.m as m
        from (select customer, product, count(*) as n from orders group by customer, product) x
        left join (select customer, product, count(*) as m from offers group by customer, product) y
        on x.customer = y.customer and x.product = y.product;`,
      "select c, p, n, m from by_pair;",
      [...a].map(([key, n]) => `${key},${n},${b.get(key) ?? ""}`),
    );
  });

  it("joins a table with an aggregate whose keys are written in another format, on a condition", () => {
    const n = counts(orders, (o) => String(o.value["CUSTOMER"]));
    return gives(
      `create table busy as select c.id as id, name, n from customers c
        join (select customer, count(*) as n from orders group by customer) o on c.id = o.customer and n > 9;`,
      "select id, name, n from busy;",
      [...table(customers)].filter(([id]) => (n.get(id) ?? 0) > 9).map(([id, c]) => `${id},${c["NAME"]},${n.get(id)}`),
    );
  });

  it("follows two foreign keys", () => {
    const [c, s] = [table(customers), table(shops)];
    return gives(
      `create table places as select a.id as id, c.name as name, s.region as region from accounts a
        join customers c on a.customer = c.id left join shops s on a.shop = s.id and s.open;`,
      "select id, name, region from places;",
      [...table(accounts)].flatMap(([id, a]) => {
        const shop = s.get(String(a["SHOP"]));
        const found = c.get(String(a["CUSTOMER"]));
        return found ? [`${id},${found["NAME"]},${shop?.["OPEN"] ? shop["REGION"] : ""}`] : [];
      }),
    );
  });

  it("counts the rows of a union under a key that each writes in its own format", () => {
    return gives(
      `create table both as select id, count(*) as n from (select id, customer from orders union all select id, customer from offers) u group by id;`,
      "select id, n from both;",
      [...counts([...orders, ...offers], (e) => e.key)].map(([key, n]) => `${key},${n}`),
    );
  });

  it("gives different rows once", () => {
    return gives("create stream different as select distinct customer, product from orders;", "select customer, product from different;", [
      ...counts(orders, pair).keys(),
    ]);
  });

  it("keeps a stream's rows that a table has, and their key", () => {
    const vips = table(customers);
    return gives(
      "create stream of_vips as select id, customer from orders where customer in (select id from customers where vip);",
      "select id, customer from of_vips;",
      orders.filter((o) => vips.get(String(o.value["CUSTOMER"]))?.["VIP"]).map((o) => `${o.key},${o.value["CUSTOMER"]}`),
    );
  });

  it("keeps a table's rows while others have them", () => {
    const vips = table(customers);
    const open = new Set([...table(shops).values()].filter((s) => s["OPEN"]).map((s) => s["REGION"]));
    return gives(
      `create table chosen as select id, customer from accounts
        where customer not in (select id from customers where vip) and region in (select region from shops where open);`,
      "select id, customer from chosen;",
      [...table(accounts)]
        .filter(([, a]) => !vips.get(String(a["CUSTOMER"]))?.["VIP"] && open.has(a["REGION"]!))
        .map(([id, a]) => `${id},${a["CUSTOMER"]}`),
    );
  });
});

describe("in requests", () => {
  const pushed = async (sql: string) =>
    (await server.query(sql)).flatMap((i) => (i["row"] ? [(i["row"] as { columns: unknown[] }).columns] : []));

  it("pushes a union in the order of its select list, and different rows", async () => {
    const rows = await pushed("select 'offer' as kind, id from offers union all select 'order', id from orders emit changes limit 180;");
    expect(rows.map(String).sort()).toEqual([...offers.map((o) => `offer,${o.key}`), ...orders.map((o) => `order,${o.key}`)].sort());
    const products = await pushed("with p as (select product from orders) select distinct product from p emit changes limit 5;");
    expect(products.map(String).sort()).toEqual(["p0", "p1", "p2", "p3", "p4"]);
  });

  it("explains what it takes, and keeps what a subquery reads", async () => {
    const [explained] = await server.ksql(
      "explain with x as (select id, n from orders) select id from x where n in (select n from (select n, count(*) as c from orders group by n) y) emit changes;",
    );
    expect((explained!["queryDescription"] as { sources: string[] }).sources).toEqual(["ORDERS"]);
    await server.ksql("create stream kept as select id, n from orders where customer in (select id from customers);");
    expect(await server.refused("drop table customers;")).toMatchObject({ message: expect.stringContaining("KEPT") });
    await server.ksql("drop stream kept;");
  });

  it("refuses it where a session turns it off", async () => {
    const off = { streamsProperties: { "millrace.sql.extensions": "false" } };
    const union = "create stream o as select id from orders union all select id from offers;";
    expect(await server.refused(union, off)).toMatchObject({
      error_code: 40001,
      message: expect.stringMatching(/^line 1:42: Syntax Error/),
    });
    expect(await server.refused(`set 'millrace.sql.extensions'='false'; ${union}`)).toMatchObject({ error_code: 40001 });
    expect(await server.refused("create stream o as select distinct id from orders;", off)).toMatchObject({ error_code: 40001 });
    expect(await server.refused("set 'millrace.sql.extensions'='maybe';")).toMatchObject({
      message: expect.stringContaining("it is true or false"),
    });
  });
});
