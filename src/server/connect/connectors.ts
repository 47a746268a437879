import { MillraceError } from "../../common/errors.js";
import type { TargetState } from "../../connect/runtime/config-store.js";
import type { ConnectWorker } from "../../connect/runtime/worker.js";
import { bareConfig, configOf, object, settingText } from "./body.js";
import type { Params, Query, Route } from "./route.js";

export function connectorRoutes(route: Route, worker: ConnectWorker): void {
  route("GET", "/connectors", async ({ query }) => {
    const names = await worker.list();
    const expand = [query["expand"] ?? []].flat().flatMap((e) => e.split(","));
    return expand.length === 0 ? names : expanded(worker, names, expand);
  });
  route("POST", "/connectors", async ({ body }, reply) => {
    const { name, config, initial_state } = object(body.jsonWithNumberTexts(), "a connector's name and config");
    const settings = configOf(config ?? {});
    const called = typeof name === "string" ? name.trim() : (settings["name"] ?? "").trim();
    if (!called) throw new MillraceError("CONFIG_INVALID", "the connector has no name");
    await worker.create(called, settings, initialState(initial_state));
    reply.code(201).header("location", `/connectors/${encodeURIComponent(called)}`);
    return worker.info(called);
  });
  route("GET", "/connectors/:name", ({ params }) => worker.info(nameOf(params)));
  route("GET", "/connectors/:name/config", ({ params }) => worker.config(nameOf(params)));
  route("PUT", "/connectors/:name/config", async ({ params, body }, reply) => {
    const name = nameOf(params);
    if (await worker.putConfig(name, bareConfig(body.jsonWithNumberTexts())))
      reply.code(201).header("location", `/connectors/${encodeURIComponent(name)}`);
    return worker.info(name);
  });
  route("PATCH", "/connectors/:name/config", async ({ params, body }) => {
    const patch: Record<string, string | null> = {};
    for (const [k, v] of Object.entries(object(body.jsonWithNumberTexts(), "a patch"))) patch[k] = v === null ? null : settingText(k, v);
    await worker.patchConfig(nameOf(params), patch);
    return worker.info(nameOf(params));
  });
  route("DELETE", "/connectors/:name", async ({ params }) => void (await worker.delete(nameOf(params))));
  route("GET", "/connectors/:name/status", ({ params }) => worker.status(nameOf(params)));
  route("POST", "/connectors/:name/restart", async ({ params, query }, reply) => {
    const includeTasks = flag(query, "includeTasks");
    const onlyFailed = flag(query, "onlyFailed");
    const plan = await worker.restart(nameOf(params), { includeTasks, onlyFailed });
    if (!includeTasks && !onlyFailed) return undefined;
    reply.code(202);
    return plan;
  });
  route("PUT", "/connectors/:name/pause", async ({ params }, reply) => {
    await worker.pause(nameOf(params));
    reply.code(202);
  });
  route("PUT", "/connectors/:name/resume", async ({ params }, reply) => {
    await worker.resume(nameOf(params));
    reply.code(202);
  });
  route("PUT", "/connectors/:name/stop", async ({ params }) => void (await worker.stop(nameOf(params))));
  route("GET", "/connectors/:name/topics", async ({ params }) => ({ [nameOf(params)]: { topics: await worker.topics(nameOf(params)) } }));
  route("PUT", "/connectors/:name/topics/reset", ({ params }, reply) => {
    worker.resetTopics(nameOf(params));
    reply.code(202);
  });
}

export function taskRoutes(route: Route, worker: ConnectWorker): void {
  const idOf = (params: Params): number => {
    const id = Number(params["task"]);
    if (!Number.isInteger(id)) throw new MillraceError("NOT_FOUND", "HTTP 404 Not Found");
    return id;
  };
  route("GET", "/connectors/:name/tasks", ({ params }) => worker.tasks(nameOf(params)));
  route("GET", "/connectors/:name/tasks-config", ({ params }) =>
    Object.fromEntries(worker.tasks(nameOf(params)).map((t) => [`${t.id.connector}-${t.id.task}`, t.config])),
  );
  route("GET", "/connectors/:name/tasks/:task/status", async ({ params }) => {
    const id = idOf(params);
    const found = (await worker.status(nameOf(params))).tasks.find((t) => t.id === id);
    if (!found) throw new MillraceError("NOT_FOUND", `No status found for task ${nameOf(params)}-${id}`);
    return found;
  });
  route("POST", "/connectors/:name/tasks/:task/restart", ({ params }) => worker.restartTask(nameOf(params), idOf(params)));
}

async function expanded(worker: ConnectWorker, names: readonly string[], expand: readonly string[]) {
  const out: Record<string, Record<string, unknown>> = {};
  for (const name of names) {
    const entry: Record<string, unknown> = {};
    try {
      if (expand.includes("status")) entry["status"] = await worker.status(name);
      if (expand.includes("info")) entry["info"] = worker.info(name);
    } catch (error) {
      // deleted since the names were taken
      if (error instanceof MillraceError && error.code === "NOT_FOUND") continue;
      throw error;
    }
    out[name] = entry;
  }
  return out;
}

function nameOf(params: Params): string {
  return params["name"]!;
}

function flag(query: Query, name: string): boolean {
  return String(query[name] ?? "").toLowerCase() === "true";
}

function initialState(value: unknown): TargetState | undefined {
  if (value === undefined || value === null) return undefined;
  const state = { RUNNING: "STARTED", PAUSED: "PAUSED", STOPPED: "STOPPED" }[String(value).toUpperCase()];
  if (!state) throw new MillraceError("CONFIG_INVALID", `initial_state must be RUNNING, PAUSED or STOPPED, not ${String(value)}`);
  return state as TargetState;
}
