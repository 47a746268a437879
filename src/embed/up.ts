import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { SqlClient } from "../cli/sql-client.js";
import { bind } from "../common/bind.js";
import type { Config } from "../common/config-def.js";
import { describeError } from "../common/errors.js";
import type { Logger } from "../common/logger.js";
import { readComposeFile, usualFiles } from "../compose/compose-file.js";
import { report } from "../compose/report.js";
import { type Part, standardPorts, type Takeover, takeOver } from "../compose/takeover.js";
import type { Millrace, MillraceOptions } from "./millrace.js";
import { settingsDef, variableOf } from "./settings.js";

/** What was done once for a data folder: not again, or what its owner changed since would be undone. */
interface Done {
  compatibility?: string;
  /** by file: the hash of the text that was run */
  queries: Record<string, string>;
}

export interface UpOptions {
  readonly environment: NodeJS.ProcessEnv;
  /** as the flags give them */
  readonly profiles: unknown;
  readonly envFile: unknown;
  /** topics are on a cluster that the settings name */
  readonly cluster: boolean;
}

/** `millrace up`: what a compose file of the old stack makes of this process. */
export class Up {
  readonly options: Partial<MillraceOptions>;

  private constructor(private readonly takeover: Takeover) {
    const { serviceNames, connect: workerConfig, sql: ksqlConfig, broker } = takeover;
    const { taken: _, ...brokerDefaults } = broker;
    this.options = { serviceNames, workerConfig, ksqlConfig, brokerDefaults };
  }

  /** @param files none: those that compose would take. @throws NOT_FOUND, CONFIG_INVALID */
  static read(files: readonly string[], options: UpOptions): Up {
    return new Up(
      takeOver(
        readComposeFile(files.length ? files : usualFiles("."), options.environment, {
          ...(Array.isArray(options.profiles) ? { profiles: options.profiles.map(String) } : {}),
          ...(typeof options.envFile === "string" ? { envFile: options.envFile } : {}),
        }),
        options.cluster,
      ),
    );
  }

  /** Where the services that stay are, but for those of which it is given. */
  hostsBeside(given: Readonly<Record<string, string>>): Record<string, string> {
    return Object.fromEntries(Object.entries(this.takeover.hosts).filter(([name]) => given[name.replace(/:\d+$/, "")] === undefined));
  }

  /** The flags that are given, with the file's ports and address beneath flags and environment. */
  flags(given: Readonly<Record<string, string>>, environment: NodeJS.ProcessEnv): Record<string, string> {
    const out: Record<string, string> = {};
    for (const part of Object.keys(standardPorts) as Part[])
      out[`${part}.port`] = String(this.takeover.ports[part] ?? (part === "console" ? standardPorts.console : 0));
    const insecure = given["insecure"] ?? environment[variableOf("insecure")];
    if (insecure === "true" && this.takeover.open) out["listen"] = "0.0.0.0";
    for (const name of settingsDef.settings.keys()) if (environment[variableOf(name)] !== undefined) delete out[name];
    return { ...out, ...given };
  }

  /** What is taken over, what stays and what is ignored. @param ports in force; without them those of the settings */
  report(settings: Config, ports: Readonly<Record<Part, number>> = portsOf(settings)): string[] {
    return report(this.takeover, ports, settings.string("listen"));
  }

  /** After the start: the file's further ports, its topics, its SQL; says on standard output what was taken over. */
  async carryOut(millrace: Millrace, settings: Config, logger: Logger): Promise<{ close(): Promise<void> }> {
    const { ports } = millrace;
    const inForce: Record<Part, number> = { ...ports, "rest-proxy": ports.restProxy };
    const listen = settings.string("listen");
    const servers: Server[] = [];
    for (const { port, part, service } of this.takeover.forwards) {
      const server = forward(inForce[part]);
      try {
        await bind(server, listen, port);
        servers.push(server);
      } catch (error) {
        logger.warn(`port ${port} of ${service} cannot be opened; ${inForce[part]} serves it`, { error: describeError(error) });
      }
    }
    await this.makeTopics(millrace, logger);
    await this.once(settings.string("dir"), inForce, logger);
    for (const line of this.report(settings, inForce)) console.log(line);
    return {
      close: async () => {
        for (const server of servers) server.close();
      },
    };
  }

  private async makeTopics({ broker }: Millrace, logger: Logger): Promise<void> {
    const { topics, broker: defaults } = this.takeover;
    if (topics.length === 0) return;
    const made = await broker.createTopics(
      topics.map(({ name, partitions, configs }) => ({ name, partitions: partitions ?? defaults.partitions ?? -1, configs })),
    );
    for (const { name, error } of made)
      if (error && error.code !== "ALREADY_EXISTS") logger.warn(`topic ${name} cannot be made`, { error: describeError(error) });
  }

  /** The registry's level and the SQL files, the first time alone. */
  private async once(dir: string, ports: Readonly<Record<Part, number>>, logger: Logger): Promise<void> {
    const path = join(dir, "compose.json");
    const done: Done = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Done) : { queries: {} };
    const { compatibility, queries } = this.takeover;
    if (compatibility !== null && done.compatibility === undefined) {
      const answer = await fetch(`http://127.0.0.1:${ports.registry}/config`, {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ compatibility }),
      });
      if (answer.ok) done.compatibility = compatibility;
      else logger.warn(`the registry refuses the compatibility ${compatibility}`, { error: await answer.text() });
    }
    for (const file of queries) {
      if (!existsSync(file)) {
        logger.warn(`the SQL file ${file} is not there`);
        continue;
      }
      const sql = readFileSync(file, "utf8");
      const hash = createHash("sha256").update(sql).digest("hex");
      if (done.queries[file] !== undefined) {
        if (done.queries[file] !== hash) logger.warn(`${file} has changed since it was run: run what is new by \`millrace sql\``);
        continue;
      }
      try {
        await new SqlClient(`http://127.0.0.1:${ports.sql}`).statements({ sql });
        done.queries[file] = hash;
        logger.info(`the statements of ${file} are run`);
      } catch (error) {
        logger.error(`the statements of ${file} cannot be run`, { error: describeError(error) });
      }
    }
    writeFileSync(path, `${JSON.stringify(done)}\n`);
  }
}

function portsOf(settings: Config): Record<Part, number> {
  return Object.fromEntries(Object.keys(standardPorts).map((part) => [part, settings.number(`${part}.port`)])) as Record<Part, number>;
}

/** A port that leads to another of this process. */
function forward(port: number): Server {
  return createServer((socket) => {
    const inner = connect(port, "127.0.0.1");
    socket.pipe(inner).pipe(socket);
    // either side's end is the other's: what is cut off is the client's to see
    socket.once("error", () => inner.destroy());
    inner.once("error", () => socket.destroy());
  });
}
