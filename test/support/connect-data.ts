import fc from "fast-check";
import { arrayOf, Decimal, logical, mapOf, optional, primitive, type Schema, Struct, structOf, type Value } from "../../src/data/schema.js";

/** A random schema and what values of it look like. */
export type Kind = fc.Arbitrary<{ schema: Schema; values: fc.Arbitrary<Value> }>;
export const kind = (schema: Schema, values: fc.Arbitrary<Value>) => ({ schema, values });

/** Numbers that Java of any version prints in the shortest form. */
const doubles = fc.tuple(fc.integer({ min: -99999, max: 99999 }), fc.constantFrom(1, 8, 1e3, 1e9, 1e-3, 1e-9)).map(([n, by]) => n / by);
const longs = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((n) => (Number.isSafeInteger(Number(n)) ? Number(n) : n));
const texts = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: "grapheme-ascii" }),
  fc.constantFrom("", "1", "-129", "2147483648", "1.5", "1e3", "true", "FALSE", "2024-02-29", "12:30:00", "2024-02-29 12:30:00.123", "x y"),
);

const leaf: Kind = fc.constantFrom(
  kind(primitive("int8"), fc.integer({ min: -128, max: 127 })),
  kind(primitive("int16", { version: 3 }), fc.integer({ min: -32768, max: 32767 })),
  kind(primitive("int32", { doc: 'a "doc"\u0001\n' }), fc.integer()),
  kind(primitive("int64"), longs),
  kind(primitive("int64", { default: 7 }), longs),
  kind(
    primitive("float32"),
    fc.integer({ min: -9999, max: 9999 }).map((n) => Math.fround(n / 8)),
  ),
  kind(primitive("float64", { default: 1.5 }), doubles),
  kind(primitive("boolean"), fc.boolean()),
  kind(primitive("string", { name: "io.debezium.data.Enum", parameters: { allowed: "a,b" }, default: "a" }), texts),
  kind(primitive("string"), texts),
  kind(
    primitive("bytes"),
    fc.uint8Array().map((b) => Buffer.from(b)),
  ),
  kind(
    logical.decimal(2, { default: new Decimal(125n, 2) }),
    fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }).map((n) => new Decimal(n, 2)),
  ),
  kind(
    logical.decimal(9),
    fc.oneof(fc.bigInt({ min: -9999n, max: 9999n }), fc.bigInt()).map((n) => new Decimal(n, 9)),
  ),
  kind(
    logical.decimal(-2),
    fc.bigInt({ min: -9999n, max: 9999n }).map((n) => new Decimal(n, -2)),
  ),
  kind(logical.date(), fc.integer({ min: -100000, max: 100000 })),
  kind(logical.time(), fc.integer({ min: 0, max: 86399999 })),
  kind(logical.timestamp(), fc.integer({ min: -8e12, max: 8e12 })),
  kind(logical.timestamp({ default: 86_400_000 }), fc.integer({ min: -8e12, max: 8e12 })),
);

export const maybe = (k: Kind): Kind =>
  fc
    .tuple(k, fc.boolean())
    .map(([{ schema, values }, nullable]) => (nullable ? kind(optional(schema), fc.option(values, { freq: 4 })) : { schema, values }));

/** A struct of some of these names, `fields` many at most. */
const structs = (fields: Kind, names: readonly string[]): Kind =>
  fc
    .tuple(fc.subarray([...names], { minLength: 1 }), fc.array(fields, { minLength: names.length, maxLength: names.length }), fc.boolean())
    .map(([chosen, kinds, named]) => {
      const schema = structOf(
        chosen.map((name, i) => [name, kinds[i]!.schema] as const),
        named ? { name: "test.S", version: 2 } : {},
      );
      return kind(
        schema,
        fc.tuple(...chosen.map((_, i) => kinds[i]!.values)).map((v) => new Struct(schema, v)),
      );
    });

const nested = (names: readonly string[]) =>
  fc.letrec<{ any: { schema: Schema; values: fc.Arbitrary<Value> } }>((tie) => {
    const inner = maybe(tie("any") as Kind);
    return {
      any: fc.oneof(
        { maxDepth: 3, withCrossShrink: true },
        leaf,
        inner.map(({ schema, values }) => kind(arrayOf(schema), fc.array(values, { maxLength: 3 }))),
        inner.map(({ schema, values }) =>
          kind(
            mapOf(primitive("string"), schema),
            fc.array(fc.tuple(fc.string({ maxLength: 4 }), values), { maxLength: 1 }).map((e) => new Map(e)),
          ),
        ),
        inner.map(({ schema, values }) =>
          kind(
            mapOf(primitive("int32"), schema),
            fc.array(fc.tuple(fc.integer(), values), { maxLength: 1 }).map((e) => new Map<Value, Value>(e)),
          ),
        ),
        structs(inner, names),
      ) as Kind,
    };
  }).any as Kind;

/** Any schema, three levels deep. */
export const anyKind: Kind = nested(["f0", "f1", "f2", "f3"]);

/** Structs with fields of any kind under the given names. */
export const structKind = (names: readonly string[]): Kind => structs(maybe(nested(names)), names);

export { leaf as leafKind };

/** What JSON without a schema reads as. */
export const schemaless = (names: readonly string[]): fc.Arbitrary<Map<Value, Value>> =>
  fc.letrec<{ value: Value; map: Map<Value, Value> }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 2 },
      fc.oneof(
        fc.constant(null),
        fc.boolean(),
        texts,
        fc.integer(),
        longs,
        doubles.map((n) => (Number.isInteger(n) ? n + 0.5 : n)),
      ),
      fc.array(tie("value"), { maxLength: 3 }),
      tie("map"),
    ),
    map: fc
      .tuple(fc.subarray([...names]), fc.array(tie("value"), { minLength: names.length, maxLength: names.length }))
      .map(([chosen, values]) => new Map<Value, Value>(chosen.map((name, i) => [name, values[i]!]))),
  })).map;
