import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { EmbeddedBroker } from "../../src/broker/embedded/embedded-broker.js";
import { KafkaListener, type KafkaListenerOptions } from "../../src/broker/net/listener.js";
import { silentLogger } from "../../src/common/logger.js";

const services = join(import.meta.dirname, "../../.services");

/** Where test/services/kafka-clients.sh has put a client, or undefined where it was not installed. */
export function kafkaClient(...path: string[]): string | undefined {
  const at = join(services, ...path);
  return existsSync(at) ? at : undefined;
}

/** A name for a suite that says so where its client is missing. */
export const titled = (name: string, there: unknown): string => (there ? name : `${name} (not installed: test/services/kafka-clients.sh)`);

export interface TestListener {
  readonly broker: EmbeddedBroker;
  readonly bootstrap: string;
  /** the log's folder */
  readonly dir: string;
  close(): Promise<void>;
}

/** A broker with its Kafka port, in a folder of its own. */
export async function openListener(options: Partial<KafkaListenerOptions> = {}): Promise<TestListener> {
  const dir = mkdtempSync(join(tmpdir(), "millrace-compat-"));
  const broker = await EmbeddedBroker.open({ dir, logger: silentLogger });
  const listener = await KafkaListener.open({ broker, logger: silentLogger, host: "127.0.0.1", port: 0, ...options });
  return {
    broker,
    dir,
    bootstrap: `127.0.0.1:${listener.port}`,
    async close() {
      await listener.close();
      await broker.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Compiles Java sources of this folder. */
export function javac(jars: string, sources: readonly string[], to: string): void {
  const files = sources.map((s) => join(import.meta.dirname, "java", s));
  const run = spawnSync("javac", ["-nowarn", "-Xlint:none", "-d", to, "-cp", `${jars}/*`, ...files], { encoding: "utf8" });
  if (run.status !== 0) throw new Error(`javac: ${run.stderr}`);
}

/** Arguments of `java` for a program that runs for seconds. */
export const java = (jars: string, classes: string, ...rest: string[]): string[] => [
  "-Xmx512m",
  "-XX:+UseSerialGC",
  "-XX:TieredStopAtLevel=1",
  "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
  "-cp",
  `${classes}:${jars}/*`,
  ...rest,
];

/**
 * Runs a program that prints `ok NAME` or `not ok NAME -- why` for each of its checks.
 * @returns by name: undefined where it passed, else why not; a name that the program never got to is not in it
 */
export function runChecks(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Map<string, string | undefined>> {
  const outcomes = new Map<string, string | undefined>();
  const program = spawn(command, args, { env: { ...process.env, ...env } });
  let errors = "";
  program.stderr.on("data", (part: Buffer) => {
    errors = (errors + part).slice(-4000);
  });
  createInterface({ input: program.stdout }).on("line", (line) => {
    if (line.startsWith("ok ")) outcomes.set(line.slice(3), undefined);
    const [, name, why] = /^not ok (.*?) -- (.*)$/.exec(line) ?? [];
    if (name !== undefined) outcomes.set(name, why);
  });
  return new Promise((resolve, reject) => {
    program.on("error", reject);
    program.on("close", (status) => {
      if (status === 0) resolve(outcomes);
      else reject(new Error(`${command} ended with ${status}: ${errors}`));
    });
  });
}
