import { afterAll, beforeAll, expect, it } from "vitest";
import { startProxy } from "./support.js";

const json = "application/vnd.kafka.json.v2+json";
const v2 = "application/vnd.kafka.v2+json";
let proxy: Awaited<ReturnType<typeof startProxy>>;
beforeAll(async () => {
  proxy = await startProxy();
});
afterAll(() => proxy.close());

const produce = (topic: string, ...values: unknown[]) =>
  proxy.curl("POST", `/topics/${topic}`, { records: values.map((value) => ({ value })) }, json);
const create = (group: string, name: string, more: object = {}) =>
  proxy.curl("POST", `/consumers/${group}`, { name, format: "json", "auto.offset.reset": "earliest", ...more });
const read = async (path: string, type = json, ms = 3000) =>
  (await proxy.curl("GET", `${path}/records?timeout=${ms}`, undefined, v2, type))[1];
const values = (answer: { value: unknown }[]) => answer.map((r) => r.value);

it("reads a subscription, commits, and goes on there", async () => {
  await produce("orders", 1, { two: [2] }, null);
  const base = "/consumers/readers/instances/one";
  expect(await create("readers", "one", { "auto.commit.enable": "false" })).toEqual([
    200,
    { instance_id: "one", base_uri: `${proxy.url}${base}` },
  ]);
  expect(await create("readers", "one")).toMatchObject([409, { error_code: 40902 }]);
  expect(await proxy.curl("POST", `${base}/subscription`, { topics: ["orders"] })).toEqual([204, undefined]);
  expect(await read(base)).toEqual([
    { topic: "orders", key: null, value: 1, partition: 0, offset: 0 },
    { topic: "orders", key: null, value: { two: [2] }, partition: 0, offset: 1 },
    { topic: "orders", key: null, value: null, partition: 0, offset: 2 },
  ]);
  const asked = { partitions: [{ topic: "orders", partition: 0 }] };
  expect(await proxy.curl("GET", `${base}/offsets`, asked)).toEqual([200, { offsets: [] }]);
  expect(await proxy.curl("POST", `${base}/offsets`, { offsets: [{ topic: "orders", partition: 0, offset: 1 }] })).toEqual([
    204,
    undefined,
  ]);
  expect(await proxy.curl("GET", `${base}/offsets`, asked)).toEqual([
    200,
    { offsets: [{ topic: "orders", partition: 0, offset: 1, metadata: "" }] },
  ]);
  expect(await proxy.curl("DELETE", base)).toEqual([204, undefined]);
  expect(await proxy.curl("GET", `${base}/records`)).toMatchObject([404, { error_code: 40403 }]);

  await create("readers", "one");
  await proxy.curl("POST", `${base}/subscription`, { topic_pattern: "ord.*" });
  expect(values(await read(base))).toEqual([{ two: [2] }, null]);
  expect(await proxy.curl("GET", `${base}/subscription`)).toEqual([200, { topics: ["orders"] }]);
  await proxy.curl("DELETE", base); // which commits what was read
  await create("readers", "one");
  await proxy.curl("POST", `${base}/subscription`, { topics: ["orders"] });
  await produce("orders", "new");
  expect(values(await read(base))).toEqual(["new"]);
  await proxy.curl("DELETE", base);
});

it("assigns by hand, seeks, and holds back what is more than max_bytes", async () => {
  await produce("seek", "aaa", "bbb", "ccc");
  const base = "/consumers/g/instances/seeker";
  await create("g", "seeker");
  expect(await proxy.curl("GET", `${base}/records`, undefined, v2, json)).toMatchObject([409, { error_code: 40903 }]);
  expect(await proxy.curl("POST", `${base}/assignments`, { partitions: [{ topic: "seek", partition: 5 }] })).toMatchObject([
    404,
    { error_code: 40402 },
  ]);
  const all = { partitions: [{ topic: "seek", partition: 0 }] };
  expect(await proxy.curl("POST", `${base}/assignments`, all)).toEqual([204, undefined]);
  expect(await proxy.curl("GET", `${base}/assignments`)).toEqual([200, all]);
  expect(await proxy.curl("POST", `${base}/subscription`, { topics: ["seek"] })).toMatchObject([409, { error_code: 40903 }]);
  const some = async (bytes: number) => values((await proxy.curl("GET", `${base}/records?max_bytes=${bytes}`, undefined, v2, json))[1]);
  expect(await some(1)).toEqual(["aaa"]);
  expect(await some(10)).toEqual(["bbb", "ccc"]);
  expect(await proxy.curl("POST", `${base}/positions`, { offsets: [{ topic: "seek", partition: 0, offset: 2 }] })).toEqual([
    204,
    undefined,
  ]);
  expect(await some(1000)).toEqual(["ccc"]);
  await proxy.curl("POST", `${base}/positions/beginning`, all);
  expect(await some(1000)).toEqual(["aaa", "bbb", "ccc"]);
  await proxy.curl("POST", `${base}/positions/end`, all);
  expect((await proxy.curl("GET", `${base}/records?timeout=50`, undefined, v2, json))[1]).toEqual([]);
  expect(await proxy.curl("POST", `${base}/positions`, { offsets: [{ topic: "other", partition: 0, offset: 2 }] })).toMatchObject([
    409,
    { error_code: 40903 },
  ]);
  await proxy.curl("DELETE", base);
});

