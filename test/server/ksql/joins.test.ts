import { expect, it } from "vitest";
import { SqlServer } from "./support.js";

it("joins a stream's record with the table's rows of the same millisecond, whichever was written first", async () => {
  const server = await SqlServer.start();
  try {
    await server.broker.createTopics(["orders", "users", "stores"].map((name) => ({ name, partitions: 1 })));
    const orders = Array.from({ length: 50 }, (_, i) => ({
      key: `o${i}`,
      value: `{"USER_ID":"u${i % 7}","STORE_ID":"s${i % 3}"}`,
      timestamp: 1000,
    }));
    await server.produce("orders", orders);
    await server.produce(
      "users",
      [0, 1, 2, 3, 4, 5, 6].map((i) => ({ key: `u${i}`, value: `{"NAME":"n${i}"}`, timestamp: 1000 })),
    );
    await server.produce(
      "stores",
      [0, 1, 2].map((i) => ({ key: `s${i}`, value: `{"CITY":"c${i}"}`, timestamp: 1000 })),
    );
    await server.ksql(
      `create stream orders (order_id varchar key, user_id varchar, store_id varchar) with (kafka_topic='orders', value_format='json');
       create table users (user_id varchar primary key, name varchar) with (kafka_topic='users', value_format='json');
       create table stores (store_id varchar primary key, city varchar) with (kafka_topic='stores', value_format='json');
       create stream named as select o.order_id as k, u.name as name, s.city as city
         from orders o join users u on u.user_id = o.user_id join stores s on s.store_id = o.store_id partition by o.order_id;`,
      { streamsProperties: { "auto.offset.reset": "earliest" } },
    );
    const rows = await server.eventually("select k, name, city from named;", (found) => found.length >= 50);
    expect(rows.map(String).sort()).toEqual(orders.map(({ key }, i) => `${key},n${i % 7},c${i % 3}`).sort());
  } finally {
    await server.close();
  }
});
