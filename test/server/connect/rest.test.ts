import Fastify, { type FastifyInstance } from "fastify";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { registerConnectRoutes } from "../../../src/server/connect/routes.js";
import { ConnectBed, until } from "../../support/connect.js";

let bed: ConnectBed;
let app: FastifyInstance;
beforeEach(async () => {
  bed = await new ConnectBed().open();
  app = Fastify();
  registerConnectRoutes(app, bed.worker);
});
afterEach(async () => {
  await app.close();
  await bed.remove();
});

type Verb = "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";
async function send(method: Verb, url: string, payload?: string, type: string | undefined = "application/json") {
  const r = await app.inject({
    method,
    url,
    ...(payload === undefined ? {} : { payload, headers: type === undefined ? {} : { "content-type": type } }),
  });
  return { status: r.statusCode, body: r.body === "" ? undefined : r.json(), headers: r.headers };
}
const call = (method: Verb, url: string, body?: unknown) => send(method, url, body === undefined ? undefined : JSON.stringify(body));
const source = { "connector.class": "test.CountingSourceConnector", topic: "counts", count: 5 };
const sink = { "connector.class": "CollectingSink", topics: "counts" };
const runs = (name: string) =>
  until(`${name} runs`, async () => (await call("GET", `/connectors/${name}/status`)).body.tasks[0]?.state === "RUNNING");

describe("requests", () => {
  it("are answered 404, 405 with what is allowed, 415 and 400 as Connect answers", async () => {
    expect(await send("GET", "/nothing")).toMatchObject({ status: 404, body: { error_code: 404, message: "HTTP 404 Not Found" } });
    const wrong = await send("DELETE", "/connectors");
    expect(wrong).toMatchObject({ status: 405, body: { error_code: 405, message: "HTTP 405 Method Not Allowed" } });
    expect(wrong.headers["allow"]).toBe("GET,POST,OPTIONS");
    expect((await send("PATCH", "/connectors/c/status/")).status).toBe(405);
    expect((await send("OPTIONS", "/connectors/c")).headers["allow"]).toBe("GET,DELETE,OPTIONS");
    expect(await send("POST", "/connectors", "name=x", "application/x-www-form-urlencoded")).toMatchObject({
      status: 415,
      body: { error_code: 415, message: "HTTP 415 Unsupported Media Type" },
    });
    expect((await send("POST", "/connectors", "{", "application/json; charset=utf-8")).status).toBe(400);
    expect((await send("POST", "/connectors")).status).toBe(400);
    expect(await call("POST", "/connectors", { config: source })).toMatchObject({ status: 400, body: { error_code: 400 } });
    expect((await call("POST", "/connectors", { name: "x" })).body.message).toContain("contains no connector type");
    expect((await call("POST", "/connectors", { name: "x", config: source, initial_state: "ASLEEP" })).status).toBe(400);
  });

  it("say which connector there is not", async () => {
    const answers: [Verb, string, string][] = [
      ["GET", "/connectors/x", "Connector x not found"],
      ["GET", "/connectors/x/config", "Connector x not found"],
      ["GET", "/connectors/x/status", "No status found for connector x"],
      ["GET", "/connectors/x/tasks", "Connector x not found"],
      ["GET", "/connectors/x/offsets", "Connector x not found"],
      ["DELETE", "/connectors/x/offsets", "Connector x not found"],
      ["PUT", "/connectors/x/pause", "Unknown connector x"],
      ["PUT", "/connectors/x/resume", "Unknown connector x"],
      ["PUT", "/connectors/x/stop", "Unknown connector x"],
      ["POST", "/connectors/x/restart", "Unknown connector: x"],
      ["POST", "/connectors/x/tasks/0/restart", "Unknown connector: x"],
      ["DELETE", "/connectors/x", "Connector x not found"],
    ];
    for (const [verb, url, message] of answers) expect((await call(verb, url)).body, url).toEqual({ error_code: 404, message });
    expect((await call("PATCH", "/connectors/x/config", { a: "1" })).status).toBe(404);
  });
});

