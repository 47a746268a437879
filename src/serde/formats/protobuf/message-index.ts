import { ByteReader } from "../../byte-reader.js";
import type { ByteWriter } from "../../byte-writer.js";

/** Confluent's wire format names a message of the file by its index on each level: how many, then each; the first message is one 0. */
export function writeMessageIndex(out: ByteWriter, path: readonly number[]): void {
  if (path.length === 1 && path[0] === 0) {
    out.byte(0);
    return;
  }
  out.varint(path.length);
  for (const index of path) out.varint(index);
}

const reader = new ByteReader();

/** @returns the way to the message, and where its bytes begin. @throws DESERIALIZATION */
export function readMessageIndex(
  bytes: Buffer,
  start: number,
  end: number,
): { readonly path: readonly number[]; readonly position: number } {
  reader.set(bytes, start, end);
  const depth = reader.int();
  const path = depth === 0 ? [0] : Array.from({ length: depth }, () => reader.int());
  return { path, position: reader.position };
}
