#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { setFlagsFromString } from "node:v8";
import { Command, Option } from "commander";
import { describeError, MillraceError } from "./common/errors.js";
import { createLogger, type Level } from "./common/logger.js";
import { clusterOf, flagOf, loggerLevels, readSettings, settingsDef, variableOf, workerSettings } from "./embed/settings.js";
import type { Up } from "./embed/up.js";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

const program = new Command("millrace")
  .description("Live data pipelines in one process: change data capture, a Kafka-compatible log, streaming SQL and connectors.")
  .version(version)
  .addHelpText(
    "after",
    `
Start here:
  millrace start                          everything, on the ports of the stack that it replaces
  curl localhost:8083/connectors -H 'content-type: application/json' -d @source.json
  millrace sql -f pipeline.sql            the same statements as ksqlDB's
  millrace sql                            a shell; try: SHOW TOPICS;
  millrace connectors                     what runs, and what failed with its cause
  millrace errors list                    records that were set aside, with replay`,
  )
  .showHelpAfterError("(millrace --help shows what there is)")
  // Without this `migrations apply --version 2` would print the version of Millrace.
  .enablePositionalOptions();

function addSettings(command: Command): Command {
  for (const setting of settingsDef.settings.values()) {
    const repeated = setting.type === "LIST";
    const flag =
      setting.type === "BOOLEAN"
        ? `--${flagOf(setting.name)}`
        : `--${flagOf(setting.name)} <${repeated ? "name=address:port" : (setting.values?.join("|") ?? setting.type.toLowerCase())}>`;
    const option = new Option(flag, `${setting.doc}${describeDefault(setting.default)} [${variableOf(setting.name)}]`);
    if (repeated) option.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]);
    command.addOption(option);
  }
  return command;
}

function settingsGiven(given: Record<string, unknown>): Record<string, string> {
  const flags: Record<string, string> = {};
  for (const setting of settingsDef.settings.values()) {
    const value = given[flagOf(setting.name).replace(/-(.)/g, (_, c: string) => c.toUpperCase())];
    if (value !== undefined) flags[setting.name] = Array.isArray(value) ? value.join(",") : String(value);
  }
  return flags;
}

addSettings(program.command("start").description("Start everything in this process and keep running until Ctrl-C."))
  .addHelpText(
    "after",
    `
A flag goes over the environment, the environment over millrace.yaml in the current folder (registry: { port: 8081 }).

Examples:
  millrace start                                    the ports of the stack that it replaces, data in ./millrace-data
  millrace start --host postgres=127.0.0.1:5433     connector files that name the host postgres find it there
  millrace start --dir b --kafka-port 0 --connect-port 0 --sql-port 0 --registry-port 0 --rest-proxy-port 0 --console-port 0     a second one beside it`,
  )
  .action((given: Record<string, unknown>) => run(settingsGiven(given)));

addSettings(
  program
    .command("up")
    .description("Start in place of the old stack that a compose file describes: its ports, names and settings.")
    .argument("[files...]", "compose files, later ones over earlier ones; without any, what compose finds in this folder")
    .option("--profile <name...>", "take in the services of these profiles too")
    .option("--env-file <path>", "variables for the file, instead of .env beside it")
    .option("--dry-run", "say what would be taken over, and end"),
)
  .addHelpText(
    "after",
    `
Kafka, ZooKeeper, Schema Registry, Connect, ksqlDB and REST Proxy of Confluent, Apache, Debezium and Bitnami become this process; databases stay.
The settings of \`millrace start\` go over the file's.

Examples:
  millrace up                                       compose.yaml or docker-compose.yml of this folder, with its override file
  millrace up old-stack.yml --dry-run
  docker compose up -d --no-deps postgres && millrace up`,
  )
  .action(async (files: string[], given: Record<string, unknown>) => {
    const { Up } = await import("./embed/up.js");
    const own = settingsGiven(given);
    const cluster = (own["bootstrap.servers"] ?? process.env[variableOf("bootstrap.servers")]) !== undefined;
    const up = Up.read(files, { environment: process.env, profiles: given["profile"], envFile: given["envFile"], cluster });
    const flags = up.flags(own, process.env);
    if (given["dryRun"] !== true) await run(flags, up);
    else for (const line of up.report(readSettings(flags, process.env))) console.log(line);
  });

