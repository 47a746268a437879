import type { FunctionDeclaration, ScalarCall, ScalarOverload } from "../declaration.js";

const category = "STRING" as const;
type Bytes = Uint8Array;

function text(name: string, description: string, call: (s: string) => string, example: readonly [string, string]): FunctionDeclaration {
  return { name, category, description, examples: [example], overloads: [{ args: "STRING", returns: "STRING", call }] };
}

function substring(s: string, position: number, length?: number): string {
  const start = position < 0 ? Math.max(s.length + position, 0) : Math.max(position - 1, 0);
  return length === undefined ? s.slice(start) : length < 0 ? "" : s.slice(start, start + length);
}
function subbytes(b: Bytes, position: number, length?: number): Bytes {
  const start = Math.min(position < 0 ? Math.max(b.length + position, 0) : Math.max(position - 1, 0), b.length);
  return b.subarray(start, length === undefined ? b.length : Math.max(start, start + length));
}

/** As KSQL 5.0 had it: from a first position, counted from 0, to the one before a last. */
function legacySubstring(value: string | Bytes, first: number, last = value.length): string | Bytes {
  if (first < 0 || last > value.length || first > last) throw new RangeError(`begin ${first}, end ${last}, length ${value.length}`);
  return typeof value === "string" ? value.slice(first, last) : value.subarray(first, last);
}
const legacyArgs: ScalarOverload["configured"] = (settings) =>
  settings["ksql.functions.substring.legacy.args"] === "true" ? legacySubstring : undefined;

function pad(left: boolean): ScalarOverload[] {
  const put = (s: string, length: number, by: string) => {
    if (length < 0 || by === "") return null;
    if (s.length >= length) return s.slice(0, length);
    const fill = by.repeat(Math.ceil((length - s.length) / by.length)).slice(0, length - s.length);
    return left ? fill + s : s + fill;
  };
  const putBytes: ScalarCall = (b: Bytes, length: number, by: Bytes) => {
    if (length < 0 || by.length === 0) return null;
    const out = Buffer.alloc(length);
    const own = Math.min(b.length, length);
    out.set(b.subarray(0, own), left ? length - own : 0);
    for (let i = 0; i < length - own; i++) out[left ? i : own + i] = by[i % by.length]!;
    return out;
  };
  return [
    { args: "STRING, INTEGER, STRING", returns: "STRING", call: put },
    { args: "BYTES, INTEGER, BYTES", returns: "BYTES", call: putBytes },
  ];
}

function instr(s: string, part: string, position = 1, occurrence = 1): number {
  if (position === 0) return 0;
  let at = -1;
  if (position > 0) {
    at = position - 2;
    for (let i = 0; i < occurrence; i++) {
      at = s.indexOf(part, at + 1);
      if (at < 0) return 0;
    }
    return at + 1;
  }
  at = s.length + position + 1;
  for (let i = 0; i < occurrence; i++) {
    if (at <= 0) return 0;
    at = s.lastIndexOf(part, at - 1);
    if (at < 0) return 0;
  }
  return at + 1;
}

function splitBytes(bytes: Bytes, by: Bytes): Bytes[] {
  const b = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (by.length === 0) return Array.from(b, (_, i) => b.subarray(i, i + 1));
  const parts: Bytes[] = [];
  let from = 0;
  for (let at = b.indexOf(by); at >= 0; at = b.indexOf(by, from)) {
    parts.push(b.subarray(from, at));
    from = at + by.length;
  }
  return [...parts, b.subarray(from)];
}

const concatBytes = (...parts: (Bytes | null)[]) => Buffer.concat(parts.filter((p) => p !== null));

