/** Numbers as Java prints them (Double.toString of JDK 19 and later: the shortest digits that read back the same). */
export function javaDouble(value: number): string {
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
  const magnitude = Math.abs(value);
  if (magnitude >= 1e-3 && magnitude < 1e7) {
    const text = String(value);
    return Number.isInteger(value) ? `${text}.0` : text;
  }
  const text = value.toExponential();
  // Java prints two digits at least, the nearest ones where one would do: Double.MIN_VALUE is 4.9E-324
  const two = value.toExponential(1);
  return scientific(!text.includes(".") && Number(two) === value ? two : text);
}

export function javaFloat(value: number): string {
  const single = Math.fround(value);
  if (single === 0 || !Number.isFinite(single)) return javaDouble(single);
  let digits = 2;
  let text = single.toExponential(1);
  while (digits < 9 && Math.fround(Number(text)) !== single) text = single.toExponential(digits++);
  const magnitude = Math.abs(single);
  return magnitude >= 1e-3 && magnitude < 1e7 ? javaDouble(Number(text)) : scientific(text);
}

/** `1.5e+21` to `1.5E21`, with at least one digit after the point. */
function scientific(text: string): string {
  const at = text.indexOf("e");
  const mantissa = text.slice(0, at);
  const exponent = text[at + 1] === "+" ? text.slice(at + 2) : text.slice(at + 1);
  return `${mantissa.includes(".") ? mantissa : `${mantissa}.0`}E${exponent}`;
}

/** BigDecimal.toString: plain unless the exponent is positive or below -6. */
export function javaDecimal(unscaled: bigint, scale: number): string {
  const negative = unscaled < 0n;
  const digits = (negative ? -unscaled : unscaled).toString();
  const sign = negative ? "-" : "";
  if (scale === 0) return sign + digits;
  const exponent = digits.length - 1 - scale;
  if (scale > 0 && exponent >= -6) {
    if (exponent < 0) return `${sign}0.${"0".repeat(scale - digits.length)}${digits}`;
    return `${sign}${digits.slice(0, digits.length - scale)}.${digits.slice(digits.length - scale)}`;
  }
  const mantissa = digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits;
  return exponent === 0 ? sign + mantissa : `${sign}${mantissa}E${exponent > 0 ? "+" : ""}${exponent}`;
}
