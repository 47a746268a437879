/** U+FFFD is left to the other table: both servers have nothing there. */
const marks = new Map<number, string>(
  Object.entries({
    a145: "•",
    a14e: "､",
    a1c2: "‾",
    a1e3: "∼",
    a1f2: "♁",
    a1f3: "☉",
    a241: "／",
    a242: "＼",
    a244: "¥",
    a246: "¢",
    a247: "£",
  }).map(([code, mark]) => [Number.parseInt(code, 16), mark]),
);

const range = (from: string, to: string) => {
  const first = from.codePointAt(0)!;
  return String.fromCodePoint(...Array.from({ length: to.codePointAt(0)! - first + 1 }, (_, i) => first + i));
};

/** From c6a1 to c7fc without a gap, where other Big5s have marks first and all of this in other places. */
const kana = `ヾゝゞ々${range("ぁ", "ん")}${range("ァ", "ヶ")}ДЕЁЖЗИЙКЛМ${range("У", "Я")}абвгдеё${range("ж", "я")}${range("①", "⑩")}${range("⑴", "⑽")}`;

function ownMark(lead: number, trail: number): string | undefined {
  if (lead === 0xa1 || lead === 0xa2) return marks.get((lead << 8) | trail);
  if (lead !== 0xc6 && lead !== 0xc7) return undefined;
  // 157 characters a lead byte: 63 from 40, 94 from a1
  const place = (lead - 0xc6) * 157 + (trail < 0xa1 ? trail - 0x40 : trail - 0xa1 + 63) - 63;
  return place < 0 ? undefined : kana[place];
}

/**
 * Text in MySQL's big5, which has kana, Cyrillic and some marks elsewhere than the Big5 of the web. Taken from what MySQL 9.7 and
 * MariaDB 10.11 make of each of the character set's codes.
 * @param others decodes all the other characters
 */
export function decodeBig5(b: Buffer, start: number, end: number, others: (b: Buffer) => string): string {
  let text = "";
  let from = start;
  for (let p = start; p < end; ) {
    if (b[p]! < 0x80 || p + 1 === end) {
      p++;
      continue;
    }
    const mark = ownMark(b[p]!, b[p + 1]!);
    if (mark !== undefined) {
      if (from < p) text += others(b.subarray(from, p));
      text += mark;
      from = p + 2;
    }
    p += 2;
  }
  return from < end ? text + others(b.subarray(from, end)) : text;
}
