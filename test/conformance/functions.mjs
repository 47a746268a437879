// The functions that ksqlDB's query tests bring along: loaded by the conformance runner, never by the product.

const LONG = { base: "BIGINT" };
const declared = (name, category, overloads) => ({
  name,
  category,
  description: `of the conformance cases: ${name}`,
  examples: [],
  overloads,
});

function badUdf() {
  let calls = 0;
  return (text) => (calls++ % 2 === 0 ? null : text);
}
function fail() {
  throw new Error("boom!");
}

const scalarList = "INTEGER, BIGINT, DOUBLE, BOOLEAN, STRING, DECIMAL, STRUCT";
const each = (type) =>
  scalarList
    .split(", ")
    .map((t) => type(t))
    .join(", ");
const structText = (v, type) =>
  type.base === "STRUCT" ? `Struct{${type.fields.map((f, i) => `${f.name}=${v[i]}`).join(",")}}` : String(v);
const doubleText = (v, type) => (type.base === "DOUBLE" && Number.isInteger(v) ? `${v}.0` : structText(v, type));

export const testFunctions = [
  declared("TEST_UDF", "OTHER", [
    { args: "INTEGER, STRING", returns: "STRING", strict: false, call: () => "doStuffIntString" },
    { args: "BIGINT, STRING", returns: "STRING", strict: false, call: () => "doStuffLongString" },
    { args: "BIGINT, BIGINT, STRING", returns: "STRING", strict: false, call: () => "doStuffLongLongString" },
    { args: "BIGINT...", returns: "STRING", strict: false, call: () => "doStuffLongVarargs" },
    { args: "STRUCT<A STRING>", returns: "STRING", strict: false, call: (s) => s?.[0] ?? null },
    { args: "", returns: "STRUCT<A STRING>", call: () => ["foo"] },
  ]),
  declared("BAD_UDF", "OTHER", [
    { args: "INTEGER", returns: "INTEGER", call: fail },
    { args: "BOOLEAN", returns: "INTEGER", call: (b) => (b ? fail() : 0) },
    { args: "STRING", returns: "STRING", bind: badUdf },
  ]),
  declared("WHENCONDITION", "OTHER", [{ args: "BOOLEAN, BOOLEAN", returns: "BOOLEAN", call: (v, should) => (should ? v : fail()) }]),
  declared("WHENRESULT", "OTHER", [{ args: "INTEGER, BOOLEAN", returns: "INTEGER", call: (v, should) => (should ? v : fail()) }]),
  declared("TOSTRUCT", "OTHER", [{ args: "STRING", returns: "STRUCT<A STRING>", call: (v) => [v] }]),
  declared("TEST_UDTF", "TABLE", [
    {
      args: scalarList,
      returns: "ARRAY<STRING>",
      bind:
        (types) =>
        (...values) =>
          values.map((v, i) => doubleText(v, types[i])),
    },
    {
      args: each((t) => `ARRAY<${t}>`),
      returns: "ARRAY<STRING>",
      bind:
        (types) =>
        (...lists) =>
          lists.map((l, i) => doubleText(l[0], types[i].element)),
    },
    {
      args: each((t) => `MAP<STRING, ${t}>`),
      returns: "ARRAY<STRING>",
      bind:
        (types) =>
        (...maps) =>
          maps.map((m, i) => doubleText([...m.values()][0], types[i].value)),
    },
    {
      args: "T",
      returns: ([t]) => ({ base: "ARRAY", element: t.base === "DECIMAL" ? { ...t, precision: t.precision + 10 } : t }),
      call: (v) => [v],
    },
  ]),
  declared("THROWING_UDTF", "TABLE", [{ args: "BOOLEAN", returns: "ARRAY<BOOLEAN>", call: (b) => (b ? fail() : [b]) }]),
];

/** A sum that starts at `start` and takes `of(args)` of each row; `out` is added to what it gives. */
function summing(resultType, start, of, out = 0) {
  return {
    stateType: resultType,
    resultType,
    initial: () => start,
    add: (s, args) => s + of(args),
    undo: (s, args) => s - of(args),
    merge: (a, b) => a + b - start,
    result: (s) => s + out,
  };
}
const size = (v) => (v === null ? 0 : typeof v === "string" ? v.length : Number(v));
const total = (values) => values.reduce((sum, v) => sum + size(v), 0);

const struct = {
  base: "STRUCT",
  fields: [
    { name: "A", type: { base: "INTEGER" } },
    { name: "B", type: { base: "INTEGER" } },
  ],
};
const structSum = {
  stateType: struct,
  resultType: struct,
  initial: () => [0, 0],
  add: (s, [v]) => (v === null ? s : [s[0] + (v[0] ?? 0), s[1] + (v[1] ?? 0)]),
  merge: (a, b) => [a[0] + b[0], a[1] + b[1]],
  result: (s) => s,
};
function listOf(type) {
  const stateType = { base: "ARRAY", element: type };
  return {
    stateType,
    resultType: stateType,
    initial: () => [],
    add: (s, args) => (args.every((a) => a !== null) ? [...s, args[0]] : s),
    merge: (a, b) => [...a, ...b],
    result: (s) => s,
  };
}
const aggregate = (name, overloads) => ({ name, description: `of the conformance cases: ${name}`, overloads });
const withInit = (args, constants = "INTEGER, STRING...") => ({
  args,
  constants,
  overTables: false,
  make: (_types, init) => summing(LONG, total(init.map((v, i) => (i === 0 ? Number(v) : v))), total),
});

export const testAggregates = [
  aggregate("TEST_UDAF", [
    { args: "INTEGER", overTables: false, make: () => summing(LONG, 0, total) },
    { args: "BIGINT", overTables: true, make: () => summing(LONG, 0, total) },
    { args: "DOUBLE", overTables: false, make: () => summing({ base: "DOUBLE" }, 0, total) },
    { args: "STRING", constants: "STRING", overTables: false, make: (_types, [init]) => summing(LONG, init.length, total) },
    { args: "STRUCT<A INTEGER, B INTEGER>", overTables: false, make: () => structSum },
  ]),
  aggregate("MULTI_ARG", [withInit("BIGINT, STRING")]),
  aggregate("FOUR_ARG", [
    withInit("BIGINT, STRING, STRING, STRING"),
    withInit("BIGINT, STRING, BIGINT, STRING"),
    withInit("BIGINT, INTEGER, STRING, STRING"),
  ]),
  aggregate("FIVE_ARG", [withInit("BIGINT, STRING, STRING, STRING, INTEGER"), withInit("BIGINT, INTEGER, STRING, STRING, STRING")]),
  aggregate("VAR_ARG", [{ args: "BIGINT, STRING...", overTables: false, make: () => summing(LONG, 0, total) }]),
  aggregate("MID_VAR_ARG", [
    {
      args: "BIGINT, STRING...",
      constants: "INTEGER, INTEGER",
      overTables: false,
      make: (_types, init) => summing(LONG, 0, total, Number(init[0]) + Number(init[1])),
    },
  ]),
  aggregate("GENERIC_VAR_ARG", [{ args: "A, B, C...", overTables: false, make: ([type]) => listOf(type) }]),
  aggregate("OBJ_COL_ARG", [{ args: "INTEGER, ANY...", overTables: false, make: ([type]) => listOf(type) }]),
];
