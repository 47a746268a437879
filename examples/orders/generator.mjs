// Random orders into both databases.
//   MYSQL=127.0.0.1:3306 POSTGRES=127.0.0.1:5432 node examples/orders/generator.mjs [--rate 20] [--seconds 60]
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { connectPostgres } from "../common/postgres.mjs";
import { connectMysql } from "./databases.mjs";

const digits = "0123456789abcdefghijklmnopqrstuvwxyz";

/** One random order: `[order_id, store_id, user_id, quantity, ts]`, its id of at most ten characters and never the same twice. */
export function randomOrder(n, random = Math.random) {
  const below = (limit) => Math.floor(random() * limit);
  const ts = new Date(Date.now() - below(86_400_000)).toISOString().slice(0, 19).replace("T", " ");
  const id = Array.from({ length: 3 }, () => digits[below(36)]).join("") + n.toString(36).padStart(5, "0");
  return [id, `s${below(100)}`, `u${below(1000)}`, 1 + below(9), ts];
}

export const insertPostgres = (client, order) =>
  client.query({ name: "order", text: "insert into orders values ($1, $2, $3, $4, $5)", values: order });
export const insertMysql = (client, order) => client.execute("insert into orders values (?, ?, ?, ?, ?)", order);

/** Inserts `rate` orders a second, by turns into either database, until `stop()`; `from` is the first one's number. */
export function generate({ postgres, mysql }, rate, from = 0) {
  let running = true;
  const generator = {
    count: 0,
    async stop() {
      running = false;
      await done;
    },
  };
  const done = (async () => {
    for (const begun = performance.now(); running; ) {
      const order = randomOrder(from + generator.count);
      if (generator.count % 2) await insertPostgres(postgres, order);
      else await insertMysql(mysql, order);
      generator.count++;
      const wait = begun + (generator.count / rate) * 1000 - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    }
  })();
  return generator;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { values } = parseArgs({ options: { rate: { type: "string", default: "20" }, seconds: { type: "string", default: "60" } } });
  const address = (name, standard) => {
    const [host, port] = (process.env[name] ?? `127.0.0.1:${standard}`).split(":");
    return { host, port: Number(port) };
  };
  const clients = {
    postgres: await connectPostgres(address("POSTGRES", 5432), "main"),
    mysql: await connectMysql(address("MYSQL", 3306), "main"),
  };
  const generator = generate(clients, Number(values.rate));
  await new Promise((resolve) => setTimeout(resolve, Number(values.seconds) * 1000));
  await generator.stop();
  console.log(`${generator.count} orders`);
  process.exit();
}
