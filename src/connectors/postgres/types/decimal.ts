import { Decimal, logical, primitive, Struct, structOf, type Value } from "../../../data/schema.js";
import type { ColumnType } from "./column-type.js";
import type { TypeOptions } from "./type-options.js";

export const variableScale = structOf(
  [
    ["scale", primitive("int32")],
    ["value", primitive("bytes")],
  ],
  { name: "io.debezium.data.VariableScaleDecimal", version: 1, doc: "Variable scaled decimal" },
);

const specials: Record<string, string> = { NaN: "NAN", Infinity: "POSITIVE_INFINITY", "-Infinity": "NEGATIVE_INFINITY" };

export function toDouble(text: string): number {
  return text === "NaN" ? Number.NaN : Number(text);
}

function exact(text: string): Decimal | null {
  if (text in specials) return null;
  const d = Decimal.parse(text);
  if (!d) throw new RangeError(`not a number: ${text}`);
  return d;
}

/** Without the fraction's trailing zeros, so that a number has one form whatever it was written as. */
function stripped(d: Decimal | null): Decimal | null {
  if (!d || d.scale <= 0) return d;
  let { unscaled, scale } = d;
  while (scale > 0 && unscaled % 10n === 0n) {
    unscaled /= 10n;
    scale--;
  }
  return new Decimal(unscaled, scale);
}

/** numeric with its modifier (-1: none), by `decimal.handling.mode` */
export function numericType(modifier: number, options: TypeOptions): ColumnType {
  if (options.decimal === "double") return doubleType;
  if (options.decimal === "string")
    return {
      schema: primitive("string"),
      text: { as: "other" },
      parse: (t) => specials[t] ?? t,
      placeholder: options.placeholder,
      zero: "0",
      defaults: true,
    };
  if (modifier < 4)
    return {
      schema: variableScale,
      text: { as: "other" },
      parse(text) {
        const d = stripped(exact(text));
        return d && new Struct(variableScale, [d.scale, d.toBytes()]);
      },
      placeholder: new Struct(variableScale, [0, Buffer.from(options.placeholder)]),
      zero: new Struct(variableScale, [0, Buffer.of(0)]),
      defaults: true,
    };
  const precision = ((modifier - 4) >> 16) & 0xffff;
  // the scale has 11 bits and a sign since Postgres 15: numeric(3,-2) is 2046 when read without it
  const scale = (((modifier - 4) & 0x7ff) ^ 1024) - 1024;
  return preciseType(scale, { "connect.decimal.precision": String(precision) }, (text) => exact(text)?.rescale(scale) ?? null);
}

export function preciseType(scale: number, parameters: Record<string, string>, parse: (text: string) => Decimal | null): ColumnType {
  const schema = logical.decimal(scale, { parameters });
  return { schema, text: { as: "decimal" }, parse, placeholder: null, zero: new Decimal(0n, scale), defaults: true };
}

export const doubleType: ColumnType = {
  schema: primitive("float64"),
  text: { as: "float" },
  parse: toDouble,
  placeholder: null,
  zero: 0,
  defaults: true,
};

/** `lc_monetary=C` prints `$1,234.56` and `-$0.01`. */
export function moneyType(options: TypeOptions): ColumnType {
  const plain = (text: string) => text.replace(/[^0-9.-]/g, "").replace(/^\(?/, "");
  const value = (text: string): Decimal => {
    const d = Decimal.parse(plain(text));
    if (!d) throw new RangeError(`not money: ${text}`);
    return d.rescale(options.moneyDigits);
  };
  switch (options.decimal) {
    case "double":
      return { ...doubleType, text: { as: "other" }, parse: (t): Value => value(t).toNumber(), defaults: false };
    case "string":
      return {
        schema: primitive("string"),
        text: { as: "other" },
        parse: (t) => value(t).toString(),
        placeholder: null,
        zero: "0",
        defaults: false,
      };
    default:
      return { ...preciseType(options.moneyDigits, {}, value), text: { as: "other" }, defaults: false };
  }
}
