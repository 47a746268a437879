import type {} from "../../data/buffer-text.js";
import { skipString, skipValue } from "../../serde/formats/json/scan.js";
import { restErrors } from "./errors.js";

/** Where a value lies in a request's bytes. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export function skipSpace(b: Buffer, p: number): number {
  for (let c = b[p]; c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09; c = b[p]) p++;
  return p;
}

/**
 * Walks the object that begins at p: `visit` gets each member's name and where its value begins, and returns the position behind the
 * value. Returns the position behind the object. @throws 400 where the bytes are no object
 */
export function scanObject(b: Buffer, p: number, end: number, visit: (name: string, p: number) => number): number {
  if (b[p] !== 0x7b) throw malformed(b, "expected an object", p);
  p = skipSpace(b, p + 1);
  if (b[p] === 0x7d) return p + 1;
  return scanMembers(b, p, end, visit);
}

/** What follows the first member's value in an object, as `scanObject` walks it. */
export function scanRest(b: Buffer, p: number, end: number, visit: (name: string, p: number) => number): number {
  p = skipSpace(b, p);
  if (b[p] === 0x7d) return p + 1;
  if (b[p] !== 0x2c) throw malformed(b, 'expected "," or "}"', p);
  return scanMembers(b, skipSpace(b, p + 1), end, visit);
}

function scanMembers(b: Buffer, p: number, end: number, visit: (name: string, p: number) => number): number {
  for (;;) {
    if (b[p] !== 0x22) throw malformed(b, "expected a name", p);
    const from = p;
    p = skipString(b, p, end);
    if (p < 0) throw malformed(b, "a text does not end", from);
    const name = nameAt(b, from, p);
    p = skipSpace(b, p);
    if (b[p] !== 0x3a) throw malformed(b, 'expected ":"', p);
    p = skipSpace(b, visit(name, skipSpace(b, p + 1)));
    if (b[p] === 0x7d) return p + 1;
    if (b[p] !== 0x2c) throw malformed(b, 'expected "," or "}"', p);
    p = skipSpace(b, p + 1);
  }
}

/** Walks the list that begins at p as `scanObject` does an object. @throws 400 where the bytes are no list */
export function scanArray(b: Buffer, p: number, visit: (p: number) => number): number {
  if (b[p] !== 0x5b) throw malformed(b, "expected a list", p);
  p = skipSpace(b, p + 1);
  if (b[p] === 0x5d) return p + 1;
  for (;;) {
    p = skipSpace(b, visit(p));
    if (b[p] === 0x5d) return p + 1;
    if (b[p] !== 0x2c) throw malformed(b, 'expected "," or "]"', p);
    p = skipSpace(b, p + 1);
  }
}

/** The position behind the value at p. @throws 400 */
export function skip(b: Buffer, p: number, end: number): number {
  const after = skipValue(b, p, end);
  if (after < 0) throw malformed(b, "expected a value", p);
  return after;
}

/** The value at `span` as JSON.parse gives it. @throws 400 */
export function parseSpan(b: Buffer, { start, end }: Span): unknown {
  try {
    return JSON.parse(b.utf8Slice(start, end));
  } catch (error) {
    throw malformed(b, (error as Error).message, start);
  }
}

export function isNull(b: Buffer, p: number): boolean {
  return b[p] === 0x6e && b[p + 1] === 0x75 && b[p + 2] === 0x6c && b[p + 3] === 0x6c;
}

/** V8's words where it refuses the body too: it knows more of JSON than the scanner. */
export function malformed(b: Buffer, what: string, p?: number) {
  try {
    JSON.parse(b.toString());
  } catch (error) {
    return restErrors.badJson((error as Error).message);
  }
  return restErrors.unprocessable(p === undefined ? what : `${what} at position ${p} of the request's body`);
}

function nameAt(b: Buffer, from: number, to: number): string {
  const text = b.utf8Slice(from + 1, to - 1);
  return text.includes("\\") ? (JSON.parse(`"${text}"`) as string) : text;
}
