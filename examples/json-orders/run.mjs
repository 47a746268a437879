// Orders as JSON without a schema, given one in streaming SQL, in a table of Postgres. Everything but the database runs in this
// process; the orders go in through the command line, the SQL and the sink through the ports.
//   npm run demo:json-orders [-- --keep] [-- --up] [-- --orders 1000]
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { atEnd, bold, demo, flags, folder, ksql, openMillrace, pause, post, running, say, untilInterrupted } from "../common/demo.mjs";
import { connectPostgres, startPostgres } from "../common/postgres.mjs";
import { CANCELLED, lineOf, randomOrders } from "./generator.mjs";

const options = flags({
  orders: { type: "string", default: "1000" },
});
const text = (name) => readFileSync(new URL(name, import.meta.url), "utf8");
const main_js = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

async function main() {
  const server = await startPostgres(folder);
  atEnd(() => server.stop());
  const admin = await connectPostgres(server);
  await admin.query("CREATE DATABASE shop");
  await admin.end();
  const shop = await connectPostgres(server, "shop");
  atEnd(() => shop.end());
  say(`Postgres is up on port ${server.port}, with the empty database shop`);

  const millrace = await openMillrace(options, { postgres: `127.0.0.1:${server.port}` }, import.meta.url);
  await ksql(millrace, text("pipeline.sql"));
  say("SQL: ORDERS is read as JSON, ORDERS_AVRO has a schema for key and value");
  const connect = `http://127.0.0.1:${millrace.ports.connect}`;
  await post(`${connect}/connectors`, text("sink.json"));
  await running(connect, "orders-sink");
  say("sink connector: ORDERS_AVRO goes to shop.orders");

  const records = [...randomOrders(Number(options.orders))];
  const begun = performance.now();
  await produce(records, millrace.ports.restProxy);
  say(`millrace topics produce ORDERS: ${records.length} records of ${new Set(records.map(([key]) => key)).size} orders`);

  const expected = new Map();
  for (const [key, value] of records) {
    if (value === null) expected.delete(key);
    else expected.set(key, value);
  }
  const wanted = [...expected]
    .map(([id, o]) => rowText(id, o.customer, o.item, o.quantity, o.price, o.quantity * o.price, o.ordered_at))
    .sort();
  let shown = "";
  let rows = [];
  for (const deadline = performance.now() + 60_000; performance.now() < deadline; await pause(50)) {
    rows = await ordersNow(shop);
    const line = `  shop.orders: ${rows.length} of ${wanted.length}`;
    if (line !== shown) say((shown = line));
    if (rows.length === wanted.length && rows.every((row, i) => row === wanted[i])) break;
  }
  const wrong = wanted.find((row) => !rows.includes(row)) ?? rows.find((row) => !wanted.includes(row));
  if (wrong || rows.length !== wanted.length) throw new Error(`shop.orders is not what was written: ${wrong ?? `${rows.length} rows`}`);
  const cancelled = new Set(records.map(([key]) => key)).size - wanted.length;
  say(
    bold(
      `${wanted.length} orders are in shop.orders, each as it was written last, ${cancelled} cancelled ones are gone; ${Math.round(performance.now() - begun)} ms after the first was sent`,
    ),
  );

  console.log(`
What to do next
  the files of this pipeline      examples/json-orders/{generator.mjs,pipeline.sql,sink.json}
  leave it all running            npm run demo:json-orders -- --keep
  from the old stack's own file   npx millrace up examples/json-orders/docker-compose.yml
  the guide                       docs/guide/json-orders.md`);
  if (!options.keep) return;
  console.log(`
Everything keeps running until Ctrl-C. More orders, and the table:
  node examples/json-orders/generator.mjs 100 | npx millrace topics produce ORDERS -K '|' --null-marker ${CANCELLED} --url http://127.0.0.1:${millrace.ports.restProxy}
  psql postgresql://postgres:postgres@127.0.0.1:${server.port}/shop -c 'select * from orders limit 5'`);
  await untilInterrupted();
}

/** Through the command line, as a user's script would. */
async function produce(records, port) {
  const args = ["topics", "produce", "ORDERS", "-K", "|", "--null-marker", CANCELLED, "--url", `http://127.0.0.1:${port}`];
  const child = spawn(process.execPath, [main_js, ...args], { stdio: ["pipe", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk) => (said += chunk));
  const ended = once(child, "close");
  await pipeline(Readable.from(records.map((record) => `${lineOf(record)}\n`)), child.stdin).catch(() => {});
  const [code] = await ended;
  if (code !== 0) throw new Error(`millrace topics produce: ${said.trim()}`);
}

async function ordersNow(client) {
  try {
    const { rows } = await client.query("SELECT * FROM orders");
    return rows.map((r) => rowText(r.order_id, r.CUSTOMER, r.ITEM, r.QUANTITY, r.PRICE, r.TOTAL, r.ORDERED_AT)).sort();
  } catch (error) {
    if (error.code === "42P01") return []; // the sink has not made its table yet
    throw error;
  }
}

const rowText = (...fields) => fields.join(" | ");

await demo(main);
