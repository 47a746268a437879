import { readFileSync } from "node:fs";
import { asError, MillraceError } from "../../common/errors.js";
import { splitStatements, withoutComments } from "../../common/split-statements.js";
import type { SqlClient } from "../sql-client.js";
import { isQuery, Session } from "../sql-text.js";
import { type Metadata, noVersion, type Version } from "./metadata.js";
import { checksum, type MigrationFile } from "./project.js";

/** Which files: exactly one of them is given. */
export interface Selection {
  readonly all?: boolean;
  readonly next?: boolean;
  readonly until?: number;
  readonly version?: number;
}

/** @throws MillraceError CONFIG_INVALID, CONFLICT; whatever a statement fails with, after it was recorded */
export async function apply(
  client: SqlClient,
  metadata: Metadata,
  files: readonly MigrationFile[],
  selection: Selection,
  options: { readonly dryRun: boolean; readonly variables: Readonly<Record<string, string>> },
  say: (line: string) => void,
): Promise<void> {
  if (options.dryRun) say("This is a dry run. No ksqlDB statements will be submitted to the ksqlDB server.");
  say("Validating current migration state before applying new migrations");
  const latest = await metadata.latest();
  if (latest?.state === "RUNNING")
    throw new MillraceError(
      "CONFLICT",
      `Version ${latest.version} is RUNNING: another run applies it, or was ended half way. If none does, set it to ERROR as the guide says.`,
    );
  await validate(metadata, files, latest);
  say("Loading migration files");
  const chosen = choose(files, selection, latest);
  say(`${chosen.length} migration file(s) loaded.`);
  let previous = latest?.state === "ERROR" ? latest.previous : (latest?.version ?? noVersion);
  for (const file of chosen) {
    await migrate(client, metadata, file, previous, options, say);
    previous = String(file.version);
  }
  if (options.dryRun) say("Dry run complete. No migrations were actually applied.");
  else say(chosen.length === 0 ? "No eligible migrations found." : "Successfully migrated");
}

/** A version that failed is applied once more; what succeeded never is. @throws MillraceError CONFIG_INVALID */
function choose(files: readonly MigrationFile[], selection: Selection, latest: Version | undefined): readonly MigrationFile[] {
  const { all, next, until, version } = selection;
  const modes = [all || undefined, next || undefined, until, version].filter((m) => m !== undefined);
  if (modes.length !== 1) throw invalid("choose one of --all, --next, --until VERSION and --version VERSION");
  const from = latest === undefined ? 1 : Number(latest.version) + (latest.state === "ERROR" ? 0 : 1);
  const waiting = files.filter((f) => f.version >= from);
  if (all) return waiting;
  if (next) return waiting.slice(0, 1);
  const asked = (version ?? until)!;
  if (asked < from) throw invalid(`Version ${asked} is older than the next to apply, ${from}`);
  if (!files.some((f) => f.version === asked)) throw invalid(`No migration file has version ${asked}`);
  return waiting.filter((f) => (version === undefined ? f.version <= asked : f.version === asked));
}

async function migrate(
  client: SqlClient,
  metadata: Metadata,
  file: MigrationFile,
  previous: string,
  options: { readonly dryRun: boolean; readonly variables: Readonly<Record<string, string>> },
  say: (line: string) => void,
): Promise<void> {
  const text = readFileSync(file.path, "utf8");
  say(`Applying migration version ${file.version}: ${file.name}`);
  say(`${file.path} contents:\n${text}`);
  const { statements, rest } = splitStatements(text);
  if (withoutComments(rest) !== "") throw invalid(`${file.path}: the last statement does not end with ;`);
  const query = statements.find(isQuery);
  if (query !== undefined) throw invalid(`${file.path}: a migration changes things; SELECT and PRINT are not for it: ${query}`);
  if (options.dryRun) return;

  const running: Version = {
    version: String(file.version),
    name: file.name,
    state: "RUNNING",
    checksum: checksum(file),
    started: String(Date.now()),
    completed: "",
    previous,
    error: "N/A",
  };
  // recorded first: a run that is killed half way is seen, and nobody applies the file's first half twice without knowing
  await metadata.record(running);
  const session = new Session();
  Object.assign(session.variables, options.variables);
  try {
    for (const statement of statements) {
      if (session.apply(statement) !== undefined) continue;
      const { properties, variables } = session;
      await client.statements({ sql: statement, properties, variables }).catch((error: unknown) => {
        throw new Error(`${asError(error).message}\nStatement: ${statement}`, { cause: error });
      });
    }
  } catch (error) {
    const reason = asError(error).message;
    await metadata.record({ ...running, state: "ERROR", completed: String(Date.now()), error: reason });
    throw new MillraceError("SQL_STATEMENT", `${file.path} failed: ${reason}`, { cause: error });
  }
  await metadata.record({ ...running, state: "MIGRATED", completed: String(Date.now()) });
}

/** Goes from the latest version that succeeded to the first, comparing each file. @throws MillraceError CONFLICT */
export async function validate(metadata: Metadata, files: readonly MigrationFile[], latest: Version | undefined): Promise<void> {
  let version = latest?.state === "MIGRATED" ? latest.version : (latest?.previous ?? noVersion);
  const seen = new Set<string>();
  while (version !== noVersion) {
    const conflict = (what: string) => new MillraceError("CONFLICT", `Version ${version} ${what}`);
    if (seen.has(version)) throw conflict("is its own predecessor: the recorded history is damaged");
    seen.add(version);
    const applied = await metadata.version(version);
    if (!applied) throw conflict("is named as applied, and nothing is recorded of it");
    if (applied.state !== "MIGRATED") throw conflict(`is ${applied.state}, although a later one was applied`);
    const file = files.find((f) => String(f.version) === version);
    if (!file) throw conflict("was applied, and its file is missing");
    if (checksum(file) !== applied.checksum) throw conflict(`was applied, and ${file.path} has changed since`);
    version = applied.previous;
  }
}

const invalid = (message: string) => new MillraceError("CONFIG_INVALID", message);
