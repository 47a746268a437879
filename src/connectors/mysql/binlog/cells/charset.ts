import type Iconv from "iconv-lite";
import { lazyPackage } from "../../../../common/lazy-package.js";
import type {} from "../../../../data/buffer-text.js";
import { decodeBig5 } from "./big5.js";
import { upperHalves } from "./single-byte-tables.js";

type Decode = (b: Buffer, start: number, end: number) => string;

/** First collation number of each run of one character set; from 1025 on MariaDB's without padding, 1024 above the padding ones. */
const runs: readonly (readonly [number, string])[] = [
  ...single(
    1,
    "big5 latin2 dec8 cp850 latin1 hp8 koi8r latin1 latin2 swe7 ascii ujis sjis cp1251 latin1 hebrew - tis620 euckr latin7 latin2 koi8u cp1251 gb2312 greek cp1250 latin2 gbk cp1257 latin5 latin1 armscii8 utf8mb3 cp1250 ucs2 cp866 keybcs2 macce macroman cp852 latin7 latin7 macce cp1250 utf8mb4 utf8mb4 latin1 latin1 latin1 cp1251 cp1251 cp1251 macroman utf16 utf16 utf16le cp1256 cp1257 cp1257 utf32 utf32 utf16le binary armscii8 ascii cp1250 cp1256 cp866 dec8 greek hebrew hp8 keybcs2 koi8r koi8u utf8mb3 latin2 latin5 latin7 cp850 cp852 swe7 utf8mb3 big5 euckr gb2312 gbk sjis tis620 ucs2 ujis geostd8 geostd8 latin1 cp932 cp932 eucjpms eucjpms cp1250",
  ),
  [101, "utf16"],
  [128, "ucs2"],
  [160, "utf32"],
  [192, "utf8mb3"],
  [224, "utf8mb4"],
  [248, "gb18030"],
  [255, "utf8mb4"],
  [576, "utf8mb3"],
  [608, "utf8mb4"],
  [640, "ucs2"],
  [672, "utf16"],
  [736, "utf32"],
];

function single(first: number, names: string): (readonly [number, string])[] {
  return names.split(" ").map((name, i) => [first + i, name] as const);
}

/** The character set of a collation number; utf8mb4 for one that is not known. */
export function charsetOf(collation: number): string {
  // MariaDB's UCA 14.0.0 collations: 256 numbers a character set
  if (collation >= 2048) return ["utf8mb3", "utf8mb4", "ucs2", "utf16", "utf32"][(collation - 2048) >> 8] ?? "utf8mb4";
  const number = collation > 1024 ? collation - 1024 : collation;
  let found = "utf8mb4";
  for (const [first, name] of runs) {
    if (first > number) break;
    found = name;
  }
  return found;
}

const utf8: Decode = (b, start, end) => b.utf8Slice(start, end);

const decoders = new Map<string, Decode>([
  ["utf8mb4", utf8],
  ["utf8mb3", utf8],
  ["utf8", utf8],
  ["ascii", utf8],
  ["binary", utf8],
  ["utf16", utf16],
  ["ucs2", utf16],
  ["utf16le", (b, start, end) => b.toString("utf16le", start, end)],
  ["utf32", utf32],
  ["swe7", (b, start, end) => b.latin1Slice(start, end).replace(/[@[-^`{-\x7f]/g, (c) => swedish[c]!)],
  ["cp932", shiftJis()],
  ["sjis", corrected("shiftjis", { "＼": "\\" })],
  ["ujis", corrected("eucjp", { "＼": "\\" })],
  ["gb2312", corrected("gbk", { "·": "・", "—": "―" })],
]);
const iconv = lazyPackage<typeof Iconv>("iconv-lite");
for (const name of ["gbk", "gb18030"]) decoders.set(name, (b, start, end) => iconv().decode(b.subarray(start, end), name));
decoders.set("big5", (b, start, end) => decodeBig5(b, start, end, (rest) => iconv().decode(rest, "big5")));
decoders.set("eucjpms", (b, start, end) => iconv().decode(b.subarray(start, end), "eucjp"));
decoders.set("euckr", (b, start, end) => iconv().decode(b.subarray(start, end), "cp949"));
for (const [name, upper] of Object.entries(upperHalves)) if (name !== "swe7") decoders.set(name, singleByte(upper));

const swedish: Record<string, string> = {
  "@": "É",
  "[": "Ä",
  "\\": "Ö",
  "]": "Å",
  "^": "Ü",
  "`": "é",
  "{": "ä",
  "|": "ö",
  "}": "å",
  "~": "ü",
  "\x7f": "\ufffd",
};

/**
 * How a character set's bytes are read. Where MySQL's own conversion has more (the private rows of ujis and eucjpms)
 * a character becomes another of the same meaning, or U+FFFD.
 */
export function decoderOf(charset: string): Decode {
  return decoders.get(charset) ?? utf8;
}

export function decodeText(collation: number, b: Buffer, start: number, end: number): string {
  return decoderOf(charsetOf(collation))(b, start, end);
}

/** Whether the bytes are UTF-8 already. */
export function isUtf8(charset: string): boolean {
  return decoderOf(charset) === utf8;
}

function singleByte(upper: string): Decode {
  return (b, start, end) => {
    const text = b.latin1Slice(start, end);
    return /[\x80-\xff]/.test(text) ? text.replace(/[\x80-\xff]/g, (c) => upper[c.charCodeAt(0) - 128]!) : text;
  };
}

function utf16(b: Buffer, start: number, end: number): string {
  return Buffer.from(b.subarray(start, end - ((end - start) & 1)))
    .swap16()
    .toString("utf16le");
}

function utf32(b: Buffer, start: number, end: number): string {
  let text = "";
  for (let p = start; p + 4 <= end; p += 4) {
    const point = b.readUInt32BE(p);
    text += point > 0x10ffff ? "\ufffd" : String.fromCodePoint(point);
  }
  return text;
}

function shiftJis(): Decode {
  const decoder = new TextDecoder("shift_jis");
  return (b, start, end) => decoder.decode(b.subarray(start, end));
}

/** The marks that vendors read differently, as MySQL reads them. */
function corrected(encoding: string, more: Record<string, string>): Decode {
  const marks: Record<string, string> =
    encoding === "gbk" ? more : { "～": "〜", "∥": "‖", "－": "−", "￠": "¢", "￡": "£", "￢": "¬", ...more };
  const pattern = new RegExp(`[${Object.keys(marks).join("")}]`, "g");
  return (b, start, end) =>
    iconv()
      .decode(b.subarray(start, end), encoding)
      .replace(pattern, (c) => marks[c]!);
}