export const stringFunctions: readonly FunctionDeclaration[] = [
  text("UCASE", "In upper case.", (s) => s.toUpperCase(), ["UCASE('abc')", "ABC"]),
  text("LCASE", "In lower case.", (s) => s.toLowerCase(), ["LCASE('ABC')", "abc"]),
  text("TRIM", "Without the spaces at both ends.", (s) => s.replace(/^[\0- ]+|[\0- ]+$/g, ""), ["TRIM('  a ')", "a"]),
  text(
    "INITCAP",
    "Each word with a capital letter and small ones after it.",
    (s) => s.toLowerCase().replace(/(^|\s)(\S)/g, (_, b: string, c: string) => b + c.toUpperCase()),
    ["INITCAP('hello THERE')", "Hello There"],
  ),
  {
    name: "LEN",
    category,
    description: "The number of characters of a STRING, of bytes of BYTES.",
    examples: [["LEN('abc')", "3"]],
    overloads: [
      { args: "STRING", returns: "INTEGER", call: (s: string) => s.length },
      { args: "BYTES", returns: "INTEGER", call: (b: Bytes) => b.length },
    ],
  },
  {
    name: "SUBSTRING",
    category,
    description:
      "The part from a position (from 1; from the end where negative), of a length where given. With `ksql.functions.substring.legacy.args=true` from a position, counted from 0, to the one before another.",
    examples: [
      ["SUBSTRING('stream', 2)", "tream"],
      ["SUBSTRING('stream', -4, 2)", "re"],
    ],
    overloads: [
      { args: "STRING, INTEGER", returns: "STRING", call: substring, configured: legacyArgs },
      { args: "STRING, INTEGER, INTEGER", returns: "STRING", call: substring, configured: legacyArgs },
      { args: "BYTES, INTEGER", returns: "BYTES", call: subbytes, configured: legacyArgs },
      { args: "BYTES, INTEGER, INTEGER", returns: "BYTES", call: subbytes, configured: legacyArgs },
    ],
  },
  {
    name: "CONCAT",
    category,
    description: "Its arguments one after another; NULLs count as nothing.",
    examples: [["CONCAT('a', 'b', 'c')", "abc"]],
    overloads: [
      { args: "STRING...", returns: "STRING", strict: false, call: (...s: (string | null)[]) => s.filter((x) => x !== null).join("") },
      { args: "BYTES...", returns: "BYTES", strict: false, call: concatBytes },
    ],
  },
  {
    name: "CONCAT_WS",
    category,
    description: "The arguments after the first, with the first between them; NULLs are left out. NULL where the separator is.",
    examples: [["CONCAT_WS('-', 'a', 'b')", "a-b"]],
    overloads: [
      {
        args: "STRING, STRING...",
        returns: "STRING",
        strict: false,
        call: (by: string | null, ...s: (string | null)[]) => (by === null ? null : s.filter((x) => x !== null).join(by)),
      },
      {
        args: "BYTES, BYTES...",
        returns: "BYTES",
        strict: false,
        call: (by: Bytes | null, ...s: (Bytes | null)[]) =>
          by === null ? null : concatBytes(...s.filter((x) => x !== null).flatMap((x, i) => (i ? [by, x] : [x]))),
      },
    ],
  },
  {
    name: "REPLACE",
    category,
    description: "Every occurrence of the second argument replaced by the third.",
    examples: [["REPLACE('aba', 'a', 'c')", "cbc"]],
    overloads: [
      {
        args: "STRING, STRING, STRING",
        returns: "STRING",
        call: (s: string, a: string, b: string) => (a === "" ? s : s.replaceAll(a, () => b)),
      },
    ],
  },
  {
    name: "LPAD",
    category,
    description: "Filled on the left to a length, or cut to it.",
    examples: [["LPAD('7', 3, '0')", "007"]],
    overloads: pad(true),
  },
  {
    name: "RPAD",
    category,
    description: "Filled on the right to a length, or cut to it.",
    examples: [["RPAD('7', 3, '0')", "700"]],
    overloads: pad(false),
  },
  {
    name: "INSTR",
    category,
    description:
      "The position (from 1) of the second argument in the first, 0 where it is not there; from a position (backwards where negative), of the n-th occurrence.",
    examples: [["INSTR('corporate floor', 'or', 3, 2)", "14"]],
    overloads: ["STRING, STRING", "STRING, STRING, INTEGER", "STRING, STRING, INTEGER, INTEGER"].map((args) => ({
      args,
      returns: "INTEGER",
      call: instr,
    })),
  },
  {
    name: "SPLIT",
    category,
    description: "The parts between the delimiters; every character by itself where the delimiter is empty.",
    examples: [["ARRAY_JOIN(SPLIT('a,b', ','), '|')", "a|b"]],
    overloads: [
      { args: "STRING, STRING", returns: "ARRAY<STRING>", call: (s: string, by: string) => (by === "" ? [...s] : s.split(by)) },
      { args: "BYTES, BYTES", returns: "ARRAY<BYTES>", call: splitBytes },
    ],
  },
  {
    name: "SPLIT_TO_MAP",
    category,
    description:
      "A MAP of 'a=1,b=2': split at the first delimiter into entries, each at the second into key and value; the last of a key wins.",
    examples: [["SPLIT_TO_MAP('a=1,b=2', ',', '=')['b']", "2"]],
    overloads: [
      {
        args: "STRING, STRING, STRING",
        returns: "MAP<STRING, STRING>",
        call: (s: string, entry: string, pair: string) => {
          if (entry === "" || pair === "" || entry === pair) return null;
          return new Map(
            s
              .split(entry)
              .map((e) => e.split(pair))
              .filter((p) => p.length === 2) as [string, string][],
          );
        },
      },
    ],
  },
  {
    name: "CHR",
    category,
    description: "The character of a Unicode code point, or of an escape such as '\\u004d'.",
    examples: [["CHR(75)", "K"]],
    overloads: [
      { args: "INTEGER", returns: "STRING", call: (n: number) => (n < 0 || n > 0x10ffff ? null : String.fromCodePoint(n)) },
      {
        args: "STRING",
        returns: "STRING",
        call: (s: string) =>
          /^(\\u[0-9a-fA-F]{4})+$/.test(s) ? s.replace(/\\u(.{4})/g, (_, h: string) => String.fromCharCode(Number.parseInt(h, 16))) : null,
      },
    ],
  },
  {
    name: "ELT",
    category,
    description: "The n-th of the arguments after the first, from 1.",
    examples: [["ELT(2, 'a', 'b')", "b"]],
    overloads: [
      {
        args: "INTEGER, STRING...",
        returns: "STRING",
        strict: false,
        call: (n: number | null, ...s: (string | null)[]) => (n === null ? null : (s[n - 1] ?? null)),
      },
    ],
  },
  {
    name: "FIELD",
    category,
    description: "The position (from 1) of the first argument among the others, 0 where it is not there.",
    examples: [["FIELD('b', 'a', 'b')", "2"]],
    overloads: [
      {
        args: "STRING, STRING...",
        returns: "INTEGER",
        strict: false,
        call: (s: string | null, ...all: (string | null)[]) => (s === null ? 0 : all.indexOf(s) + 1),
      },
    ],
  },
  ...masks(),
];

