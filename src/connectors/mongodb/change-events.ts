import { BSON, type Document } from "mongodb";
import { MillraceError } from "../../common/errors.js";
import { isDocument } from "./document-paths.js";
import type { CdcHandlerName } from "./settings.js";
import { guarded } from "./to-bson.js";
import { deleteById, replaceById, updateOne, type WriteStrategy } from "./write-models.js";

/** What a change event does to the collection; null for a tombstone or what changes no document. */
export function changeHandler(name: CdcHandlerName): WriteStrategy {
  switch (name) {
    case "MongoDbHandler":
      return debeziumMongo;
    case "ChangeStreamHandler":
      return changeStream;
    default:
      return relational;
  }
}

/**
 * Debezium's events of a table's row. `_id` is the key, as a document of its columns, which the document itself then lacks; a table
 * without a key has an id made for the row's insert, and the columns before the change find its document later.
 */
const relational: WriteStrategy = (d) => {
  const { value } = d;
  if (value === null) return null;
  const op = operationOf(value.op);
  if (op === "t" || op === "m") return null;
  const key = d.key !== null && Object.keys(d.key).length > 0 ? d.key : null;
  if (op === "d") return key ? deleteById(key) : { operation: { deleteOne: { filter: part(value, "before") } }, id: undefined };
  const after = part(value, "after");
  if (key) {
    const document: Document = { _id: key };
    for (const [name, field] of Object.entries(after)) if (!Object.hasOwn(key, name)) document[name] = field;
    return replaceById(key, document);
  }
  if (op !== "u") {
    const id = d.kafkaId.objectId();
    return replaceById(id, { _id: id, ...after });
  }
  return { operation: { replaceOne: { filter: part(value, "before"), replacement: after, upsert: true } }, id: undefined };
};

/** Debezium's events of a MongoDB: the documents are extended JSON in texts. */
const debeziumMongo: WriteStrategy = (d) => {
  const { value } = d;
  if (value === null) return null;
  const op = operationOf(value.op);
  const key = () => {
    const id: unknown = d.required("key", "MongoDbHandler").id;
    if (id === undefined) throw refused("the key has no id");
    return (parsed(`{"_id": ${typeof id === "string" ? jsonOr(id) : BSON.EJSON.stringify(id)}}`) as Document)._id as unknown;
  };
  if (op === "d") return deleteById(key());
  if (op !== "c" && op !== "r" && op !== "u") return null;
  if (typeof value.after === "string") {
    const after = parsed(value.after);
    return replaceById(after._id, after);
  }
  if (op !== "u") throw refused("the event has no after");
  if (isDocument(value.updateDescription)) return described(key(), value.updateDescription);
  if (typeof value.patch !== "string") throw refused("the event has neither after, updateDescription nor patch");
  const patch = parsed(value.patch);
  delete patch["$v"];
  return Object.keys(patch).some((name) => name.startsWith("$"))
    ? updateOne({ _id: key() }, patch)
    : replaceById(key(), { ...patch, _id: key() });
};

/** Events of MongoDB's change streams, as its source connector writes them. */
const changeStream: WriteStrategy = (d) => {
  const { value } = d;
  if (value === null) return null;
  const key = () => part(value, "documentKey")._id as unknown;
  switch (value.operationType) {
    case "insert":
    case "replace":
      return replaceById(key(), part(value, "fullDocument"));
    case "update":
      return described(key(), part(value, "updateDescription"));
    case "delete":
      return deleteById(key());
    default:
      return null;
  }
};

/** `updatedFields` (a document or extended JSON) and `removedFields`. An update of a document that is gone makes it anew, as the log has it. */
function described(id: unknown, description: Document): ReturnType<WriteStrategy> {
  const { updatedFields, removedFields, truncatedArrays } = description;
  if (Array.isArray(truncatedArrays) && truncatedArrays.length > 0)
    throw refused("the update truncates arrays: the stream must carry full documents");
  const set: unknown = typeof updatedFields === "string" ? parsed(updatedFields) : updatedFields;
  const update: Document = {};
  if (isDocument(set) && Object.keys(set).length > 0) update["$set"] = set;
  if (Array.isArray(removedFields) && removedFields.length > 0)
    update["$unset"] = Object.fromEntries(removedFields.map((name) => [String(name), ""]));
  return Object.keys(update).length ? updateOne({ _id: id }, update, false) : null;
}

function operationOf(op: unknown): string {
  if (typeof op === "string") return op;
  throw refused(
    "the value has no op: it is not Debezium's envelope (after ExtractNewRecordState it is a plain document, which needs no handler)",
  );
}

function part(value: Document, name: string): Document {
  const document: unknown = value[name];
  if (isDocument(document)) return document;
  throw refused(`the event has no ${name}`);
}

function parsed(text: string): Document {
  const document: unknown = guarded("value", () => BSON.EJSON.parse(text, { relaxed: false }));
  if (isDocument(document)) return document;
  throw refused("a document of the event is no JSON object");
}

/** A key's id that is a plain text and no JSON stands for itself. */
function jsonOr(text: string): string {
  try {
    JSON.parse(text);
    return text;
  } catch {
    return JSON.stringify(text);
  }
}

function refused(why: string): MillraceError {
  return new MillraceError("RECORD_REFUSED", `the change event cannot be applied: ${why}`);
}
