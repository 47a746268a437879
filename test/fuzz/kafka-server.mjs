// A broker with its Kafka port, alone in its process: `node kafka-server.mjs DIR`. Says its port and what it logs to its parent, which
// asks for the memory that it uses.
import { EmbeddedBroker } from "../../dist/broker/embedded/embedded-broker.js";
import { KafkaListener } from "../../dist/broker/net/listener.js";

let lines = 0;
const logger = {
  debug() {},
  info() {},
  warn() {
    lines++;
  },
  // what is no client's fault: the fuzz run fails with it
  error(message, fields = {}) {
    process.send({ error: `${message} ${JSON.stringify(fields, (_, v) => (v instanceof Error ? v.stack : v))}` });
  },
  child: () => logger,
};
const broker = await EmbeddedBroker.open({ dir: process.argv[2], logger, defaults: { autoCreateTopics: false } });
const options = { broker, logger, host: "127.0.0.1", port: 0, autoCreateTopics: false, maxRequestBytes: 1024 * 1024 };
const listener = await KafkaListener.open(options);
process.on("message", (message) => {
  if (message === "memory") {
    global.gc?.();
    const { rss, heapUsed, external } = process.memoryUsage();
    process.send({ memory: { rss, heapUsed, external }, lines });
  }
});
process.on("disconnect", () => process.exit(0));
process.send({ port: listener.port });
