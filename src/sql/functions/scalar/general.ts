import { createHash } from "node:crypto";
import { sameValue } from "../../evaluate/compare.js";
import { type Long, normalizeLong } from "../../evaluate/long.js";
import type { FunctionDeclaration } from "../declaration.js";

type Bytes = Uint8Array;
const buffer = (b: Bytes) => Buffer.from(b.buffer, b.byteOffset, b.length);

function decode(text: string, encoding: string): Buffer {
  switch (encoding.toLowerCase()) {
    case "hex": {
      const quoted = /^X'(.*)'$/i.exec(text);
      const plain = quoted ? quoted[1]! : text.replace(/^0x/, "");
      // only behind 0x may half a byte stand
      const whole = plain.length % 2 === 0 || text.startsWith("0x");
      if (!/^[0-9a-fA-F]*$/.test(plain) || !whole) throw new RangeError(`Not hexadecimal: ${text}`);
      return Buffer.from(plain.length % 2 ? `0${plain}` : plain, "hex");
    }
    case "utf8":
      return Buffer.from(text, "utf8");
    case "ascii":
      return Buffer.from(text.replace(/[^\0-\x7f]/g, "?"), "latin1");
    case "base64":
      return Buffer.from(text, "base64");
  }
  throw new RangeError(`Supported input encodings are: hex, utf8, ascii and base64, but got ${encoding}`);
}
function encode(bytes: Buffer, encoding: string): string {
  switch (encoding.toLowerCase()) {
    case "hex":
      return bytes.toString("hex");
    case "utf8":
      return bytes.toString("utf8");
    case "ascii":
      return bytes.toString("latin1").replace(/[^\0-\x7f]/g, "\ufffd");
    case "base64":
      return bytes.toString("base64");
  }
  throw new RangeError(`Supported output encodings are: hex, utf8, ascii and base64, but got ${encoding}`);
}
/** FROM_BYTES writes hexadecimal in capitals, ENCODE in small letters. */
function fromBytesText(bytes: Buffer, encoding: string): string {
  const text = encode(bytes, encoding);
  return encoding.toLowerCase() === "hex" ? text.toUpperCase() : text;
}
function ordered(bytes: Bytes, order: string, size: number): Buffer {
  const b = buffer(bytes);
  if (b.length !== size) throw new RangeError(`Number of bytes must be equal to ${size}, but found ${b.length}`);
  if (order !== "BIG_ENDIAN" && order !== "LITTLE_ENDIAN")
    throw new RangeError(`Byte order must be BIG_ENDIAN or LITTLE_ENDIAN, but got ${order}`);
  return order === "BIG_ENDIAN" ? b : Buffer.from(b).reverse();
}
function fromBytes(name: string, returns: string, size: number, read: (b: Buffer) => unknown): FunctionDeclaration {
  return {
    name,
    category: "BYTES",
    description: `The ${returns} that ${size} bytes hold, 'BIG_ENDIAN' (the default) or 'LITTLE_ENDIAN'.`,
    examples: name === "INT_FROM_BYTES" ? [["INT_FROM_BYTES(TO_BYTES('0000000A', 'hex'))", "10"]] : [],
    overloads: [
      { args: "BYTES", returns, call: (b: Bytes) => read(ordered(b, "BIG_ENDIAN", size)) },
      { args: "BYTES, STRING", returns, call: (b: Bytes, order: string) => read(ordered(b, order, size)) },
    ],
  };
}

export const generalFunctions: readonly FunctionDeclaration[] = [
  {
    name: "AS_VALUE",
    category: "OTHER",
    description: "A copy of a key column for the value.",
    examples: [["AS_VALUE(2)", "2"]],
    overloads: [{ args: "T", returns: "T", strict: false, call: (v: unknown) => v }],
  },
  {
    name: "COALESCE",
    category: "NULLS",
    description: "The first argument that is not NULL.",
    examples: [["COALESCE(NULL, 2, 3)", "2"]],
    overloads: [{ args: "T, T...", returns: "T", strict: false, call: (...v: unknown[]) => v.find((x) => x !== null) ?? null }],
  },
  {
    name: "IFNULL",
    category: "NULLS",
    description: "The first argument, or the second where it is NULL.",
    examples: [["IFNULL(NULL, 2)", "2"]],
    overloads: [{ args: "T, T", returns: "T", strict: false, call: (a: unknown, b: unknown) => a ?? b }],
  },
  {
    name: "NULLIF",
    category: "NULLS",
    description: "NULL where both arguments are the same, else the first.",
    examples: [["COALESCE(NULLIF(1, 1), 5)", "5"]],
    overloads: [{ args: "T, T", returns: "T", strict: false, call: (a: unknown, b: unknown) => (sameValue(a, b) ? null : a) }],
  },
  {
    name: "UUID",
    category: "OTHER",
    description: "A random UUID, or the one of 16 bytes.",
    examples: [],
    overloads: [
      {
        args: "",
        returns: "STRING",
        context: true,
        call: (ctx) => {
          const b = Buffer.from(Array.from({ length: 16 }, () => Math.floor(ctx.random() * 256)));
          b[6] = (b[6]! & 15) | 64;
          b[8] = (b[8]! & 63) | 128;
          return b.toString("hex").replace(/(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
        },
      },
      {
        args: "BYTES",
        returns: "STRING",
        call: (b: Bytes) =>
          b.length === 16
            ? buffer(b)
                .toString("hex")
                .replace(/(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")
            : null,
      },
    ],
  },
  {
    name: "MD5",
    category: "OTHER",
    description: "The MD5 sum of a STRING's UTF-8, in hexadecimal.",
    examples: [["MD5('a')", "0cc175b9c0f1b6a831c399e269772661"]],
    overloads: [{ args: "STRING", returns: "STRING", call: (s: string) => createHash("md5").update(s).digest("hex") }],
  },
  {
    name: "TO_BYTES",
    category: "BYTES",
    description: "The bytes of a text in 'hex', 'utf8', 'ascii' or 'base64'.",
    examples: [["FROM_BYTES(TO_BYTES('ab', 'utf8'), 'hex')", "6162"]],
    overloads: [{ args: "STRING, STRING", returns: "BYTES", call: decode }],
  },
  {
    name: "FROM_BYTES",
    category: "BYTES",
    description: "Bytes as text in 'hex', 'utf8', 'ascii' or 'base64'.",
    examples: [["FROM_BYTES(TO_BYTES('6162', 'hex'), 'utf8')", "ab"]],
    overloads: [{ args: "BYTES, STRING", returns: "STRING", call: (b: Bytes, e: string) => fromBytesText(buffer(b), e) }],
  },
  {
    name: "ENCODE",
    category: "STRING",
    description: "A text of one encoding ('hex', 'utf8', 'ascii', 'base64') in another.",
    examples: [["ENCODE('ab', 'utf8', 'hex')", "6162"]],
    overloads: [
      { args: "STRING, STRING, STRING", returns: "STRING", call: (s: string, from: string, to: string) => encode(decode(s, from), to) },
    ],
  },
  fromBytes("INT_FROM_BYTES", "INTEGER", 4, (b) => b.readInt32BE()),
  fromBytes("BIGINT_FROM_BYTES", "BIGINT", 8, (b): Long => normalizeLong(b.readBigInt64BE())),
  fromBytes("DOUBLE_FROM_BYTES", "DOUBLE", 8, (b) => b.readDoubleBE()),
];
