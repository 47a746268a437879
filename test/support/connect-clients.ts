import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

const folder = join(import.meta.dirname, "../../.services/connect-clients");
const parts = ["kc", "api", "kafkaconnect", "healthcheck", "ksqldb"].map((name) => join(folder, name, "installed"));
let found: string | undefined | null = null;

/** The folder with clients of Connect's and ksqlDB's REST (test/services/connect-clients.sh); undefined where they cannot be had. */
export function connectClients(): string | undefined {
  if (found !== null) return found;
  const there = () => parts.every((p) => existsSync(p)) && existsSync(join(folder, "lib"));
  if (!there()) spawnSync("bash", [join(import.meta.dirname, "../services/connect-clients.sh"), "install", folder], { stdio: "ignore" });
  found = there() ? folder : undefined;
  return found;
}
