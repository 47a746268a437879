import type {} from "../data/buffer-text.js";

const slots = 4096;
const texts = new Array<string>(slots).fill("");

/**
 * The text of bytes that are known to be ASCII. Short ones come from a cache of what was met lately: most columns repeat a few
 * words, and comparing bytes is cheaper than making a string.
 */
export function asciiText(b: Buffer, start: number, end: number): string {
  const n = end - start;
  if (n === 0) return "";
  if (n > 16) return b.latin1Slice(start, end);
  let hash = n;
  for (let p = start; p < end; p++) hash = (Math.imul(hash, 31) + b[p]!) | 0;
  const slot = (hash ^ (hash >>> 12)) & (slots - 1);
  const known = texts[slot]!;
  if (known.length === n) {
    let i = 0;
    while (i < n && known.charCodeAt(i) === b[start + i]) i++;
    if (i === n) return known;
  }
  const text = b.latin1Slice(start, end);
  texts[slot] = text;
  return text;
}

/** The text of UTF-8 bytes. */
export function utf8Text(b: Buffer, start: number, end: number): string {
  if (end - start > 16) return b.utf8Slice(start, end);
  for (let p = start; p < end; p++) if (b[p]! > 127) return b.utf8Slice(start, end);
  return asciiText(b, start, end);
}
