import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SqlServer } from "./support.js";

let server: SqlServer;
beforeAll(async () => {
  server = await SqlServer.start();
});
afterAll(() => server.close());

const get = async (path: string) => {
  const response = await fetch(`${server.url}${path}`, { redirect: "manual" });
  return {
    status: response.status,
    type: response.headers.get("content-type"),
    location: response.headers.get("location"),
    text: await response.text(),
  };
};

describe("the server's own state", () => {
  test("/info and the redirect to it", async () => {
    expect((await get("/")).location).toBe("/info");
    const info = JSON.parse((await get("/info")).text);
    expect(info.KsqlServerInfo).toMatchObject({
      kafkaClusterId: server.broker.clusterId,
      ksqlServiceId: "default_",
      serverStatus: "RUNNING",
    });
  });
  test("/healthcheck", async () => {
    const health = JSON.parse((await get("/healthcheck")).text);
    expect(health).toMatchObject({ isHealthy: true, details: { metastore: { isHealthy: true }, kafka: { isHealthy: true } } });
  });
  test("/v1/metadata and /clusterStatus", async () => {
    expect(JSON.parse((await get("/v1/metadata/id")).text).scope.clusters["kafka-cluster"]).toBe(server.broker.clusterId);
    const [host] = Object.values(JSON.parse((await get("/clusterStatus")).text).clusterStatus) as { hostAlive: boolean }[];
    expect(host!.hostAlive).toBe(true);
  });
  test("/is_valid_property", async () => {
    expect((await get("/is_valid_property/auto.offset.reset")).text).toBe("true");
    const denied = await get("/is_valid_property/ksql.service.id");
    expect(denied.status).toBe(400);
    expect(JSON.parse(denied.text)).toMatchObject({ "@type": "generic_error", error_code: 40000 });
  });
  test("an endpoint that is not there", async () => {
    const { status, text } = await get("/nothing");
    expect([status, JSON.parse(text).error_code]).toEqual([404, 40400]);
  });
  test("a body that is no JSON, or has no statement", async () => {
    expect(await server.post("/ksql", "{nope")).toMatchObject({ status: 400, body: { "@type": "generic_error", error_code: 40000 } });
    expect(await server.post("/ksql", {})).toMatchObject({ status: 400, body: { message: 'The request has no "ksql" (string)' } });
  });
  test("an unknown command's status", async () => {
    expect((await get("/status/stream/NOPE/create")).status).toBe(404);
    expect(JSON.parse((await get("/status")).text)).toEqual({ commandStatuses: {} });
  });
  test("a topic's details", async () => {
    await server.broker.createTopics([{ name: "orders", partitions: 2 }]);
    await server.produce("orders", [{ value: "x" }]);
    const details = JSON.parse((await get("/millrace/topics/orders")).text);
    expect(details).toMatchObject({
      name: "orders",
      partitions: [
        { partition: 0, earliest: 0, latest: 1 },
        { partition: 1, earliest: 0, latest: 0 },
      ],
    });
    expect((await get("/millrace/topics/none")).status).toBe(404);
  });
});
