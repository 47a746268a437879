import { type Client, types } from "cassandra-driver";
import { asError } from "../../common/errors.js";
import { type CqlType, cqlType, type DriverType, typeName } from "./cql-type.js";
import { prepare, type Statement } from "./driver.js";
import type { FieldSource, MappingEntry } from "./mapping.js";
import type { TableSettings } from "./topic-settings.js";

/** A variable of the statement: from a field, or made for the row by `now()`. */
export interface Param {
  readonly name: string;
  readonly type: CqlType;
  readonly source: FieldSource | "now";
  /** a primary key column, which cannot be null */
  readonly isKey: boolean;
}

/** A table to write to, as its settings and the table itself say. */
export interface Target {
  readonly settings: TableSettings;
  readonly keyspace: string;
  /** `keyspace.table` */
  readonly name: string;
  readonly upsert: Statement;
  /** null: rows are not deleted */
  readonly delete: Statement | null;
  readonly params: readonly Param[];
  /** params that the DELETE binds after its write time, in order */
  readonly keyParams: readonly number[];
  /** params that are the partition key; null where a part of it is not bound */
  readonly partitionParams: readonly number[] | null;
  /** whether the upsert ends with a write time, and with a TTL */
  readonly writeTime: boolean;
  readonly ttl: boolean;
  readonly ttlSource: FieldSource | null;
  readonly timestampSource: FieldSource | null;
  /** a record whose columns are all null is a delete */
  readonly deletesNulls: boolean;
  /** rows of one partition may go in one batch */
  readonly batches: boolean;
  /**
   * Writes of one row go one after the other, each with the time of its sending: where a repeated write must replace the first
   * one (a list that is not frozen would hold its elements twice), or does not carry a write time (a query).
   */
  readonly ordered: boolean;
  readonly consistency: number;
}

/** A problem of a table or a mapping; `setting` names where it is said. */
export class TargetProblem extends Error {
  constructor(
    readonly setting: string,
    message: string,
  ) {
    super(message);
    this.name = "TargetProblem";
  }
}

const quote = (name: string) => `"${name.replaceAll('"', '""')}"`;

/** Reads the table and prepares the statements. @throws TargetProblem, and the driver's errors of a lost connection */
export async function openTarget(client: Client, settings: TableSettings): Promise<Target> {
  const consistency = types.consistencies[camel(settings.consistency) as keyof typeof types.consistencies] as number;
  return settings.query === null ? mappedTarget(client, settings, consistency) : queryTarget(client, settings, settings.query, consistency);
}

const camel = (word: string) => word.toLowerCase().replace(/_(.)/g, (_all, c: string) => c.toUpperCase());

interface TableColumn {
  readonly name: string;
  readonly type: CqlType;
  readonly isKey: boolean;
}

async function readTable(client: Client, settings: TableSettings) {
  const setting = `${settings.prefix}.mapping`;
  const keyspaces = Object.keys(client.metadata.keyspaces);
  const keyspace = [settings.keyspace, settings.keyspace.toLowerCase()].find((k) => keyspaces.includes(k));
  if (keyspace === undefined) throw new TargetProblem(setting, `keyspace ${settings.keyspace} does not exist`);
  // what is known of an earlier table must not answer for this one
  client.metadata.clearPrepared();
  await client.metadata.refreshKeyspace(keyspace);
  const table =
    (await client.metadata.getTable(keyspace, settings.table)) ?? (await client.metadata.getTable(keyspace, settings.table.toLowerCase()));
  if (!table) throw new TargetProblem(setting, `table ${keyspace}.${settings.table} does not exist`);
  const partitionKey = table.partitionKeys.map((c) => c.name);
  const clusteringKey = table.clusteringKeys.map((c) => c.name);
  const columns = new Map<string, TableColumn>();
  for (const c of table.columns) {
    const isKey = partitionKey.includes(c.name) || clusteringKey.includes(c.name);
    columns.set(c.name, { name: c.name, type: cqlType(c.type as DriverType), isKey });
  }
  return { keyspace, table: table.name, partitionKey, clusteringKey, columns };
}

