import { ConfigDef } from "../../common/config-def.js";
import type { SchemaClient } from "../../schema-registry/client.js";
import type { ConverterPlugin } from "../api/converter.js";
import type { ConnectorConfig } from "../api/source.js";
import { AvroConverter } from "./avro-converter.js";
import { avroConverterConfig, avroSettings } from "./avro-settings.js";
import { JsonConverter, jsonConverterConfig, jsonSettings } from "./json-converter.js";
import { jsonSchemaConverterConfig, jsonSchemaFormat } from "./json-schema-format.js";
import { ByteArrayConverter, PrimitiveConverter, primitiveFormats } from "./primitive-converters.js";
import { protobufConverterConfig, protobufFormat } from "./protobuf-format.js";
import { RegistryConverter } from "./registry-converter.js";
import { registrySettings } from "./registry-settings.js";
import { SimpleHeaderConverter } from "./simple-header-converter.js";
import { StringConverter } from "./string-converter.js";

export interface ConverterServices {
  /** this process's own registry */
  readonly registry: SchemaClient;
  /** Another registry that a config's `schema.registry.url` names; undefined where the url means this process's own. */
  readonly resolveRegistry?: (urls: readonly string[]) => SchemaClient | undefined;
}

const version = "4.3.1";
const none = new ConfigDef([]);

/**
 * Every converter and header converter that is built in, by the class names that configs use. `create` takes the converter's
 * own settings, without the prefix `key.converter.` or `value.converter.`.
 */
export function createConverterPlugins(services: ConverterServices): ConverterPlugin[] {
  return [
    {
      classes: ["io.confluent.connect.avro.AvroConverter"],
      version: "8.0.0",
      config: avroConverterConfig,
      create: (config, isKey) => {
        const settings = avroSettings(config, isKey);
        const other = settings.urls.length ? services.resolveRegistry?.(settings.urls) : undefined;
        return new AvroConverter(other ?? services.registry, settings, isKey);
      },
    },
    ...[
      { classes: ["io.confluent.connect.protobuf.ProtobufConverter"], config: protobufConverterConfig, format: protobufFormat },
      { classes: ["io.confluent.connect.json.JsonSchemaConverter"], config: jsonSchemaConverterConfig, format: jsonSchemaFormat },
    ].map(({ classes, config, format }) => ({
      classes,
      version: "8.0.0",
      config,
      create: (given: ConnectorConfig, isKey: boolean) => {
        const settings = registrySettings(given, isKey);
        const other = settings.urls.length ? services.resolveRegistry?.(settings.urls) : undefined;
        return new RegistryConverter(other ?? services.registry, format(given), settings, isKey);
      },
    })),
    {
      classes: ["org.apache.kafka.connect.json.JsonConverter"],
      version,
      config: jsonConverterConfig,
      create: (config) => new JsonConverter(jsonSettings(config)),
    },
    {
      classes: ["org.apache.kafka.connect.storage.StringConverter"],
      version,
      config: new ConfigDef([
        { name: "converter.encoding", type: "STRING", default: "UTF-8", doc: "Only UTF-8", values: ["UTF-8", "UTF8"] },
      ]),
      create: () => new StringConverter(),
    },
    {
      classes: ["org.apache.kafka.connect.converters.ByteArrayConverter"],
      version,
      config: none,
      create: () => new ByteArrayConverter(),
    },
    ...Object.entries(primitiveFormats).map(([name, format]) => ({
      classes: [`org.apache.kafka.connect.converters.${name}Converter`],
      version,
      config: none,
      create: () => new PrimitiveConverter(name, format),
    })),
    {
      classes: ["org.apache.kafka.connect.storage.SimpleHeaderConverter"],
      version,
      config: none,
      create: () => new SimpleHeaderConverter(),
    },
  ];
}
