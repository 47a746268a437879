import { Decimal } from "../../../data/schema.js";
import type { SqlType } from "../../../data/sql-type.js";
import { commonType, type DecimalType, decimalType, sqlTypes } from "../../analyzer/types.js";
import { compareValues } from "../../evaluate/compare.js";
import { fitDecimal } from "../../evaluate/decimal.js";
import { type Long, negateLong, normalizeLong } from "../../evaluate/long.js";
import type { FunctionDeclaration, ScalarOverload } from "../declaration.js";
import { naturalLog } from "../natural-log.js";

const category = "MATHEMATICAL" as const;

/** of DOUBLEs; INTEGER, BIGINT and DECIMAL widen to it */
function real(name: string, description: string, call: (x: number) => number, example: readonly [string, string]): FunctionDeclaration {
  return { name, category, description, examples: [example], overloads: [{ args: "DOUBLE", returns: "DOUBLE", call }] };
}
const same = (args: readonly SqlType[]) => args[0]!;
const integers = (call: (x: Long) => unknown): ScalarOverload[] => [
  { args: "INTEGER", returns: "INTEGER", call },
  { args: "BIGINT", returns: "BIGINT", call },
];

const toWhole = (d: Decimal, up: boolean): Decimal => {
  if (d.scale <= 0) return d;
  const unit = 10n ** BigInt(d.scale);
  let q = d.unscaled / unit;
  const rest = d.unscaled % unit;
  if (up && rest > 0n) q += 1n;
  if (!up && rest < 0n) q -= 1n;
  return new Decimal(q * unit, d.scale);
};

/** To the nearest multiple of the unit, of two as near the greater one. */
function roundUnits(v: bigint, unit: bigint): bigint {
  const sum = v + unit / 2n;
  const q = sum / unit;
  return sum % unit < 0n ? q - 1n : q;
}
/** To a smaller scale, which may be negative. */
function roundTo(d: Decimal, scale: number): Decimal {
  return new Decimal(roundUnits(d.unscaled, 10n ** BigInt(d.scale - scale)), scale);
}

function shiftDecimal(text: string, places: number, mode: "round" | "trunc"): Decimal {
  const d = Decimal.parse(text)!;
  if (d.scale <= places) return d;
  if (mode === "round") return roundTo(d, places);
  const unit = 10n ** BigInt(d.scale - places);
  return new Decimal(d.unscaled / unit, places);
}
const places = (x: number, n: number, mode: "round" | "trunc") => {
  if (!Number.isFinite(x)) return x;
  return Number(shiftDecimal(String(x), n, mode).toString());
};
const longPlaces = (x: Long, n: number, mode: "round" | "trunc"): Long => {
  if (n >= 0) return x;
  const unit = 10n ** BigInt(-n);
  const v = BigInt(x);
  return normalizeLong((mode === "round" ? roundUnits(v, unit) : v / unit) * unit);
};
const decimalPlaces = (d: Decimal, n: number, mode: "round" | "trunc"): Decimal => {
  const cut = shiftDecimal(d.toString(), n, mode);
  return cut.scale <= d.scale ? cut.rescale(d.scale) : d;
};
function rounding(
  name: string,
  mode: "round" | "trunc",
  description: string,
  examples: FunctionDeclaration["examples"],
): FunctionDeclaration {
  const whole = (x: number): Long => {
    if (Number.isNaN(x)) return 0;
    return normalizeLong(BigInt.asIntN(64, BigInt(mode === "round" ? Math.floor(x + 0.5) : Math.trunc(x))));
  };
  return {
    name,
    category,
    description,
    examples,
    overloads: [
      { args: "INTEGER", returns: "INTEGER", call: (x: number) => x },
      { args: "BIGINT", returns: "BIGINT", call: (x: Long) => x },
      { args: "DOUBLE", returns: "BIGINT", call: whole },
      {
        args: "DECIMAL",
        returns: ([t]) => decimalType(Math.max(1, (t as DecimalType).precision - (t as DecimalType).scale), 0),
        bind: (_, r) => (d: Decimal) =>
          fitDecimal(mode === "round" ? roundTo(d, 0).unscaled : d.unscaled / 10n ** BigInt(d.scale), (r as DecimalType).precision, 0),
      },
      { args: "INTEGER, INTEGER", returns: "INTEGER", call: (x: number, n: number) => longPlaces(x, n, mode) },
      { args: "BIGINT, INTEGER", returns: "BIGINT", call: (x: Long, n: number) => longPlaces(x, n, mode) },
      { args: "DOUBLE, INTEGER", returns: "DOUBLE", call: (x: number, n: number) => places(x, n, mode) },
      { args: "DECIMAL, INTEGER", returns: same, call: (d: Decimal, n: number) => decimalPlaces(d, n, mode) },
    ],
  };
}

