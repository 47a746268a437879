import { PassThrough, type Readable } from "node:stream";
import webSocket from "@fastify/websocket";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { describeError, MillraceError } from "../../common/errors.js";
import type { Engine, StatementRequest } from "../../engine/engine.js";
import { topicDetails } from "../../engine/list-topics.js";
import { isProhibited } from "../../engine/properties.js";
import type { QueryResult } from "../../engine/query-result.js";
import { errorReply, generic } from "./errors.js";
import { bodyLines, insertRows, parseLine } from "./inserts-stream.js";
import { type Layout, protobufRows, type RowEncoding, wholeAnswer, writePrint, writeQuery } from "./stream-reply.js";
import { sendQuery } from "./web-socket.js";

/** The version of ksqlDB whose REST API this is: clients compare it. */
const apiVersion = "7.9.0";
const v1 = "application/vnd.ksql.v1+json";
const protobuf = "application/vnd.ksql.v1+protobuf";
const delimited = "application/vnd.ksqlapi.delimited.v1";

/** The ksqlDB REST API: https://docs.ksqldb.io/en/latest/developer-guide/api/. */
export function registerKsqlRoutes(app: FastifyInstance, engine: Engine): void {
  // curl -d sends a form's content type unless told otherwise; every body here is JSON, whatever it is called.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (request, body, done) => {
    if (request.url.startsWith("/inserts-stream")) return done(null, body);
    if (body.length === 0) return done(null, {});
    try {
      done(null, JSON.parse(body.toString()));
    } catch (error) {
      done(
        Object.assign(new MillraceError("DATA_INVALID", `The request's body is not JSON: ${(error as Error).message}`), {
          statusCode: 400,
        }),
      );
    }
  });
  // Over HTTP/2 a body may come with neither its type nor its length, and Fastify takes it for none.
  app.addHook("onRequest", (request, _reply, done) => {
    if (request.method === "POST") request.raw.headers["content-type"] ??= v1;
    done();
  });
  app.setErrorHandler((error, _request, reply) => {
    const { status, body } = errorReply(error);
    return reply.code(status).type(v1).send(body);
  });
  app.setNotFoundHandler((request, reply) =>
    reply
      .code(404)
      .send(
        generic(
          40400,
          `Endpoint does not exist. See https://docs.ksqldb.io/en/latest/developer-guide/api for the list of endpoints: ${request.url}`,
        ).body,
      ),
  );

  app.post("/ksql", async (request, reply) => {
    const entities = await engine.execute(statementRequest(request.body, "ksql", "streamsProperties"));
    return reply.type(replyType(request)).send(entities);
  });

  app.post("/query", async (request, reply) => {
    const result = await engine.query(statementRequest(request.body, "ksql", "streamsProperties"));
    const accept = request.headers.accept ?? "";
    if (result.kind === "print") void writePrint(stream(reply, "text/plain; charset=utf-8"), result);
    else answer(reply, replyType(request), result, accept.includes(delimited) ? "delimited" : "array");
    return reply;
  });

  app.post("/query-stream", async (request, reply) => {
    const result = await engine.query(statementRequest(request.body, "sql", "properties"));
    if (result.kind === "print") {
      await result.close();
      throw new MillraceError("SQL_STATEMENT", "PRINT is answered by /query");
    }
    const accept = request.headers.accept ?? "";
    if (accept.includes(protobuf)) {
      let rows: RowEncoding;
      try {
        rows = protobufRows(result);
      } catch (error) {
        await result.close();
        throw error;
      }
      answer(reply, protobuf, result, "array", rows);
      return reply;
    }
    const layout: Layout = accept.includes("application/json") ? "json" : accept.includes("vnd.ksql.v") ? "array" : "delimited";
    answer(reply, layout === "json" ? "application/json" : layout === "array" ? v1 : delimited, result, layout);
    return reply;
  });

  app.post("/close-query", async (request, reply) => {
    const { queryId } = objectOf(request.body);
    if (typeof queryId !== "string") throw new MillraceError("DATA_INVALID", `No queryId provided`);
    if (!(await engine.closeQuery(queryId))) return reply.code(400).send(generic(40000, `No query with id ${queryId}`).body);
    return reply.send();
  });

  registerInserts(app, engine);
  if (!app.initialConfig.http2) registerWebSocket(app, engine);
  registerInfo(app, engine);

  app.get<{ Params: { topic: string } }>("/millrace/topics/:topic", (request) => topicDetails(request.params.topic, engine.services));

  app.post("/ksql/terminate", async (request, reply) => {
    const { deleteTopicList = [] } = objectOf(request.body);
    if (!Array.isArray(deleteTopicList)) throw new MillraceError("DATA_INVALID", "deleteTopicList is a list of topic names or patterns");
    await engine.terminateCluster(deleteTopicList.map(String));
    return reply.type(v1).send([
      {
        "@type": "currentStatus",
        statementText: "TERMINATE CLUSTER;",
        commandId: "cluster/TerminateCluster/terminate",
        commandStatus: { status: "SUCCESS", message: "Cluster terminated", queryId: null },
        commandSequenceNumber: -1,
        warnings: [],
      },
    ]);
  });
}