function masks(): FunctionDeclaration[] {
  const maskText = (s: string, from: number, to: number, m: readonly (string | null)[]): string => {
    const [upper = "X", lower = "x", digit = "n", other = "-"] = m;
    let out = "";
    for (let i = 0; i < s.length; i++) {
      const ch = s[i]!;
      const by = i < from || i >= to ? null : /\p{Lu}/u.test(ch) ? upper : /\p{Ll}/u.test(ch) ? lower : /\d/.test(ch) ? digit : other;
      out += by === null ? ch : by.slice(0, 1);
    }
    return out;
  };
  const make = (
    name: string,
    range: (length: number, n: number) => [number, number],
    counted: boolean,
    description: string,
    example: readonly [string, string],
  ): FunctionDeclaration => {
    const checked = (s: string | null, n: number | null, m: readonly (string | null)[]) => {
      if (s === null) return null;
      if (counted && (n === null || n < 0))
        throw new RangeError(`function ${name.toLowerCase()} requires a non-negative number of characters to mask or keep`);
      return maskText(s, ...range(s.length, n ?? 0), m);
    };
    const masksOf = ", STRING, STRING, STRING, STRING";
    return {
      name,
      category,
      description: `${description} Capital letters become X, small ones x, digits n and all else -, or what the last four arguments say; NULL there keeps that class.`,
      examples: [example],
      overloads: counted
        ? [
            { args: "STRING, INTEGER", returns: "STRING", strict: false, call: (s, n) => checked(s, n, []) },
            { args: `STRING, INTEGER${masksOf}`, returns: "STRING", strict: false, call: (s, n, ...m) => checked(s, n, m) },
          ]
        : [
            { args: "STRING", returns: "STRING", strict: false, call: (s) => checked(s, 0, []) },
            { args: `STRING${masksOf}`, returns: "STRING", strict: false, call: (s, ...m) => checked(s, 0, m) },
          ],
    };
  };
  return [
    make("MASK", (n) => [0, n], false, "Every character hidden.", ["MASK('Ab-1')", "Xx-n"]),
    make("MASK_LEFT", (_, n) => [0, n], true, "The first n characters hidden.", ["MASK_LEFT('Ab1', 2)", "Xx1"]),
    make("MASK_RIGHT", (l, n) => [l - n, l], true, "The last n characters hidden.", ["MASK_RIGHT('Ab1', 1)", "Abn"]),
    make("MASK_KEEP_LEFT", (l, n) => [n, l], true, "All but the first n characters hidden.", ["MASK_KEEP_LEFT('Ab1', 2)", "Abn"]),
    make("MASK_KEEP_RIGHT", (l, n) => [0, l - n], true, "All but the last n characters hidden.", ["MASK_KEEP_RIGHT('Ab1', 1)", "Xx1"]),
  ];
}
