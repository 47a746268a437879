import { ConfigDef, type Setting } from "../../common/config-def.js";
import { MillraceError } from "../../common/errors.js";
import { type SubjectNameStrategy, subjectNameStrategy, topicNameStrategy } from "../../serde/subject-name.js";
import type { ConnectorConfig } from "../api/source.js";

/** Magic byte and schema id ahead of the data: Confluent's wire format. */
export const HEADER = 5;

const strategy = (name: string) =>
  ({
    name,
    type: "CLASS",
    default: "io.confluent.kafka.serializers.subject.TopicNameStrategy",
    doc: "Under which subject the schema is registered: TopicNameStrategy, RecordNameStrategy or TopicRecordNameStrategy",
    check: (v) => (subjectNameStrategy(String(v)) ? undefined : `Class ${String(v)} could not be found.`),
  }) as const satisfies Setting;

/** The settings that all converters with a registry share. */
export const registryConfig = new ConfigDef([
  {
    name: "schema.registry.url",
    type: "LIST",
    default: null,
    importance: "HIGH",
    doc: "Where the schema registry is; without it, and where it names this process's own port, the built-in one",
  },
  { name: "auto.register.schemas", type: "BOOLEAN", default: true, doc: "Register a schema that the subject does not have" },
  {
    name: "use.latest.version",
    type: "BOOLEAN",
    default: false,
    doc: "Write with the subject's latest schema (only with auto.register.schemas=false)",
  },
  { name: "use.schema.id", type: "INT", default: -1, doc: "Write with the schema of this id (only with auto.register.schemas=false)" },
  { name: "normalize.schemas", type: "BOOLEAN", default: false, doc: "Compare schemas in their normal form when registering" },
  strategy("key.subject.name.strategy"),
  strategy("value.subject.name.strategy"),
  { name: "schemas.cache.config", type: "INT", default: 1000, doc: "How many schemas are kept ready", aliases: ["schemas.cache.size"] },
  { name: "basic.auth.credentials.source", type: "STRING", default: "URL", doc: "Where the credentials of another registry come from" },
  { name: "basic.auth.user.info", type: "PASSWORD", default: null, doc: "user:password of another registry" },
]);

export interface RegistrySettings {
  readonly urls: readonly string[];
  readonly autoRegister: boolean;
  readonly useLatest: boolean;
  readonly schemaId: number;
  readonly normalize: boolean;
  readonly subject: SubjectNameStrategy;
  readonly cacheSize: number;
}

/** @throws CONFIG_INVALID */
export function registrySettings(config: ConnectorConfig, isKey: boolean): RegistrySettings {
  const c = registryConfig.parse(config);
  return {
    urls: c.list("schema.registry.url"),
    autoRegister: c.boolean("auto.register.schemas"),
    useLatest: c.boolean("use.latest.version"),
    schemaId: c.number("use.schema.id"),
    normalize: c.boolean("normalize.schemas"),
    subject: subjectNameStrategy(c.string(isKey ? "key.subject.name.strategy" : "value.subject.name.strategy")) ?? topicNameStrategy,
    cacheSize: c.number("schemas.cache.config"),
  };
}

/** @throws DESERIALIZATION for bytes that are not in the wire format */
export function schemaIdOf(bytes: Uint8Array): number {
  if (bytes.length < HEADER || bytes[0] !== 0) throw new MillraceError("DESERIALIZATION", "Unknown magic byte!");
  return ((bytes[1]! << 24) | (bytes[2]! << 16) | (bytes[3]! << 8) | bytes[4]!) >>> 0;
}