/** `GET /ws/query?request={"ksql":"…","streamsProperties":{…}}`, for browsers, which can send no body with a socket. */
function registerWebSocket(app: FastifyInstance, engine: Engine): void {
  app.register(webSocket);
  app.register(async (scope) => {
    scope.get<{ Querystring: { request?: string } }>("/ws/query", { websocket: true }, (socket, request) => {
      void sendQuery(socket, async () => {
        let given: unknown;
        try {
          given = JSON.parse(request.query.request ?? "");
        } catch (error) {
          throw new MillraceError("DATA_INVALID", `The parameter "request" is not JSON: ${(error as Error).message}`);
        }
        return engine.query(statementRequest(given, "ksql", "streamsProperties"));
      });
    });
  });
}

function registerInserts(app: FastifyInstance, engine: Engine): void {
  // In a scope of its own: here the body is read line by line as it arrives, so that a row is acknowledged before the next is sent.
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
    scope.post("/inserts-stream", async (request, reply) => {
      const lines = bodyLines((request.body ?? request.raw) as Readable);
      const first = await lines.next();
      if (first.done) throw new MillraceError("DATA_INVALID", 'The first line names the target: {"target":"S"}');
      const { target } = objectOf(parseLine(first.value));
      if (typeof target !== "string") throw new MillraceError("DATA_INVALID", "No target provided");
      const writer = engine.rowWriter(target);
      const asArray = (request.headers.accept ?? "").includes("application/json");
      void insertRows(lines, writer, engine, stream(reply, asArray ? "application/json" : delimited), asArray);
      return reply;
    });
  });
}

