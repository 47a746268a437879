import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readToEnd } from "../../../src/broker/api/reader.js";
import { RecordCursor } from "../../../src/protocol/record-cursor.js";
import { startProxy } from "./support.js";

const avro = "application/vnd.kafka.avro.v2+json";
const json = "application/vnd.kafka.json.v2+json";
const binary = "application/vnd.kafka.binary.v2+json";

let proxy: Awaited<ReturnType<typeof startProxy>>;
beforeAll(async () => {
  proxy = await startProxy();
});
afterAll(() => proxy.close());

/** Keys and values of the topic, in order. */
async function records(topic: string): Promise<{ partition: number; key: Buffer | null; value: Buffer | null }[]> {
  const found: { partition: number; key: Buffer | null; value: Buffer | null }[] = [];
  await readToEnd(proxy.broker, topic, "read_uncommitted", (batch, partition) => {
    const cursor = new RecordCursor();
    cursor.open(batch);
    while (cursor.next()) {
      const { bytes, keyStart, keyEnd, valueStart, valueEnd } = cursor;
      const slice = (start: number, end: number) => (start < 0 ? null : Buffer.from(bytes.subarray(start, end)));
      found.push({ partition, key: slice(keyStart, keyEnd), value: slice(valueStart, valueEnd) });
    }
  });
  return found;
}
const offsets = (...list: number[]) => list.map((offset) => ({ partition: 0, offset, error_code: null, error: null }));

describe("v2 produce", () => {
  it("takes Avro by a schema's text, which it registers, and by its id", async () => {
    const schema = JSON.stringify({
      type: "record",
      name: "Bet",
      fields: [
        { name: "RUNNER_ID", type: ["null", "int"], default: null },
        { name: "AMOUNT", type: ["null", "double"], default: null },
      ],
    });
    const value = { RUNNER_ID: { int: 1 }, AMOUNT: { double: 25.0 } };
    expect(await proxy.curl("POST", "/topics/bets", { value_schema: schema, records: [{ value }] }, avro)).toEqual([
      200,
      { offsets: offsets(0), key_schema_id: null, value_schema_id: 1 },
    ]);
    const others = [{ value: { AMOUNT: { double: 2.5 }, RUNNER_ID: null } }, { value: null }, { value }];
    expect(await proxy.curl("POST", "/topics/bets", { records: others, value_schema_id: 1 }, avro)).toEqual([
      200,
      { offsets: offsets(1, 2, 3), key_schema_id: null, value_schema_id: 1 },
    ]);
    const whole = Buffer.from("000000000102020200000000000039" + "40", "hex");
    const written = await records("bets");
    expect(written.map((r) => r.value?.toString("hex"))).toEqual([
      whole.toString("hex"),
      "0000000001" + "00" + "02" + "0000000000000440",
      undefined,
      whole.toString("hex"),
    ]);
  });

  it("keeps every digit of a long and of JSON", async () => {
    const request = `{"value_schema": "\\"long\\"", "records": [{"value": 9223372036854775807}, {"value": -9223372036854775808}]}`;
    expect((await proxy.curl("POST", "/topics/longs", request, avro))[0]).toBe(200);
    expect((await records("longs")).map((r) => r.value!.subarray(5).toString("hex"))).toEqual([
      "feffffffffffffffff01",
      "ffffffffffffffffff01",
    ]);
    const text = `{"records": [{"key": "k",  "value": {"a": 12345678901234567890.10, "b": "x \\" y"} }]}`;
    expect((await proxy.curl("POST", "/topics/texts", text, json))[0]).toBe(200);
    expect((await records("texts")).map((r) => [r.key!.toString(), r.value!.toString()])).toEqual([
      [`"k"`, `{"a":12345678901234567890.10,"b":"x \\" y"}`],
    ]);
  });

  it("takes base64, keys and partitions, and puts a key where Kafka's clients put it", async () => {
    await proxy.broker.createTopics([{ name: "parts", partitions: 4 }]);
    const body = { records: [{ key: "a2V5", value: "dg==", partition: 3 }, { key: "a2V5" }, { value: "dg==", partition: 1 }] };
    const [status, answer] = await proxy.curl("POST", "/topics/parts", body, binary);
    expect([status, answer.offsets.map((o: { partition: number }) => o.partition)]).toEqual([200, [3, 1, 1]]);
    expect(await proxy.curl("POST", "/topics/parts/partitions/0", { records: [{ value: "" }] })).toMatchObject([
      200,
      { offsets: [{ partition: 0, offset: 0 }] },
    ]);
    expect((await records("parts")).map((r) => [r.partition, r.key?.toString(), r.value?.toString()])).toEqual([
      [0, undefined, ""],
      [1, "key", undefined],
      [1, undefined, "v"],
      [3, "key", "v"],
    ]);
  });

  it("answers many requests at once, each with its own offsets", async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        const body = JSON.stringify({ records: [{ value: i }, { value: `${i} again` }] });
        const response = await fetch(`${proxy.url}/topics/many`, { method: "POST", headers: { "content-type": json }, body });
        return [i, ((await response.json()) as { offsets: { offset: number }[] }).offsets.map((o) => o.offset)] as const;
      }),
    );
    const written = (await records("many")).map((r) => r.value!.toString());
    expect(written).toHaveLength(80);
    for (const [i, [first, second]] of answers) expect([written[first!], written[second!]]).toEqual([String(i), `"${i} again"`]);
  });

  it("splits what is too large together and not by itself", async () => {
    await proxy.broker.createTopics([{ name: "small", partitions: 1, configs: { "max.message.bytes": "2000" } }]);
    const text = "x".repeat(1200);
    const post = (value: string) =>
      fetch(`${proxy.url}/topics/small`, {
        method: "POST",
        headers: { "content-type": json },
        body: JSON.stringify({ records: [{ value }] }),
      });
    const answers = await Promise.all(Array.from({ length: 6 }, async (_, i) => (await post(i === 3 ? text + text : text)).json()));
    expect(answers.map((a) => (a as { offsets: { error_code: number | null }[] }).offsets[0]!.error_code)).toEqual([
      null,
      null,
      null,
      1,
      null,
      null,
    ]);
    expect(await records("small")).toHaveLength(5);
  });
});

