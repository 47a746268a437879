// The pipeline's two databases: those that MYSQL and MONGODB (host:port) name, or real ones of our own.
import { readFileSync } from "node:fs";
import { MongoClient } from "mongodb";
import mysql from "mysql2/promise";
import { install, installed, startService } from "../common/services.mjs";

const ports = { mysql: 3306, mongodb: 27017 };
export const password = process.env.MYSQL_PASSWORD ?? "mysql";

/**
 * `{ mysql, mongodb }`, each `{ host, port, stop }`.
 * @param say gets a line where something takes long
 */
export async function startDatabases(say) {
  const made = {};
  try {
    for (const name of Object.keys(ports)) made[name] = given(name) ?? (await start(name, say));
  } catch (error) {
    for (const server of Object.values(made)) await server.stop();
    throw error;
  }
  return made;
}

function given(name) {
  const address = process.env[name.toUpperCase()];
  if (!address) return undefined;
  const [host, port = ports[name]] = address.split(":");
  return { host, port: Number(port), stop: async () => {} };
}

async function start(name, say) {
  if (!installed(name)) {
    say(`installing ${name} into .services (once, a minute or two)`);
    await install(name).catch((error) => {
      throw new Error(`${name} cannot be installed here (${error.message}): name one with ${name.toUpperCase()}=host:port`);
    });
  }
  return startService(name, { MYSQL_PASSWORD: password });
}

/** For `hosts`: the names in the settings file. */
export const hosts = (databases) =>
  Object.fromEntries(Object.entries(databases).map(([name, { host, port }]) => [name, `${host}:${port}`]));

const levels = ["GOLD", "SILVER", "BRONZE"];
export const cardOf = (id) => `4000-${String(id).padStart(4, "0")}-9999-1234`;

/** 100 products and 200 customers in MySQL, none of the totals in MongoDB; clients of both. */
export async function loadDatabases({ mysql: source, mongodb: target }) {
  const { host, port } = source;
  const sql = await mysql.createConnection({ host, port, user: "root", password, multipleStatements: true });
  await sql.query(readFileSync(new URL("schema/mysql.sql", import.meta.url), "utf8"));
  await sql.query("TRUNCATE ecommerce.products; TRUNCATE ecommerce.customers");
  const products = Array.from({ length: 100 }, (_, i) => [i + 1, `product ${i + 1}`, ((i * 37) % 500) + 0.99]);
  const customers = Array.from({ length: 200 }, (_, i) => [
    i + 1,
    `customer ${i + 1}`,
    `c${i + 1}@example.com`,
    `${i + 1} Mill Lane`,
    cardOf(i + 1),
    levels[i % 3],
  ]);
  await sql.query("INSERT INTO ecommerce.products VALUES ?", [products]);
  await sql.query("INSERT INTO ecommerce.customers VALUES ?", [customers]);
  const mongo = await new MongoClient(`mongodb://${target.host}:${target.port}/?directConnection=true`).connect();
  const totals = mongo.db("ecommerce").collection("totals");
  await totals.deleteMany({});
  return { sql, totals, end: () => Promise.allSettled([sql.end(), mongo.close()]) };
}

/** What each customer has ordered, computed anew from MySQL and the same random orders. */
export async function recompute({ sql }, orders) {
  const [products] = await sql.query("SELECT id, product_cost FROM ecommerce.products");
  const [customers] = await sql.query("SELECT id, name FROM ecommerce.customers");
  const cost = new Map(products.map((row) => [row.id, row.product_cost]));
  const name = new Map(customers.map((row) => [row.id, row.name]));
  const totals = new Map();
  let invalid = 0;
  const sorted = (rows) => [...rows].sort((a, b) => a.id - b.id);
  for (const { customer_id, product_id, quantity } of orders(sorted(customers), sorted(products))) {
    if (quantity <= 0) {
      invalid++;
      continue;
    }
    const total = totals.get(customer_id) ?? { customer_name: name.get(customer_id), orders: 0, total: 0 };
    totals.set(customer_id, total);
    total.orders++;
    total.total += quantity * cost.get(product_id);
  }
  return { totals, invalid };
}

/** One sentence of the first difference; undefined where there is none. Sums of doubles may differ by the order of their parts. */
export function difference(documents, totals) {
  if (documents.length !== totals.size) return `${documents.length} documents instead of ${totals.size}`;
  for (const { _id, customer_id, customer_name, orders, total } of documents) {
    const wanted = totals.get(customer_id);
    const found = JSON.stringify({ _id, customer_name, orders: Number(orders), total });
    if (!wanted || _id !== String(customer_id) || customer_name !== wanted.customer_name || Number(orders) !== wanted.orders)
      return `${found} instead of ${JSON.stringify(wanted)}`;
    if (Math.abs(total - wanted.total) > 1e-9 * wanted.total) return `${found} instead of ${JSON.stringify(wanted)}`;
  }
  return undefined;
}