describe("configs", () => {
  it("keep the text of numbers, mixed-case and unknown keys, and drop nulls", async () => {
    const body = `{"name":"c","config":{"connector.class":"test.CountingSourceConnector","topic":"say \\"1.50\\": 2","count": 5,
      "tasks.max": 1, "Some.Version": 1.50, "Big": 12345678901234567890, "Exp": 1e3, "flag": true, "nothing": null, "_mine": -0.10}}`;
    const made = await send("POST", "/connectors", body);
    expect(made.status).toBe(201);
    expect(made.body.config).toEqual({
      name: "c",
      "connector.class": "test.CountingSourceConnector",
      topic: 'say "1.50": 2',
      count: "5",
      "tasks.max": "1",
      "Some.Version": "1.50",
      Big: "12345678901234567890",
      Exp: "1e3",
      flag: "true",
      _mine: "-0.10",
    });
    const patched = await send("PATCH", "/connectors/c/config", '{"count": 7, "Exp": null, "Some.Version": 2.10}');
    expect(patched.status).toBe(200);
    expect(patched.body.config).toMatchObject({ count: "7", "Some.Version": "2.10" });
    expect(patched.body.config).not.toHaveProperty("Exp");
    expect((await call("PUT", "/connectors/other/config", { ...source, name: "c" })).body.message).toBe(
      "Connector name configuration (c) doesn't match connector name in the URL (other)",
    );
  });

  it("are taken in every initial state", async () => {
    for (const [initial_state, state] of [
      ["RUNNING", "RUNNING"],
      ["paused", "PAUSED"],
      ["STOPPED", "STOPPED"],
    ] as const) {
      expect((await call("POST", "/connectors", { name: state, config: source, initial_state })).status).toBe(201);
      expect((await call("GET", `/connectors/${state}/status`)).body.connector.state).toBe(state);
    }
    expect(Object.keys((await call("GET", "/connectors?expand=status")).body).sort()).toEqual(["PAUSED", "RUNNING", "STOPPED"]);
    expect((await call("GET", "/connectors?expand=info&expand=status")).body["PAUSED"]).toMatchObject({
      info: { name: "PAUSED", type: "source", config: { topic: "counts" } },
      status: { connector: { state: "PAUSED" } },
    });
    expect((await call("GET", "/connectors?expand=nothing")).body).toEqual({ PAUSED: {}, RUNNING: {}, STOPPED: {} });
  });

  it("refuse what could not hold here, and take what changes nothing", async () => {
    const put = (more: Record<string, unknown>) => call("PUT", "/connectors/c/config", { ...source, ...more });
    expect((await put({ "exactly.once.support": "required", "transaction.boundary": "poll" })).status).toBe(201);
    expect((await put({ "transaction.boundary": "interval", "transaction.boundary.interval.ms": 1000 })).status).toBe(200);
    expect((await put({ "transaction.boundary": "connector" })).body.message).toContain("connector-defined transaction boundaries");
    expect((await put({ "producer.override.compression.type": "lz4", "producer.override.linger.ms": 5 })).status).toBe(200);
    expect(bed.log.join()).toContain("producer.override.linger.ms is accepted and changes nothing here");
    expect((await put({ "producer.override.compression.type": "brotli" })).body.message).toContain("producer.override.compression.type");
    expect((await call("PUT", "/connectors/s/config", { ...sink, "consumer.override.auto.offset.reset": "never" })).status).toBe(400);
  });

  it("obey the worker's policy for client settings", async () => {
    for (const [policy, status] of [
      ["None", 400],
      ["Principal", 400],
      ["org.apache.kafka.connect.connector.policy.AllConnectorClientConfigOverridePolicy", 201],
    ] as const) {
      await bed.reopen({
        workerConfig: {
          "key.converter": "JsonConverter",
          "value.converter": "JsonConverter",
          "connector.client.config.override.policy": policy,
        },
      });
      app = Fastify();
      registerConnectRoutes(app, bed.worker);
      const answer = await call("PUT", "/connectors/s/config", { ...sink, "consumer.override.fetch.max.bytes": 1000 });
      expect(answer.status, policy).toBe(status);
      if (status === 400) expect(answer.body.message).toContain(`The '${policy}' policy does not allow 'fetch.max.bytes'`);
    }
  });
});

