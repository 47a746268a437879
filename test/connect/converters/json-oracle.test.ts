import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, it } from "vitest";
import { JsonConverter, jsonSettings } from "../../../src/connect/converters/json-converter.js";
import {
  arrayOf,
  Decimal,
  logical,
  mapOf,
  optional,
  primitive,
  type Schema,
  Struct,
  structOf,
  type Value,
} from "../../../src/data/schema.js";

const version = "4.3.1";
const services = join(import.meta.dirname, "../../services");
const folder = join(import.meta.dirname, "../../../.services/connect-json");

/** The classpath of Connect's own converter, fetched once; undefined where Java or Maven is missing. */
function jars(): string | undefined {
  if (spawnSync("java", ["-version"]).error || spawnSync("mvn", ["-v"]).error) return undefined;
  if (!existsSync(join(folder, "lib"))) {
    mkdirSync(folder, { recursive: true });
    const script = `set -e; . ${services}/common.sh; dir=${folder}; maven_libs org.apache.kafka:connect-json:${version} org.slf4j:slf4j-nop:1.7.36`;
    if (spawnSync("bash", ["-c", script], { stdio: "ignore" }).status !== 0) return undefined;
  }
  return join(folder, "lib", "*");
}

const variants = ["true BASE64 true", "true NUMERIC true", "false BASE64 true", "false NUMERIC true", "false BASE64 false"];

/** Numbers that Java of any version prints in the shortest form. */
const doubles = fc.tuple(fc.integer({ min: -99999, max: 99999 }), fc.constantFrom(1, 8, 1e3, 1e9, 1e-3, 1e-9)).map(([n, by]) => n / by);

interface Data {
  readonly schema: Schema;
  readonly value: Value;
}
type Kind = fc.Arbitrary<{ schema: Schema; values: fc.Arbitrary<Value> }>;
const kind = (schema: Schema, values: fc.Arbitrary<Value>) => ({ schema, values });

const leaf: Kind = fc.constantFrom(
  kind(primitive("int8"), fc.integer({ min: -128, max: 127 })),
  kind(primitive("int16", { version: 3 }), fc.integer({ min: -32768, max: 32767 })),
  kind(primitive("int32", { doc: 'a "doc"\u0001\n' }), fc.integer()),
  kind(
    primitive("int64"),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((n) => (Number.isSafeInteger(Number(n)) ? Number(n) : n)),
  ),
  kind(
    primitive("float32"),
    fc.integer({ min: -9999, max: 9999 }).map((n) => Math.fround(n / 8)),
  ),
  kind(primitive("float64", { default: 1.5 }), doubles),
  kind(primitive("boolean"), fc.boolean()),
  kind(
    primitive("string", { name: "io.debezium.data.Enum", parameters: { allowed: "a,b" }, default: "a" }),
    fc.string({ unit: "grapheme" }),
  ),
  kind(primitive("string"), fc.string({ unit: "grapheme-ascii" })),
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
);
const maybe = (k: Kind): Kind =>
  fc
    .tuple(k, fc.boolean())
    .map(([{ schema, values }, nullable]) => (nullable ? kind(optional(schema), fc.option(values, { freq: 4 })) : { schema, values }));

const anyKind: Kind = fc.letrec<{ any: Awaited<{ schema: Schema; values: fc.Arbitrary<Value> }> }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaf,
    maybe(tie("any") as Kind).map(({ schema, values }) => kind(arrayOf(schema), fc.array(values, { maxLength: 3 }))),
    maybe(tie("any") as Kind).map(({ schema, values }) =>
      kind(
        mapOf(primitive("string"), schema),
        fc.array(fc.tuple(fc.string({ maxLength: 4 }), values), { maxLength: 1 }).map((e) => new Map(e)),
      ),
    ),
    maybe(tie("any") as Kind).map(({ schema, values }) =>
      kind(
        mapOf(primitive("int32"), schema),
        fc.array(fc.tuple(fc.integer(), values), { maxLength: 1 }).map((e) => new Map<Value, Value>(e)),
      ),
    ),
    fc.array(maybe(tie("any") as Kind), { minLength: 1, maxLength: 4 }).map((kinds) => {
      const schema = structOf(
        kinds.map((k, i) => [`f${i}`, k.schema] as const),
        { name: "test.S", version: 2 },
      );
      return kind(
        schema,
        fc.tuple(...kinds.map((k) => k.values)).map((v) => new Struct(schema, v)),
      );
    }),
  ) as Kind,
})).any as Kind;

const path = jars();

it.skipIf(path === undefined)(`JsonConverter writes what Connect ${version} writes (not run without Java and Maven)`, () => {
  const data: Data[] = fc.sample(
    maybe(anyKind).chain(({ schema, values }) => values.map((value) => ({ schema, value }))),
    { numRuns: 1500, seed: 42 },
  );
  const converters = variants.map((variant) => {
    const [schemas, format, replace] = variant.split(" ") as [string, string, string];
    return new JsonConverter(jsonSettings({ "schemas.enable": schemas, "decimal.format": format, "replace.null.with.default": replace }));
  });
  const plain = new JsonConverter(jsonSettings({ "replace.null.with.default": "false" }));
  const input = data.map(({ schema, value }) => Buffer.from(plain.fromConnect("t", schema, value)!).toString());
  const output = execFileSync(
    "java",
    ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", path!, join(import.meta.dirname, "java/JsonOracle.java"), ...variants],
    {
      input: `${input.join("\n")}\n`,
      maxBuffer: 1 << 28,
    },
  )
    .toString()
    .split("\n");
  let at = 0;
  data.forEach(({ schema, value }, i) => {
    converters.forEach((c, v) => {
      const bytes = c.fromConnect("t", schema, value);
      const ours = bytes === null ? "<null>" : Buffer.from(bytes).toString();
      expect(ours, `${variants[v]} of ${input[i]}`).toBe(output[at++]);
    });
    // and what is read back is what was written
    const read = plain.toConnect("t", Buffer.from(input[i]!));
    expect(Buffer.from(plain.fromConnect("t", read.schema, read.value)!).toString()).toBe(input[i]);
  });
  expect(at).toBe(data.length * variants.length);
});
