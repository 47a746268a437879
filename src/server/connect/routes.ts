import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { asError, type ErrorCode, MillraceError } from "../../common/errors.js";
import type { TargetState } from "../../connect/runtime/config-store.js";
import type { ConnectWorker } from "../../connect/runtime/worker.js";
import { Loggers } from "./loggers.js";

type Params = Readonly<Record<string, string>>;
type Query = Readonly<Record<string, string | string[] | undefined>>;
interface Request {
  readonly params: Params;
  readonly query: Query;
  readonly body: unknown;
}
type Answer = (request: Request, reply: FastifyReply) => unknown;

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
  app.addContentTypeParser("application/json", { parseAs: "string" }, (_request, text, done) => {
    try {
      done(null, text === "" ? undefined : JSON.parse(String(text)));
    } catch (error) {
      done(new MillraceError("DATA_INVALID", `the body is not JSON: ${asError(error).message}`));
    }
  });
  // curl without -H, and clients that send a type of their own: the body is JSON or empty whatever it says.
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, text, done) => {
    try {
      done(null, text === "" ? undefined : JSON.parse(String(text)));
    } catch {
      done(new MillraceError("DATA_INVALID", "the body is not JSON"));
    }
  });
  app.setErrorHandler((error, _request, reply) => {
    const e = asError(error);
    const status = e instanceof MillraceError ? (statuses[e.code] ?? 500) : ((e as { statusCode?: number }).statusCode ?? 500);
    return fail(reply, status, worker.scrubber.scrub(e.message));
  });
  app.setNotFoundHandler((_request, reply) => fail(reply, 404, "HTTP 404 Not Found"));

  const route = (method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE", url: string, answer: Answer) => {
    app.route({
      method,
      url,
      handler: async (request: FastifyRequest, reply) => {
        const { params, query, body } = request as unknown as Request;
        const result = await answer({ params, query, body }, reply);
        if (reply.sent) return reply;
        if (result === undefined) return reply.code(reply.statusCode === 200 ? 204 : reply.statusCode).send();
        return reply.type("application/json").send(JSON.stringify(result));
      },
    });
  };

  route("GET", "/", () => ({ ...version, kafka_cluster_id: worker.clusterId }));
  route("GET", "/health", () => ({ status: "healthy", message: "Worker has completed startup and is ready to handle requests." }));
  connectors(route, worker);
  tasks(route, worker);
  offsets(route, worker);
  plugins(route, worker);
  loggers(route);
}

