import type { Readable } from "node:stream";
import { restErrors } from "../errors.js";

/**
 * The JSON objects of a body, one after another with or without space between them, in lists as they arrive: those that a chunk of
 * the network has completed come together. @throws 400 for anything else, 413 for an object of more than `limit` bytes
 */
export async function* jsonDocuments(stream: Readable, limit: number): AsyncGenerator<Buffer[]> {
  let rest: Buffer = Buffer.alloc(0);
  let at = 0; // how far `rest` is scanned
  let depth = 0;
  let inText = false;
  let start = -1;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const whole: Buffer[] = [];
    for (; at < rest.length; at++) {
      const c = rest[at]!;
      if (inText) {
        if (c === 0x5c) at++;
        else if (c === 0x22) inText = false;
      } else if (c === 0x22 && depth > 0) inText = true;
      else if (c === 0x7b || c === 0x5b) {
        if (depth++ === 0) start = at;
      } else if (c === 0x7d || c === 0x5d) {
        if (--depth === 0) {
          whole.push(rest.subarray(start, at + 1));
          start = -1;
        }
        if (depth < 0) throw restErrors.badJson(`unexpected "${String.fromCharCode(c)}" between records`);
      } else if (depth === 0 && c > 0x20) throw restErrors.badJson(`unexpected "${String.fromCharCode(c)}" between records`);
    }
    const from = start < 0 ? rest.length : start;
    rest = rest.subarray(from);
    at -= from;
    if (start >= 0) start = 0;
    if (rest.length > limit) throw restErrors.tooLarge(limit);
    if (whole.length > 0) yield whole;
  }
  if (rest.length > 0) throw restErrors.badJson("it ends within a record");
}
