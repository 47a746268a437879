import { afterAll, beforeAll, expect, it } from "vitest";
import { startProxy } from "./support.js";

let proxy: Awaited<ReturnType<typeof startProxy>>;
beforeAll(async () => {
  proxy = await startProxy();
});
afterAll(() => proxy.close());

const type = (format: string) => `application/vnd.kafka.${format}.v2+json`;
/** Everything in the topic, as text: its numbers as they stand there. */
async function read(format: string, topic: string): Promise<string> {
  const name = `${topic}-${format}`;
  await proxy.curl("POST", `/consumers/${name}`, { name, format, "auto.offset.reset": "earliest" });
  await proxy.curl("POST", `/consumers/${name}/instances/${name}/subscription`, { topics: [topic] });
  const url = `${proxy.url}/consumers/${name}/instances/${name}/records?timeout=3000`;
  const text = await (await fetch(url, { headers: { accept: type(format) } })).text();
  await proxy.curl("DELETE", `/consumers/${name}/instances/${name}`);
  return text.replaceAll(`"topic":"${topic}","key":null,`, "").replace(/,"partition":0,"offset":\d+/g, "");
}

const proto = `
syntax = "proto3";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
enum Kind { NONE = 0; WIN = 1; PLACE = 2; }
message Bet {
  int32 runner_id = 1;
  int64 big = 2;
  uint64 huge = 3;
  double amount = 4;
  string name = 5;
  bytes raw = 6;
  bool paid = 7;
  Kind kind = 8;
  repeated int32 legs = 9;
  map<string, Leg> odds = 10;
  google.protobuf.Timestamp at = 11;
  google.protobuf.StringValue note = 12;
  oneof how { string card = 13; int32 cash = 14; }
  Leg first = 15;
  optional int32 maybe = 16;
  message Leg { sint32 x = 1; float f = 2; Leg next = 3; }
}`;

it("takes and gives Protobuf in its JSON mapping", async () => {
  const records = `[{"value": {"runnerId": 7, "big": "-9223372036854775808", "huge": 18446744073709551615, "amount": 2.5, "name": "ä\\"", "raw": "AP8=", "paid": true,
    "kind": "PLACE", "legs": [1, -2, 300], "odds": {"a": {"x": -1, "f": 0.1, "next": {"x": 5}}}, "at": "2024-05-06T07:08:09.120Z", "note": "n", "cash": 3, "first": {}, "maybe": 0}},
    {"value": {}}, {"value": {"kind": 1, "amount": "NaN", "big": 5, "card": null}}]`;
  const [status, answer] = await proxy.curl(
    "POST",
    "/topics/protos",
    `{"value_schema": ${JSON.stringify(proto)}, "records": ${records}}`,
    type("protobuf"),
  );
  expect([status, answer.value_schema_id, answer.offsets.length]).toEqual([200, 1, 3]);
  expect(await read("protobuf", "protos")).toBe(
    "[" +
      [
        '{"value":{"runner_id":7,"big":"-9223372036854775808","huge":"18446744073709551615","amount":2.5,"name":"ä\\"","raw":"AP8=","paid":true,' +
          '"kind":"PLACE","legs":[1,-2,300],"odds":{"a":{"x":-1,"f":0.1,"next":{"x":5,"f":0.0}}},"at":"2024-05-06T07:08:09.120Z","note":"n","cash":3,"first":{"x":0,"f":0.0},"maybe":0}}',
        '{"value":{"runner_id":0,"big":"0","huge":"0","amount":0.0,"name":"","raw":"","paid":false,"kind":"NONE","legs":[],"odds":{}}}',
        '{"value":{"runner_id":0,"big":"5","huge":"0","amount":"NaN","name":"","raw":"","paid":false,"kind":"WIN","legs":[],"odds":{}}}',
      ].join(",") +
      "]",
  );
});

it.each([
  [{ nope: 1 }, /Cannot find field: nope in message Bet/],
  [{ runner_id: "x" }, /Field runner_id: expected int32, found string x/],
  [{ runner_id: 3_000_000_000 }, /out of range of int32/],
  [{ huge: -1 }, /out of range of uint64/],
  [{ kind: "LOSE" }, /expected one of NONE, WIN, PLACE/],
  [{ legs: 1 }, /expected a list/],
  [{ raw: "?" }, /expected base64/],
  [{ at: "yesterday" }, /expected a time/],
  [{ card: "1", cash: 2 }, /both of the oneof how/],
  [[1], /expected an object, found a list/],
])("refuses the message %j", async (value, message) => {
  const body = { value_schema: proto, records: [{ value: {} }, { value }] };
  expect(await proxy.curl("POST", "/topics/refused", body, type("protobuf"))).toEqual([
    422,
    { error_code: 42203, message: expect.stringMatching(message) },
  ]);
  expect(await proxy.broker.describeTopics(["refused"])).toEqual([]);
});

it("checks JSON against its schema and keeps its text", async () => {
  const schema = JSON.stringify({
    $schema: "http://json-schema.org/draft-07/schema#",
    type: "object",
    properties: { id: { type: "integer" }, name: { type: "string", maxLength: 3 } },
    required: ["id"],
    additionalProperties: false,
  });
  const good = `{"value_schema": ${JSON.stringify(schema)}, "records": [{"value": {"id":  12345678901234567890, "name": "a b"}}]}`;
  expect((await proxy.curl("POST", "/topics/checked", good, type("jsonschema")))[0]).toBe(200);
  expect(await read("jsonschema", "checked")).toBe('[{"value":{"id":12345678901234567890,"name":"a b"}}]');
  for (const [value, message] of [
    [{ name: "x" }, /must have required property 'id'/],
    [{ id: "1" }, /#\/id must be integer/],
    [{ id: 1, name: "long" }, /more than 3 characters/],
    [{ id: 1, more: 1 }, /must NOT have additional properties/],
  ] as const)
    expect(await proxy.curl("POST", "/topics/checked", { value_schema: schema, records: [{ value }] }, type("jsonschema"))).toEqual([
      422,
      { error_code: 42203, message: expect.stringMatching(message) },
    ]);
  expect((await proxy.broker.listOffsets({ partitions: [{ topic: "checked", partition: 0, timestamp: "latest" }] }))[0]!.offset).toBe(1);
});