function extreme(name: string, description: string, sign: 1 | -1, example: readonly [string, string]): FunctionDeclaration {
  const pick = (...values: unknown[]) =>
    values.reduce((a, b) => (b === null ? a : a === null || compareValues(b, a) * sign > 0 ? b : a), null);
  const of = (type: string): ScalarOverload => ({ args: `${type}, ${type}...`, returns: type, strict: false, call: pick });
  const types = ["INTEGER", "BIGINT", "DOUBLE", "STRING", "DATE", "TIME", "TIMESTAMP", "BYTES"];
  // the winner keeps its own scale
  const decimals: ScalarOverload = { ...of("DECIMAL"), returns: (args) => args.reduce((a, b) => commonType(a, b) ?? a) };
  return { name, category, description, examples: [example], overloads: [...types.map(of), decimals] };
}

export const mathFunctions: readonly FunctionDeclaration[] = [
  {
    name: "ABS",
    category,
    description: "The absolute value.",
    examples: [
      ["ABS(-3)", "3"],
      ["ABS(-1.50)", "1.50"],
    ],
    overloads: [
      { args: "INTEGER", returns: "INTEGER", call: (x: number) => (x < 0 ? -x | 0 : x) },
      { args: "BIGINT", returns: "BIGINT", call: (x: Long) => (x < 0 ? negateLong(x) : x) },
      { args: "DOUBLE", returns: "DOUBLE", call: Math.abs },
      { args: "DECIMAL", returns: same, call: (d: Decimal) => (d.unscaled < 0n ? new Decimal(-d.unscaled, d.scale) : d) },
    ],
  },
  {
    name: "CEIL",
    category,
    description: "The least whole number that is not less, in the argument's type.",
    examples: [["CEIL(1.1E0)", "2.0"]],
    overloads: [
      ...integers((x) => x),
      { args: "DOUBLE", returns: "DOUBLE", call: Math.ceil },
      { args: "DECIMAL", returns: same, call: (d: Decimal) => toWhole(d, true) },
    ],
  },
  {
    name: "FLOOR",
    category,
    description: "The greatest whole number that is not greater, in the argument's type.",
    examples: [["FLOOR(-1.1E0)", "-2.0"]],
    overloads: [
      ...integers((x) => x),
      { args: "DOUBLE", returns: "DOUBLE", call: Math.floor },
      { args: "DECIMAL", returns: same, call: (d: Decimal) => toWhole(d, false) },
    ],
  },
  rounding("ROUND", "round", "Rounded half up to a whole number, or to a number of decimal places (left of the point where negative).", [
    ["ROUND(1.5E0)", "2"],
    ["ROUND(1.256E0, 2)", "1.26"],
    ["ROUND(1256, -2)", "1300"],
  ]),
  rounding("TRUNC", "trunc", "Cut to a whole number, or to a number of decimal places (left of the point where negative).", [
    ["TRUNC(1.9E0)", "1"],
    ["TRUNC(1.256E0, 2)", "1.25"],
  ]),
  {
    name: "SIGN",
    category,
    description: "-1, 0 or 1 by the argument's sign.",
    examples: [["SIGN(-2.5E0)", "-1"]],
    overloads: [
      { args: "BIGINT", returns: "INTEGER", call: (x: Long) => (x > 0 ? 1 : x < 0 ? -1 : 0) },
      { args: "DOUBLE", returns: "INTEGER", call: Math.sign },
    ],
  },
  real("SQRT", "The square root; NaN of a negative number.", Math.sqrt, ["SQRT(9)", "3.0"]),
  real("CBRT", "The cube root.", Math.cbrt, ["CBRT(27)", "3.0"]),
  real("EXP", "e to the power of the argument.", Math.exp, ["EXP(0)", "1.0"]),
  real("LN", "The natural logarithm.", naturalLog, ["LN(1)", "0.0"]),
  real("SIN", "The sine of an angle in radians.", Math.sin, ["SIN(0)", "0.0"]),
  real("COS", "The cosine of an angle in radians.", Math.cos, ["COS(0)", "1.0"]),
  real("TAN", "The tangent of an angle in radians.", Math.tan, ["TAN(0)", "0.0"]),
  real("COT", "The cotangent of an angle in radians.", (x) => 1 / Math.tan(x), ["ROUND(COT(1.0E0), 3)", "0.642"]),
  real("SINH", "The hyperbolic sine.", Math.sinh, ["SINH(0)", "0.0"]),
  real("COSH", "The hyperbolic cosine.", Math.cosh, ["COSH(0)", "1.0"]),
  real("TANH", "The hyperbolic tangent.", Math.tanh, ["TANH(0)", "0.0"]),
  real("ASIN", "The angle whose sine it is.", Math.asin, ["ASIN(0)", "0.0"]),
  real("ACOS", "The angle whose cosine it is.", Math.acos, ["ACOS(1)", "0.0"]),
  real("ATAN", "The angle whose tangent it is.", Math.atan, ["ATAN(0)", "0.0"]),
  real("DEGREES", "Radians as degrees.", (x) => (x * 180) / Math.PI, ["DEGREES(0)", "0.0"]),
  real("RADIANS", "Degrees as radians.", (x) => (x / 180) * Math.PI, ["RADIANS(0)", "0.0"]),
  {
    name: "ATAN2",
    category,
    description: "The angle of the point (second argument, first argument).",
    examples: [["ATAN2(0, 1)", "0.0"]],
    overloads: [{ args: "DOUBLE, DOUBLE", returns: "DOUBLE", call: Math.atan2 }],
  },
  {
    name: "LOG",
    category,
    description: "The natural logarithm, or with two arguments the logarithm of the second to the base of the first.",
    examples: [["LOG(2, 8)", "3.0"]],
    overloads: [
      { args: "DOUBLE", returns: "DOUBLE", call: naturalLog },
      {
        args: "DOUBLE, DOUBLE",
        returns: "DOUBLE",
        call: (b: number, x: number) =>
          b <= 0 || b === 1 ? Number.NaN : b === 2 ? Math.log2(x) : b === 10 ? Math.log10(x) : naturalLog(x) / naturalLog(b),
      },
    ],
  },
  {
    name: "POWER",
    category,
    description: "The first argument to the power of the second.",
    examples: [["POWER(2, 10)", "1024.0"]],
    overloads: [{ args: "DOUBLE, DOUBLE", returns: "DOUBLE", call: (x: number, y: number) => x ** y }],
  },
  {
    name: "PI",
    category,
    description: "The circle's number.",
    examples: [["PI()", "3.141592653589793"]],
    overloads: [{ args: "", returns: "DOUBLE", call: () => Math.PI }],
  },
  {
    name: "RANDOM",
    category,
    description: "A number from 0 to less than 1, different in each row.",
    examples: [],
    overloads: [{ args: "", returns: () => sqlTypes.double, context: true, call: (ctx) => ctx.random() }],
  },
  extreme("GREATEST", "The greatest of its arguments; NULLs count as nothing.", 1, ["GREATEST(1, 3, 2)", "3"]),
  extreme("LEAST", "The least of its arguments; NULLs count as nothing.", -1, ["LEAST('b', 'a')", "a"]),
  {
    name: "GEO_DISTANCE",
    category,
    description:
      "The great-circle distance between (latitude, longitude) and (latitude, longitude) in degrees, in 'KM' (the default) or 'MILES'.",
    examples: [["ROUND(GEO_DISTANCE(37.4439, -122.1663, 51.5257, -0.1122))", "8635"]],
    overloads: [
      {
        args: "DOUBLE, DOUBLE, DOUBLE, DOUBLE",
        returns: "DOUBLE",
        call: (a: number, b: number, c: number, d: number) => distance(a, b, c, d, "KM"),
      },
      {
        args: "DOUBLE, DOUBLE, DOUBLE, DOUBLE, STRING",
        returns: "DOUBLE",
        strict: false,
        call: (a: number | null, b: number | null, c: number | null, d: number | null, unit: string | null) =>
          a === null || b === null || c === null || d === null ? null : distance(a, b, c, d, unit ?? "KM"),
      },
    ],
  },
];

function distance(lat1: number, lon1: number, lat2: number, lon2: number, unit: string): number {
  for (const [v, most] of [
    [lat1, 90],
    [lat2, 90],
    [lon1, 180],
    [lon2, 180],
  ] as const)
    if (Math.abs(v) > most) throw new RangeError(`valid values for GeoDistance are latitudes to 90 and longitudes to 180, but got ${v}`);
  const miles = /^(miles|mi)/i.test(unit);
  if (!miles && !/^k/i.test(unit)) throw new RangeError(`GeoDistance units must be MILES or KM, but got ${unit}`);
  const rad = (x: number) => (x / 180) * Math.PI;
  const h = Math.sin(rad(lat2 - lat1) / 2) ** 2 + Math.sin(rad(lon2 - lon1) / 2) ** 2 * Math.cos(rad(lat1)) * Math.cos(rad(lat2));
  return 2 * Math.asin(Math.sqrt(h)) * (miles ? 3959 : 6371);
}
