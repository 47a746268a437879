// Orders of two databases, MySQL and Postgres, enriched in streaming SQL and written to Cassandra. Everything but the databases runs
// in this process; the connector and SQL files beside this one go in through the ports, as their users send them.
//   npm run demo:orders [-- --keep] [-- --up] [-- --seconds 10] [-- --rate 50]
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  atEnd,
  bold,
  demo,
  flags,
  folder,
  ksql,
  openMillrace,
  pause,
  placed,
  poll,
  running,
  say,
  untilInterrupted,
} from "../common/demo.mjs";
import { difference, hosts, loadMysql, loadPostgres, openDatabases, recompute, result, startDatabases } from "./databases.mjs";
import { generate, randomOrder } from "./generator.mjs";

const options = flags({
  seconds: { type: "string", default: "10" },
  rate: { type: "string", default: "50" },
});
const path = (name) => fileURLToPath(new URL(name, import.meta.url));

async function main() {
  const databases = await startDatabases(folder, say);
  for (const server of Object.values(databases)) atEnd(() => server.stop());
  const clients = await openDatabases(databases);
  atEnd(() => clients.end());
  const addresses = Object.entries(hosts(databases));
  say(addresses.map(([name, address]) => `${name} on ${address}`).join(", "));
  await loadPostgres(
    clients,
    Array.from({ length: 200 }, (_, i) => randomOrder(i)),
  );
  say("postgres holds 1,000 users, 100 stores and 200 orders");

  const millrace = await openMillrace(options, Object.fromEntries(addresses), import.meta.url);
  const connect = `http://127.0.0.1:${millrace.ports.connect}`;
  const put = (...names) => promisify(execFile)(path("connectors/put"), names, { env: { ...process.env, CONNECT_URL: connect } });
  await put("mysql-source", "postgres-source");
  await running(connect, "mysql-source");
  await running(connect, "postgres-source");
  await placed(connect, "mysql-source"); // schema_only: what was written before is in no topic
  await placed(connect, "postgres-source");
  say("connectors/put mysql-source postgres-source: both sources follow their tables");

  await loadMysql(clients);
  const generator = generate(clients, Number(options.rate), 200);
  atEnd(() => generator.stop());
  say(`1,000 users and 100 stores in mysql too; ${options.rate} orders a second from now on`);
  await poll("the topics of all six tables", async () => {
    const names = await Promise.all(
      ["mysql-source", "postgres-source"].map(
        async (name) => (await (await fetch(`${connect}/connectors/${name}/topics`)).json())[name].topics,
      ),
    );
    return names.flat().filter((topic) => /\.(users|stores|orders)$/.test(topic)).length === 6;
  });

  for (const file of readdirSync(path("sql")).sort()) {
    const answers = await ksql(millrace, readFileSync(path(`sql/${file}`), "utf8"));
    const made = answers.map((answer) => answer.commandStatus?.message ?? answer.sourceDescription?.name).filter(Boolean);
    say(`sql/${file}: ${made.join(", ").toLowerCase()}`);
  }
  await put("cassandra-sink");
  await running(connect, "cassandra-sink");
  say("connectors/put cassandra-sink: the orders of both go to main.all_orders");

  const end = performance.now() + Number(options.seconds) * 1000;
  for (let last = ""; performance.now() < end; await pause(500)) {
    const line = await counts(clients);
    if (line !== last) say(`  main.all_orders: ${(last = line)}`);
  }
  await generator.stop();
  const expected = await recompute(clients);
  let wrong;
  for (const deadline = performance.now() + 60_000; performance.now() < deadline; await pause(50)) {
    wrong = difference(expected, await result(clients));
    if (!wrong) break;
  }
  if (wrong) throw new Error(`main.all_orders is not what the two databases say: ${wrong}`);
  say(bold(`${expected.length} orders of both databases are in main.all_orders, each once, equal to a join of their tables`));

  console.log(`
What to do next
  the files of this pipeline      examples/orders/{connectors,sql,schema}
  leave it all running            npm run demo:orders -- --keep
  start an empty Millrace         npm start -- --host mysql=127.0.0.1:3306 --host postgres=127.0.0.1:5432 --host cassandra=127.0.0.1:9042
  kill it while it works          npm run test:crash -- orders --kills 5
  the guide                       docs/guide/orders.md`);
  if (!options.keep) return;
  const again = generate(clients, Number(options.rate), 200 + generator.count);
  atEnd(() => again.stop());
  console.log(`
Everything keeps running until Ctrl-C, with ${options.rate} orders a second. To look into it:
  npx millrace sql -e 'SELECT * FROM "ALL_ORDERS" EMIT CHANGES LIMIT 5;' http://127.0.0.1:${millrace.ports.sql}
  npx millrace connectors list --url ${connect}
  ${addresses.map(([name, address]) => `${name.padEnd(10)} ${address}`).join("\n  ")}`);
  await untilInterrupted();
}

async function counts({ cassandra }) {
  const { rows } = await cassandra.execute("select source_system, order_id from main.all_orders", [], {
    prepare: true,
    fetchSize: 100_000,
  });
  const of = (source) => rows.filter((row) => row.source_system === source).length;
  return `${of("mysql")} from mysql, ${of("postgres")} from postgres`;
}

await demo(main);
