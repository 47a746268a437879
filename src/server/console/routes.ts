import type { FastifyInstance } from "fastify";
import type { Metrics } from "../../common/metrics.js";

export interface ConsoleSources {
  readonly metrics: Metrics;
  /** Each part's state; the process is healthy while all are. */
  health(): Promise<Record<string, { readonly healthy: boolean; readonly detail?: string }>>;
}

/** `/health` (200 or 503) and `/metrics` (Prometheus) on the console's port. */
export function registerConsoleRoutes(app: FastifyInstance, sources: ConsoleSources): void {
  app.get("/health", async (_request, reply) => {
    const parts = await sources.health();
    const healthy = Object.values(parts).every((p) => p.healthy);
    return reply.code(healthy ? 200 : 503).send({ status: healthy ? "UP" : "DOWN", parts });
  });
  app.get("/metrics", async (_request, reply) => reply.type("text/plain; version=0.0.4; charset=utf-8").send(sources.metrics.expose()));
}
