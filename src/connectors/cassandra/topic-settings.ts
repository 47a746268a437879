import type { ConfigProblem, ConnectorConfig } from "../../connect/api/source.js";
import { type MappingEntry, MappingError, parseMapping } from "./mapping.js";
import { inUnits, type TextFormats, textFormats, timeUnits } from "./text-formats.js";

/** One `topic.T.KS.TABLE.*`: a table that a topic's records are written to. */
export interface TableSettings {
  readonly topic: string;
  readonly keyspace: string;
  readonly table: string;
  /** `topic.T.KS.TABLE`, to name a setting in an error */
  readonly prefix: string;
  readonly mapping: readonly MappingEntry[];
  readonly consistency: string;
  /** seconds; null: none */
  readonly ttl: number | null;
  /** of a mapped `__ttl`, in ns */
  readonly ttlUnit: number;
  /** of a mapped `__timestamp`, in ns */
  readonly timestampUnit: number;
  readonly nullToUnset: boolean;
  readonly deletesEnabled: boolean;
  readonly query: string | null;
}

export interface TopicSettings {
  readonly formats: TextFormats;
  readonly tables: readonly TableSettings[];
}

const tableKey =
  /^topic\.(.+)\.([^.]+)\.([^.]+)\.(mapping|consistencyLevel|ttl|ttlTimeUnit|timestampTimeUnit|nullToUnset|deletesEnabled|query)$/;
const codecKey = /^topic\.(.+)\.codec\.(locale|timeZone|timestamp|date|time|unit)$/;

const consistencies = ["ALL", "EACH_QUORUM", "QUORUM", "LOCAL_QUORUM", "ONE", "TWO", "THREE", "LOCAL_ONE", "ANY"];

/** Everything under `topic.`, with what is wrong in it; wrong parts are left out of the result. */
export function topicSettings(config: ConnectorConfig): { topics: Map<string, TopicSettings>; problems: ConfigProblem[] } {
  const problems: ConfigProblem[] = [];
  const tables = new Map<string, Map<string, string>>();
  const codecs = new Map<string, Map<string, string>>();
  for (const [key, value] of Object.entries(config)) {
    if (!key.startsWith("topic.")) continue;
    const codec = codecKey.exec(key);
    const table = codec ? null : tableKey.exec(key);
    if (codec) put(codecs, codec[1]!, codec[2]!, value);
    else if (table) put(tables, `topic.${table[1]}.${table[2]}.${table[3]}`, table[4]!, value);
    else if (!key.startsWith("topic.creation."))
      problems.push({ setting: key, message: "expected topic.TOPIC.KEYSPACE.TABLE.SETTING or topic.TOPIC.codec.SETTING" });
  }
  const topics = new Map<string, { formats: TextFormats; tables: TableSettings[] }>();
  for (const [prefix, settings] of tables) {
    const read = tableSettings(prefix, settings, problems);
    if (!read) continue;
    let topic = topics.get(read.topic);
    if (!topic) {
      const formats = textFormats(codecs.get(read.topic) ?? new Map(), (name, message) =>
        problems.push({ setting: `topic.${read.topic}.codec.${name}`, message }),
      );
      topics.set(read.topic, (topic = { formats, tables: [] }));
    }
    topic.tables.push(read);
  }
  // transforms may give a topic the name that has a mapping
  const named = config.transforms?.trim() ? [] : (config.topics ?? "").split(",").map((t) => t.trim());
  for (const name of named)
    if (name !== "" && !topics.has(name) && problems.length === 0)
      problems.push({ setting: "topics", message: `topic ${name} has no mapping: set topic.${name}.KEYSPACE.TABLE.mapping` });
  return { topics, problems };
}

function tableSettings(prefix: string, settings: ReadonlyMap<string, string>, problems: ConfigProblem[]): TableSettings | undefined {
  const before = problems.length;
  const [, topic, keyspace, table] = /^topic\.(.+)\.([^.]+)\.([^.]+)$/.exec(prefix)!;
  const wrong = (name: string, message: string) => void problems.push({ setting: `${prefix}.${name}`, message });
  const word = (name: string, fallback: string, words: readonly string[]) => {
    const text = (settings.get(name) ?? fallback).trim().toUpperCase().replace(" ", "_");
    if (!words.includes(text)) wrong(name, `${settings.get(name)} is not one of ${words.join(", ")}`);
    return text;
  };
  const flag = (name: string, fallback: string) => word(name, fallback, ["TRUE", "FALSE"]) === "TRUE";
  const text = settings.get("mapping");
  let mapping: MappingEntry[] = [];
  if (text === undefined) wrong("mapping", "is missing");
  else {
    try {
      mapping = parseMapping(text);
    } catch (error) {
      if (!(error instanceof MappingError)) throw error;
      wrong("mapping", error.message);
    }
  }
  const ttlUnit = timeUnits[word("ttlTimeUnit", "SECONDS", Object.keys(timeUnits))] ?? 1;
  const timestampUnit = timeUnits[word("timestampTimeUnit", "MICROSECONDS", Object.keys(timeUnits))] ?? 1;
  const ttl = Number(settings.get("ttl") ?? -1);
  if (!Number.isInteger(ttl)) wrong("ttl", `${settings.get("ttl")} is not a whole number`);
  const query = settings.get("query")?.trim() || null;
  const deletesEnabled = flag("deletesEnabled", "true");
  if (query !== null && deletesEnabled)
    wrong("deletesEnabled", "must be false with a query of your own: which rows to delete cannot be told from it");
  const read = {
    topic: topic!,
    keyspace: keyspace!,
    table: table!,
    prefix,
    mapping,
    consistency: word("consistencyLevel", "LOCAL_ONE", consistencies),
    ttl: ttl < 0 ? null : inUnits(ttl, ttlUnit, timeUnits["SECONDS"]!),
    ttlUnit,
    timestampUnit,
    nullToUnset: flag("nullToUnset", "true"),
    deletesEnabled,
    query,
  };
  return problems.length === before ? read : undefined;
}

function put(into: Map<string, Map<string, string>>, key: string, name: string, value: string): void {
  let inner = into.get(key);
  if (!inner) into.set(key, (inner = new Map()));
  inner.set(name, value);
}
