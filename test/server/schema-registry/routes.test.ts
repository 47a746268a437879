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
