import { MillraceError } from "../common/errors.js";

/** A server or session property, as SHOW PROPERTIES lists it. */
interface Known {
  readonly name: string;
  readonly value: string;
  /** a session may set it */
  readonly editable: boolean;
}

const known: readonly Known[] = [
  { name: "ksql.service.id", value: "default_", editable: false },
  { name: "ksql.persistence.default.format.key", value: "KAFKA", editable: true },
  { name: "ksql.persistence.default.format.value", value: "", editable: true },
  { name: "ksql.persistence.wrap.single.values", value: "", editable: true },
  { name: "ksql.query.persistent.max.bytes.buffering.total", value: "-1", editable: false },
  { name: "ksql.query.pull.table.scan.enabled", value: "true", editable: true },
  { name: "ksql.query.push.v2.enabled", value: "false", editable: true },
  { name: "ksql.query.retry.backoff.initial.ms", value: "1000", editable: true },
  { name: "ksql.query.retry.backoff.max.ms", value: "60000", editable: true },
  { name: "ksql.headers.columns.enabled", value: "true", editable: true },
  { name: "ksql.internal.topic.replicas", value: "1", editable: false },
  { name: "ksql.schema.registry.url", value: "", editable: false },
  { name: "ksql.connect.url", value: "", editable: false },
  { name: "ksql.streams.auto.offset.reset", value: "latest", editable: true },
  { name: "ksql.streams.cache.max.bytes.buffering", value: "10000000", editable: true },
  { name: "ksql.streams.commit.interval.ms", value: "", editable: true },
  { name: "ksql.streams.processing.guarantee", value: "exactly_once_v2", editable: true },
  { name: "ksql.streams.num.stream.threads", value: "1", editable: true },
  { name: "ksql.timestamp.throw.on.invalid", value: "false", editable: true },
  { name: "ksql.variable.substitution.enable", value: "true", editable: true },
  { name: "millrace.sql.extensions", value: "true", editable: true },
];
const byName = new Map(known.map((k) => [k.name, k]));

/** What Kafka's clients know and a query takes: accepted with and without `ksql.streams.`, `consumer.` or `producer.`. */
const clientNames =
  /^(ksql\.streams\.)?((main\.|restore\.|global\.)?consumer\.|producer\.|admin\.|topic\.)?(auto\.offset\.reset|cache\.max\.bytes\.buffering|statestore\.cache\.max\.bytes|commit\.interval\.ms|processing\.guarantee|num\.stream\.threads|num\.standby\.replicas|replication\.factor|state\.dir|max\.task\.idle\.ms|poll\.ms|buffered\.records\.per\.partition|topology\.optimization|default\.timestamp\.extractor|default\.deserialization\.exception\.handler|default\.production\.exception\.handler|request\.timeout\.ms|max\.poll\.[a-z.]+|fetch\.[a-z.]+|session\.timeout\.ms|heartbeat\.interval\.ms|isolation\.level|metadata\.max\.age\.ms|acks|retries|retry\.backoff\.ms|linger\.ms|batch\.size|buffer\.memory|compression\.type|max\.request\.size|max\.block\.ms|delivery\.timeout\.ms|enable\.idempotence|min\.insync\.replicas|segment\.[a-z.]+|retention\.[a-z.]+|cleanup\.policy|max\.message\.bytes)$/;

const denied = new Set(["ksql.service.id", "application.id", "bootstrap.servers", "listeners", "client.id", "group.id"]);

/** One name for each: `ksql.streams.auto.offset.reset` and `auto.offset.reset` are the same property. */
export function propertyName(name: string): string {
  return name.startsWith("ksql.streams.") ? name.slice("ksql.streams.".length) : name;
}

/**
 * Checks what a session sets.
 * @throws SQL_STATEMENT for a name that is not known or may not be set, or a value that cannot be
 */
export function checkProperty(name: string, value: string | null): void {
  const plain = propertyName(name);
  if (denied.has(plain) || byName.get(name)?.editable === false)
    throw new MillraceError("SQL_STATEMENT", `Cannot override property '${name}'`, { context: { property: name } });
  if (!name.startsWith("ksql.") && !byName.has(name) && !clientNames.test(name))
    throw new MillraceError("SQL_STATEMENT", `Not recognizable as ksql, streams, consumer, or producer property: '${name}'`, {
      context: { property: name },
    });
  if (value === null) return;
  if (name === "millrace.sql.extensions" && !/^(true|false)$/i.test(value))
    throw new MillraceError("SQL_STATEMENT", `Invalid value ${value} for configuration ${name}: it is true or false`, {
      context: { property: name },
    });
  if (plain === "auto.offset.reset" && !/^(earliest|latest)$/i.test(value))
    throw new MillraceError(
      "SQL_STATEMENT",
      value.toLowerCase() === "none"
        ? `'none' is not valid for this property within KSQL. This consumer offset reset policy will cause streams to fail when a consumer has no offset.`
        : `Invalid value ${value} for configuration ${name}: String must be one of: latest, earliest`,
      { context: { property: name } },
    );
}

export function isProhibited(name: string): boolean {
  return denied.has(propertyName(name)) || byName.get(name)?.editable === false;
}

/** Later ones win; names are brought to one form. */
export function mergeProperties(...layers: readonly Readonly<Record<string, unknown>>[]): Record<string, string> {
  const merged: Record<string, string> = {};
  for (const layer of layers) for (const [name, value] of Object.entries(layer)) merged[propertyName(name)] = String(value);
  return merged;
}

export interface ListedProperty {
  readonly name: string;
  readonly scope: "KSQL";
  readonly value: string;
  readonly editable: boolean;
  readonly level: "SERVER" | "QUERY";
}

/** Every known property with the value in force, and those that were set beside. */
export function listProperties(inForce: Readonly<Record<string, string>>): ListedProperty[] {
  const names = new Map(known.map((k) => [propertyName(k.name), k]));
  const listed = known.map((k) => ({
    name: k.name,
    scope: "KSQL" as const,
    value: inForce[propertyName(k.name)] ?? k.value,
    editable: k.editable,
    level: k.editable ? ("QUERY" as const) : ("SERVER" as const),
  }));
  for (const [name, value] of Object.entries(inForce))
    if (!names.has(name)) listed.push({ name, scope: "KSQL", value, editable: true, level: "QUERY" });
  return listed.sort((a, b) => (a.name < b.name ? -1 : 1));
}
