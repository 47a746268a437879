import { ConfigDef } from "../../common/config-def.js";
import type { AvroDataOptions } from "../../serde/formats/avro/connect-names.js";
import { type SubjectNameStrategy, subjectNameStrategy, topicNameStrategy } from "../../serde/subject-name.js";
import type { ConnectorConfig } from "../api/source.js";

const strategyDoc = "Under which subject the schema is registered: TopicNameStrategy, RecordNameStrategy or TopicRecordNameStrategy";
const strategy = (name: string) =>
  ({
    name,
    type: "CLASS",
    default: "io.confluent.kafka.serializers.subject.TopicNameStrategy",
    doc: strategyDoc,
    check: (v) => (subjectNameStrategy(String(v)) ? undefined : `Class ${String(v)} could not be found.`),
  }) as const satisfies import("../../common/config-def.js").Setting;

export const avroConverterConfig = new ConfigDef([
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
  { name: "enhanced.avro.schema.support", type: "BOOLEAN", default: false, doc: "Keep enums and the packages of union branches" },
  { name: "connect.meta.data", type: "BOOLEAN", default: true, doc: "Add Connect's names, versions and parameters to Avro schemas" },
  {
    name: "scrub.invalid.names",
    type: "BOOLEAN",
    default: false,
    doc: "Replace characters that Avro does not allow in names",
    aliases: ["sanitize"],
  },
  {
    name: "ignore.default.for.nullables",
    type: "BOOLEAN",
    default: false,
    doc: "Keep a null where the schema has a default, instead of writing the default",
  },
  { name: "schemas.cache.config", type: "INT", default: 1000, doc: "How many schemas are kept ready", aliases: ["schemas.cache.size"] },
  { name: "basic.auth.credentials.source", type: "STRING", default: "URL", doc: "Where the credentials of another registry come from" },
  { name: "basic.auth.user.info", type: "PASSWORD", default: null, doc: "user:password of another registry" },
]);

export interface AvroSettings {
  readonly urls: readonly string[];
  readonly autoRegister: boolean;
  readonly useLatest: boolean;
  readonly schemaId: number;
  readonly normalize: boolean;
  readonly subject: SubjectNameStrategy;
  readonly data: AvroDataOptions;
  readonly cacheSize: number;
}

/** @throws CONFIG_INVALID */
export function avroSettings(config: ConnectorConfig, isKey: boolean): AvroSettings {
  const c = avroConverterConfig.parse(config);
  return {
    urls: c.list("schema.registry.url"),
    autoRegister: c.boolean("auto.register.schemas"),
    useLatest: c.boolean("use.latest.version"),
    schemaId: c.number("use.schema.id"),
    normalize: c.boolean("normalize.schemas"),
    subject: subjectNameStrategy(c.string(isKey ? "key.subject.name.strategy" : "value.subject.name.strategy")) ?? topicNameStrategy,
    data: {
      metaData: c.boolean("connect.meta.data"),
      enhanced: c.boolean("enhanced.avro.schema.support"),
      scrubNames: c.boolean("scrub.invalid.names"),
      ignoreDefaultForNullables: c.boolean("ignore.default.for.nullables"),
    },
    cacheSize: c.number("schemas.cache.config"),
  };
}
