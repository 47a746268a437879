/** What a managed connector's `input.data.format`, `output.key.format` … name. */
export type Format = "AVRO" | "JSON" | "JSON_SR" | "PROTOBUF" | "STRING" | "BSON" | "BYTES";

const converters: Readonly<Record<Format, readonly [name: string, settings: Readonly<Record<string, string>>]>> = {
  AVRO: ["io.confluent.connect.avro.AvroConverter", {}],
  JSON: ["org.apache.kafka.connect.json.JsonConverter", { "schemas.enable": "false" }],
  JSON_SR: ["io.confluent.connect.json.JsonSchemaConverter", {}],
  PROTOBUF: ["io.confluent.connect.protobuf.ProtobufConverter", {}],
  STRING: ["org.apache.kafka.connect.storage.StringConverter", {}],
  BSON: ["org.apache.kafka.connect.converters.ByteArrayConverter", {}],
  BYTES: ["org.apache.kafka.connect.converters.ByteArrayConverter", {}],
};

/** The converter that a managed connector's format stands for, as settings of a connector; a word that is none names itself as the class. */
export function converterOf(part: "key" | "value", format: string): Record<string, string> {
  const [name, settings] = converters[format.trim().toUpperCase() as Format] ?? [format, {}];
  const out: Record<string, string> = { [`${part}.converter`]: name };
  for (const [setting, value] of Object.entries(settings)) out[`${part}.converter.${setting}`] = value;
  return out;
}
