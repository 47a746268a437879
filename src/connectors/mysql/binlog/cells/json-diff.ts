import { Cursor } from "../cursor.js";
import { type JsonNode, readJson } from "./json.js";

/**
 * Applies a partial update's changes, in their order, to a JSON value: each an operation (0 replace, 1 insert, 2 remove), a path and,
 * unless it removes, a binary JSON value.
 * @throws RangeError where a change does not fit the value
 */
export function applyDiffs(root: JsonNode, b: Buffer, start: number, end: number): JsonNode {
  const c = new Cursor(b, start, end);
  let result = root;
  while (c.left > 0) {
    const operation = c.u8();
    const path = parsePath(c.text(c.lengthEncoded()));
    let value: JsonNode = "null";
    if (operation !== 2) {
      const length = c.lengthEncoded();
      const at = c.p;
      c.skip(length);
      value = readJson(b, at, at + length);
    }
    result = change(result, operation, path, value);
  }
  return result;
}

function change(root: JsonNode, operation: number, path: readonly (string | number)[], value: JsonNode): JsonNode {
  const last = path[path.length - 1];
  if (last === undefined) {
    if (operation !== 0) throw new RangeError("a JSON change of the whole value only replaces");
    return value;
  }
  let parent = root;
  for (const leg of path.slice(0, -1)) {
    const next = parent instanceof Map ? parent.get(leg as string) : Array.isArray(parent) ? parent[leg as number] : undefined;
    if (next === undefined) throw new RangeError("a JSON change's path leads nowhere");
    parent = next;
  }
  if (parent instanceof Map && typeof last === "string") {
    if ((operation === 1) === parent.has(last)) throw new RangeError("a JSON change does not fit the value");
    if (operation === 2) parent.delete(last);
    else {
      parent.set(last, value);
      if (operation === 1) sortKeys(parent);
    }
  } else if (Array.isArray(parent) && typeof last === "number") {
    if (operation === 1) parent.splice(last, 0, value);
    else if (last >= parent.length) throw new RangeError("a JSON change does not fit the value");
    else if (operation === 2) parent.splice(last, 1);
    else parent[last] = value;
  } else throw new RangeError("a JSON change does not fit the value");
  return root;
}

/** MySQL keeps keys by length in bytes, then by bytes. */
function sortKeys(object: Map<string, JsonNode>): void {
  const members = [...object].map(([key, v]) => ({ key, v, bytes: Buffer.from(key) }));
  members.sort((x, y) => x.bytes.length - y.bytes.length || Buffer.compare(x.bytes, y.bytes));
  object.clear();
  for (const { key, v } of members) object.set(key, v);
}

/** `$.a."b c"[3]`: keys and array places. */
function parsePath(path: string): (string | number)[] {
  const legs: (string | number)[] = [];
  const leg = /\.("(?:[^"\\]|\\.)*"|[^.["]+)|\[(\d+)\]/gy;
  leg.lastIndex = 1;
  if (path[0] !== "$") throw new RangeError("a JSON change's path is malformed");
  while (leg.lastIndex < path.length) {
    const m = leg.exec(path);
    if (!m) throw new RangeError("a JSON change's path is malformed");
    if (m[2] !== undefined) legs.push(Number(m[2]));
    else legs.push(m[1]![0] === '"' ? (JSON.parse(m[1]!) as string) : m[1]!);
  }
  return legs;
}
