import fastify from "fastify";
import { expect, it } from "vitest";
import { silentLogger } from "../../../src/common/logger.js";
import { SchemaRegistry } from "../../../src/schema-registry/registry.js";
import { MemorySchemaStore } from "../../../src/schema-registry/store.js";
import { registerSchemaRegistryRoutes } from "../../../src/server/schema-registry/routes.js";

const registry = await SchemaRegistry.open({ store: new MemorySchemaStore(), logger: silentLogger });
const app = fastify();
registerSchemaRegistryRoutes(app, registry);

const type = "application/vnd.schemaregistry.v1+json";
async function call(method: "GET" | "POST" | "PUT" | "DELETE", url: string, body?: unknown, contentType = type) {
  const response = await app.inject({
    method,
    url,
    ...(body === undefined ? {} : { payload: JSON.stringify(body), headers: { "content-type": contentType } }),
  });
  expect(response.headers["content-type"]).toContain(type);
  return [response.statusCode, response.json()] as const;
}
const v1 = '{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}';
const v2 = '{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"int","default":0}]}';
const bad = '{"type":"record","name":"R","fields":[{"name":"a","type":"string"}]}';

it("answers as Confluent's registry does", async () => {
  expect(await call("GET", "/")).toEqual([200, {}]);
  expect(await call("POST", "/subjects/s-value/versions", { schema: v1 })).toEqual([200, { id: 1 }]);
  expect(await call("POST", "/subjects/s-value/versions", { schema: v2 }, "application/json")).toEqual([200, { id: 2 }]);
  expect(await call("GET", "/subjects")).toEqual([200, ["s-value"]]);
  expect(await call("GET", "/subjects/s-value/versions")).toEqual([200, [1, 2]]);
  expect(await call("GET", "/subjects/s-value/versions/latest")).toEqual([200, { subject: "s-value", version: 2, id: 2, schema: v2 }]);
  expect(await call("GET", "/subjects/s-value/versions/1/schema")).toEqual([200, JSON.parse(v1)]);
  expect(await call("GET", "/schemas/ids/1")).toEqual([200, { schema: v1 }]);
  expect(await call("GET", "/schemas/ids/1/schema")).toEqual([200, JSON.parse(v1)]);
  expect(await call("GET", "/schemas/ids/1/versions")).toEqual([200, [{ subject: "s-value", version: 1 }]]);
  expect(await call("GET", "/schemas/ids/1/subjects")).toEqual([200, ["s-value"]]);
  expect(await call("GET", "/schemas/types")).toEqual([200, ["JSON", "PROTOBUF", "AVRO"]]);
  expect(await call("POST", "/subjects/s-value", { schema: v1 })).toEqual([200, { subject: "s-value", version: 1, id: 1, schema: v1 }]);
  expect(await call("GET", "/config")).toEqual([200, { compatibilityLevel: "BACKWARD" }]);
  expect(await call("PUT", "/config/s-value", { compatibility: "full" })).toEqual([200, { compatibility: "FULL" }]);
  expect(await call("GET", "/config/s-value")).toEqual([200, { compatibilityLevel: "FULL" }]);
  expect(await call("DELETE", "/config/s-value")).toEqual([200, { compatibilityLevel: "FULL" }]);
  expect(await call("GET", "/config/s-value?defaultToGlobal=true")).toEqual([200, { compatibilityLevel: "BACKWARD" }]);
  expect(await call("GET", "/mode")).toEqual([200, { mode: "READWRITE" }]);
  expect(await call("POST", "/compatibility/subjects/s-value/versions/latest", { schema: v1 })).toEqual([200, { is_compatible: true }]);
  const [status, verbose] = await call("POST", "/compatibility/subjects/s-value/versions/latest?verbose=true", { schema: bad });
  expect([status, verbose.is_compatible, verbose.messages[0]]).toEqual([200, false, expect.stringContaining("TYPE_MISMATCH")]);
  expect(await call("DELETE", "/subjects/s-value/versions/1")).toEqual([200, 1]);
  expect(await call("DELETE", "/subjects/s-value")).toEqual([200, [2]]);
  expect(await call("GET", "/subjects?deleted=true")).toEqual([200, ["s-value"]]);
});

it.each([
  ["GET", "/subjects/none/versions", undefined, 404, 40401],
  ["GET", "/subjects/there/versions/9", undefined, 404, 40402],
  ["GET", "/schemas/ids/99", undefined, 404, 40403],
  ["GET", "/subjects/there/versions/0", undefined, 422, 42202],
  ["PUT", "/config", { compatibility: "SOME" }, 422, 42203],
  ["PUT", "/mode", { mode: "OFF" }, 422, 42204],
  ["GET", "/config/there", undefined, 404, 40408],
  ["POST", "/subjects/there/versions", { schema: "{" }, 422, 42201],
  ["POST", "/subjects/there/versions", { schema: "x", schemaType: "PROTOBUF" }, 422, 42201],
  ["POST", "/subjects/there/versions", { schema: bad }, 409, 409],
  ["GET", "/nowhere", undefined, 404, 404],
] as const)("%s %s %j", async (method, url, body, status, code) => {
  await registry.register("there", { schema: v1 });
  const [actual, answer] = await call(method, url, body);
  expect([actual, answer.error_code, typeof answer.message]).toEqual([status, code, "string"]);
});