type Route = (method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE", url: string, answer: Answer) => void;

function fail(reply: FastifyReply, status: number, message: string): FastifyReply {
  return reply
    .code(status)
    .type("application/json")
    .send(JSON.stringify({ error_code: status, message }));
}

function connectors(route: Route, worker: ConnectWorker): void {
  route("GET", "/connectors", async ({ query }) => {
    const names = await worker.list();
    const expand = [query["expand"] ?? []].flat().flatMap((e) => e.split(","));
    if (expand.length === 0) return names;
    const out: Record<string, Record<string, unknown>> = {};
    for (const name of names) {
      out[name] = {};
      for (const what of expand) {
        if (what === "status") out[name]["status"] = await worker.status(name);
        else if (what === "info") out[name]["info"] = worker.info(name);
      }
    }
    return out;
  });
  route("POST", "/connectors", async ({ body }, reply) => {
    const { name, config, initial_state } = object(body, "a connector's name and config") as {
      name?: unknown;
      config?: unknown;
      initial_state?: unknown;
    };
    const settings = configOf(config);
    const called = typeof name === "string" ? name.trim() : (settings["name"] ?? "");
    if (!called) throw new MillraceError("CONFIG_INVALID", "the connector has no name");
    await worker.create(called, settings, initialState(initial_state));
    reply.code(201).header("location", `/connectors/${encodeURIComponent(called)}`);
    return worker.info(called);
  });
  route("GET", "/connectors/:name", ({ params }) => worker.info(params["name"]!));
  route("GET", "/connectors/:name/config", ({ params }) => worker.config(params["name"]!));
  route("PUT", "/connectors/:name/config", async ({ params, body }, reply) => {
    const name = params["name"]!;
    if (await worker.putConfig(name, bareConfig(body))) reply.code(201).header("location", `/connectors/${encodeURIComponent(name)}`);
    return worker.info(name);
  });
  route("PATCH", "/connectors/:name/config", async ({ params, body }) => {
    const patch: Record<string, string | null> = {};
    for (const [k, v] of Object.entries(object(body, "a patch"))) patch[k] = v === null ? null : text(k, v);
    await worker.patchConfig(params["name"]!, patch);
    return worker.info(params["name"]!);
  });
  route("DELETE", "/connectors/:name", async ({ params }) => void (await worker.delete(params["name"]!)));
  route("GET", "/connectors/:name/status", ({ params }) => worker.status(params["name"]!));
  route("POST", "/connectors/:name/restart", async ({ params, query }, reply) => {
    const includeTasks = query["includeTasks"] === "true";
    const onlyFailed = query["onlyFailed"] === "true";
    const status = await worker.restart(params["name"]!, { includeTasks, onlyFailed });
    if (!includeTasks && !onlyFailed) return undefined;
    reply.code(202);
    return status;
  });
  for (const [verb, act] of [
    ["pause", (name: string) => worker.pause(name)],
    ["resume", (name: string) => worker.resume(name)],
  ] as const)
    route("PUT", `/connectors/:name/${verb}`, async ({ params }, reply) => {
      await act(params["name"]!);
      reply.code(202);
    });
  route("PUT", "/connectors/:name/stop", async ({ params }) => void (await worker.stop(params["name"]!)));
  route("GET", "/connectors/:name/topics", async ({ params }) => ({ [params["name"]!]: { topics: await worker.topics(params["name"]!) } }));
  route("PUT", "/connectors/:name/topics/reset", ({ params }) => worker.resetTopics(params["name"]!));
}

function tasks(route: Route, worker: ConnectWorker): void {
  const idOf = (params: Params): number => {
    const id = Number(params["task"]);
    if (!Number.isInteger(id)) throw new MillraceError("NOT_FOUND", "HTTP 404 Not Found");
    return id;
  };
  route("GET", "/connectors/:name/tasks", ({ params }) => worker.tasks(params["name"]!));
  route("GET", "/connectors/:name/tasks-config", ({ params }) =>
    Object.fromEntries(worker.tasks(params["name"]!).map((t) => [`${t.id.connector}-${t.id.task}`, t.config])),
  );
  route("GET", "/connectors/:name/tasks/:task/status", async ({ params }) => {
    const id = idOf(params);
    const found = (await worker.status(params["name"]!)).tasks.find((t) => t.id === id);
    if (!found) throw new MillraceError("NOT_FOUND", `No status found for task ${params["name"]}-${id}`);
    return found;
  });
  route("POST", "/connectors/:name/tasks/:task/restart", ({ params }) => worker.restartTask(params["name"]!, idOf(params)));
}

function offsets(route: Route, worker: ConnectWorker): void {
  route("GET", "/connectors/:name/offsets", async ({ params }) => ({ offsets: await worker.offsets(params["name"]!) }));
  route("PATCH", "/connectors/:name/offsets", async ({ params, body }) => {
    const { offsets: given } = object(body, "offsets") as { offsets?: unknown };
    if (!Array.isArray(given))
      throw new MillraceError("DATA_INVALID", "Partitions / offsets need to be provided for an alter offsets request");
    await worker.alterOffsets(
      params["name"]!,
      given.map((o) => {
        const { partition, offset } = object(o, "an offset") as { partition?: unknown; offset?: unknown };
        return { partition: object(partition, "the partition of an offset"), offset: offset == null ? null : object(offset, "an offset") };
      }),
    );
    return { message: "The offsets for this connector have been altered successfully" };
  });
  route("DELETE", "/connectors/:name/offsets", async ({ params }) => {
    await worker.resetOffsets(params["name"]!);
    return { message: "The offsets for this connector have been reset successfully" };
  });
}

function plugins(route: Route, worker: ConnectWorker): void {
  route("GET", "/connector-plugins", ({ query }) => worker.plugins(query["connectorsOnly"] !== "false"));
  route("GET", "/connector-plugins/:plugin/config", ({ params }) => worker.pluginConfig(params["plugin"]!));
  route("PUT", "/connector-plugins/:plugin/config/validate", ({ params, body }) => worker.validate(params["plugin"]!, bareConfig(body)));
}

function loggers(route: Route): void {
  const levels = new Loggers();
  route("GET", "/admin/loggers", () => levels.all());
  route("GET", "/admin/loggers/:logger", ({ params }) => {
    const found = levels.get(params["logger"]!);
    if (!found) throw new MillraceError("NOT_FOUND", `Logger ${params["logger"]} not found.`);
    return found;
  });
  route("PUT", "/admin/loggers/:logger", ({ params, query, body }) => {
    const { level } = object(body, "a level") as { level?: unknown };
    if (level === undefined) throw new MillraceError("DATA_INVALID", "Desired 'level' parameter was not specified in request.");
    const changed = levels.set(params["logger"]!, String(level));
    return query["scope"] === "cluster" ? undefined : changed;
  });
}

function object(value: unknown, what: string): Record<string, unknown> {
  if (value === null || typeof value !== "object" || Array.isArray(value))
    throw new MillraceError("DATA_INVALID", `the request needs ${what} as a JSON object`);
  return value as Record<string, unknown>;
}

/** A config as Connect's clients send it: values may be strings, numbers or booleans. */
function configOf(value: unknown): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [k, v] of Object.entries(object(value, "a config"))) if (v !== null) out[k] = text(k, v);
  return out;
}

/** The config itself, or the `{name, config}` that POST takes, which many scripts keep in one file for both. */
function bareConfig(body: unknown): Record<string, string> {
  const o = object(body, "a config");
  return typeof o["config"] === "object" && o["config"] !== null && o["connector.class"] === undefined
    ? configOf(o["config"])
    : configOf(o);
}

function text(key: string, value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw new MillraceError("CONFIG_INVALID", `${key}: the value of a setting must be a string, a number or a boolean`);
}

function initialState(value: unknown): TargetState | undefined {
  if (value === undefined || value === null) return undefined;
  const state = { RUNNING: "STARTED", PAUSED: "PAUSED", STOPPED: "STOPPED" }[String(value).toUpperCase()];
  if (!state) throw new MillraceError("CONFIG_INVALID", `initial_state must be RUNNING, PAUSED or STOPPED, not ${String(value)}`);
  return state as TargetState;
}
