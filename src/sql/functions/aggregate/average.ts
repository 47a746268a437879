import type { SqlType } from "../../../data/sql-type.js";
import { sqlTypes } from "../../analyzer/types.js";
import type { Aggregator } from "../aggregator.js";
import type { AggregateDeclaration } from "../declaration.js";

const struct = (...fields: [string, SqlType][]): SqlType => ({ base: "STRUCT", fields: fields.map(([name, type]) => ({ name, type })) });

type Sum = readonly [sum: number, count: number];
const mean: Aggregator<Sum> = {
  stateType: struct(["SUM", sqlTypes.double], ["COUNT", sqlTypes.bigint]),
  resultType: sqlTypes.double,
  initial: () => [0, 0],
  add: (s, [v]) => (v === null ? s : [s[0] + Number(v), s[1] + 1]),
  undo: (s, [v]) => (v === null ? s : [s[0] - Number(v), s[1] - 1]),
  merge: (a, b) => [a[0] + b[0], a[1] + b[1]],
  result: ([sum, count]) => (count === 0 ? 0 : sum / count),
};
export const average: AggregateDeclaration = {
  name: "AVG",
  description: "The mean of the column's values as a DOUBLE; NULLs count as nothing.",
  overloads: ["INTEGER", "BIGINT", "DOUBLE"].map((args) => ({ args, make: () => mean as Aggregator, overTables: true })),
};

/** sum, count and the sum of squared differences from the mean (Youngs and Cramer), which take a value back as they add one */
type Spread = readonly [sum: number, count: number, squares: number];
const share = (n: number, sum: number, x: number) => (n * x - sum) ** 2 / (n * (n - 1));
const spread = (result: (s: Spread) => number): Aggregator<Spread> => ({
  stateType: struct(["SUM", sqlTypes.double], ["COUNT", sqlTypes.bigint], ["M2", sqlTypes.double]),
  resultType: sqlTypes.double,
  initial: () => [0, 0, 0],
  add([sum, count, squares], [v]) {
    if (v === null) return [sum, count, squares];
    const x = Number(v);
    const n = count + 1;
    return [sum + x, n, n === 1 ? 0 : squares + share(n, sum + x, x)];
  },
  undo([sum, count, squares], [v]) {
    if (v === null) return [sum, count, squares];
    const x = Number(v);
    return count <= 1 ? [0, 0, 0] : [sum - x, count - 1, squares - share(count, sum, x)];
  },
  merge(a, b) {
    if (a[1] === 0) return b;
    if (b[1] === 0) return a;
    const n = a[1] + b[1];
    return [a[0] + b[0], n, a[2] + b[2] + (b[1] * a[0] - a[1] * b[0]) ** 2 / (a[1] * b[1] * n)];
  },
  result,
});
const variance = ([, n, squares]: Spread) => (n < 2 ? 0 : squares / (n - 1));
const deviation = spread((s) => Math.sqrt(variance(s)));
const sampleVariance = spread(variance);
const numeric = ["INTEGER", "BIGINT", "DOUBLE"];
export const stddevSamp: AggregateDeclaration = {
  name: "STDDEV_SAMP",
  description: "The sample variance, as the function of this name has always given; STDDEV_SAMPLE gives its square root.",
  overloads: numeric.map((args) => ({ args, make: () => sampleVariance as Aggregator, overTables: true })),
};
export const stddevSample: AggregateDeclaration = {
  name: "STDDEV_SAMPLE",
  description: "The sample standard deviation of the column's values.",
  overloads: numeric.map((args) => ({ args, make: () => deviation as Aggregator, overTables: true })),
};

type Pairs = readonly [n: number, x: number, y: number, xx: number, yy: number, xy: number];
const addPair = (s: Pairs, x: number, y: number, sign: 1 | -1): Pairs => [
  s[0] + sign,
  s[1] + sign * x,
  s[2] + sign * y,
  s[3] + sign * x * x,
  s[4] + sign * y * y,
  s[5] + sign * x * y,
];
const pearson: Aggregator<Pairs> = {
  stateType: struct(
    ["N", sqlTypes.bigint],
    ["X", sqlTypes.double],
    ["Y", sqlTypes.double],
    ["XX", sqlTypes.double],
    ["YY", sqlTypes.double],
    ["XY", sqlTypes.double],
  ),
  resultType: sqlTypes.double,
  initial: () => [0, 0, 0, 0, 0, 0],
  add: (s, [x, y]) => (x === null || y === null ? s : addPair(s, Number(x), Number(y), 1)),
  undo: (s, [x, y]) => (x === null || y === null ? s : addPair(s, Number(x), Number(y), -1)),
  merge: (a, b) => a.map((v, i) => v + b[i]!) as unknown as Pairs,
  result: ([n, x, y, xx, yy, xy]) => (n * xy - x * y) / Math.sqrt((n * xx - x * x) * (n * yy - y * y)),
};
export const correlation: AggregateDeclaration = {
  name: "CORRELATION",
  description: "Pearson's correlation of two columns, over the rows where both have a value.",
  overloads: ["DOUBLE, DOUBLE"].map((args) => ({ args, make: () => pearson as Aggregator, overTables: true })),
};
