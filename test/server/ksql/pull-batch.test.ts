import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SqlServer } from "./support.js";

let server: SqlServer;
beforeAll(async () => {
  server = await SqlServer.start({ "auto.offset.reset": "earliest" });
  await server.ksql(
    `CREATE STREAM orders (id INT, customer INT, item STRING, price DOUBLE) WITH (kafka_topic='orders', value_format='json', partitions=2);
     CREATE STREAM paid (id INT, order_id INT) WITH (kafka_topic='paid', value_format='json', partitions=1);
     CREATE TABLE customers_in (id INT PRIMARY KEY, name STRING, city STRING) WITH (kafka_topic='customers', value_format='json', partitions=1);
     CREATE TABLE customers AS SELECT * FROM customers_in;
     CREATE TABLE spent AS SELECT customer, SUM(price) AS total, COUNT(*) AS n FROM orders GROUP BY customer;
     CREATE TABLE latest AS SELECT id, LATEST_BY_OFFSET(customer) AS customer, LATEST_BY_OFFSET(price) AS price FROM orders GROUP BY id;
     CREATE TABLE by_minute AS SELECT item, COUNT(*) AS n FROM orders WINDOW TUMBLING (SIZE 1 MINUTE) GROUP BY item;`,
  );
  for (const [id, name, city] of [
    [1, "Ann", "Oslo"],
    [2, "Bob", "Rome"],
    [3, "Cid", "Oslo"],
    [4, "Dan", null],
  ])
    await server.ksql(`INSERT INTO customers_in VALUES (${id}, '${name}', ${city === null ? "NULL" : `'${city}'`});`);
  const items = ["tea", "milk", "tea", "cake", "milk", "tea"];
  for (const [i, item] of items.entries())
    await server.produce(
      "orders",
      [{ value: `{"ID":${i},"CUSTOMER":${(i % 3) + 1},"ITEM":"${item}","PRICE":${i + 0.5}}`, timestamp: 1_700_000_000_000 + i * 30_000 }],
      i % 2,
    );
  for (const i of [5, 0, 3])
    await server.produce("paid", [
      { value: `{"ID":${100 + i},"ORDER_ID":${i}}`, timestamp: 1_700_000_000_000 + i * 30_000 + (i === 3 ? 20_000 : 5000) },
    ]);
  await server.eventually("SELECT n FROM spent;", (rows) => rows.flat().reduce((a, b) => Number(a) + Number(b), 0) === 6);
  await server.eventually("SELECT id FROM customers;", (rows) => rows.length === 4);
  await server.eventually("SELECT id FROM latest;", (rows) => rows.length === 6);
  await server.eventually("SELECT n FROM by_minute;", (rows) => rows.flat().reduce((a, b) => Number(a) + Number(b), 0) === 6);
});
afterAll(() => server.close());

