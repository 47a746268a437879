import { MillraceError } from "../../../common/errors.js";

export type DecodeText = (b: Buffer, start: number, end: number) => string;

/** MySQL's names of character sets as the Encoding standard has them. */
const encodings: Readonly<Record<string, string>> = {
  latin1: "windows-1252",
  latin2: "iso-8859-2",
  latin5: "windows-1254",
  latin7: "iso-8859-13",
  greek: "iso-8859-7",
  hebrew: "iso-8859-8",
  cp1250: "windows-1250",
  cp1251: "windows-1251",
  cp1256: "windows-1256",
  cp1257: "windows-1257",
  cp866: "ibm866",
  koi8r: "koi8-r",
  koi8u: "koi8-u",
  tis620: "windows-874",
  macroman: "macintosh",
  gbk: "gbk",
  gb2312: "gbk",
  gb18030: "gb18030",
  big5: "big5",
  sjis: "shift_jis",
  cp932: "shift_jis",
  ujis: "euc-jp",
  eucjpms: "euc-jp",
  euckr: "euc-kr",
  ucs2: "utf-16be",
  utf16: "utf-16be",
  utf16le: "utf-16le",
};

/** Character sets whose bytes are UTF-8 as they are. */
export function isUtf8(charset: string | null): boolean {
  return charset === null || charset === "utf8mb4" || charset === "utf8mb3" || charset === "utf8" || charset === "ascii";
}

const decoders = new Map<string, DecodeText>();

/** @throws MillraceError UNSUPPORTED of a character set that `learn` was not called for */
export function textDecoder(charset: string): DecodeText {
  let decode = decoders.get(charset);
  if (decode) return decode;
  const encoding = encodings[charset];
  if (encoding) {
    const decoder = new TextDecoder(encoding, { ignoreBOM: true });
    decode = (b, s, e) => decoder.decode(b.subarray(s, e));
  } else if (charset === "utf32") decode = utf32;
  else throw new MillraceError("UNSUPPORTED", `The character set ${charset} cannot be read from the binlog`);
  decoders.set(charset, decode);
  return decode;
}

function utf32(b: Buffer, s: number, e: number): string {
  let text = "";
  for (let p = s; p + 4 <= e; p += 4) text += String.fromCodePoint(b.readUInt32BE(p));
  return text;
}

/** Whether a character set of one byte a character must be learnt from the server. */
export function unknown(charset: string): boolean {
  return !isUtf8(charset) && charset !== "binary" && charset !== "utf32" && !encodings[charset] && !decoders.has(charset);
}

/** Asks the server for the 256 characters of a set that no standard decoder has (cp850, dec8, swe7 …). */
export async function learn(charset: string, query: (sql: string) => Promise<string | null>): Promise<void> {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString("hex");
  const table = [...((await query(`SELECT CONVERT(_${charset} X'${bytes}' USING utf8mb4)`)) ?? "")];
  decoders.set(charset, (b, s, e) => {
    let out = "";
    for (let p = s; p < e; p++) out += table[b[p]!] ?? "?";
    return out;
  });
}
