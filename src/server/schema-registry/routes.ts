import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { MillraceError } from "../../common/errors.js";
import type { SchemaInput } from "../../schema-registry/client.js";
import { RegistryError, registryErrors } from "../../schema-registry/errors.js";
import type { RegisterOptions, SchemaRegistry } from "../../schema-registry/registry.js";

const contentType = "application/vnd.schemaregistry.v1+json";
const accepted = [contentType, "application/vnd.schemaregistry+json", "application/octet-stream"];

type Params = { subject: string; version: string; id: string };
type Query = Readonly<Record<string, string | undefined>>;
type Body = Readonly<Record<string, unknown>> | null;
type Answer = (request: { params: Params; query: Query; body: Body }, reply: FastifyReply) => unknown;

/**
 * Confluent Schema Registry's REST: https://docs.confluent.io/platform/current/schema-registry/develop/api.html. Errors are
 * `{error_code, message}`, their status the code's first three digits.
 */
export function registerSchemaRegistryRoutes(app: FastifyInstance, registry: SchemaRegistry): void {
  for (const type of accepted)
    app.addContentTypeParser(type, { parseAs: "string" }, (_request, text, done) => {
      try {
        done(null, text === "" ? null : JSON.parse(String(text)));
      } catch {
        done(new RegistryError(400, "Request body is not JSON"));
      }
    });
  app.setErrorHandler((error, _request, reply) => fail(error, reply));
  app.setNotFoundHandler((_request, reply) => {
    reply
      .code(404)
      .type(contentType)
      .send(JSON.stringify({ error_code: 404, message: "HTTP 404 Not Found" }));
  });

  const route = (method: "GET" | "POST" | "PUT" | "DELETE", url: string, answer: Answer) => {
    app.route({
      method,
      url,
      handler: async (request: FastifyRequest, reply) => {
        const { params, query, body } = request as unknown as { params: Params; query: Query; body: Body };
        const result = await answer({ params, query, body: body ?? null }, reply);
        return result === reply ? reply : reply.type(contentType).send(JSON.stringify(result));
      },
    });
  };

  route("GET", "/", () => ({}));
  subjects(route, registry);
  schemas(route, registry);
  settings(route, registry);
  route("GET", "/contexts", () => ["."]);
  route("GET", "/v1/metadata/id", () => ({ scope: { path: [], clusters: {} } }));
  route("GET", "/v1/metadata/version", () => ({ version: "8.0.0", commitId: "" }));
}

type Route = (method: "GET" | "POST" | "PUT" | "DELETE", url: string, answer: Answer) => void;

function subjects(route: Route, registry: SchemaRegistry): void {
  route("GET", "/subjects", ({ query }) =>
    page(
      registry.subjects({
        ...(query["subjectPrefix"] === undefined ? {} : { prefix: query["subjectPrefix"].replace(/^:\*:/, "") }),
        deleted: flag(query["deleted"]),
        deletedOnly: flag(query["deletedOnly"]),
      }),
      query,
    ),
  );
  route("POST", "/subjects/:subject", async ({ params, query, body }) => {
    const found = await registry.lookup(params.subject, schemaOf(body), {
      normalize: flag(query["normalize"]),
      deleted: flag(query["deleted"]),
    });
    return { subject: found.subject, version: found.version, id: found.id, ...shown(found), schema: found.schema };
  });
  route("DELETE", "/subjects/:subject", ({ params, query }) => registry.deleteSubject(params.subject, flag(query["permanent"])));
  route("GET", "/subjects/:subject/versions", ({ params, query }) =>
    page(registry.versions(params.subject, { deleted: flag(query["deleted"]), deletedOnly: flag(query["deletedOnly"]) }), query),
  );
  route("POST", "/subjects/:subject/versions", async ({ params, query, body }) => {
    const options: RegisterOptions = {
      normalize: flag(query["normalize"]),
      ...(typeof body?.["id"] === "number" && body["id"] >= 0 ? { id: body["id"] } : {}),
      ...(typeof body?.["version"] === "number" && body["version"] > 0 ? { version: body["version"] } : {}),
    };
    return { id: await registry.register(params.subject, schemaOf(body), options) };
  });
  route("GET", "/subjects/:subject/versions/:version", ({ params, query }) => {
    const found = registry.version(params.subject, versionOf(params.version), { deleted: flag(query["deleted"]) });
    return { subject: found.subject, version: found.version, id: found.id, ...shown(found), schema: found.schema };
  });
  route("GET", "/subjects/:subject/versions/:version/schema", ({ params, query }, reply) => {
    const { schema } = registry.version(params.subject, versionOf(params.version), { deleted: flag(query["deleted"]) });
    return raw(reply, schema);
  });
  route("GET", "/subjects/:subject/versions/:version/referencedby", ({ params }) =>
    registry.referencedBy(params.subject, versionOf(params.version)),
  );
  route("DELETE", "/subjects/:subject/versions/:version", ({ params, query }) =>
    registry.deleteVersion(params.subject, versionOf(params.version), flag(query["permanent"])),
  );
}

