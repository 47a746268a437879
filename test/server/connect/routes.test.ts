import Fastify, { type FastifyInstance } from "fastify";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { registerConnectRoutes } from "../../../src/server/connect/routes.js";
import { registerErrorRoutes } from "../../../src/server/errors/routes.js";
import { ConnectBed, until } from "../../support/connect.js";

let bed: ConnectBed;
let app: FastifyInstance;
let console: FastifyInstance;
beforeEach(async () => {
  bed = await new ConnectBed().open();
  app = Fastify();
  registerConnectRoutes(app, bed.worker);
  console = Fastify();
  registerErrorRoutes(console, bed.errors);
});
afterEach(async () => {
  await app.close();
  await console.close();
  await bed.remove();
});

async function call(method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE", url: string, body?: unknown, to = app) {
  const r = await to.inject({
    method,
    url,
    ...(body === undefined ? {} : { payload: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  return { status: r.statusCode, body: r.body === "" ? undefined : r.json(), headers: r.headers };
}
const config = { "connector.class": "test.CountingSourceConnector", topic: "counts", count: 12, "tasks.max": 1 };

describe("connectors", () => {
  it("are created, listed, shown, changed and deleted as in Kafka Connect", async () => {
    expect((await call("GET", "/")).body).toMatchObject({
      version: expect.any(String),
      commit: expect.any(String),
      kafka_cluster_id: bed.broker.clusterId,
    });
    const created = await call("POST", "/connectors", { name: "c", config });
    expect(created.status).toBe(201);
    expect(created.headers["location"]).toBe("/connectors/c");
    expect(created.body).toMatchObject({
      name: "c",
      type: "source",
      tasks: [{ connector: "c", task: 0 }],
      config: { name: "c", count: "12" },
    });
    expect(await call("POST", "/connectors", { name: "c", config })).toMatchObject({
      status: 409,
      body: { error_code: 409, message: "Connector c already exists" },
    });
    expect((await call("GET", "/connectors")).body).toEqual(["c"]);
    await until("it runs", async () => (await call("GET", "/connectors/c/status")).body.tasks[0]?.state === "RUNNING");
    expect((await call("GET", "/connectors/c/status")).body).toEqual({
      name: "c",
      connector: { state: "RUNNING", worker_id: "127.0.0.1:8083" },
      tasks: [{ id: 0, state: "RUNNING", worker_id: "127.0.0.1:8083" }],
      type: "source",
    });
    const expanded = (await call("GET", "/connectors?expand=status&expand=info")).body;
    expect(expanded.c.status.connector.state).toBe("RUNNING");
    expect(expanded.c.info.config["topic"]).toBe("counts");
    expect((await call("PUT", "/connectors/c/config", { ...config, count: 13 })).status).toBe(200);
    expect((await call("PUT", "/connectors/d/config", { name: "d", config: { ...config, topic: "d" } })).status).toBe(201);
    expect((await call("PATCH", "/connectors/c/config", { count: "14", topic: null, "topic.x": null })).status).toBe(400);
    expect((await call("PATCH", "/connectors/c/config", { count: "14" })).body.config.count).toBe("14");
    expect((await call("GET", "/connectors/c/config")).body).toMatchObject({ count: "14", name: "c" });
    expect((await call("GET", "/connectors/c/tasks")).body).toEqual([{ id: { connector: "c", task: 0 }, config: expect.any(Object) }]);
    expect((await call("GET", "/connectors/c/tasks/0/status")).body.id).toBe(0);
    expect((await call("GET", "/connectors/c/tasks/7/status")).status).toBe(404);
    await until("a topic", async () => (await call("GET", "/connectors/c/topics")).body.c.topics.length === 1);
    expect((await call("GET", "/connectors/c/topics")).body).toEqual({ c: { topics: ["counts"] } });
    expect((await call("PUT", "/connectors/c/topics/reset")).status).toBe(202);
    expect((await call("GET", "/connectors/c/topics")).body).toEqual({ c: { topics: [] } });
    expect((await call("DELETE", "/connectors/c")).status).toBe(204);
    expect(await call("GET", "/connectors/c")).toMatchObject({ status: 404, body: { error_code: 404, message: "Connector c not found" } });
  });

  it("are paused, resumed, stopped and restarted", async () => {
    await call("POST", "/connectors", { name: "c", config, initial_state: "PAUSED" });
    const state = async () => (await call("GET", "/connectors/c/status")).body;
    expect((await state()).connector.state).toBe("PAUSED");
    expect((await call("PUT", "/connectors/c/resume")).status).toBe(202);
    await until("it runs", async () => (await state()).tasks[0]?.state === "RUNNING");
    expect((await call("PUT", "/connectors/c/pause")).status).toBe(202);
    expect((await state()).tasks[0].state).toBe("PAUSED");
    await call("PUT", "/connectors/c/resume");
    expect((await call("POST", "/connectors/c/restart")).status).toBe(204);
    const restarted = await call("POST", "/connectors/c/restart?includeTasks=true&onlyFailed=true");
    expect(restarted.status).toBe(202);
    expect(restarted.body.name).toBe("c");
    expect((await call("POST", "/connectors/c/tasks/0/restart")).status).toBe(204);
    expect((await call("POST", "/connectors/c/tasks/9/restart")).status).toBe(404);
    expect((await call("PUT", "/connectors/c/stop")).status).toBe(204);
    expect(await state()).toMatchObject({ connector: { state: "STOPPED" }, tasks: [] });
  });

  it("have offsets that can be changed only while they are stopped", async () => {
    await call("POST", "/connectors", { name: "c", config });
    await until("offsets", async () => (await call("GET", "/connectors/c/offsets")).body.offsets[0]?.offset?.at === 12);
    expect((await call("DELETE", "/connectors/c/offsets")).status).toBe(400);
    await call("PUT", "/connectors/c/stop");
    const altered = await call("PATCH", "/connectors/c/offsets", { offsets: [{ partition: { source: "count" }, offset: { at: 5 } }] });
    expect(altered).toMatchObject({ status: 200, body: { message: expect.stringContaining("altered successfully") } });
    expect((await call("GET", "/connectors/c/offsets")).body).toEqual({ offsets: [{ partition: { source: "count" }, offset: { at: 5 } }] });
    expect((await call("DELETE", "/connectors/c/offsets")).status).toBe(200);
    expect((await call("GET", "/connectors/c/offsets")).body).toEqual({ offsets: [] });
  });

  it("of sinks have Kafka offsets", async () => {
    await call("POST", "/connectors", { name: "c", config });
    await call("POST", "/connectors", { name: "s", config: { "connector.class": "CollectingSink", topics: "counts" } });
    await until("all have arrived", () => bed.sink.records.length === 12);
    await call("PUT", "/connectors/s/stop");
    const [o] = (await call("GET", "/connectors/s/offsets")).body.offsets;
    expect(o.partition).toEqual({ kafka_topic: "counts", kafka_partition: 0 });
    expect(o.offset.kafka_offset).toBeGreaterThanOrEqual(12);
    await call("PATCH", "/connectors/s/offsets", { offsets: [{ partition: o.partition, offset: { kafka_offset: 4 } }] });
    await call("PUT", "/connectors/s/resume");
    await until("eight come again", () => bed.sink.records.length === 20);
    await call("PUT", "/connectors/s/stop");
    expect((await call("PATCH", "/connectors/s/offsets", { offsets: [{ partition: { x: 1 }, offset: null }] })).body.message).toContain(
      "kafka_topic",
    );
    expect((await call("DELETE", "/connectors/s/offsets")).status).toBe(200);
    expect((await call("GET", "/connectors/s/offsets")).body.offsets).toEqual([]);
  });
});

describe("plug-ins and validation", () => {
  it("lists them and their settings", async () => {
    expect((await call("GET", "/connector-plugins")).body).toEqual([
      { class: "test.CountingSourceConnector", type: "source", version: "1.0" },
      { class: "test.CollectingSinkConnector", type: "sink", version: "1.0" },
    ]);
    const all = (await call("GET", "/connector-plugins?connectorsOnly=false")).body as { class: string; type: string }[];
    expect(all).toContainEqual({ class: "io.debezium.transforms.ExtractNewRecordState", type: "transformation", version: "3.7.0.Final" });
    const settings = (await call("GET", "/connector-plugins/CountingSource/config")).body as {
      name: string;
      type: string;
      required: boolean;
    }[];
    expect(settings.find((s) => s.name === "topic")).toMatchObject({ type: "STRING", required: true, default_value: null });
    expect((await call("GET", "/connector-plugins/none/config")).status).toBe(404);
  });

  it("names every wrong, missing and unknown setting, and shows no secret", async () => {
    const answer = await call("PUT", "/connector-plugins/test.CountingSourceConnector/config/validate", {
      name: "x",
      "connector.class": "test.CountingSourceConnector",
      "tasks.max": "many",
      count: -1,
      as: "stones",
      password: "open sesame",
      nonsense: "1",
      _mine: "2",
      transforms: "a,b",
      "transforms.a.type": "no.such.Transform",
      "transforms.b.type": "org.apache.kafka.connect.transforms.RegexRouter",
      "transforms.b.regex": "(",
      "value.converter": "no.such.Converter",
    });
    expect(answer.status).toBe(200);
    const errors = Object.fromEntries(
      (answer.body.configs as { value: { name: string; errors: string[] } }[])
        .filter((c) => c.value.errors.length)
        .map((c) => [c.value.name, c.value.errors]),
    );
    expect(Object.keys(errors).sort()).toEqual(
      [
        "as",
        "count",
        "tasks.max",
        "topic",
        "transforms.a.type",
        "transforms.b.regex",
        "transforms.b.replacement",
        "value.converter",
      ].sort(),
    );
    expect(answer.body.error_count).toBe(8);
    const unknown = (answer.body.configs as { definition: { documentation: string }; value: { name: string } }[]).find(
      (c) => c.value.name === "nonsense",
    );
    expect(unknown!.definition.documentation).toContain("not a setting");
    expect(answer.body.configs.some((c: { value: { name: string } }) => c.value.name === "_mine")).toBe(false);
    expect(JSON.stringify(answer.body)).not.toContain("sesame");
    const refused = await call("POST", "/connectors", {
      name: "x",
      config: { "connector.class": "CountingSource", password: "open sesame", count: "open sesame" },
    });
    expect(refused.status).toBe(400);
    expect(refused.body.message).not.toContain("sesame");
    expect(refused.body.message).toMatch(/2 error\(s\)[\s\S]*topic/);
  });

  it("answers bad requests plainly", async () => {
    expect((await call("POST", "/connectors", [])).body).toMatchObject({ error_code: 400 });
    expect(
      (await app.inject({ method: "POST", url: "/connectors", payload: "{", headers: { "content-type": "application/json" } })).statusCode,
    ).toBe(400);
    expect((await call("POST", "/connectors", { name: "x", config: { "connector.class": "none.Such" } })).body.message).toContain(
      "Failed to find any class",
    );
    expect((await call("POST", "/connectors", { name: "x", config: { ...config, more: { a: 1 } } })).body.message).toContain("more");
    expect((await call("GET", "/nothing")).body).toEqual({ error_code: 404, message: "HTTP 404 Not Found" });
    expect((await call("GET", "/connectors/none/status")).status).toBe(404);
    expect((await call("GET", "/health")).body.status).toBe("healthy");
    expect((await call("PUT", "/admin/loggers/root", { level: "DEBUG" })).body).toContain("root");
    expect((await call("GET", "/admin/loggers/root")).body.level).toBe("DEBUG");
    expect((await call("PUT", "/admin/loggers/root", { level: "LOUD" })).status).toBe(404);
  });
});

describe("the error store's REST", () => {
  it("lists, shows, replays and deletes", async () => {
    await call("POST", "/connectors", { name: "c", config });
    bed.sink.refuse = (r) => r.offset < 3;
    await call("POST", "/connectors", { name: "s", config: { "connector.class": "CollectingSink", topics: "counts" } });
    await until("three are set aside", () => bed.errors.count() === 3);
    const list = (await call("GET", "/errors?connector=s", undefined, console)).body;
    expect(list.total).toBe(3);
    const { id } = list.errors[0];
    const shown = (await call("GET", `/errors/${encodeURIComponent(id)}`, undefined, console)).body;
    expect(shown).toMatchObject({ stage: "sink", topic: "counts", message: "the target does not want it" });
    expect(shown.value.text).toContain("row ");
    bed.sink.refuse = () => false;
    expect((await call("POST", `/errors/${encodeURIComponent(id)}/replay`, undefined, console)).body).toEqual({ replayed: [id] });
    expect((await call("POST", "/errors/replay?connector=s", undefined, console)).body.replayed.length).toBe(2);
    expect((await call("GET", "/errors", undefined, console)).body.total).toBe(0);
    expect((await call("GET", "/errors/none", undefined, console)).status).toBe(404);
    expect((await call("DELETE", "/errors?connector=s", undefined, console)).body).toEqual({ deleted: 0 });
    expect((await call("GET", "/errors?limit=x", undefined, console)).status).toBe(400);
  });
});
