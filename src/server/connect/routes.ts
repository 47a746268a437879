import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { asError, type ErrorCode, MillraceError } from "../../common/errors.js";
import type { ConnectWorker } from "../../connect/runtime/worker.js";
import { Body } from "./body.js";
import { connectorRoutes, taskRoutes } from "./connectors.js";
import { loggerRoutes } from "./loggers.js";
import { offsetRoutes } from "./offsets.js";
import { pluginRoutes } from "./plugins.js";
import type { Method, Request, Route } from "./route.js";

const version = { version: "4.3.1", commit: "millrace" };

/** The status of an error, which is its error_code as well. */
const statuses: Partial<Record<ErrorCode, number>> = {
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  CONFLICT: 409,
  CONFIG_INVALID: 400,
  CONFIG_UNKNOWN_PROVIDER: 400,
  DATA_INVALID: 400,
  UNSUPPORTED: 400,
  SHUTTING_DOWN: 503,
  TIMEOUT: 504,
};

/** Kafka Connect's REST: https://kafka.apache.org/documentation/#connect_rest. Errors are `{error_code, message}`. */
export function registerConnectRoutes(app: FastifyInstance, worker: ConnectWorker): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "string" }, (request, text, done) => {
    const type = request.headers["content-type"];
    if (text !== "" && type !== undefined && !/^\s*(application\/json|\*\/\*)\s*(;|$)/i.test(type))
      done(Object.assign(new Error("HTTP 415 Unsupported Media Type"), { statusCode: 415 }));
    else done(null, new Body(String(text)));
  });
  app.setErrorHandler((error, _request, reply) => {
    const e = asError(error);
    const status = e instanceof MillraceError ? (statuses[e.code] ?? 500) : ((e as { statusCode?: number }).statusCode ?? 500);
    return fail(reply, status, worker.scrubber.scrub(e.message));
  });
  const known: { readonly pattern: RegExp; readonly method: Method }[] = [];
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.replace(/[?#].*$/, "").replace(/(.)\/$/, "$1");
    const allowed = known.filter((r) => r.pattern.test(path)).map((r) => r.method);
    if (allowed.length === 0) return fail(reply, 404, "HTTP 404 Not Found");
    reply.header("allow", [...allowed, "OPTIONS"].join(","));
    return request.method === "OPTIONS" ? reply.code(200).send() : fail(reply, 405, "HTTP 405 Method Not Allowed");
  });

  const route: Route = (method, url, answer) => {
    known.push({ pattern: new RegExp(`^${url.replace(/:\w+/g, "[^/]+")}$`), method });
    app.route({
      method,
      url,
      handler: async (request: FastifyRequest, reply) => {
        const { params, query } = request as unknown as Request;
        const body = request.body instanceof Body ? request.body : new Body("");
        const result = await answer({ params, query, body }, reply);
        if (reply.sent) return reply;
        if (result === undefined) return reply.code(reply.statusCode === 200 ? 204 : reply.statusCode).send();
        return reply.type("application/json").send(JSON.stringify(result));
      },
    });
  };

  route("GET", "/", () => ({ ...version, kafka_cluster_id: worker.clusterId }));
  route("GET", "/health", () => ({ status: "healthy", message: "Worker has completed startup and is ready to handle requests." }));
  connectorRoutes(route, worker);
  taskRoutes(route, worker);
  offsetRoutes(route, worker);
  pluginRoutes(route, worker);
  loggerRoutes(route, worker.logger);
}

function fail(reply: FastifyReply, status: number, message: string): FastifyReply {
  return reply
    .code(status)
    .type("application/json")
    .send(JSON.stringify({ error_code: status, message }));
}
