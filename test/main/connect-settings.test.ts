import { cpSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { MillraceProcess, type Status, temporary, until } from "./process.js";

const folder = temporary("connect-settings");
const plugins = join(folder.path, "plugins");
cpSync(fileURLToPath(new URL("../../examples/own-connector", import.meta.url)), join(plugins, "own-connector"), { recursive: true });
afterAll(() => folder.remove());

const source = {
  name: "sensors",
  config: {
    "connector.class": "SensorSource",
    topic: "readings",
    sensors: "north",
    "interval.ms": 5,
    "readings.max": 3,
  },
};

test("the environment of a Connect container is the worker's", async () => {
  const process = await MillraceProcess.start(join(folder.path, "a"), ["--plugins", plugins], {
    env: {
      CONNECT_BOOTSTRAP_SERVERS: "broker:29092",
      CONNECT_GROUP_ID: "compose-connect-group",
      CONNECT_REST_ADVERTISED_HOST_NAME: "connect",
      CONNECT_REST_ADVERTISED_PORT: "8083",
      CONNECT_KEY_CONVERTER: "org.apache.kafka.connect.storage.StringConverter",
      CONNECT_VALUE_CONVERTER: "org.apache.kafka.connect.json.JsonConverter",
      CONNECT_VALUE_CONVERTER_SCHEMAS_ENABLE: "false",
      CONNECT_PLUGIN_PATH: "/usr/share/java,/usr/share/confluent-hub-components",
      CONNECT_LOG4J_LOGGERS: "org.reflections=ERROR,example=DEBUG",
    },
  });
  try {
    await process.createConnector(source);
    await process.running("sensors");
    const { json: status } = await process.call<Status & { connector: { worker_id: string } }>(
      "connect",
      "GET",
      "/connectors/sensors/status",
    );
    expect(status.connector.worker_id).toBe("connect:8083");
    const loggers = await process.call<Record<string, { level: string }>>("connect", "GET", "/admin/loggers");
    expect(loggers.json["example"]?.level).toBe("DEBUG");
    expect(loggers.json["example.SensorSourceConnector"]?.level).toBe("DEBUG");
    expect(loggers.json["org.apache.kafka.connect"]?.level).toBe("INFO");
    await until("the readings are committed", async () => {
      const { json } = await process.call<{ offsets: { offset: { next: number } }[] }>("connect", "GET", "/connectors/sensors/offsets");
      return json.offsets[0]?.offset.next === 3;
    });
    const tail = await process.cli(["topics", "tail", "readings", "--from-beginning", "--limit", "3"]);
    expect(tail.stdout).toContain("north");
    expect(tail.stdout).toMatch(/\{\\?"sensor\\?":\\?"north\\?",\\?"number\\?":0/);
  } finally {
    await process.stop();
  }
});

test("by default the worker is known by the address that it listens on", async () => {
  const process = await MillraceProcess.start(join(folder.path, "b"), ["--plugins", plugins]);
  try {
    await process.createConnector(source);
    const workerOf = async () =>
      (await process.call<{ connector: { worker_id: string } }>("connect", "GET", "/connectors/sensors/status")).json.connector.worker_id;
    expect(await workerOf()).toBe(`127.0.0.1:${process.ports.connect}`);
    expect(await workerOf()).not.toContain(hostname());
    const slash = await process.call("connect", "GET", "/connectors/sensors/");
    expect(slash.status).toBe(200);
  } finally {
    await process.stop();
  }
});
