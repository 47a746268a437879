// Orders with their customers and products, and each customer's total, by two services on millrace/streams; the tables come from MySQL
// and the totals go to MongoDB. The services run inside of Millrace or, with --processes, each as a process of its own.
//   examples/order-services/run [--keep] [--processes] [--up] [--orders 5000]
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { atEnd, bold, demo, flags, pause, poll, running, say, startMillrace, untilInterrupted, upMillrace } from "../common/demo.mjs";
import { cardOf, difference, hosts, loadDatabases, recompute, startDatabases } from "./databases.mjs";

const options = flags({
  processes: { type: "boolean" },
  orders: { type: "string", default: "5000" },
});
const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const seed = 1;

async function main() {
  await promisify(execFile)(process.execPath, [path("../../node_modules/typescript/bin/tsc"), "-p", path("tsconfig.json")]).catch(
    (error) => {
      throw new Error(`the services do not compile:\n${error.stdout}`);
    },
  );
  say("tsc: the services compile against the types of their schemas");
  const databases = await startDatabases(say);
  for (const server of Object.values(databases)) atEnd(() => server.stop());
  const clients = await loadDatabases(databases);
  atEnd(() => clients.end());
  say("mysql holds 100 products and 200 customers");

  const services = options.processes ? {} : { services: path("dist/services") };
  const millrace = options.up
    ? await upFromCompose(hosts(databases), services)
    : await startMillrace(hosts(databases), options["free-ports"], services);
  const address = {
    MILLRACE_BOOTSTRAP_SERVERS: `127.0.0.1:${millrace.ports.kafka}`,
    MILLRACE_SCHEMA_REGISTRY_URL: `http://127.0.0.1:${millrace.ports.registry}`,
  };
  const connect = `http://127.0.0.1:${millrace.ports.connect}`;
  const put = (...names) => promisify(execFile)(path("connectors/put"), names, { env: { ...process.env, CONNECT_URL: connect } });
  await put("products-source", "customers-source");
  await running(connect, "products-source");
  await running(connect, "customers-source");
  const ends = async (topic) => {
    const [described] = await millrace.broker.describeTopics([topic]);
    if (!described) return 0;
    const partitions = Array.from({ length: described.partitions }, (_, partition) => ({ topic, partition, timestamp: "latest" }));
    const found = await millrace.broker.listOffsets({ partitions, isolation: "read_committed" });
    return found.reduce((sum, { offset }) => sum + offset, 0);
  };
  await poll("the snapshot of both tables", async () => {
    const held = [await ends("shop.ecommerce.products"), await ends("crm.ecommerce.customers")];
    return held[0] >= 100 && held[1] >= 200;
  });
  say("connectors/put products-source customers-source: both tables are in their topics");

  await put("totals-sink");
  if (options.processes) for (const name of ["orders-details", "orders-totals"]) start(`dist/services/${name}.js`, address);
  const producing = start("dist/produce-orders.js", address, options.orders, String(seed));
  say(
    `${options.orders} orders are on their way through ${options.processes ? "services in processes of their own" : "services inside of Millrace"}`,
  );
  await progress(clients.totals, producing);

  const { randomOrders } = await import("./dist/random-orders.js");
  const wanted = await recompute(clients, (customers, products) => randomOrders(Number(options.orders), seed, customers, products));
  let last;
  await poll("every order in a total", async () => {
    last = difference(await clients.totals.find().toArray(), wanted.totals);
    return last === undefined;
  }).catch((error) => {
    throw new Error(`${error.message}: ${last}`);
  });
  const invalid = await ends("orders-dlq");
  if (invalid < wanted.invalid) throw new Error(`${invalid} of ${wanted.invalid} invalid orders are in orders-dlq`);
  await masked(millrace.broker);
  console.log("");
  console.log(bold("What has happened"));
  console.log(
    `  ${Number(options.orders) - wanted.invalid} orders are in the totals of ${wanted.totals.size} customers in ecommerce.totals, each once, equal to a recomputation from MySQL`,
  );
  console.log(`  ${wanted.invalid} orders without a quantity are in orders-dlq, and no card number is in a topic`);
  console.log("");
  console.log(bold("What to do next"));
  console.log(
    "  examples/order-services/run --keep leaves it running; change a service in examples/order-services/services and run it again",
  );
  console.log("  docs/guide/write-a-service.md says how the services are written");
  if (options.keep) {
    say("running until Ctrl-C");
    await untilInterrupted();
  }
}

/** The old stack's compose file in place of an empty start: a process of its own, looked into as any client would. */
async function upFromCompose(hosts, services) {
  const { ports } = await upMillrace(path("docker-compose.yml"), hosts, options["free-ports"], services);
  const { connect } = await import("../../dist/embed/connection.js");
  const { broker, close } = await connect({ "bootstrap.servers": `127.0.0.1:${ports.kafka}` });
  atEnd(close);
  return { ports, broker };
}

function start(file, env, ...args) {
  const child = spawn(process.execPath, [path(file), ...args], {
    env: { ...process.env, ...env, MILLRACE_LOG_LEVEL: "error" },
    stdio: ["ignore", "inherit", "pipe"],
  });
  child.stderr.on("data", (chunk) => {
    for (const line of String(chunk).split("\n")) if (/"level":"error"|ERROR|Error/.test(line)) console.error(line);
  });
  const ended = once(child, "exit");
  atEnd(async () => {
    child.kill();
    await ended;
  });
  return ended.then(([code]) => {
    if (code) throw new Error(`${file} ended with ${code}`);
  });
}

async function progress(totals, producing) {
  let produced = false;
  await Promise.race([
    producing.then(() => {
      produced = true;
    }),
    (async () => {
      while (!produced) {
        await pause(500);
        say(`${await totals.countDocuments()} totals`);
      }
    })(),
  ]);
  await producing;
}

/** @throws Error where a card number is in the customers' topic */
async function masked(broker) {
  const topic = "crm.ecommerce.customers";
  const [{ batches }] = await broker.fetch({ partitions: [{ topic, partition: 0, offset: 0 }], maxWaitMs: 0 });
  if (batches.length === 0 || batches.includes(cardOf(1))) throw new Error("a card number is in the customers' topic");
}

await demo(main);
