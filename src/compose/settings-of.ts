import type { Service } from "./compose-file.js";
import { imageName } from "./images.js";

export type Settings = Record<string, string>;

/** A variable's name as the setting that the container makes of it: `_` is `.`, `__` is `-`, `___` is `_`. */
const settingName = (name: string) => name.toLowerCase().replace(/_{1,3}/g, (run) => [".", "-", "_"][run.length - 1]!);

/** The settings in variables of this prefix. */
export function withPrefix(environment: Readonly<Record<string, string>>, prefix: string): Settings {
  const out: Settings = {};
  for (const [name, value] of Object.entries(environment)) if (name.startsWith(prefix)) out[settingName(name.slice(prefix.length))] = value;
  return out;
}

/** `-Dname=value` of a variable of Java options. */
export function javaOptions(text: string | undefined): Settings {
  const out: Settings = {};
  for (const m of (text ?? "").matchAll(/(?:^|\s)-D([\w.-]+)=("[^"]*"|'[^']*'|\S+)/g)) out[m[1]!] = m[2]!.replace(/^(["'])(.*)\1$/, "$2");
  return out;
}

/** A Connect worker's settings. Debezium's image has names of its own for some, and JSON where nothing is said. */
export function connectSettings({ image, environment }: Service): Settings {
  const out = withPrefix(environment, "CONNECT_");
  if (image === null || !imageName(image).startsWith("debezium/")) return out;
  const json = "org.apache.kafka.connect.json.JsonConverter";
  for (const side of ["key", "value"]) out[`${side}.converter`] ??= environment[`${side.toUpperCase()}_CONVERTER`] ?? json;
  return out;
}

/** The SQL server's: `KSQL_KSQL_SERVICE_ID` is `ksql.service.id`. */
export const sqlSettings = ({ environment }: Service): Settings => ({
  ...withPrefix(environment, "KSQL_"),
  ...javaOptions(environment["KSQL_OPTS"]),
});

/** A broker's: Bitnami's image has `KAFKA_CFG_` before the name. */
export const brokerSettings = ({ environment }: Service): Settings => ({
  ...withPrefix(environment, "KAFKA_"),
  ...withPrefix(environment, "KAFKA_CFG_"),
});

export const registrySettings = ({ environment }: Service): Settings => withPrefix(environment, "SCHEMA_REGISTRY_");
export const restProxySettings = ({ environment }: Service): Settings => withPrefix(environment, "KAFKA_REST_");
export const consoleSettings = ({ environment }: Service): Settings => withPrefix(environment, "CONTROL_CENTER_");