describe("restarts", () => {
  it("are planned for what was asked", async () => {
    await call("POST", "/connectors", { name: "c", config: source });
    await runs("c");
    const all = await call("POST", "/connectors/c/restart?includeTasks=true");
    expect(all).toMatchObject({
      status: 202,
      body: { name: "c", type: "source", connector: { state: "RESTARTING" }, tasks: [{ id: 0, state: "RESTARTING" }] },
    });
    await runs("c");
    const failed = await call("POST", "/connectors/c/restart?includeTasks=true&onlyFailed=true");
    expect(failed).toMatchObject({ status: 202, body: { connector: { state: "RUNNING" }, tasks: [{ id: 0, state: "RUNNING" }] } });
    expect((await call("POST", "/connectors/c/restart?includeTasks=false&onlyFailed=false")).status).toBe(204);
    expect((await call("POST", "/connectors/c/tasks/9/restart")).body.message).toBe("Unknown task: c-9");
  });
});

describe("offsets", () => {
  it("are refused in every state but STOPPED, for every verb that changes them", async () => {
    await call("POST", "/connectors", { name: "c", config: source });
    await until("offsets", async () => (await call("GET", "/connectors/c/offsets")).body.offsets[0]?.offset?.at === 5);
    const alter = { offsets: [{ partition: { source: "count" }, offset: { at: 1 } }] };
    for (const state of ["resume", "pause"]) {
      await call("PUT", `/connectors/c/${state}`);
      for (const answer of [await call("PATCH", "/connectors/c/offsets", alter), await call("DELETE", "/connectors/c/offsets")])
        expect(answer).toMatchObject({
          status: 400,
          body: { error_code: 400, message: expect.stringContaining("must be in the STOPPED state") },
        });
    }
    await call("PUT", "/connectors/c/stop");
    expect((await call("PATCH", "/connectors/c/offsets", alter)).body.message).toMatch(/^The Connect framework-managed offsets .* altered/);
    expect((await call("PATCH", "/connectors/c/offsets", { offsets: [{ offset: null }] })).body.message).toContain(
      "cannot be null or missing",
    );
    expect((await call("DELETE", "/connectors/c/offsets")).body.message).toMatch(/^The Connect framework-managed offsets .* reset/);
  });

  it("of a sink are checked as Connect checks them", async () => {
    await call("POST", "/connectors", { name: "s", config: sink, initial_state: "STOPPED" });
    const altered = async (body: unknown) => (await call("PATCH", "/connectors/s/offsets", body)).body.message as string;
    const one = (partition: unknown, offset: unknown) => altered({ offsets: [{ partition, offset }] });
    const none = "Partitions / offsets need to be provided for an alter offsets request";
    expect(await altered({})).toBe(none);
    expect(await altered({ offsets: [] })).toBe(none);
    expect((await send("PATCH", "/connectors/s/offsets")).body.message).toBe(none);
    expect(await altered({ offsets: [{}] })).toBe("The partition for a sink connector offset cannot be null or missing");
    expect(await one({}, null)).toContain("must contain the keys 'kafka_topic' and 'kafka_partition'");
    expect(await one({ kafka_topic: null, kafka_partition: 0 }, null)).toContain("Kafka topic names must be valid strings");
    expect(await one({ kafka_topic: "t", kafka_partition: null }, null)).toContain("Kafka partitions must be valid numbers");
    expect(await one({ kafka_topic: "t", kafka_partition: "x" }, null)).toContain("Kafka partition value in the provided offsets: 'x'");
    expect(await one({ kafka_topic: "t", kafka_partition: 0 }, {})).toContain("either be null or contain the key 'kafka_offset'");
    expect(await one({ kafka_topic: "t", kafka_partition: 0 }, { kafka_offset: "x" })).toContain(
      "Kafka offset value in the provided offsets: 'x'",
    );
    expect(await one({ kafka_topic: "t", kafka_partition: "0" }, { kafka_offset: "12" })).toContain("altered successfully");
    expect((await call("GET", "/connectors/s/offsets")).body.offsets).toEqual([
      { partition: { kafka_topic: "t", kafka_partition: 0 }, offset: { kafka_offset: 12 } },
    ]);
    expect(await one({ kafka_topic: "t", kafka_partition: 0 }, null)).toContain("altered successfully");
    expect((await call("GET", "/connectors/s/offsets")).body.offsets).toEqual([]);
  });
});