function schemas(route: Route, registry: SchemaRegistry): void {
  route("GET", "/schemas/types", () => ["JSON", "PROTOBUF", "AVRO"]);
  route("GET", "/schemas", ({ query }) => {
    const prefix = query["subjectPrefix"]?.replace(/^:\*:/, "");
    const deleted = flag(query["deleted"]);
    const all = registry.subjects({ ...(prefix === undefined ? {} : { prefix }), deleted }).flatMap((subject) => {
      const versions: (number | "latest")[] = flag(query["latestOnly"]) ? ["latest"] : registry.versions(subject, { deleted });
      return versions.map((v) => registry.version(subject, v, { deleted }));
    });
    return page(
      all.map((v) => ({ subject: v.subject, version: v.version, id: v.id, ...shown(v), schema: v.schema })),
      query,
    );
  });
  route("GET", "/schemas/ids/:id", async ({ params, query }) => {
    const found = await registry.getById(idOf(params.id));
    return { ...shown(found), schema: found.schema, ...(flag(query["fetchMaxId"]) ? { maxId: registry.maxId } : {}) };
  });
  route("GET", "/schemas/ids/:id/schema", async ({ params }, reply) => raw(reply, (await registry.getById(idOf(params.id))).schema));
  route("GET", "/schemas/ids/:id/subjects", ({ params, query }) => [
    ...new Set(registry.uses(idOf(params.id), { deleted: flag(query["deleted"]) }).map((u) => u.subject)),
  ]);
  route("GET", "/schemas/ids/:id/versions", ({ params, query }) => registry.uses(idOf(params.id), { deleted: flag(query["deleted"]) }));
}

function settings(route: Route, registry: SchemaRegistry): void {
  const level = (body: Body) => {
    const word = body?.["compatibility"];
    if (typeof word !== "string") throw registryErrors.invalidCompatibility();
    return word;
  };
  route("GET", "/config", () => ({ compatibilityLevel: registry.compatibility() }));
  route("PUT", "/config", async ({ body }) => ({ compatibility: await registry.setCompatibility("", level(body)) }));
  route("DELETE", "/config", async () => ({ compatibilityLevel: await registry.setCompatibility("", null) }));
  route("GET", "/config/:subject", ({ params, query }) => ({
    compatibilityLevel: flag(query["defaultToGlobal"])
      ? registry.compatibility(params.subject)
      : registry.subjectCompatibility(params.subject),
  }));
  route("PUT", "/config/:subject", async ({ params, body }) => ({
    compatibility: await registry.setCompatibility(params.subject, level(body)),
  }));
  route("DELETE", "/config/:subject", async ({ params }) => ({
    compatibilityLevel: await registry.setCompatibility(params.subject, null),
  }));

  const mode = (body: Body) => {
    const word = body?.["mode"];
    if (typeof word !== "string") throw registryErrors.invalidMode();
    return word;
  };
  route("GET", "/mode", () => ({ mode: registry.mode() }));
  route("PUT", "/mode", async ({ query, body }) => ({ mode: await registry.setMode("", mode(body), flag(query["force"])) }));
  route("GET", "/mode/:subject", ({ params, query }) => ({
    mode: flag(query["defaultToGlobal"]) ? registry.mode(params.subject) : registry.subjectMode(params.subject),
  }));
  route("PUT", "/mode/:subject", async ({ params, query, body }) => ({
    mode: await registry.setMode(params.subject, mode(body), flag(query["force"])),
  }));
  route("DELETE", "/mode/:subject", async ({ params }) => ({ mode: await registry.setMode(params.subject, null) }));

  const compatible = ({ params, query, body }: { params: Params; query: Query; body: Body }, version?: number | "latest") => {
    const { compatible, messages } = registry.checkCompatible(params.subject, schemaOf(body), version);
    return { is_compatible: compatible, ...(flag(query["verbose"]) ? { messages } : {}) };
  };
  route("POST", "/compatibility/subjects/:subject/versions/:version", (r) => compatible(r, versionOf(r.params.version)));
  route("POST", "/compatibility/subjects/:subject/versions", (r) => compatible(r));
}

function shown(found: { schemaType: string; references: readonly unknown[] }): Record<string, unknown> {
  return {
    ...(found.schemaType === "AVRO" ? {} : { schemaType: found.schemaType }),
    ...(found.references.length ? { references: found.references } : {}),
  };
}

function schemaOf(body: Body): SchemaInput {
  if (typeof body?.["schema"] !== "string") throw registryErrors.invalidSchema("Empty schema");
  const schemaType = body["schemaType"];
  return {
    schema: body["schema"],
    ...(typeof schemaType === "string" ? { schemaType: schemaType as "AVRO" } : {}),
    ...(Array.isArray(body["references"]) ? { references: body["references"] as SchemaInput["references"] & object } : {}),
  };
}

function versionOf(text: string): number | "latest" {
  if (text === "latest" || text === "-1") return "latest";
  const n = Number(text);
  if (!Number.isInteger(n) || n < 1 || n > 0x7fff_ffff) throw registryErrors.invalidVersion(text);
  return n;
}

function idOf(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new RegistryError(404, "HTTP 404 Not Found");
  return Number(text);
}

function flag(text: string | undefined): boolean {
  return text?.toLowerCase() === "true";
}

function page<T>(list: readonly T[], query: Query): readonly T[] {
  const offset = Math.max(0, Number(query["offset"] ?? 0) || 0);
  const limit = Number(query["limit"] ?? -1);
  return list.slice(offset, limit >= 0 ? offset + limit : undefined);
}

/** The schema's own text as the body: it is JSON. */
function raw(reply: FastifyReply, schema: string): FastifyReply {
  return reply.type(contentType).send(schema);
}

function fail(error: unknown, reply: FastifyReply): void {
  let code = 50001;
  let status = 500;
  let message = error instanceof Error ? error.message : String(error);
  if (error instanceof RegistryError) {
    code = error.errorCode;
    status = error.status;
  } else if (error instanceof MillraceError && error.code === "SCHEMA_INVALID") {
    code = 42201;
    status = 422;
  } else if (typeof (error as { statusCode?: unknown }).statusCode === "number") {
    // fastify's own: a body that is no JSON, too large, of another type
    status = (error as { statusCode: number }).statusCode;
    code = status;
  } else message = `Error in the backend data store: ${message}`;
  reply
    .code(status)
    .type(contentType)
    .send(JSON.stringify({ error_code: code, message }));
}
