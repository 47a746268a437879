import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseProperties } from "../../common/config-providers.js";
import { MillraceError } from "../../common/errors.js";

/** What ksql-migrations.properties says; `dir` holds the migration files. */
export interface Project {
  readonly url: string;
  readonly user?: { readonly name: string; readonly password: string };
  readonly stream: string;
  readonly table: string;
  /** null: named after the server's service id */
  readonly streamTopic: string | null;
  readonly tableTopic: string | null;
  readonly replicas: number;
  readonly dir: string;
}

export interface MigrationFile {
  readonly version: number;
  /** as `info` shows it: the description with spaces */
  readonly name: string;
  readonly path: string;
}

/** The settings of TLS that are files of a Java key store, which this process cannot read. */
const javaStores = ["ssl.truststore.location", "ssl.keystore.location"];

/** @throws MillraceError CONFIG_INVALID naming the setting */
export function readProject(file: string | undefined): Project {
  if (file === undefined) throw invalid("name the project's ksql-migrations.properties: millrace migrations -c FILE COMMAND");
  if (!existsSync(file)) throw invalid(`${file} does not exist; millrace migrations new-project makes one`);
  const given = parseProperties(readFileSync(file, "utf8"));
  const text = (name: string) => given.get(name)?.trim() || undefined;
  const url = text("ksql.server.url");
  if (url === undefined) throw invalid(`${file}: ksql.server.url is missing`);
  for (const name of javaStores)
    if (text(name) !== undefined)
      throw invalid(`${file}: ${name} is a Java key store; give the certificates as PEM in the environment: NODE_EXTRA_CA_CERTS=ca.pem`);
  if (text("ssl.verify.host") === "false") throw invalid(`${file}: ssl.verify.host=false is not supported`);
  const replicas = Number(text("ksql.migrations.topic.replicas") ?? 1);
  if (!Number.isInteger(replicas) || replicas < 1) throw invalid(`${file}: ksql.migrations.topic.replicas is a number from 1`);
  const name = text("ksql.auth.basic.username");
  return {
    url,
    ...(name === undefined ? {} : { user: { name, password: text("ksql.auth.basic.password") ?? "" } }),
    stream: text("ksql.migrations.stream.name") ?? "MIGRATION_EVENTS",
    table: text("ksql.migrations.table.name") ?? "MIGRATION_SCHEMA_VERSIONS",
    streamTopic: text("ksql.migrations.stream.topic.name") ?? null,
    tableTopic: text("ksql.migrations.table.topic.name") ?? null,
    replicas,
    dir: text("ksql.migrations.dir.override") ?? join(dirname(resolve(file)), "migrations"),
  };
}

/** Makes the folders and the settings' file; what is there already stays. @throws MillraceError CONFIG_INVALID where the file is there */
export function newProject(path: string, url: string, say: (line: string) => void): void {
  const root = resolve(path);
  say(`Creating new migrations project at ${path}`);
  for (const dir of [root, join(root, "migrations")]) {
    if (existsSync(dir)) say(`${dir} already exists. Skipping directory creation.`);
    else {
      say(`Creating directory: ${dir}`);
      mkdirSync(dir, { recursive: true });
    }
  }
  const file = join(root, "ksql-migrations.properties");
  if (existsSync(file)) throw invalid(`${file} already exists: it is not overwritten`);
  say(`Creating file: ${file}`);
  say(`Writing to config file: ksql.server.url=${url}`);
  writeFileSync(
    file,
    `ksql.server.url=${url}

# Where the state of migrations is kept
# ksql.migrations.stream.name=MIGRATION_EVENTS
# ksql.migrations.table.name=MIGRATION_SCHEMA_VERSIONS
# ksql.migrations.stream.topic.name=
# ksql.migrations.table.topic.name=
# ksql.migrations.topic.replicas=1

# Who asks, where the server wants to know
# ksql.auth.basic.username=
# ksql.auth.basic.password=

# The folder of the migration files, where it is not migrations/ beside this file
# ksql.migrations.dir.override=
`,
  );
}

const fileName = /^V(\d{6})__(.+)\.sql$/;

/** In order of their versions; files of other names are no migrations. @throws MillraceError CONFIG_INVALID where two have one version */
export function migrationFiles(dir: string): MigrationFile[] {
  if (!existsSync(dir)) throw invalid(`The folder of the migration files, ${dir}, does not exist`);
  const files = readdirSync(dir)
    .flatMap((name) => {
      const match = fileName.exec(name);
      return match ? [{ version: Number(match[1]), name: match[2]!.replaceAll("_", " "), path: join(dir, name) }] : [];
    })
    .sort((a, b) => a.version - b.version);
  for (const [i, file] of files.entries()) {
    if (file.version === 0) throw invalid(`${file.path}: versions begin with 1`);
    if (file.version === files[i + 1]?.version) throw invalid(`${file.path} and ${files[i + 1]!.path} have the same version`);
  }
  return files;
}

/** @returns the path of the new, empty file. @throws MillraceError CONFIG_INVALID */
export function createMigration(dir: string, description: string, version: number | undefined): string {
  const files = migrationFiles(dir);
  const number = version ?? (files.at(-1)?.version ?? 0) + 1;
  if (!Number.isInteger(number) || number < 1 || number > 999_999) throw invalid(`version ${number}: a number from 1 to 999999`);
  const taken = files.find((f) => f.version === number);
  if (taken) throw invalid(`${taken.path} has version ${number} already`);
  if (!/^[\w ]+$/.test(description)) throw invalid(`description ${description}: letters, digits, spaces and underscores`);
  const path = join(dir, `V${String(number).padStart(6, "0")}__${description.trim().replaceAll(" ", "_")}.sql`);
  writeFileSync(path, "", { flag: "wx" });
  return path;
}

/** MD5 as hex, as ksqlDB's tool keeps it. */
export function checksum(file: MigrationFile): string {
  return createHash("md5").update(readFileSync(file.path)).digest("hex");
}

const invalid = (message: string) => new MillraceError("CONFIG_INVALID", message);
