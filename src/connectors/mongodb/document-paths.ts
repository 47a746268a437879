import type { Document } from "mongodb";
import { put } from "./to-bson.js";

/** Whether it is a document within a document: not an array, a date, bytes or one of BSON's own types. */
export function isDocument(value: unknown): value is Document {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Date) &&
    !(value instanceof Uint8Array) &&
    !("_bsontype" in value)
  );
}

/** undefined: there is no such field */
export function valueAt(document: Document, path: readonly string[]): unknown {
  let at: unknown = document;
  for (const name of path) {
    if (!isDocument(at) || !Object.hasOwn(at, name)) return undefined;
    at = at[name];
  }
  return at;
}

/** Gives a field another name in its document; not where that name is taken. */
export function rename(document: Document, path: readonly string[], to: string): void {
  const parent = valueAt(document, path.slice(0, -1));
  const name = path.at(-1)!;
  if (!isDocument(parent) || !Object.hasOwn(parent, name) || Object.hasOwn(parent, to)) return;
  put(parent, to, parent[name]);
  delete parent[name];
}

/** `{a: {b: 1}}` as `{"a.b": 1}`: a filter on fields of documents, whatever else they have. */
export function flattened(document: Document, prefix = "", into: Document = {}): Document {
  for (const [name, value] of Object.entries(document)) {
    if (isDocument(value) && Object.keys(value).length > 0) flattened(value, `${prefix}${name}.`, into);
    else put(into, prefix + name, value);
  }
  return into;
}
