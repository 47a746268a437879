import type { Node, RecordShape } from "../connect/api/shape.js";

export type RecordKind =
  | "insert"
  | "update"
  | "updateFull"
  | "delete"
  | "deleteFull"
  | "tombstone"
  | "tombstoneFull"
  | "moveDelete"
  | "moveTombstone"
  | "moveCreate"
  | "truncate";

/** What the records of one table are made of. */
export interface ChangeParts {
  readonly base: Omit<RecordShape, "key" | "value" | "headers">;
  readonly headers: RecordShape["headers"];
  readonly none: Node;
  before(): Node;
  after(): Node;
  newKey(): Node | null;
  oldKey(): Node | null;
  /** the key before the change, as the header `__debezium.oldkey` shows it */
  oldKeyHeader(): Node | null;
  envelope(op: string, before: Node, after: Node): Node;
}

/** The shape of one kind of record; a changed key is a delete, a tombstone and an insert that name each other's key in a header. */
export function changeShape(kind: RecordKind, parts: ChangeParts): RecordShape {
  const { base, headers, none, envelope } = parts;
  const naming = (key: string, node: Node | null) => (node ? [...headers, { key, node }] : headers);
  switch (kind) {
    case "insert":
      return { ...base, headers, key: parts.newKey(), value: envelope("c", none, parts.after()) };
    case "update":
      return { ...base, headers, key: parts.newKey(), value: envelope("u", none, parts.after()) };
    case "updateFull":
      return { ...base, headers, key: parts.newKey(), value: envelope("u", parts.before(), parts.after()) };
    case "delete":
    case "deleteFull":
      return { ...base, headers, key: parts.oldKey(), value: envelope("d", parts.before(), none) };
    case "tombstone":
    case "tombstoneFull":
      return { ...base, headers, key: parts.oldKey(), value: null };
    case "moveDelete":
      return {
        ...base,
        headers: naming("__debezium.newkey", parts.newKey()),
        key: parts.oldKey(),
        value: envelope("d", parts.before(), none),
      };
    case "moveTombstone":
      return { ...base, headers: naming("__debezium.newkey", parts.newKey()), key: parts.oldKey(), value: null };
    case "moveCreate":
      return {
        ...base,
        headers: naming("__debezium.oldkey", parts.oldKeyHeader()),
        key: parts.newKey(),
        value: envelope("c", none, parts.after()),
      };
    case "truncate":
      return { ...base, headers, key: null, value: envelope("t", none, none) };
  }
}

/** Rows have both images where a before-image comes with a new row. */
export function hasBoth(kind: RecordKind): boolean {
  return kind === "updateFull" || kind.startsWith("move");
}
