import { request } from "node:http";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startProxy } from "./support.js";

let proxy: Awaited<ReturnType<typeof startProxy>>;
let cluster: string;
beforeAll(async () => {
  proxy = await startProxy();
  cluster = `/v3/clusters/${proxy.broker.clusterId}`;
});
afterAll(() => proxy.close());
const call = (method: string, path: string, body?: unknown) => proxy.curl(method, `${cluster}${path}`, body, "application/json");

it("names the cluster and refuses another", async () => {
  const self = `${proxy.url}${cluster}`;
  const [status, { data }] = await proxy.curl("GET", "/v3/clusters");
  expect([status, data]).toMatchObject([
    200,
    [{ kind: "KafkaCluster", metadata: { self }, cluster_id: proxy.broker.clusterId, topics: { related: `${self}/topics` } }],
  ]);
  expect(await call("GET", "")).toEqual([200, data[0]]);
  expect(await proxy.curl("GET", "/v3/clusters/other/topics")).toEqual([
    404,
    { error_code: 404, message: "Cluster other cannot be found." },
  ]);
  expect(await call("GET", "/brokers")).toMatchObject([200, { data: [{ broker_id: 1, host: "localhost", port: 9092 }] }]);
  expect(await call("GET", "/acls")).toMatchObject([400, { error_code: 40002 }]);
});

it("creates, describes, grows and deletes topics", async () => {
  const config = [{ name: "cleanup.policy", value: "compact" }];
  const body = { topic_name: "t", partitions_count: 2, replication_factor: 1, configs: config };
  expect(await call("POST", "/topics", { ...body, validate_only: true })).toMatchObject([200, { topic_name: "t", partitions_count: 2 }]);
  expect(await call("GET", "/topics/t")).toEqual([404, { error_code: 40403, message: "This server does not host this topic-partition." }]);
  expect(await call("POST", "/topics", body)).toMatchObject([201, { kind: "KafkaTopic", topic_name: "t", partitions_count: 2 }]);
  expect(await call("POST", "/topics", body)).toEqual([400, { error_code: 40002, message: "Topic 't' already exists." }]);
  expect(await call("POST", "/topics", { topic_name: "u", configs: [{ name: "nope", value: 1 }] })).toMatchObject([
    400,
    { error_code: 40002 },
  ]);
  expect(await call("POST", "/topics", {})).toMatchObject([422, { error_code: 422 }]);
  expect((await call("GET", "/topics/t/partitions"))[1].data).toHaveLength(2);
  expect(await call("GET", "/topics/t/partitions/1/replicas/1")).toMatchObject([200, { is_leader: true, is_in_sync: true }]);
  expect(await call("PATCH", "/topics/t", { partitions_count: 3 })).toMatchObject([200, { partitions_count: 3 }]);
  expect(await call("DELETE", "/topics/t")).toEqual([204, undefined]);
  expect(await call("DELETE", "/topics/t")).toMatchObject([404, { error_code: 40403 }]);
});

it("changes settings one by one and together, or none of them", async () => {
  await call("POST", "/topics", { topic_name: "c" });
  const value = async (name: string) => (await call("GET", `/topics/c/configs/${name}`))[1];
  expect(await call("PUT", "/topics/c/configs/retention.ms", { value: "1000" })).toEqual([204, undefined]);
  expect(await value("retention.ms")).toMatchObject({ value: "1000", is_default: false, source: "DYNAMIC_TOPIC_CONFIG" });
  const data = [
    { name: "retention.ms", operation: "DELETE" },
    { name: "cleanup.policy", value: "compact" },
  ];
  const wrong = { name: "segment.bytes", value: "none" };
  expect(await call("POST", "/topics/c/configs:alter", { data: [...data, wrong] })).toMatchObject([400, { error_code: 40002 }]);
  expect(await call("POST", "/topics/c/configs:alter", { data: [...data, wrong], validate_only: true })).toMatchObject([400, {}]);
  expect(await value("retention.ms")).toMatchObject({ value: "1000" });
  expect(await call("POST", "/topics/c/configs:alter", { data, validate_only: true })).toEqual([204, undefined]);
  expect(await value("retention.ms")).toMatchObject({ value: "1000" });
  expect(await call("POST", "/topics/c/configs:alter", { data })).toEqual([204, undefined]);
  expect(await value("retention.ms")).toMatchObject({ is_default: true });
  expect(await value("cleanup.policy")).toMatchObject({ value: "compact" });
  expect(await call("DELETE", "/topics/c/configs/cleanup.policy")).toEqual([204, undefined]);
  expect(await call("PUT", "/topics/c/configs/nope", { value: 1 })).toMatchObject([404, { error_code: 404 }]);
});

