import { Decimal } from "../../data/schema.js";

const powers: bigint[] = [1n];
export function powerOfTen(n: number): bigint {
  for (let i = powers.length; i <= n; i++) powers.push(powers[i - 1]! * 10n);
  return powers[n]!;
}

/** A value that must have `precision` digits at most. @throws RangeError as ksqlDB words it */
export function fitDecimal(unscaled: bigint, precision: number, scale: number): Decimal {
  const limit = powerOfTen(precision);
  if (unscaled >= limit || unscaled <= -limit)
    throw new RangeError(
      `Numeric field overflow: A field with precision ${precision} and scale ${scale} must round to an absolute value less than 10^${precision - scale}. Got ${new Decimal(unscaled, scale)}`,
    );
  return new Decimal(unscaled, scale);
}

/** To a smaller or larger scale, half away from zero. */
function rescaled(unscaled: bigint, from: number, to: number): bigint {
  if (to >= from) return unscaled * powerOfTen(to - from);
  const divisor = powerOfTen(from - to);
  return divideHalfUp(unscaled, divisor);
}
function divideHalfUp(a: bigint, b: bigint): bigint {
  const negative = a < 0n !== b < 0n;
  const [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b];
  const q = (x * 2n + y) / (y * 2n);
  return negative ? -q : q;
}

export function castDecimal(a: Decimal, precision: number, scale: number): Decimal {
  return fitDecimal(rescaled(a.unscaled, a.scale, scale), precision, scale);
}
export function addDecimal(a: Decimal, b: Decimal, precision: number, scale: number): Decimal {
  return fitDecimal(rescaled(a.unscaled, a.scale, scale) + rescaled(b.unscaled, b.scale, scale), precision, scale);
}
export function subtractDecimal(a: Decimal, b: Decimal, precision: number, scale: number): Decimal {
  return fitDecimal(rescaled(a.unscaled, a.scale, scale) - rescaled(b.unscaled, b.scale, scale), precision, scale);
}
export function multiplyDecimal(a: Decimal, b: Decimal, precision: number, scale: number): Decimal {
  return fitDecimal(rescaled(a.unscaled * b.unscaled, a.scale + b.scale, scale), precision, scale);
}
export function divideDecimal(a: Decimal, b: Decimal, precision: number, scale: number): Decimal {
  if (b.unscaled === 0n) throw new RangeError("/ by zero");
  // a / b at the wanted scale: a.unscaled * 10^(scale - a.scale + b.scale) / b.unscaled
  const shift = scale - a.scale + b.scale;
  const unscaled =
    shift >= 0 ? divideHalfUp(a.unscaled * powerOfTen(shift), b.unscaled) : divideHalfUp(a.unscaled, b.unscaled * powerOfTen(-shift));
  return fitDecimal(unscaled, precision, scale);
}
export function remainderDecimal(a: Decimal, b: Decimal, precision: number, scale: number): Decimal {
  if (b.unscaled === 0n) throw new RangeError("/ by zero");
  const common = Math.max(a.scale, b.scale);
  return fitDecimal(
    rescaled(rescaled(a.unscaled, a.scale, common) % rescaled(b.unscaled, b.scale, common), common, scale),
    precision,
    scale,
  );
}
export function compareDecimal(a: Decimal, b: Decimal): number {
  const common = Math.max(a.scale, b.scale);
  const [x, y] = [rescaled(a.unscaled, a.scale, common), rescaled(b.unscaled, b.scale, common)];
  return x < y ? -1 : x > y ? 1 : 0;
}
