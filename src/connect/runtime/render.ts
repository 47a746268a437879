import type { Converter } from "../api/converter.js";
import type { SourceRecord } from "../api/record.js";
import type { BadRecord } from "./error-policy.js";
import type { Plugins } from "./plugins.js";

const jsonConverter = "org.apache.kafka.connect.json.JsonConverter";

/**
 * A source record as bytes for the error store: JSON with schemas, which holds everything and reads back. A record that even
 * that refuses is kept as the text that JSON.stringify makes of it.
 */
export function renderer(plugins: Plugins): (record: SourceRecord) => Pick<BadRecord, "key" | "value" | "headers"> {
  let key: Converter | undefined;
  let value: Converter | undefined;
  return (record) => {
    const plugin = plugins.converters.find(jsonConverter);
    key ??= plugin?.create({ "schemas.enable": "true" }, true);
    value ??= plugin?.create({ "schemas.enable": "true" }, false);
    return {
      key: record.key === null ? null : rendered(record.key, () => key?.fromConnect(record.topic, record.keySchema, record.key)),
      value:
        record.value === null ? null : rendered(record.value, () => value?.fromConnect(record.topic, record.valueSchema, record.value)),
      headers: record.headers.map((h) => ({ key: h.key, value: h.value === null ? null : rendered(h.value, () => undefined) })),
    };
  };
}

function rendered(value: unknown, convert: () => Uint8Array | null | undefined): Uint8Array {
  try {
    const bytes = convert();
    if (bytes) return bytes;
  } catch {
    // What is wrong with it is the entry's own message.
  }
  return Buffer.from(
    JSON.stringify(value, (k, v) => (k === "schema" ? undefined : typeof v === "bigint" ? v.toString() : v)) ?? String(value),
  );
}
