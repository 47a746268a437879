/** Bytes that a character takes at most; 1 where a character set is not listed. */
const widths: Readonly<Record<string, number>> = {
  utf8mb4: 4,
  utf8mb3: 3,
  utf16: 4,
  utf16le: 4,
  utf32: 4,
  ucs2: 2,
  gb18030: 4,
  gbk: 2,
  gb2312: 2,
  big5: 2,
  sjis: 2,
  cp932: 2,
  euckr: 2,
  ujis: 3,
  eucjpms: 3,
};

const single =
  "armscii8 ascii binary cp1250 cp1251 cp1256 cp1257 cp850 cp852 cp866 dec8 geostd8 greek hebrew hp8 keybcs2 koi8r koi8u latin1 latin2 latin5 latin7 macce macroman swe7 tis620";
const known = new Set([...Object.keys(widths), ...single.split(" ")]);

export function charsetWidth(charset: string): number {
  return widths[charset] ?? 1;
}

/** In lower case, and `utf8` by the name that it has since MySQL 8 and MariaDB 10.6. */
export function charsetName(written: string): string {
  const name = written.toLowerCase();
  return name === "utf8" ? "utf8mb3" : name;
}

export function collationName(written: string): string {
  const name = written.toLowerCase();
  return name.startsWith("utf8_") ? `utf8mb3_${name.slice(5)}` : name;
}

/** The character set of a collation; null for MariaDB's collations that go with any (uca1400_ai_ci). */
export function charsetOfCollation(collation: string): string | null {
  const name = collationName(collation);
  const prefix = name.includes("_") ? name.slice(0, name.indexOf("_")) : name;
  return known.has(prefix) ? prefix : null;
}