it("gives Avro in its JSON encoding and bytes as base64, and refuses another format", async () => {
  const schema =
    '{"type":"record","name":"U","fields":[{"name":"id","type":"long"},{"name":"f","type":["null","float"]},{"name":"b","type":"bytes"}]}';
  const record = '{"id": 9007199254740993, "f": {"float": 0.1}, "b": "\\u00ff"}';
  const body = `{"value_schema": ${JSON.stringify(schema)}, "records": [{"value": ${record}}]}`;
  await proxy.curl("POST", "/topics/avros", body, "application/vnd.kafka.avro.v2+json");
  await create("formats", "avro", { format: "avro" });
  await create("formats2", "binary", { format: "binary" });
  for (const path of ["/consumers/formats/instances/avro", "/consumers/formats2/instances/binary"])
    await proxy.curl("POST", `${path}/subscription`, { topics: ["avros"] });
  expect(await proxy.curl("GET", "/consumers/formats/instances/avro/records", undefined, v2, json)).toMatchObject([
    406,
    { error_code: 40601 },
  ]);
  const url = `${proxy.url}/consumers/formats/instances/avro/records?timeout=3000`;
  const text = await (await fetch(url, { headers: { accept: "application/vnd.kafka.avro.v2+json" } })).text();
  expect(text).toBe('[{"topic":"avros","key":null,"value":{"id":9007199254740993,"f":{"float":0.1},"b":"ÿ"},"partition":0,"offset":0}]');
  const [bytes] = await read("/consumers/formats2/instances/binary", "application/vnd.kafka.binary.v2+json");
  expect(Buffer.from(bytes.value, "base64").toString("hex")).toBe("0000000001" + "8280808080808020" + "02cdcccc3d" + "02ff");
});

it("says which record it cannot read, and goes on past it", async () => {
  await proxy.curl(
    "POST",
    "/topics/odd",
    { records: [{ value: "MQ==" }, { value: "/w==" }, { value: "Mg==" }] },
    "application/vnd.kafka.binary.v2+json",
  );
  const base = "/consumers/odd/instances/one";
  await create("odd", "one");
  await proxy.curl("POST", `${base}/subscription`, { topics: ["odd"] });
  expect(values(await read(base))).toEqual([1]);
  expect(await read(base)).toMatchObject({ error_code: 50002, message: expect.stringContaining("odd-0 at offset 1") });
  await proxy.curl("POST", `${base}/positions`, { offsets: [{ topic: "odd", partition: 0, offset: 2 }] });
  expect(values(await read(base))).toEqual([2]);
});

it("waits for fetch.min.bytes, and answers with less once its time is over", async () => {
  const base = "/consumers/waiting/instances/w";
  await create("waiting", "w", { "fetch.min.bytes": "9" });
  await produce("slow", "one");
  await proxy.curl("POST", `${base}/assignments`, { partitions: [{ topic: "slow", partition: 0 }] });
  const answer = read(base, json, 20_000);
  await produce("slow", "two");
  expect(values(await answer)).toEqual(["one", "two"]);
  await produce("slow", "x");
  expect(values(await read(base, json, 300))).toEqual(["x"]);
});

it("shares a group's partitions between instances, and hands them over", async () => {
  await proxy.broker.createTopics([{ name: "shared", partitions: 4 }]);
  const instance = (name: string) => `/consumers/team/instances/${name}`;
  const owned = async (name: string) =>
    ((await proxy.curl("GET", `${instance(name)}/assignments`))[1].partitions as { partition: number }[]).map((p) => p.partition);
  for (const name of ["a", "b"]) {
    await create("team", name);
    await proxy.curl("POST", `${instance(name)}/subscription`, { topics: ["shared"] });
  }
  await expect.poll(async () => [await owned("a"), await owned("b")].map((p) => p.length), { timeout: 15_000 }).toEqual([2, 2]);
  await proxy.curl("DELETE", instance("a"));
  await expect.poll(() => owned("b"), { timeout: 15_000 }).toEqual([0, 1, 2, 3]);
}, 40_000);

it.each([
  [{ format: "xml" }, 42204],
  [{ "auto.offset.reset": "first" }, 42204],
  [{ "fetch.min.bytes": "many" }, 42204],
  [{ formta: "json" }, 422],
])("refuses the consumer %j", async (config, code) => {
  expect(await proxy.curl("POST", "/consumers/x", config)).toMatchObject([422, { error_code: code }]);
});
