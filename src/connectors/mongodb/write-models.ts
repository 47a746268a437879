import type { AnyBulkWriteOperation, Document } from "mongodb";
import type { Config } from "../../common/config-def.js";
import { MillraceError } from "../../common/errors.js";
import { flattened, isDocument } from "./document-paths.js";
import type { IdStrategy } from "./id-strategies.js";
import { simpleName, type WriteStrategyName } from "./settings.js";
import type { SinkDocument } from "./sink-document.js";

/** One operation on the collection. */
export interface WriteModel {
  readonly operation: AnyBulkWriteOperation;
  /** a replace or delete by `_id` alone: of two in one bulk the later is what counts; undefined for others */
  readonly id: unknown;
}

/** null: the record is nothing to write */
export type WriteStrategy = (document: SinkDocument) => WriteModel | null;

/** @param setting of the strategy's class. @throws CONFIG_INVALID */
export function writeStrategy(config: Config, setting: string, id: IdStrategy, now: () => number): WriteStrategy {
  let name = simpleName(config.string(setting)) as WriteStrategyName;
  if (name === "DefaultWriteModelStrategy")
    name = config.string("timeseries.timefield") === "" ? "ReplaceOneDefaultStrategy" : "InsertOneDefaultStrategy";
  const why = name;
  switch (name) {
    case "InsertOneDefaultStrategy":
      return (d) => ({ operation: { insertOne: { document: d.required("value", why) } }, id: undefined });
    case "ReplaceOneDefaultStrategy":
      return (d) => {
        const value = d.required("value", why);
        return replaceById(idOf(value, why), value);
      };
    case "ReplaceOneBusinessKeyStrategy":
      return (d) => {
        const value = d.required("value", why);
        const filter = businessKey(value, why);
        delete value._id;
        return { operation: { replaceOne: { filter, replacement: value, upsert: true } }, id: undefined };
      };
    case "UpdateOneDefaultStrategy":
      return (d) => {
        const value = d.required("value", why);
        const _id = idOf(value, why);
        delete value._id;
        return updateOne({ _id }, Object.keys(value).length ? { $set: value } : { $setOnInsert: { _id } });
      };
    case "UpdateOneTimestampsStrategy":
      return (d) => {
        const value = d.required("value", why);
        const _id = idOf(value, why);
        return updateOne({ _id }, stamped(value, now()));
      };
    case "UpdateOneBusinessKeyTimestampStrategy":
      return (d) => {
        const value = d.required("value", why);
        const filter = businessKey(value, why);
        return updateOne(filter, stamped(value, now()));
      };
    case "DeleteOneDefaultStrategy":
      return (d) => deleteById(id(d));
    case "DeleteOneBusinessKeyStrategy":
      return (d) => {
        const key = d.value === null ? id(d) : d.value._id;
        return { operation: { deleteOne: { filter: businessKey({ _id: key }, why) } }, id: undefined };
      };
  }
}

export function replaceById(id: unknown, replacement: Document): WriteModel {
  return { operation: { replaceOne: { filter: { _id: id } as Document, replacement, upsert: true } }, id };
}

export function deleteById(id: unknown): WriteModel {
  return { operation: { deleteOne: { filter: { _id: id } as Document } }, id };
}

export function updateOne(filter: Document, update: Document, upsert = true): WriteModel {
  return { operation: { updateOne: { filter, update, upsert } }, id: undefined };
}

function idOf(value: Document, strategy: string): unknown {
  if (value._id === undefined) throw new MillraceError("RECORD_REFUSED", `the document has no _id, which ${strategy} needs`);
  return value._id;
}

/** The `_id` is not the document's own, but the fields to find it by. */
function businessKey(value: Document, strategy: string): Document {
  const key: unknown = value._id;
  if (!isDocument(key) || Object.keys(key).length === 0)
    throw new MillraceError(
      "RECORD_REFUSED",
      `${strategy} needs an id of fields: document.id.strategy PartialKeyStrategy or PartialValueStrategy`,
    );
  return flattened(key);
}

function stamped(value: Document, now: number): Document {
  delete value._id;
  return { $set: { ...value, _modifiedTS: new Date(now) }, $setOnInsert: { _insertedTS: new Date(now) } };
}
