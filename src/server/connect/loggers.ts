import { MillraceError } from "../../common/errors.js";
import { LogLevels } from "../../common/log-levels.js";
import type { Logger } from "../../common/logger.js";
import { object } from "./body.js";
import type { Route } from "./route.js";

/** `/admin/loggers`: the levels of this process's loggers, under the names that they have in the stack that it replaces. */
export function loggerRoutes(route: Route, logger: Logger): void {
  const levels = logger.levels ?? new LogLevels();
  route("GET", "/admin/loggers", () => levels.all());
  route("GET", "/admin/loggers/:logger", ({ params }) => {
    const found = levels.get(params["logger"]!);
    if (!found) throw new MillraceError("NOT_FOUND", `Logger ${params["logger"]} not found.`);
    return found;
  });
  route("PUT", "/admin/loggers/:logger", ({ params, query, body }) => {
    const { level } = object(body.json(), "a level");
    if (level === undefined || level === null)
      throw new MillraceError("DATA_INVALID", "Desired 'level' parameter was not specified in request.");
    const changed = levels.change(params["logger"]!, String(level), Date.now());
    return String(query["scope"] ?? "worker").toLowerCase() === "cluster" ? undefined : changed;
  });
}
