import { Binary, type Document, UUID } from "mongodb";
import type { Config } from "../../common/config-def.js";
import { asError, MillraceError } from "../../common/errors.js";
import { isDocument } from "./document-paths.js";
import { Projection } from "./projection.js";
import { type IdStrategyName, simpleName } from "./settings.js";
import type { SinkDocument } from "./sink-document.js";

export type IdStrategy = (document: SinkDocument) => unknown;

/** @throws CONFIG_INVALID */
export function idStrategy(config: Config): IdStrategy {
  const name = simpleName(config.string("document.id.strategy")) as IdStrategyName;
  const text = config.string("document.id.strategy.uuid.format") === "string";
  const uuid = (bytes: Uint8Array) => (text ? new UUID(bytes).toString() : new Binary(bytes, Binary.SUBTYPE_UUID));
  switch (name) {
    case "BsonOidStrategy":
      return (d) => d.kafkaId.objectId();
    case "UuidStrategy":
      return (d) => uuid(d.kafkaId.uuid());
    case "KafkaMetaDataStrategy":
      return (d) => d.place("#");
    case "FullKeyStrategy":
      return (d) => d.key ?? {};
    case "PartialKeyStrategy": {
      const projection = partial(config, "key");
      return (d) => (d.key === null ? {} : projection.apply(copy(d.key)));
    }
    case "PartialValueStrategy": {
      const projection = partial(config, "value");
      return (d) => (d.value === null ? {} : projection.apply(copy(d.value)));
    }
    case "ProvidedInKeyStrategy":
      return (d) => provided(d, "key", name);
    case "ProvidedInValueStrategy":
      return (d) => provided(d, "value", name);
    case "UuidProvidedInKeyStrategy":
      return (d) => uuid(uuidOf(provided(d, "key", name)));
    case "UuidProvidedInValueStrategy":
      return (d) => uuid(uuidOf(provided(d, "value", name)));
  }
}

function provided(document: SinkDocument, part: "key" | "value", strategy: string): unknown {
  const id: unknown = document.required(part, strategy)._id;
  if (id !== undefined && id !== null) return id;
  throw new MillraceError("RECORD_REFUSED", `the record's ${part} has no _id, which ${strategy} needs`);
}

function uuidOf(id: unknown): Uint8Array {
  try {
    if (typeof id === "string") return new UUID(id.trim()).buffer;
    if (id instanceof Binary) return new UUID(id.buffer).buffer;
    if (id instanceof Uint8Array) return new UUID(id).buffer;
  } catch (error) {
    throw new MillraceError("RECORD_REFUSED", `_id is not a UUID: ${asError(error).message}`, { cause: error });
  }
  throw new MillraceError("RECORD_REFUSED", "_id is not a UUID: it is neither a text nor bytes");
}

/** Older configs give the projection of the id by the settings of the projectors. */
function partial(config: Config, part: "key" | "value"): Projection {
  const own = `document.id.strategy.partial.${part}.projection`;
  const setting = config.raw[`${own}.type`] === undefined && config.raw[`${own}.list`] === undefined ? `${part}.projection` : own;
  return Projection.of(config.string(`${setting}.type`), config.list(`${setting}.list`), setting);
}

/** A projection takes fields out, and the key or value is written beside the id. */
function copy(document: Document): Document {
  const out: Document = {};
  for (const [name, value] of Object.entries(document)) out[name] = copied(value);
  delete out["_id"];
  return out;
}

function copied(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copied);
  return isDocument(value) ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, copied(inner)])) : value;
}