async function mappedTarget(client: Client, settings: TableSettings, consistency: number): Promise<Target> {
  const setting = `${settings.prefix}.mapping`;
  const { keyspace, table, partitionKey, clusteringKey, columns } = await readTable(client, settings);
  const name = `${keyspace}.${table}`;
  const problem = (message: string) => new TargetProblem(setting, message);
  const { ttlSource, timestampSource, rest } = special(settings);
  const names: string[] = [];
  const values: string[] = [];
  const params: Param[] = [];
  /** by column: its param, or the CQL that it is set to */
  const bound = new Map<string, number | string>();
  for (const entry of rest) {
    const column = columns.get(entry.target) ?? (entry.quoted ? undefined : columns.get(entry.target.toLowerCase()));
    if (!column) throw problem(`at position ${entry.position + 1}: table ${name} has no column ${entry.target}`);
    if (bound.has(column.name)) throw problem(`at position ${entry.position + 1}: column ${column.name} is mapped twice`);
    if (column.type.kind === "counter")
      throw problem(
        `column ${column.name} is a counter, which a mapping cannot set without counting a repeated record twice; where at least once will do, set ${settings.prefix}.query to an UPDATE`,
      );
    names.push(quote(column.name));
    const ownNow = column.isKey && entry.source.kind === "function" && entry.source.cql.replace(/\s/g, "").toLowerCase() === "now()";
    if (entry.source.kind === "field" || ownNow) {
      if (ownNow && column.type.kind !== "timeuuid" && column.type.kind !== "uuid")
        throw problem(`now() is a timeuuid, column ${column.name} a ${typeName(column.type)}`);
      bound.set(column.name, params.length);
      params.push({
        name: column.name,
        type: column.type,
        source: entry.source.kind === "field" ? entry.source : "now",
        isKey: column.isKey,
      });
      values.push("?");
    } else {
      if (column.isKey && entry.source.kind === "function")
        throw problem(
          `column ${column.name} is part of the primary key: ${entry.source.cql} would make another row of a record that is written again`,
        );
      bound.set(column.name, entry.source.cql);
      values.push(entry.source.cql);
    }
  }
  const key = [...partitionKey, ...clusteringKey];
  const missing = key.filter((c) => !bound.has(c));
  if (missing.length) throw problem(`the primary key of ${name} needs ${missing.join(", ")}, which the mapping does not set`);
  const ttl = ttlSource !== null || settings.ttl !== null;
  const upsert = `INSERT INTO ${quote(keyspace)}.${quote(table)} (${names.join(", ")}) VALUES (${values.join(", ")}) USING TIMESTAMP ?${ttl ? " AND TTL ?" : ""}`;
  const madeKey = key.some((c) => typeof bound.get(c) === "number" && params[bound.get(c) as number]!.source === "now");
  const where = key.map((c) => `${quote(c)} = ${typeof bound.get(c) === "number" ? "?" : bound.get(c)}`).join(" AND ");
  const remove =
    settings.deletesEnabled && !madeKey ? `DELETE FROM ${quote(keyspace)}.${quote(table)} USING TIMESTAMP ? WHERE ${where}` : null;
  const ordered = params.some((p) => p.type.kind === "list" && !p.type.frozen);
  return {
    settings,
    keyspace,
    name,
    upsert: await prepared(client, setting, upsert),
    delete: remove === null ? null : await prepared(client, setting, remove),
    params,
    keyParams: key.map((c) => bound.get(c)).filter((b): b is number => typeof b === "number"),
    partitionParams: indexes(partitionKey.map((c) => bound.get(c)!)),
    writeTime: true,
    ttl,
    ttlSource,
    timestampSource,
    deletesNulls: remove !== null && [...columns.keys()].every((c) => bound.has(c)) && params.some((p) => !p.isKey),
    batches: clusteringKey.length > 0 && !ordered,
    ordered,
    consistency,
  };
}

async function queryTarget(client: Client, settings: TableSettings, query: string, consistency: number): Promise<Target> {
  const setting = `${settings.prefix}.query`;
  const text = query.replaceAll("%s", quote(settings.keyspace));
  const upsert = await prepared(client, setting, text);
  const { meta } = upsert;
  const left = new Map(special(settings).rest.map((m) => [m.target, m]));
  const params = meta.columns.map((c): Param => {
    const entry = left.get(c.name) ?? settings.mapping.find((m) => !m.quoted && m.target.toLowerCase() === c.name);
    if (!entry) throw new TargetProblem(`${settings.prefix}.mapping`, `does not set :${c.name} of the query`);
    left.delete(entry.target);
    const { source } = entry;
    if (source.kind === "literal") throw new TargetProblem(`${settings.prefix}.mapping`, `write the constant ${source.cql} in the query`);
    if (source.kind === "function" && source.cql.replace(/\s/g, "").toLowerCase() !== "now()")
      throw new TargetProblem(`${settings.prefix}.mapping`, `write the function ${source.cql} in the query`);
    return { name: c.name, type: cqlType(c.type), source: source.kind === "field" ? source : "now", isKey: false };
  });
  const unknown = [...left.values()][0];
  if (unknown)
    throw new TargetProblem(
      `${settings.prefix}.mapping`,
      `at position ${unknown.position + 1}: ${unknown.target} is not a variable of the query`,
    );
  return {
    settings,
    keyspace: meta.keyspace ?? settings.keyspace,
    name: `${settings.keyspace}.${settings.table}`,
    upsert,
    delete: null,
    params,
    keyParams: [],
    partitionParams: meta.partitionKeys?.length ? meta.partitionKeys : null,
    writeTime: false,
    ttl: false,
    ttlSource: null,
    timestampSource: null,
    deletesNulls: false,
    batches: false,
    ordered: true,
    consistency,
  };
}

async function prepared(client: Client, setting: string, statement: string) {
  try {
    return await prepare(client, statement);
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code === 0x2000 || code === 0x2200) throw new TargetProblem(setting, asError(error).message);
    throw error;
  }
}

function special(settings: TableSettings) {
  const take = (target: string): FieldSource | null => {
    const entry = settings.mapping.find((m) => m.target === target);
    if (!entry) return null;
    if (entry.source.kind !== "field")
      throw new TargetProblem(`${settings.prefix}.mapping`, `at position ${entry.position + 1}: ${target} takes a field`);
    return entry.source;
  };
  const rest: readonly MappingEntry[] = settings.mapping.filter((m) => m.target !== "__ttl" && m.target !== "__timestamp");
  return { ttlSource: take("__ttl"), timestampSource: take("__timestamp"), rest };
}

const indexes = (bound: readonly (number | string)[]): number[] | null =>
  bound.every((b) => typeof b === "number") ? (bound as number[]) : null;