function registerInfo(app: FastifyInstance, engine: Engine): void {
  app.get("/", (_request, reply) => reply.redirect("/info", 307));
  app.get("/info", async (_request, reply) =>
    reply.type(v1).send({
      KsqlServerInfo: { version: apiVersion, kafkaClusterId: engine.clusterId, ksqlServiceId: engine.serviceId, serverStatus: "RUNNING" },
    }),
  );
  app.get("/healthcheck", async (_request, reply) => {
    const kafka = await engine.services.broker.describeTopics([]).then(
      () => true,
      () => false,
    );
    return reply
      .code(kafka ? 200 : 500)
      .type(v1)
      .send({
        isHealthy: kafka,
        details: { metastore: { isHealthy: true }, kafka: { isHealthy: kafka }, commandRunner: { isHealthy: true } },
        serverState: "READY",
      });
  });
  app.get("/status", async (_request, reply) =>
    reply.type(v1).send({ commandStatuses: Object.fromEntries([...engine.allStatuses()].map(([id, s]) => [id, s.status])) }),
  );
  app.get<{ Params: { type: string; entity: string; action: string } }>("/status/:type/:entity/:action", async (request, reply) => {
    const { type, entity, action } = request.params;
    const status = engine.status(`${type}/${entity}/${action}`) ?? engine.status(`${type}/\`${entity}\`/${action}`);
    if (!status) return reply.code(404).send(generic(40400, "Command not found").body);
    return reply.type(v1).send(status);
  });
  app.get("/clusterStatus", async (request, reply) => {
    const now = engine.services.clock.now();
    const active = Object.fromEntries(
      engine.persistentQueries.all().flatMap((q) => {
        const stores = q.running?.storeNames() ?? [];
        return stores.length > 0 ? [[q.id, { activeStores: stores, activePartitions: [], standByStores: [], standByPartitions: [] }]] : [];
      }),
    );
    const host = request.headers.host ?? "localhost:8088";
    return reply.type(v1).send({
      clusterStatus: {
        [host]: {
          hostAlive: true,
          lastStatusUpdateMs: now,
          activeStandbyPerQuery: active,
          hostStoreLags: { stateStoreLags: {}, updateTimeMs: now },
        },
      },
    });
  });
  app.get<{ Params: { property: string } }>("/is_valid_property/:property", async (request, reply) => {
    const { property } = request.params;
    if (!isProhibited(property)) return reply.type(v1).send("true");
    const message = `One or more properties overrides set locally are prohibited by the KSQL server denylist (use UNSET to reset their default value): [${property}]`;
    return reply.code(400).type(v1).send(generic(40000, message).body);
  });
  app.get("/v1/metadata", async () => ({
    scope: { path: [], clusters: { "kafka-cluster": engine.clusterId, "ksql-cluster": engine.serviceId } },
    id: "",
  }));
  app.get("/v1/metadata/id", async () => ({
    scope: { path: [], clusters: { "kafka-cluster": engine.clusterId, "ksql-cluster": engine.serviceId } },
    id: "",
  }));
  app.post("/heartbeat", async () => ({ isOk: true }));
  app.post("/lag", async () => ({ isOk: true }));
}

/** What is there is sent at once: a stream through the reply costs more than a look-up by key. */
function answer(reply: FastifyReply, type: string, result: QueryResult, layout: Layout, encoding?: RowEncoding): void {
  const text = wholeAnswer(result, layout, encoding);
  if (text === undefined) return void writeQuery(stream(reply, type), result, layout, encoding);
  reply.hijack();
  // As text: with its head it is then one write.
  reply.raw.writeHead(200, { "content-type": type, "content-length": Buffer.byteLength(text) }).end(text);
}

/** Writes to the reply as data comes; what is written before the first byte of an error is already sent. */
function stream(reply: FastifyReply, type: string): PassThrough {
  const out = new PassThrough({ highWaterMark: 64 * 1024 });
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, { "content-type": type });
  out.pipe(raw);
  // `pipe` hands on the data and not the end of the reader: without this a query would run on after its connection is gone.
  raw.once("close", () => out.destroy());
  raw.on("error", () => out.destroy());
  return out;
}

function replyType(request: FastifyRequest): string {
  return (request.headers.accept ?? "").includes("vnd.ksql.v1+json") ? v1 : "application/json";
}

function objectOf(body: unknown): Record<string, unknown> {
  if (body === null || typeof body !== "object" || Array.isArray(body))
    throw new MillraceError("DATA_INVALID", "The request's body is not a JSON object");
  return body as Record<string, unknown>;
}

/** /ksql and /query name the text `ksql`, /query-stream `sql`; both take either. @throws DATA_INVALID */
function statementRequest(body: unknown, textName: string, propertiesName: string): StatementRequest {
  const given = objectOf(body);
  const sql = given[textName] ?? given["ksql"] ?? given["sql"];
  if (typeof sql !== "string") throw new MillraceError("DATA_INVALID", `The request has no "${textName}" (string)`);
  const properties = given[propertiesName] ?? given["streamsProperties"] ?? given["properties"];
  const sequence = given["commandSequenceNumber"];
  try {
    return {
      sql,
      properties: objectOf(properties ?? {}),
      variables: objectOf(given["sessionVariables"] ?? {}),
      ...(typeof sequence === "number" ? { commandSequenceNumber: sequence } : {}),
    };
  } catch (error) {
    throw new MillraceError("DATA_INVALID", `Wrong properties or variables: ${describeError(error)}`);
  }
}