describe("pull queries over what is there", () => {
  test.each([
    [
      "ORDER BY",
      "SELECT customer, total FROM spent ORDER BY total DESC;",
      [
        [3, 8],
        [2, 6],
        [1, 4],
      ],
    ],
    ["ORDER BY with LIMIT", "SELECT customer FROM spent ORDER BY total LIMIT 2;", [[1], [2]]],
    [
      "ORDER BY of what is not selected, and by place",
      "SELECT name, id FROM customers ORDER BY city DESC NULLS LAST, 2 DESC;",
      [
        ["Bob", 2],
        ["Cid", 3],
        ["Ann", 1],
        ["Dan", 4],
      ],
    ],
    ["nulls are last", "SELECT id FROM customers ORDER BY city, id;", [[1], [3], [2], [4]]],
    ["ORDER BY an alias", "SELECT UCASE(name) AS who FROM customers WHERE id IN (1, 2) ORDER BY who DESC;", [["BOB"], ["ANN"]]],
    [
      "GROUP BY",
      "SELECT city, COUNT(*) AS n, MIN(id) FROM customers GROUP BY city ORDER BY n DESC;",
      [
        ["Oslo", 2, 1],
        ["Rome", 1, 2],
      ],
    ],
    ["HAVING", "SELECT city, COUNT(*) FROM customers GROUP BY city HAVING COUNT(*) > 1;", [["Oslo", 2]]],
    ["aggregates of all rows", "SELECT COUNT(*), SUM(total), MAX(total), AVG(n) FROM spent;", [[3, 18, 8, 2]]],
    ["aggregates with a condition", "SELECT COUNT(*) FROM spent WHERE total > 5;", [[2]]],
    ["aggregates of a key", "SELECT SUM(total) FROM spent WHERE customer IN (1, 3, 99);", [[12]]],
    [
      "of a stream",
      "SELECT item, COUNT(*) AS n, MAX(price) FROM orders GROUP BY item ORDER BY item;",
      [
        ["cake", 1, 3.5],
        ["milk", 2, 4.5],
        ["tea", 3, 5.5],
      ],
    ],
    ["a stream sorted", "SELECT id FROM orders ORDER BY price DESC LIMIT 3;", [[5], [4], [3]]],
    [
      "windows over a stream",
      "SELECT WINDOWSTART, COUNT(*) FROM orders WINDOW TUMBLING (SIZE 1 MINUTE) WHERE item = 'tea' GROUP BY item ORDER BY WINDOWSTART;",
      [
        [1_699_999_980_000, 1],
        [1_700_000_040_000, 1],
        [1_700_000_100_000, 1],
      ],
    ],
    [
      "of a windowed table",
      "SELECT item, SUM(n) AS n FROM by_minute GROUP BY item ORDER BY n DESC, item;",
      [
        ["tea", 3],
        ["milk", 2],
        ["cake", 1],
      ],
    ],
    [
      "JOIN by key",
      "SELECT c.name, s.total FROM customers c JOIN spent s ON c.id = s.customer ORDER BY s.total;",
      [
        ["Ann", 4],
        ["Bob", 6],
        ["Cid", 8],
      ],
    ],
    [
      "LEFT JOIN",
      "SELECT c.name, s.total FROM customers c LEFT JOIN spent s ON c.id = s.customer ORDER BY c.id DESC LIMIT 2;",
      [
        ["Dan", null],
        ["Cid", 8],
      ],
    ],
    [
      "JOIN by foreign key, grouped",
      "SELECT c.city, SUM(l.price) AS total FROM latest l JOIN customers c ON l.customer = c.id GROUP BY c.city ORDER BY total;",
      [
        ["Rome", 6],
        ["Oslo", 12],
      ],
    ],
    [
      "JOIN of a stream with a table",
      "SELECT o.id, c.name FROM orders o JOIN customers c ON o.customer = c.id WHERE o.price > 3 ORDER BY o.id;",
      [
        [3, "Ann"],
        [4, "Bob"],
        [5, "Cid"],
      ],
    ],
    ["DISTINCT", "SELECT DISTINCT city FROM customers ORDER BY city;", [["Oslo"], ["Rome"], [null]]],
    [
      "JOIN of streams, in whatever order they lie",
      "SELECT o.id, p.id FROM orders o JOIN paid p WITHIN 10 SECONDS ON o.id = p.order_id ORDER BY o.id;",
      [
        [0, 100],
        [5, 105],
      ],
    ],
    [
      "UNION ALL",
      "SELECT COUNT(*) FROM (SELECT id FROM orders UNION ALL SELECT id FROM paid UNION ALL SELECT id FROM orders WHERE id > 3) AS u;",
      [[11]],
    ],
    ["a subquery", "SELECT COUNT(*) FROM (SELECT city, COUNT(*) AS n FROM customers GROUP BY city) AS c WHERE n > 1;", [[1]]],
  ])("%s", async (_name, sql, expected) => {
    expect(await server.rows(sql)).toEqual(expected);
  });

  test("are told their columns, and how they are found", async () => {
    const items = await server.query("SELECT city, COUNT(*) AS n FROM customers GROUP BY city ORDER BY n LIMIT 1;");
    expect(items).toMatchObject([{ header: { schema: "`CITY` STRING KEY, `N` BIGINT" } }, { row: { columns: ["Rome", 1] } }]);
    const [explained] = await server.ksql("EXPLAIN SELECT city, COUNT(*) FROM customers GROUP BY city;");
    expect(explained).toMatchObject({ queryDescription: { queryType: "PULL", sources: ["CUSTOMERS"] } });
  });

  test("are refused where there is nothing to read, and as by ksqlDB where extensions are off", async () => {
    const refused = async (sql: string, extensions = "true") => {
      const { body } = await server.post("/query", { ksql: sql, streamsProperties: { "millrace.sql.extensions": extensions } });
      return (body as { message: string }).message;
    };
    expect(await refused("SELECT COUNT(*) FROM customers_in;")).toContain("isn't queryable");
    expect(await refused("SELECT o.id FROM orders o LEFT JOIN paid p WITHIN 1 SECOND ON o.id = p.order_id;")).toContain(
      "only support INNER joins of streams",
    );
    expect(await refused("SELECT id FROM customers ORDER BY nothing;")).toContain("NOTHING");
    expect(await refused("SELECT id FROM orders ORDER BY id EMIT CHANGES;")).toContain("ORDER BY is only supported in pull queries");
    expect(await refused("SELECT city, COUNT(*) FROM customers GROUP BY city;", "false")).toContain(
      "Pull queries don't support GROUP BY clauses",
    );
    expect(await refused("SELECT id FROM customers WHERE id = 1 ORDER BY id;", "false")).toContain("Syntax Error");
  });

  test("read a table as it is at one moment", async () => {
    await server.ksql(
      `CREATE STREAM moves (id INT, delta INT) WITH (kafka_topic='moves', value_format='json', partitions=1);
       CREATE TABLE balances AS SELECT id, SUM(delta) AS sum FROM moves GROUP BY id;`,
    );
    const accounts = 5000;
    const move = (from: number, to: number) =>
      [
        [from, -1],
        [to, 1],
      ].map(([id, delta]) => ({ value: `{"ID":${id},"DELTA":${delta}}` }));
    await server.produce("moves", Array.from({ length: accounts }, (_, i) => move(i, (i + 1) % accounts)).flat());
    await server.eventually("SELECT COUNT(*), SUM(sum) FROM balances;", (rows) => JSON.stringify(rows) === `[[${accounts},0]]`);
    let going = true;
    const writing = (async () => {
      for (let i = 0; going; i++) await server.produce("moves", move(i % accounts, (i * 7) % accounts));
    })();
    for (let i = 0; i < 10; i++) {
      const [[count]] = (await server.rows("SELECT COUNT(*) FROM balances;")) as [[number]];
      expect(count).toBe(accounts);
    }
    going = false;
    await writing;
  });
});