it("holds JSON and Protobuf schemas, with references and their compatibility", async () => {
  const proto = 'syntax = "proto3";\npackage p;\n\nmessage Money {\n  int64 units = 1;\n}\n';
  const order = 'syntax = "proto3";\npackage p;\nimport "money.proto";\nmessage Order {\n  Money price = 1;\n}\n';
  const money = { schema: proto, schemaType: "PROTOBUF" };
  const [, { id }] = await call("POST", "/subjects/money/versions", money);
  const references = [{ name: "money.proto", subject: "money", version: 1 }];
  expect(await call("POST", "/subjects/order/versions", { schema: order, schemaType: "PROTOBUF" })).toMatchObject([
    422,
    { error_code: 42201 },
  ]);
  const [status, registered] = await call("POST", "/subjects/order/versions", { schema: order, schemaType: "PROTOBUF", references });
  expect(status).toBe(200);
  expect(await call("GET", `/schemas/ids/${registered.id}`)).toEqual([200, { schemaType: "PROTOBUF", references, schema: order }]);
  expect(await call("GET", "/subjects/money/versions/1/referencedby")).toEqual([200, [registered.id]]);
  expect(await call("DELETE", "/subjects/money/versions/1")).toMatchObject([422, { error_code: 42206 }]);
  expect(await call("POST", "/subjects/money", money)).toEqual([
    200,
    { subject: "money", version: 1, id, schemaType: "PROTOBUF", schema: proto },
  ]);
  const text = { schema: proto.replace("int64", "string"), schemaType: "PROTOBUF" };
  expect(await call("POST", "/subjects/money/versions", text)).toMatchObject([409, { error_code: 409 }]);
  expect(await call("POST", "/compatibility/subjects/money/versions/latest?verbose=true", text)).toMatchObject([
    200,
    {
      is_compatible: false,
      messages: [expect.stringContaining("FIELD_SCALAR_KIND_CHANGED"), expect.stringContaining("oldSchemaVersion: 1"), {}, {}],
    },
  ]);

  const closed = (properties: object) => ({
    schemaType: "JSON",
    schema: JSON.stringify({ type: "object", properties, additionalProperties: false }),
  });
  expect((await call("POST", "/subjects/json/versions", closed({ a: { type: "string" } })))[0]).toBe(200);
  expect((await call("POST", "/subjects/json/versions", closed({ a: { type: "string" }, b: { type: "number" } })))[0]).toBe(200);
  expect(await call("POST", "/subjects/json/versions", closed({ a: { type: "string" } }))).toMatchObject([200, {}]);
  expect(await call("POST", "/subjects/json/versions", closed({ a: { type: "number" } }))).toMatchObject([
    409,
    { message: expect.stringContaining("TYPE_CHANGED") },
  ]);
  expect(await call("POST", "/subjects/json/versions", { schema: "[]", schemaType: "JSON" })).toMatchObject([422, { error_code: 42201 }]);
  expect(await call("POST", "/subjects/json/versions", { schema: "{}", schemaType: "XML" })).toMatchObject([422, {}]);
});

it("imports another registry's numbers, and refuses writes where it is read-only", async () => {
  expect(await call("PUT", "/mode/moved", { mode: "IMPORT" })).toEqual([200, { mode: "IMPORT" }]);
  expect(await call("POST", "/subjects/moved/versions", { schema: '{"type":"fixed","name":"F","size":7}', id: 9000, version: 5 })).toEqual([
    200,
    { id: 9000 },
  ]);
  expect(await call("GET", "/subjects/moved/versions")).toEqual([200, [5]]);
  expect(await call("PUT", "/mode/moved", { mode: "READONLY" })).toEqual([200, { mode: "READONLY" }]);
  expect(await call("POST", "/subjects/moved/versions", { schema: '"int"' })).toMatchObject([422, { error_code: 42205 }]);
  expect(await call("DELETE", "/subjects/moved")).toMatchObject([422, { error_code: 42205 }]);
  expect(await call("GET", "/mode/moved")).toEqual([200, { mode: "READONLY" }]);
  expect(await call("DELETE", "/mode/moved")).toEqual([200, { mode: "READONLY" }]);
  expect(await call("GET", "/mode/moved?defaultToGlobal=true")).toEqual([200, { mode: "READWRITE" }]);
  expect(await call("DELETE", "/subjects/moved")).toEqual([200, [5]]);
  expect(await call("DELETE", "/subjects/moved")).toMatchObject([404, { error_code: 40404 }]);
  expect(await call("GET", "/subjects/moved/versions?deleted=true")).toEqual([200, [5]]);
  expect(await call("GET", "/subjects?subjectPrefix=mov&deletedOnly=true")).toEqual([200, ["moved"]]);
  expect(await call("DELETE", "/subjects/moved?permanent=true")).toEqual([200, [5]]);
  expect(await call("GET", "/schemas/ids/9000")).toMatchObject([404, { error_code: 40403 }]);
});
