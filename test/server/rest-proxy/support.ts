import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { EmbeddedBroker } from "../../../src/broker/embedded/embedded-broker.js";
import { silentLogger } from "../../../src/common/logger.js";
import { systemClock } from "../../../src/common/time.js";
import { SchemaRegistry } from "../../../src/schema-registry/registry.js";
import { listen } from "../../../src/server/listen.js";
import { registerRestProxyRoutes } from "../../../src/server/rest-proxy/routes.js";

// biome-ignore lint/suspicious/noExplicitAny: answers are JSON
export type Answer = readonly [status: number, body: any];

/** The proxy on a port of its own, over a real log. */
export async function startProxy() {
  const dir = mkdtempSync(join(tmpdir(), "millrace-rest-proxy-"));
  const broker = await EmbeddedBroker.open({ dir });
  const registry = await SchemaRegistry.open({ broker, logger: silentLogger });
  const kafka = { host: "localhost", port: 9092 };
  const listener = await listen(
    (app) => registerRestProxyRoutes(app, { broker, registry, kafka, logger: silentLogger, clock: systemClock }),
    { port: 0, logger: silentLogger },
  );
  return {
    broker,
    registry,
    url: listener.url,
    /** As a user does: curl, with its exit code for a failure of the connection alone. */
    async curl(method: string, path: string, body?: unknown, type = "application/vnd.kafka.v2+json", accept?: string): Promise<Answer> {
      const args = ["-sS", "-X", method, "-w", "\n%{http_code}", `${listener.url}${path}`, "-H", `Content-Type: ${type}`];
      if (accept) args.push("-H", `Accept: ${accept}`);
      if (body !== undefined) args.push("-d", typeof body === "string" ? body : JSON.stringify(body));
      const { stdout } = await promisify(execFile)("curl", args);
      const at = stdout.lastIndexOf("\n");
      const text = stdout.slice(0, at);
      return [Number(stdout.slice(at + 1)), text === "" ? undefined : JSON.parse(text)];
    },
    async close() {
      await listener.close();
      await broker.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
