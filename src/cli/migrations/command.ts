import { Command } from "commander";
import { MillraceError } from "../../common/errors.js";
import { SqlClient } from "../sql-client.js";
import { table } from "../table.js";
import { apply, type Selection, validate } from "./apply.js";
import { Metadata, type Version } from "./metadata.js";
import { createMigration, migrationFiles, newProject, readProject } from "./project.js";

type Say = (line: string) => void;

/** `millrace migrations`: versions of a server's streams, tables and queries, from files; projects of ksqlDB's tool work as they are. */
export function migrationsCommand(say: Say = console.log): Command {
  const command = new Command("migrations")
    .description("Apply SQL files to a server in order, each once, and know which were (file-compatible with ksql-migrations).")
    .option("-c, --config-file <file>", "the project's ksql-migrations.properties")
    .addHelpText(
      "after",
      `
Examples:
  millrace migrations new-project shop http://127.0.0.1:8088
  millrace migrations -c shop/ksql-migrations.properties initialize-metadata
  millrace migrations -c shop/ksql-migrations.properties create Add users     an empty V000001__Add_users.sql to write into
  millrace migrations -c shop/ksql-migrations.properties apply --all
  millrace migrations -c shop/ksql-migrations.properties info`,
    );

  const timed = async (run: () => void | Promise<void>) => {
    const begun = process.hrtime.bigint();
    await run();
    say(`Execution time: ${(Number(process.hrtime.bigint() - begun) / 1e9).toFixed(4)} seconds`);
  };
  const open = () => {
    const project = readProject(command.opts<{ configFile?: string }>().configFile);
    const client = new SqlClient(project.url, project.user);
    return { project, client, metadata: new Metadata(client, project) };
  };

  command
    .command("new-project")
    .description("Make the folders and the settings' file of a project.")
    .argument("<path>", "the project's folder")
    .argument("<url>", "the SQL server, as http://127.0.0.1:8088")
    .action((path: string, url: string) =>
      timed(() => {
        newProject(path, url, say);
        say("Migrations project directory created successfully");
      }),
    );
  command
    .command("initialize-metadata")
    .description("Create the stream and the table that keep what was applied.")
    .action(() => timed(() => open().metadata.initialize(say)));
  command
    .command("create")
    .description("Make an empty migration file of the next version.")
    .option("-v, --version <version>", "this version instead", number)
    .argument("<description...>", "what it does; a part of the file's name")
    .action((words: string[], options: { version?: number }) =>
      timed(() => {
        const path = createMigration(open().project.dir, words.join(" "), options.version);
        say(`Creating migration file: ${path}`);
        say("Migration file successfully created");
      }),
    );
  command
    .command("apply")
    .description("Run the files that have not run yet. A file is not atomic: what ran before a failure stays.")
    .option("-a, --all", "all of them")
    .option("-n, --next", "the next one")
    .option("-u, --until <version>", "up to this version", number)
    .option("-v, --version <version>", "this version only", number)
    .option("-d, --define <name=value>", "a variable, as DEFINE at the head of each file", define, {})
    .option("--dry-run", "show what would run")
    .action((options: Selection & { define: Record<string, string>; dryRun?: boolean }) =>
      timed(async () => {
        const { project, client, metadata } = open();
        const { define: variables, dryRun = false } = options;
        await apply(client, metadata, migrationFiles(project.dir), options, { dryRun, variables }, say);
      }),
    );
  command
    .command("info")
    .description("Show which versions were applied, when, and which wait.")
    .action(() =>
      timed(async () => {
        const { project, metadata } = open();
        const latest = await metadata.latest();
        say(`Current migration version: ${latest?.version ?? "None"}`);
        const rows: (readonly string[])[] = [];
        for (const file of migrationFiles(project.dir))
          rows.push([String(file.version), file.name, ...shown(await metadata.version(file.version))]);
        say(rows.length === 0 ? "No migrations files found." : table(header, rows));
      }),
    );
  command
    .command("validate")
    .description("Compare the files that were applied with what they were then.")
    .action(() =>
      timed(async () => {
        const { project, metadata } = open();
        await validate(metadata, migrationFiles(project.dir), await metadata.latest());
        say("Successfully validated checksums for migrations that have already been applied");
      }),
    );
  command
    .command("destroy-metadata")
    .description("Forget what was applied: drop the stream and the table with their topics. What the files made stays.")
    .action(() => timed(() => open().metadata.destroy(say)));
  return command;
}

const header = ["Version", "Name", "State", "Previous Version", "Started On", "Completed On", "Error Reason"];

function shown(version: Version | undefined): string[] {
  if (!version) return ["PENDING", "N/A", "N/A", "N/A", "N/A"];
  return [version.state, version.previous, time(version.started), time(version.completed), version.error];
}

function time(epochMs: string): string {
  const date = new Date(Number(epochMs));
  if (epochMs === "" || Number.isNaN(date.getTime())) return "N/A";
  return date.toISOString().replace("T", " ").replace("Z", " UTC");
}

function number(text: string): number {
  if (!/^\d+$/.test(text)) throw new MillraceError("CONFIG_INVALID", `version ${text}: a number`);
  return Number(text);
}

function define(pair: string, all: Record<string, string>): Record<string, string> {
  const at = pair.indexOf("=");
  if (at < 1) throw new MillraceError("CONFIG_INVALID", `--define ${pair}: expected name=value`);
  return { ...all, [pair.slice(0, at)]: pair.slice(at + 1) };
}
