import type { AvroDataOptions } from "../../serde/formats/avro/connect-names.js";
import type { ConnectorConfig } from "../api/source.js";
import { type RegistrySettings, registryConfig, registrySettings } from "./registry-settings.js";

export const avroConverterConfig = registryConfig.with([
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
]);

export interface AvroSettings extends RegistrySettings {
  readonly data: AvroDataOptions;
}

/** @throws CONFIG_INVALID */
export function avroSettings(config: ConnectorConfig, isKey: boolean): AvroSettings {
  const c = avroConverterConfig.parse(config);
  return {
    ...registrySettings(config, isKey),
    data: {
      metaData: c.boolean("connect.meta.data"),
      enhanced: c.boolean("enhanced.avro.schema.support"),
      scrubNames: c.boolean("scrub.invalid.names"),
      ignoreDefaultForNullables: c.boolean("ignore.default.for.nullables"),
    },
  };
}