describe("a bad request changes nothing", () => {
  const schema = '{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":["null","string"]}]}';
  const of = (value: unknown) => ({ value_schema: schema, records: [{ value: { a: 1, b: null } }, { value }] });

  it.each([
    [avro, { records: [{ value: 1 }] }, 422, 42202, /value_schema/],
    [avro, { value_schema: '"int"', records: [{ key: 1, value: 1 }] }, 422, 42201, /key_schema/],
    [avro, { value_schema: "{", records: [{ value: 1 }] }, 422, 42205, /Invalid schema/],
    [avro, { value_schema_id: 999, records: [{ value: 1 }] }, 408, 40801, /999 not found/],
    [avro, of({ a: "x", b: null }), 422, 42203, /Conversion of JSON to Avro failed: Expected int. Got VALUE_STRING \(field a\)/],
    [avro, of({ a: 1, b: "plain" }), 422, 42203, /Expected start-union. Got VALUE_STRING/],
    [avro, of({ a: 1, b: { int: 3 } }), 422, 42203, /Unknown union branch int/],
    [avro, of({ a: 1 }), 422, 42203, /Expected field name not found: b/],
    [avro, of({ a: 1, b: null, c: 2 }), 422, 42203, /Unknown fields: \[c\]/],
    [avro, of({ a: 3_000_000_000, b: null }), 422, 42203, /out of range of int/],
    [json, { records: [] }, 422, 422, /records may not be empty/],
    [json, {}, 422, 422, /records may not be null/],
    [json, { records: [{ valeu: 1 }] }, 422, 422, /Unrecognized field: valeu/],
    [json, { recrods: [] }, 422, 422, /Unrecognized field: recrods/],
    [json, '{"records": [{"value": nul}]}', 400, 400, /not JSON/],
    [json, '{"records": [{"value": {"a": 01}}]}', 400, 400, /not JSON/],
    [json, '{"records": [{"value": 1}', 400, 400, /not JSON/],
    [json, '{"records": [{"value": 1}]} more', 400, 400, /not JSON/],
    [json, { records: [{ value: 1, partition: 7 }] }, 404, 40402, /Partition not found/],
    [binary, { records: [{ value: "a?" }] }, 422, 422, /base64/],
    ["application/vnd.kafka.avro.v1+json", { records: [{ value: 1 }] }, 415, 415, /Unsupported Media Type/],
  ])("%s %j: %i %i", async (type, body, status, code, message) => {
    const [got, answer] = await proxy.curl("POST", "/topics/untouched", body, type);
    expect([got, answer]).toEqual([status, { error_code: code, message: expect.stringMatching(message) }]);
    expect(await proxy.broker.describeTopics(["untouched"])).toEqual([]);
    expect(proxy.registry.subjects({ prefix: "untouched" })).toEqual([]);
  });

  it("names of topics and types of answers", async () => {
    expect(await proxy.curl("POST", "/topics/a%20b", { records: [{ value: 1 }] }, json)).toMatchObject([422, { error_code: 422 }]);
    expect(await proxy.curl("GET", "/topics", undefined, json, "text/html")).toEqual([
      406,
      { error_code: 406, message: "HTTP 406 Not Acceptable" },
    ]);
    expect(await proxy.curl("GET", "/nothing")).toEqual([404, { error_code: 404, message: "HTTP 404 Not Found" }]);
  });
});
