import type {} from "../../../data/buffer-text.js";

/** The position after the JSON value that begins at p (no space ahead of it), or -1 where there is none. */
export function skipValue(b: Buffer, p: number, end: number): number {
  switch (b[p]) {
    case 0x22:
      return skipString(b, p, end);
    case 0x7b:
    case 0x5b: {
      let depth = 0;
      while (p < end) {
        const c = b[p]!;
        if (c === 0x22) {
          p = skipString(b, p, end);
          if (p < 0) return -1;
          continue;
        }
        p++;
        if (c === 0x7b || c === 0x5b) depth++;
        else if ((c === 0x7d || c === 0x5d) && --depth === 0) return p;
      }
      return -1;
    }
    case 0x74:
      return afterWord(b, p, end, "true");
    case 0x6e:
      return afterWord(b, p, end, "null");
    case 0x66:
      return afterWord(b, p, end, "false");
    default: {
      const from = p;
      while (p < end && isNumberByte(b[p]!)) p++;
      return p > from ? p : -1;
    }
  }
}

export function skipString(b: Buffer, p: number, end: number): number {
  for (p++; p < end; p++) {
    const c = b[p]!;
    if (c === 0x22) return p + 1;
    if (c === 0x5c) p++;
  }
  return -1;
}

function afterWord(b: Buffer, p: number, end: number, word: string): number {
  for (let i = 0; i < word.length; i++) if (b[p + i] !== word.charCodeAt(i)) return -1;
  return p + word.length <= end ? p + word.length : -1;
}

function isNumberByte(c: number): boolean {
  return (c >= 0x30 && c <= 0x39) || c === 0x2d || c === 0x2e || c === 0x65 || c === 0x45 || c === 0x2b;
}

export interface Member {
  readonly key: string;
  /** Bytes from the end of the value before it (or the start) to its value: comma, key, colon and spaces. */
  readonly literal: Buffer;
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** The members of an object as they lie in the bytes, or undefined where it is none. `tail` is what follows the last value. */
export function membersOf(b: Buffer, start: number, end: number): { members: Member[]; tail: Buffer } | undefined {
  const members: Member[] = [];
  let from = start;
  let p = space(b, start, end);
  if (b[p] !== 0x7b) return undefined;
  p = space(b, p + 1, end);
  while (b[p] === 0x22) {
    const keyStart = p;
    p = skipString(b, p, end);
    if (p < 0) return undefined;
    let key: string;
    try {
      key = JSON.parse(b.utf8Slice(keyStart, p)) as string;
    } catch {
      return undefined;
    }
    p = space(b, p, end);
    if (b[p] !== 0x3a) return undefined;
    p = space(b, p + 1, end);
    const valueStart = p;
    p = skipValue(b, p, end);
    if (p < 0) return undefined;
    members.push({ key, literal: Buffer.from(b.subarray(from, valueStart)), valueStart, valueEnd: p });
    from = p;
    p = space(b, p, end);
    if (b[p] !== 0x2c) break;
    p = space(b, p + 1, end);
  }
  return b[p] === 0x7d ? { members, tail: Buffer.from(b.subarray(from, end)) } : undefined;
}

function space(b: Buffer, p: number, end: number): number {
  while (p < end && (b[p] === 0x20 || b[p] === 0x0a || b[p] === 0x0d || b[p] === 0x09)) p++;
  return p;
}
