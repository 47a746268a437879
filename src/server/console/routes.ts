import { isAbsolute } from "node:path";
import type { FastifyInstance } from "fastify";
import { asError, MillraceError } from "../../common/errors.js";
import type { Metrics } from "../../common/metrics.js";

export interface ConsoleSources {
  readonly metrics: Metrics;
  /** Copies one consistent cut into a folder that does not exist yet. */
  backup(directory: string): Promise<unknown>;
  /** Each part's state; the process is healthy while all are. */
  health(): Promise<Record<string, { readonly healthy: boolean; readonly detail?: string }>>;
}

/** `/health` (200 or 503), `/metrics` (Prometheus) and `/backup` on the console's port. */
export function registerConsoleRoutes(app: FastifyInstance, sources: ConsoleSources): void {
  app.get("/health", async (_request, reply) => {
    const parts = await sources.health();
    const healthy = Object.values(parts).every((p) => p.healthy);
    return reply.code(healthy ? 200 : 503).send({ status: healthy ? "UP" : "DOWN", parts });
  });
  app.get("/metrics", async (_request, reply) => reply.type("text/plain; version=0.0.4; charset=utf-8").send(sources.metrics.expose()));
  app.post<{ Body: { directory?: unknown } }>("/backup", async (request, reply) => {
    const directory = request.body?.directory;
    if (typeof directory !== "string" || !isAbsolute(directory))
      return reply.code(400).send({ code: "CONFIG_INVALID", message: "directory must be an absolute path" });
    try {
      return await sources.backup(directory);
    } catch (error) {
      const code = error instanceof MillraceError ? error.code : "INTERNAL";
      return reply.code(code === "ALREADY_EXISTS" || code === "CONFIG_INVALID" ? 409 : 500).send({ code, message: asError(error).message });
    }
  });
}
