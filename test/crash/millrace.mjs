// The process that is killed: `millrace start` on fixed ports, so that a restart is where it was.
import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../examples/common/free-port.mjs";

const main = new URL("../../dist/main.js", import.meta.url).pathname;
const surfaces = ["kafka", "registry", "rest-proxy", "connect", "sql", "console"];

export class MillraceProcess {
  #log;
  #recent = [];
  #child;

  /**
   * @param hosts `{ name: "address:port" }` for `--host`, @param environment variables beside those of this process,
   * @param more flags of `millrace start`
   */
  constructor(folder, { hosts, environment = {}, flags = [] }, verbose) {
    Object.assign(this, { dir: join(folder, "millrace"), logFile: join(folder, "millrace.log"), hosts, verbose, environment, more: flags });
    this.#log = createWriteStream(this.logFile);
  }

  async start() {
    if (!this.ports) {
      this.ports = {};
      for (const name of surfaces) this.ports[name] = await freePort();
    }
    const flags = [
      ...surfaces.flatMap((name) => [`--${name}-port`, String(this.ports[name])]),
      ...Object.entries(this.hosts).flatMap(([name, address]) => ["--host", `${name}=${address}`]),
      ...this.more,
    ];
    const child = spawn(process.execPath, [main, "start", "--dir", this.dir, "--log-format", "json", ...flags], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, ...this.environment },
    });
    this.#child = child;
    await new Promise((resolve, reject) => {
      child.stderr.on("data", (chunk) => {
        this.#log.write(chunk);
        if (this.verbose) process.stderr.write(chunk);
        this.#recent.push(String(chunk));
        if (this.#recent.length > 100) this.#recent.shift();
        if (String(chunk).includes('"ready"')) resolve();
      });
      child.once("exit", (code, signal) => reject(new Error(`millrace ended with ${code ?? signal}:\n${this.#recent.join("")}`)));
    });
    child.removeAllListeners("exit");
  }

  async kill() {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  url(surface, path) {
    return `http://127.0.0.1:${this.ports[surface]}${path}`;
  }

  async call(surface, method, path, body) {
    const response = await fetch(this.url(surface, path), {
      method,
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  }

  /** @param config an object, or the text of a file */
  connector(name, config) {
    return this.call("connect", "PUT", `/connectors/${name}/config`, config);
  }

  ksql(text) {
    return this.call("sql", "POST", "/ksql", { ksql: text, streamsProperties: {} });
  }

  /** Resolves when a task of each connector runs. */
  running(...names) {
    return until(`${names.join(", ")} to run`, async () => {
      const status = await Promise.all(names.map((name) => this.call("connect", "GET", `/connectors/${name}/status`)));
      return status.every(({ tasks }) => tasks.some(({ state }) => state === "RUNNING")) || JSON.stringify(status);
    });
  }

  /** Resolves when a source has its place in the database's log. */
  placed(name) {
    return until(`a position of ${name}`, async () => {
      const { offsets } = await this.call("connect", "GET", `/connectors/${name}/offsets`);
      return offsets.length > 0 || "it has none";
    });
  }

  /** Resolves when the connector has written to these topics. */
  topics(name, wanted) {
    return until(`${name} to write to ${wanted.join(", ")}`, async () => {
      const seen = (await this.call("connect", "GET", `/connectors/${name}/topics`))[name].topics;
      return wanted.every((topic) => seen.includes(topic)) || `it wrote to ${seen.join(", ") || "no topic"}`;
    });
  }

  /** What it says of itself, for the report of a failed run. */
  async state() {
    const parts = {
      connectors: () => this.call("connect", "GET", "/connectors?expand=status"),
      queries: () => this.ksql("SHOW QUERIES EXTENDED;"),
      setAside: () => this.call("console", "GET", "/errors"),
      health: () => this.call("console", "GET", "/health"),
    };
    const state = {};
    for (const [name, ask] of Object.entries(parts)) state[name] = await ask().catch((error) => String(error));
    return state;
  }
}

/** @param test resolves to true, or to what there is instead */
export async function until(what, test) {
  let instead;
  for (const end = Date.now() + 180_000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 50)))
    if ((instead = await test()) === true) return;
  throw new Error(`waited three minutes for ${what}: ${instead}`);
}
