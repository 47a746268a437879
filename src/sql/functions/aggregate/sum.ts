import { Decimal } from "../../../data/schema.js";
import type { SqlType } from "../../../data/sql-type.js";
import { decimalType, sqlTypes } from "../../analyzer/types.js";
import { addLong, type Long, subtractLong } from "../../evaluate/long.js";
import type { Aggregator } from "../aggregator.js";
import type { AggregateDeclaration } from "../declaration.js";

const integer: Aggregator<number> = {
  stateType: sqlTypes.integer,
  resultType: sqlTypes.integer,
  initial: () => 0,
  add: (s, a) => (a[0] === null ? s : (s + (a[0] as number)) | 0),
  undo: (s, a) => (a[0] === null ? s : (s - (a[0] as number)) | 0),
  merge: (a, b) => (a + b) | 0,
  result: (s) => s,
};
const bigint: Aggregator<Long> = {
  stateType: sqlTypes.bigint,
  resultType: sqlTypes.bigint,
  initial: () => 0,
  add: (s, a) => (a[0] === null ? s : addLong(s, a[0] as Long)),
  undo: (s, a) => (a[0] === null ? s : subtractLong(s, a[0] as Long)),
  merge: addLong,
  result: (s) => s,
};
const double: Aggregator<number> = {
  stateType: sqlTypes.double,
  resultType: sqlTypes.double,
  initial: () => 0,
  add: (s, a) => (a[0] === null ? s : s + (a[0] as number)),
  undo: (s, a) => (a[0] === null ? s : s - (a[0] as number)),
  merge: (a, b) => a + b,
  result: (s) => s,
};
function decimal(type: SqlType): Aggregator<Decimal> {
  const { precision, scale } = type as ReturnType<typeof decimalType>;
  const resultType = decimalType(precision, scale);
  const limit = 10n ** BigInt(precision);
  const fit = (unscaled: bigint) => {
    if (unscaled >= limit || unscaled <= -limit)
      throw new RangeError(
        `Numeric field overflow: A field with precision ${precision} and scale ${scale} must round to an absolute value less than 10^${precision - scale}. Got ${new Decimal(unscaled, scale)}`,
      );
    return new Decimal(unscaled, scale);
  };
  return {
    stateType: resultType,
    resultType,
    initial: () => new Decimal(0n, scale),
    add: (s, a) => (a[0] === null ? s : fit(s.unscaled + (a[0] as Decimal).unscaled)),
    undo: (s, a) => (a[0] === null ? s : fit(s.unscaled - (a[0] as Decimal).unscaled)),
    merge: (a, b) => fit(a.unscaled + b.unscaled),
    result: (s) => s,
  };
}

export const sum: AggregateDeclaration = {
  name: "SUM",
  description: "The sum of the column's values; NULLs count as nothing. 0 where there is no value.",
  overloads: [
    { args: "INTEGER", make: () => integer as Aggregator, overTables: true },
    { args: "BIGINT", make: () => bigint as Aggregator, overTables: true },
    { args: "DECIMAL", make: ([type]) => decimal(type!) as Aggregator, overTables: true },
    { args: "DOUBLE", make: () => double as Aggregator, overTables: true },
  ],
};
