import type { ConnectWorker } from "../../connect/runtime/worker.js";
import { bareConfig } from "./body.js";
import type { Route } from "./route.js";

export function pluginRoutes(route: Route, worker: ConnectWorker): void {
  route("GET", "/connector-plugins", ({ query }) => worker.plugins(String(query["connectorsOnly"] ?? "true").toLowerCase() !== "false"));
  route("GET", "/connector-plugins/:plugin/config", ({ params }) => worker.pluginConfig(params["plugin"]!));
  route("PUT", "/connector-plugins/:plugin/config/validate", ({ params, body }) =>
    worker.validate(params["plugin"]!, bareConfig(body.jsonWithNumberTexts())),
  );
}
