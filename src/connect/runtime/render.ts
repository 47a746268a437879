import type { Converter } from "../api/converter.js";
import type { SourceRecord } from "../api/record.js";
import type { BadRecord } from "./error-policy.js";
import type { Plugins } from "./plugins.js";
import { sourceTimeHeader } from "./source-headers.js";

const jsonConverter = "org.apache.kafka.connect.json.JsonConverter";

/** What the error store's source records are written with and read by. */
export function entryConverters(plugins: Plugins): { readonly key: Converter; readonly value: Converter } {
  const plugin = plugins.converters.get(jsonConverter);
  return { key: plugin.create({ "schemas.enable": "true" }, true), value: plugin.create({ "schemas.enable": "true" }, false) };
}

/**
 * A source record as bytes for the error store: JSON with schemas, which holds everything and reads back. A record that even
 * that refuses is kept as the text that JSON.stringify makes of it.
 */
export function renderer(plugins: Plugins): (record: SourceRecord) => Pick<BadRecord, "key" | "value" | "headers"> {
  let made: ReturnType<typeof entryConverters> | undefined;
  return ({ topic, key, keySchema, value, valueSchema, headers, sourceTimeUs }) => {
    const json = (made ??= entryConverters(plugins));
    const shown = headers.map((h) => ({
      key: h.key,
      value: h.value === null ? null : rendered(h.value, () => json.value.fromConnect(topic, h.schema, h.value)),
    }));
    return {
      key: key === null ? null : rendered(key, () => json.key.fromConnect(topic, keySchema, key)),
      value: value === null ? null : rendered(value, () => json.value.fromConnect(topic, valueSchema, value)),
      headers: sourceTimeUs === undefined ? shown : [...shown, sourceTimeHeader(sourceTimeUs)],
    };
  };
}

function rendered(value: unknown, convert: () => Uint8Array | null): Uint8Array {
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