describe("plug-ins", () => {
  it("show every setting of each kind", async () => {
    const all = (await call("GET", "/connector-plugins?connectorsOnly=false")).body as { class: string; type: string }[];
    expect(new Set(all.map((p) => p.type))).toEqual(
      new Set(["source", "sink", "converter", "header_converter", "transformation", "predicate"]),
    );
    for (const plugin of all) {
      const answer = await call("GET", `/connector-plugins/${encodeURIComponent(plugin.class)}/config`);
      expect(answer.status, plugin.class).toBe(200);
      for (const key of answer.body) expect(key).toMatchObject({ name: expect.any(String), documentation: expect.any(String) });
    }
  });

  it("are validated with transforms, predicates and converters, and say what there is to choose from", async () => {
    const answer = await call("PUT", "/connector-plugins/CountingSource/config/validate", {
      name: "c",
      ...source,
      transforms: "route",
      "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
      "transforms.route.regex": "(.*)",
      "transforms.route.replacement": "x-$1",
      "transforms.route.predicate": "mine",
      predicates: "mine",
      "predicates.mine.type": "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
      "predicates.mine.pattern": "counts",
      "value.converter": "org.apache.kafka.connect.json.JsonConverter",
      "value.converter.schemas.enable": "maybe",
      "topic.creation.groups": "wide",
      "topic.creation.wide.include": "c.*",
      "topic.creation.default.partitions": 3,
      "topic.creation.default.replication.factor": 1,
    });
    const { configs } = answer.body as {
      configs: {
        definition: { name: string; type: string; group: string; required: boolean; default_value: unknown };
        value: { name: string; recommended_values: string[]; errors: string[] };
      }[];
    };
    const of = (name: string) => configs.find((c) => c.definition.name === name)!;
    expect(of("transforms.route.type").definition).toMatchObject({ type: "CLASS", group: "Transforms: route", required: true });
    expect(of("transforms.route.type").value.recommended_values).toContain("org.apache.kafka.connect.transforms.InsertField$Value");
    expect(of("transforms.route.predicate").value.recommended_values).toEqual(["mine"]);
    expect(of("transforms.route.negate").value.recommended_values).toEqual(["true", "false"]);
    expect(of("predicates.mine.pattern").definition.group).toBe("Predicates: mine");
    expect(of("predicates.mine.type").value.recommended_values).toContain(
      "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone",
    );
    expect(of("value.converter").value.recommended_values).toContain("io.confluent.connect.avro.AvroConverter");
    expect(of("value.converter.schemas.enable").value.errors.length).toBe(1);
    expect(of("topic.creation.wide.partitions").definition.default_value).toBe("3");
    expect(of("as").value.recommended_values).toEqual(["records", "chunks"]);
    expect(answer.body.error_count).toBe(1);
    expect(answer.body.groups).toEqual(expect.arrayContaining(["Common", "Transforms: route", "Predicates: mine", "Topic Creation"]));
  });
});

describe("/admin/loggers", () => {
  it("shows, finds and really changes levels, down the tree of names", async () => {
    expect((await call("GET", "/admin/loggers")).body["root"]).toEqual({ level: "INFO", last_modified: null });
    await call("POST", "/connectors", { name: "c", config: source });
    await runs("c");
    // the task's logger goes by the plug-in's class
    expect((await call("GET", "/admin/loggers/test.CountingSourceConnector")).body).toEqual({ level: "INFO", last_modified: null });
    expect(await call("GET", "/admin/loggers/no.such")).toMatchObject({ status: 404, body: { message: "Logger no.such not found." } });
    const changed = await call("PUT", "/admin/loggers/test", { level: "off" });
    expect(changed.status).toBe(200);
    expect(changed.body).toEqual(["test", "test.CountingSourceConnector"]);
    expect((await call("GET", "/admin/loggers/test.CountingSourceConnector")).body).toMatchObject({
      level: "OFF",
      last_modified: expect.any(Number),
    });
    expect((await call("PUT", "/admin/loggers/test?scope=cluster", { level: "ERROR" })).status).toBe(204);
    expect((await call("GET", "/admin/loggers")).body["test"].level).toBe("ERROR");
    expect(await call("PUT", "/admin/loggers/root", { level: "LOUD" })).toMatchObject({
      status: 404,
      body: { message: "invalid log level 'LOUD'." },
    });
    expect((await call("PUT", "/admin/loggers/root", {})).status).toBe(400);
  });
});