async function run(flags: Record<string, string>, up?: Up): Promise<void> {
  const settings = readSettings(flags, process.env);
  const logger = createLogger({
    level: settings.string("log.level") as Level,
    format: (settings.optionalString("log.format") as "text" | "json" | null) ?? (process.stderr.isTTY ? "text" : "json"),
  });
  const workerConfig = { ...up?.options.workerConfig, ...workerSettings(process.env, settings.raw) };
  for (const [name, level] of loggerLevels(workerConfig)) logger.levels?.change(name, level, Date.now());
  const given = Object.fromEntries(settings.list("host").map(hostEntry));
  // What starting leaves would let V8 grow the heap's young half to 26 MB, which it gives back only after half a minute of rest.
  setFlagsFromString("--semi-space-growth-factor=1");
  const { Millrace } = await import("./embed/millrace.js");
  const millrace = await Millrace.start({
    ...up?.options,
    dir: settings.string("dir"),
    listen: settings.string("listen"),
    insecure: settings.boolean("insecure"),
    ports: {
      kafka: settings.number("kafka.port"),
      registry: settings.number("registry.port"),
      restProxy: settings.number("rest-proxy.port"),
      connect: settings.number("connect.port"),
      sql: settings.number("sql.port"),
      console: settings.number("console.port"),
    },
    hosts: { ...up?.hostsBeside(given), ...given },
    secretKey: settings.optionalString("secret.key") ?? undefined,
    workerConfig,
    plugins: settings.optionalString("plugins") ?? undefined,
    services: settings.optionalString("services") ?? undefined,
    functionsFolder: settings.optionalString("functions") ?? undefined,
    ksqlConfig: { ...up?.options.ksqlConfig, "millrace.sql.extensions": String(settings.boolean("sql.extensions")) },
    cluster: clusterOf(settings),
    logger,
  });
  setFlagsFromString("--semi-space-growth-factor=2");
  const carried = await up?.carryOut(millrace, settings, logger);
  logger.info("ready", {
    ...millrace.ports,
    milliseconds: Math.round(process.uptime() * 1000),
  });
  let stopping = false;
  const stop = (signal: string) => {
    if (stopping) process.exit(1); // a second Ctrl-C: no more patience
    stopping = true;
    logger.info("stopping", { signal });
    Promise.resolve(carried?.close())
      .then(() => millrace.close())
      .then(
        () => process.exit(0),
        (error) => {
          logger.error("stopping failed", { error: describeError(error) });
          process.exit(1);
        },
      );
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stop(signal));
  process.on("unhandledRejection", (error) => {
    // a part that forgot to wait for something must not take the others' open transactions with it
    logger.error("internal error: a promise was rejected that nobody waits for", { error });
  });
}

function hostEntry(text: string): [string, string] {
  const match = /^([^=]+)=(.+)$/.exec(text);
  if (!match) throw new MillraceError("CONFIG_INVALID", `host ${text}: expected name=address:port, as postgres=127.0.0.1:5433`);
  return [match[1]!, match[2]!];
}

function describeDefault(value: unknown): string {
  if (value === null || value === undefined || value === false || (Array.isArray(value) && value.length === 0)) return "";
  return ` (default ${value})`;
}

async function addClients(): Promise<void> {
  const [{ sqlCommand }, { topicsCommand }, { connectorsCommand }, { errorsCommand }, { migrationsCommand }] = await Promise.all([
    import("./cli/sql.js"),
    import("./cli/topics.js"),
    import("./cli/connectors.js"),
    import("./cli/errors.js"),
    import("./cli/migrations/command.js"),
  ]);
  const { backupCommands } = await import("./cli/backup.js");
  const { testCommand } = await import("./cli/test.js");
  const { codegenCommand } = await import("./cli/codegen.js");
  const clients = [
    sqlCommand(),
    topicsCommand(),
    connectorsCommand(),
    errorsCommand(),
    migrationsCommand(),
    testCommand(testActions),
    codegenCommand(async (inputs, options) => (await import("./serde/formats/avro/typescript.js")).avroToTypescript(inputs, options)),
    ...backupCommands({ backup: backupStopped, restore: restoreTo }),
  ];
  for (const command of clients) program.addCommand(command);
}

async function testActions() {
  const [{ runTestFiles }, { runSqlTests }] = await Promise.all([import("./testing/run-files.js"), import("./testing/sql-test.js")]);
  return { files: runTestFiles, sql: runSqlTests };
}

async function backupStopped(dir: string, target: string) {
  const { backup, isDataFolder } = await import("./embed/backup.js");
  const { openDataFolder } = await import("./embed/data-folder.js");
  if (!isDataFolder(dir)) throw new MillraceError("NOT_FOUND", `${dir} is not a data folder of Millrace`);
  const folder = openDataFolder(dir);
  try {
    return await backup(dir, resolve(target));
  } finally {
    folder.release();
  }
}

async function restoreTo(source: string, dir: string) {
  const { restore } = await import("./embed/backup.js");
  return restore(source, dir);
}

try {
  if (!["start", "up"].includes(process.argv[2] ?? "")) await addClients(); // those two need none of them, and start sooner without
  await program.parseAsync();
} catch (error) {
  console.error(`millrace: ${error instanceof MillraceError ? error.message : describeError(error)}`);
  if (!(error instanceof MillraceError) && process.env.MILLRACE_LOG_LEVEL === "debug") console.error(error);
  process.exitCode = 1;
}