it("takes records one by one, each with a report", async () => {
  const schema = '{"type":"record","name":"V","fields":[{"name":"x","type":"int"}]}';
  const records = [
    { key: { type: "STRING", data: "k" }, value: { type: "JSON", data: { a: 1 } }, timestamp: "2021-02-05T19:14:42Z" },
    { value: { type: "BINARY", data: "YWI=" }, headers: [{ name: "h", value: "YQ==" }] },
    { value: { type: "NOPE", data: 1 } },
    { value: { type: "AVRO", schema, data: { x: 1 } } },
    { value: { schema_id: 1, data: { x: "a" } } },
    { value: { data: { x: 3 } } },
    { partition_id: 9 },
    { key: { type: "STRING", data: "k" }, value: { type: "JSON", data: null } },
  ];
  const body = records.map((r) => JSON.stringify(r)).join("");
  const response = await fetch(`${proxy.url}${cluster}/topics/r/records`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  const reports = (await response.text())
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(reports.map((r) => r.error_code)).toEqual([200, 200, 422, 200, 42203, 200, 40403, 200]);
  expect(reports[0]).toMatchObject({
    partition_id: 0,
    offset: 0,
    timestamp: "2021-02-05T19:14:42.000Z",
    key: { type: "STRING", size: 1 },
    value: { type: "JSON", size: 7 },
  });
  expect(reports[3].value).toEqual({ type: "AVRO", subject: "r-value", schema_id: 1, schema_version: 1, size: 6 });
  expect(reports[7]).toMatchObject({ offset: 4, value: { type: "JSON", size: 0 } });
  const entries = [
    { id: "1", value: { type: "STRING", data: "k" } },
    { id: "2", value: { type: "STRING", data: 5 } },
  ];
  expect(await call("POST", "/topics/r/records:batch", { entries })).toMatchObject([
    207,
    { successes: [{ id: "1", error_code: 200, offset: 5 }], failures: [{ id: "2", error_code: 422 }] },
  ]);
  expect(await call("POST", "/topics/r/records", "nothing")).toMatchObject([200, { error_code: 400 }]);
});

it("answers a record before the next is sent", async () => {
  const stream = request(`${proxy.url}${cluster}/topics/stream/records`, {
    method: "POST",
    headers: { "content-type": "application/json" },
  });
  const lines: string[] = [];
  stream.on("response", (response) => response.on("data", (chunk) => lines.push(...String(chunk).trim().split("\n"))));
  for (let i = 0; i < 3; i++) {
    const record = `{"value": {"type": "STRING", "data": "record ${i}"}}`;
    stream.write(record.slice(0, 20));
    stream.write(record.slice(20));
    await expect.poll(() => lines.length).toBe(i + 1);
    expect(JSON.parse(lines[i]!)).toMatchObject({ error_code: 200, offset: i });
  }
  stream.end();
});

it("tells groups, their members and their lag", async () => {
  const json = "application/vnd.kafka.json.v2+json";
  await proxy.curl("POST", "/topics/lagging", { records: [{ value: 1 }, { value: 2 }, { value: 3 }] }, json);
  await proxy.curl("POST", "/consumers/g", { name: "one", format: "json", "auto.offset.reset": "earliest", "auto.commit.enable": "false" });
  const base = "/consumers/g/instances/one";
  await proxy.curl("POST", `${base}/subscription`, { topics: ["lagging"] });
  await proxy.curl("GET", `${base}/records?max_bytes=1`, undefined, json, json);
  expect(await call("GET", "/consumer-groups/g/lag-summary")).toMatchObject([404, {}]);
  await proxy.curl("POST", `${base}/offsets`);
  expect(await call("GET", "/consumer-groups/g")).toMatchObject([200, { state: "STABLE", partition_assignor: "range", is_simple: false }]);
  const [member] = (await call("GET", "/consumer-groups/g/consumers"))[1].data;
  expect(member).toMatchObject({ client_id: "one", consumer_group_id: "g" });
  expect((await call("GET", `/consumer-groups/g/consumers/${member.consumer_id}/assignments`))[1].data).toMatchObject([
    { topic_name: "lagging", partition_id: 0 },
  ]);
  expect((await call("GET", "/consumer-groups/g/lags"))[1].data).toMatchObject([
    { topic_name: "lagging", current_offset: 1, log_end_offset: 3, lag: 2, consumer_id: member.consumer_id },
  ]);
  expect(await call("GET", "/consumer-groups/g/lag-summary")).toMatchObject([
    200,
    { max_lag: 2, total_lag: 2, max_lag_topic_name: "lagging" },
  ]);
  expect(await call("GET", "/consumer-groups/none")).toMatchObject([404, { error_code: 404 }]);
  await proxy.curl("DELETE", base);
  expect(await call("DELETE", "/consumer-groups/g")).toEqual([204, undefined]);
});
