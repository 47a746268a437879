import { ConfigDef } from "../../common/config-def.js";
import { MillraceError } from "../../common/errors.js";
import type {} from "../../data/buffer-text.js";
import type { Schema, Value } from "../../data/schema.js";
import {
  hasDecimal,
  isObject,
  type JsonDataOptions,
  schemaFromJson,
  schemaToJson,
  valueFromJson,
  valueToJson,
} from "../../serde/formats/json/connect-json.js";
import { parseJson } from "../../serde/formats/json/json-text.js";
import type { ColumnReader, Converter, NodeWriter } from "../api/converter.js";
import type { Node } from "../api/shape.js";
import type { ConnectorConfig } from "../api/source.js";
import { compileJsonReader } from "./json-reader.js";
import { compileJsonWriter } from "./json-writer.js";

export const jsonConverterConfig = new ConfigDef([
  {
    name: "schemas.enable",
    type: "BOOLEAN",
    default: true,
    importance: "HIGH",
    doc: "Include the schema within each of the values and keys",
  },
  { name: "schemas.cache.size", type: "INT", default: 1000, importance: "HIGH", min: 0, doc: "How many schemas are kept ready" },
  { name: "decimal.format", type: "STRING", default: "BASE64", values: ["BASE64", "NUMERIC"], doc: "How decimals are written" },
  {
    name: "replace.null.with.default",
    type: "BOOLEAN",
    default: true,
    doc: "Replace a null by the default of its schema, where that has one",
  },
  { name: "converter.type", type: "STRING", default: null, doc: "key, value or header; set by the worker" },
]);

export interface JsonSettings extends JsonDataOptions {
  readonly schemas: boolean;
  readonly cacheSize: number;
}

/** @throws CONFIG_INVALID */
export function jsonSettings(config: ConnectorConfig): JsonSettings {
  const c = jsonConverterConfig.parse(config);
  return {
    schemas: c.boolean("schemas.enable"),
    cacheSize: c.number("schemas.cache.size"),
    numericDecimals: c.string("decimal.format") === "NUMERIC",
    nullToDefault: c.boolean("replace.null.with.default"),
  };
}

interface KnownSchema {
  readonly schema: Schema;
  readonly exact: boolean;
}

/** Connect's JsonConverter, with and without the schema in each record. */
export class JsonConverter implements Converter {
  private readonly heads = new WeakMap<Schema, string>();
  /** by the text of the envelope up to the payload */
  private readonly known = new Map<string, KnownSchema>();
  private lastHead = Buffer.alloc(0);
  private last: KnownSchema | undefined;

  constructor(private readonly settings: JsonSettings) {}

  fromConnect(_topic: string, schema: Schema | null, value: Value): Uint8Array | null {
    if (schema === null && value === null) return null;
    const payload = valueToJson(schema, value, this.settings);
    return Buffer.from(this.settings.schemas ? `${this.head(schema)}${payload}}` : payload);
  }

  toConnect(_topic: string, bytes: Uint8Array | null): { schema: Schema | null; value: Value } {
    if (bytes === null) return { schema: null, value: null };
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    if (!this.settings.schemas)
      return { schema: null, value: valueFromJson(null, parseJson(buffer.utf8Slice(0, buffer.length)), this.settings) };
    const head = this.lastHead.length;
    if (this.last && head < buffer.length && buffer.compare(this.lastHead, 0, head, 0, head) === 0 && buffer[buffer.length - 1] === 0x7d) {
      const json = parseJson(buffer.utf8Slice(head, buffer.length - 1), this.last.exact);
      return { schema: this.last.schema, value: valueFromJson(this.last.schema, json, this.settings) };
    }
    return this.envelope(buffer.utf8Slice(0, buffer.length));
  }

  compileWriter(_topic: string, node: Node): NodeWriter | undefined {
    const { schemas } = this.settings;
    return compileJsonWriter(node, schemas ? this.head(node.schema) : "", schemas ? "}" : "", this.settings);
  }

  compileReader(topic: string, sample: Uint8Array): ColumnReader | undefined {
    if (!this.settings.schemas) return undefined;
    const { schema } = this.toConnect(topic, sample);
    const head = this.lastHead;
    // the sample's head is known by its bytes only where it is written as ours is
    const same = sample.length > head.length && head.compare(sample, 0, head.length) === 0;
    if (!same || schema === null || schema !== this.last?.schema) return undefined;
    // a struct that is null as a whole is not what columns can say
    if (schema.type === "struct" && sample[head.length] !== 0x7b) return undefined;
    return compileJsonReader(schema, Buffer.from(head), this.settings);
  }

  /** The envelope up to the payload. */
  private head(schema: Schema | null): string {
    if (schema === null) return '{"schema":null,"payload":';
    let head = this.heads.get(schema);
    if (head === undefined) this.heads.set(schema, (head = `{"schema":${schemaToJson(schema, this.settings)},"payload":`));
    return head;
  }

  private envelope(text: string): { schema: Schema | null; value: Value } {
    const json = parseJson(text);
    if (!isObject(json) || Object.keys(json).length !== 2 || !("schema" in json) || !("payload" in json))
      throw new MillraceError(
        "DESERIALIZATION",
        'JsonConverter with schemas.enable requires "schema" and "payload" fields and may not contain additional fields. If you are trying to deserialize plain JSON data, set schemas.enable=false in your converter configuration.',
      );
    if (json["schema"] === null) return { schema: null, value: valueFromJson(null, json["payload"], this.settings) };
    const known = this.learn(text, json["schema"]!);
    const payload = known.exact ? (parseJson(text, true) as Record<string, never>)["payload"] : json["payload"];
    return { schema: known.schema, value: valueFromJson(known.schema, payload, this.settings) };
  }

  private learn(text: string, schemaJson: Parameters<typeof schemaFromJson>[0]): KnownSchema {
    const key = JSON.stringify(schemaJson, (_k, v: unknown) => (typeof v === "bigint" ? `${v}n` : v));
    let known = this.known.get(key);
    if (!known) {
      const schema = schemaFromJson(schemaJson, this.settings);
      known = { schema, exact: hasDecimal(schema) };
      if (this.known.size >= this.settings.cacheSize) this.known.clear();
      this.known.set(key, known);
    }
    const head = `{"schema":${key},"payload":`;
    // only a head that is exactly how the record begins can be recognised by its bytes in the next one
    if (text.startsWith(head)) {
      this.lastHead = Buffer.from(head);
      this.last = known;
    }
    return known;
  }
}
