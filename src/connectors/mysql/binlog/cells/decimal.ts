/** Bytes of 0 to 9 decimal digits. */
const bytesOf = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4] as const;

/** Size of a DECIMAL(precision, scale) in bytes. */
export function decimalBytes(precision: number, scale: number): number {
  const integer = precision - scale;
  return Math.floor(integer / 9) * 4 + bytesOf[integer % 9]! + Math.floor(scale / 9) * 4 + bytesOf[scale % 9]!;
}

const powers = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000] as const;

/**
 * MySQL's binary decimal: groups of 9 digits in 4 big-endian bytes, fewer digits in fewer bytes, at the outer ends; the first bit
 * inverted, and all bits for a negative number. Gives the number times 10^scale.
 */
export function readDecimal(b: Buffer, start: number, precision: number, scale: number): bigint {
  const negative = (b[start]! & 0x80) === 0;
  const mask = negative ? 0xff : 0;
  const integer = precision - scale;
  let p = start;
  let high = 0n;
  // up to 15 digits are gathered in a number before they join the bigint
  let low = 0;
  let digits = 0;
  const group = (n: number) => {
    if (n === 0) return;
    const size = bytesOf[n]!;
    let value = 0;
    for (let i = 0; i < size; i++) value = value * 256 + ((b[p + i]! ^ mask) & (p + i === start ? 0x7f : 0xff));
    // the first bit is 0 in a negative number and 1 in others: masked out above either way
    p += size;
    if (digits + n > 15) {
      high = high * 10n ** BigInt(digits) + BigInt(low);
      low = 0;
      digits = 0;
    }
    low = low * powers[n]! + value;
    digits += n;
  };
  group(integer % 9);
  for (let i = Math.floor(integer / 9); i > 0; i--) group(9);
  for (let i = Math.floor(scale / 9); i > 0; i--) group(9);
  group(scale % 9);
  const value = high === 0n ? BigInt(low) : high * 10n ** BigInt(digits) + BigInt(low);
  return negative ? -value : value;
}

/** The same of at most 15 digits, as a number. */
export function readSmallDecimal(b: Buffer, start: number, precision: number, scale: number): number {
  const negative = (b[start]! & 0x80) === 0;
  const mask = negative ? 0xff : 0;
  const integer = precision - scale;
  let p = start;
  let value = 0;
  for (let left = integer; left > 0; ) {
    const digits = left % 9 || 9;
    value = value * powers[digits]! + bits(b, p, bytesOf[digits]!, mask, p === start ? 0x7f : 0xff);
    p += bytesOf[digits]!;
    left -= digits;
  }
  for (let left = scale; left > 0; ) {
    const digits = left < 9 ? left : 9;
    value = value * powers[digits]! + bits(b, p, bytesOf[digits]!, mask, p === start ? 0x7f : 0xff);
    p += bytesOf[digits]!;
    left -= digits;
  }
  return negative ? 0 - value : value;
}

/** Big-endian, each byte through the mask, the first without its high bit where that is the sign. */
function bits(b: Buffer, p: number, size: number, mask: number, first: number): number {
  let value = (b[p]! ^ mask) & first;
  for (let i = 1; i < size; i++) value = value * 256 + (b[p + i]! ^ mask);
  return value;
}

/** As MySQL prints it: with all digits of the scale. */
export function decimalText(unscaled: bigint, scale: number): string {
  const text = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, "0");
  const sign = unscaled < 0n ? "-" : "";
  return scale === 0 ? sign + text : `${sign}${text.slice(0, -scale)}.${text.slice(-scale)}`;
}
