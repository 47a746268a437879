import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import type { ConnectRecord } from "../../../src/connect/api/record.js";
import { JsonConverter, jsonSettings } from "../../../src/connect/converters/json-converter.js";
import { predicatePlugins } from "../../../src/connect/predicates/plugins.js";
import { transformPlugins } from "../../../src/connect/transforms/plugins.js";
import { logical, optional, primitive, type Schema, Struct, structOf, type Value } from "../../../src/data/schema.js";
import { parseJson } from "../../../src/serde/formats/json/json-text.js";
import { type Kind, kind, leafKind, maybe, schemaless, structKind } from "../../support/connect-data.js";
import { connectJars, connectVersion, javaLines } from "../../support/connect-jars.js";

/** Our transforms against Connect's own, over many records: results, what is refused, and with which words. */
const k = "org.apache.kafka.connect.transforms.";
const names = ["a", "b", "c", "a.b"];
const name = fc.constantFrom(...names, "zz");
const bool = fc.constantFrom("true", "false");
const list = (item: fc.Arbitrary<string>, min = 1) => fc.uniqueArray(item, { minLength: min, maxLength: 3 }).map((l) => l.join(","));
const some = (settings: Record<string, fc.Arbitrary<string>>, required: string[]): fc.Arbitrary<Record<string, string>> =>
  fc.record(settings, { requiredKeys: required }) as never;
const path = fc.constantFrom("a", "b", "a.b", "b.c", "a.b.c", "c.a", "`a.b`", "`a.b`.c", "zz", "a.zz", "b.`a.b`");
const types = ["int8", "int16", "int32", "int64", "float32", "float64", "boolean", "string"];

const times: Kind = fc.constantFrom(
  kind(primitive("int64"), fc.integer({ min: -8e12, max: 8e12 })),
  kind(
    primitive("string"),
    fc.constantFrom("2024-02-29", "2024-02-29 12:30:00.123", "29 Feb 2024", "12:30", "nonsense", "2024-2-9 1:2:3.4"),
  ),
  kind(logical.date(), fc.integer({ min: -100000, max: 100000 })),
  kind(logical.time(), fc.integer({ min: 0, max: 86399999 })),
  kind(logical.timestamp(), fc.integer({ min: -8e12, max: 8e12 })),
  kind(logical.timestamp({ default: 86_400_000 }), fc.integer({ min: -8e12, max: 8e12 })),
  kind(primitive("int32"), fc.integer()),
);
const timeStructs: Kind = fc.tuple(maybe(times), maybe(times)).map(([a, b]) => {
  const schema = structOf([
    ["a", a.schema],
    ["b", b.schema],
    ["a.b", optional(primitive("string"))],
  ]);
  return kind(
    schema,
    fc.tuple(a.values, b.values).map(([x, y]) => new Struct(schema, [x, y, null])),
  );
});

interface Side {
  readonly schema: Schema | null;
  readonly value: Value;
}
const of = (k: Kind): fc.Arbitrary<Side> => k.chain(({ schema, values }) => values.map((value) => ({ schema, value })));
const bare: fc.Arbitrary<Side> = fc
  .oneof(
    fc.boolean(),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true, noInteger: true, min: 0.01, max: 1e6 }).map((n) => Math.trunc(n) + 0.5),
    fc.constantFrom("text", "12", "2024-02-29"),
    fc.constant(null),
  )
  .map((value) => ({ schema: null, value }));
const sides = (struct: Kind, whole: Kind): fc.Arbitrary<Side> =>
  fc.oneof(
    { weight: 8, arbitrary: of(maybe(struct)) },
    { weight: 4, arbitrary: schemaless(names).map((value) => ({ schema: null, value })) },
    { weight: 3, arbitrary: of(maybe(whole)) },
    { weight: 1, arbitrary: bare },
    { weight: 1, arbitrary: fc.constant({ schema: null, value: null }) },
  );
const general = sides(structKind(names), leafKind);
const timed = sides(timeStructs, times);

interface Input extends ConnectRecord {
  readonly offset: number | null;
}
const records = (side: fc.Arbitrary<Side>): fc.Arbitrary<Input> =>
  fc
    .record({
      topic: fc.constantFrom("t", "orders.x-1", "g.public.users"),
      partition: fc.option(fc.nat(3)),
      key: side,
      value: side,
      timestamp: fc.option(fc.integer({ min: 0, max: 4e12 }), { freq: 5 }),
      headers: fc.array(
        fc.tuple(fc.constantFrom("h1", "h2", "h3"), of(maybe(leafKind))).map(([key, { schema, value }]) => ({ key, schema, value })),
        { maxLength: 3 },
      ),
      offset: fc.option(fc.nat(1e6)),
    })
    .map(({ key, value, partition, offset, ...rest }) => ({
      ...rest,
      partition: offset === null ? partition : (partition ?? 0),
      offset,
      keySchema: key.schema,
      key: key.value,
      valueSchema: value.schema,
      value: value.value,
    }));

const cases: [name: string, sided: boolean, config: fc.Arbitrary<Record<string, string>>, side?: fc.Arbitrary<Side>][] = [
  [
    "Cast",
    true,
    some(
      {
        spec: fc.oneof(
          fc.constantFrom(...types),
          list(
            fc.tuple(name, fc.constantFrom(...types)).map(([n, t]) => `${n}:${t}`),
            1,
          ),
        ),
        "replace.null.with.default": bool,
      },
      ["spec"],
    ),
  ],
  ["DropHeaders", false, some({ headers: list(fc.constantFrom("h1", "h2", "zz")) }, ["headers"])],
  [
    "ExtractField",
    true,
    some({ field: path, "field.syntax.version": fc.constantFrom("V1", "V2"), "replace.null.with.default": bool }, ["field"]),
  ],
  ["Filter", false, fc.constant({})],
  ["Flatten", true, some({ delimiter: fc.constantFrom(".", "_", "__") }, [])],
  [
    "HeaderFrom",
    true,
    fc
      .tuple(fc.uniqueArray(name, { minLength: 1, maxLength: 2 }), fc.constantFrom("copy", "move"), fc.option(bool, { nil: undefined }))
      .map(([fields, operation, replace]) => ({
        fields: fields.join(","),
        headers: fields.map((_, i) => `n${i}`).join(","),
        operation,
        ...(replace ? { "replace.null.with.default": replace } : {}),
      })),
  ],
  ["HoistField", true, some({ field: name }, ["field"])],
  [
    "InsertField",
    true,
    some(
      {
        "topic.field": fc.constantFrom("t1", "t1?", "t1!"),
        "partition.field": fc.constantFrom("p1", "p1?", "p1!"),
        "timestamp.field": fc.constantFrom("ts1", "ts1!"),
        "offset.field": fc.constantFrom("o1", "o1?", "o1!"),
        "static.field": fc.constantFrom("s1", "s1!"),
        "static.value": fc.constantFrom("v", "12"),
        "replace.null.with.default": bool,
      },
      ["topic.field", "static.value"],
    ),
  ],
  [
    "InsertHeader",
    false,
    some(
      {
        header: fc.constantFrom("h1", "n"),
        "value.literal": fc.constantFrom(
          "12",
          "-129",
          "1.5",
          "true",
          "text",
          '"quoted \\" text"',
          "[1,2]",
          '{"a":1}',
          "2024-02-29",
          "2024-02-29T12:30:00.123Z",
          "null",
          "1e3",
          "3000000000",
          " spaced ",
          "[]",
          '[1,"a"]',
          "NaN",
          "12:30:00.123Z",
          "a,b",
          "TRUE",
          "9223372036854775808",
        ),
      },
      ["header", "value.literal"],
    ),
  ],
  [
    "MaskField",
    true,
    some({ fields: list(name), replacement: fc.constantFrom("12", "text", "1.5", "-300"), "replace.null.with.default": bool }, ["fields"]),
  ],
  [
    "RegexRouter",
    false,
    some(
      {
        regex: fc.constantFrom(
          "(.*)\\.(.*)",
          "t",
          "(?<first>\\w+)\\.(.+)",
          ".*+",
          "\\Qorders.\\E(.*)",
          "(?i)ORDERS(.*)",
          "o",
          "([\\p{Alpha}]+)\\..*",
        ),
        replacement: fc.constantFrom("$1", "x-$1", "$0-y", "lit\\$1", "fixed"),
      },
      ["regex", "replacement"],
    ),
  ],
  [
    "ReplaceField",
    true,
    some(
      {
        exclude: list(name),
        include: list(name),
        renames: fc
          .uniqueArray(fc.tuple(name, fc.constantFrom("x", "y", "a")), { minLength: 1, maxLength: 3, selector: ([, to]) => to })
          .map((l) => l.map(([f, t]) => `${f}:${t}`).join(",")),
        "replace.null.with.default": bool,
      },
      [],
    ),
  ],
  [
    "SetSchemaMetadata",
    true,
    some({ "schema.name": fc.constantFrom("n.N"), "schema.version": fc.constantFrom("7"), "replace.null.with.default": bool }, []),
  ],
  [
    "TimestampConverter",
    true,
    some(
      {
        "target.type": fc.constantFrom("string", "unix", "Date", "Time", "Timestamp"),
        field: fc.constantFrom("a", "b", "", "zz"),
        format: fc.constantFrom(
          "yyyy-MM-dd",
          "yyyy-MM-dd HH:mm:ss.SSS",
          "dd MMM yyyy",
          "HH:mm",
          "EEE, d MMM yyyy hh:mm:ss a z",
          "yyyy-MM-dd'T'HH:mm:ssXXX",
        ),
        "unix.precision": fc.constantFrom("seconds", "milliseconds", "microseconds", "nanoseconds"),
        "replace.null.with.default": bool,
      },
      ["target.type", "format"],
    ),
    timed,
  ],
  [
    "TimestampRouter",
    false,
    some(
      {
        "topic.format": fc.constantFrom("${topic}_${timestamp}", "x-${timestamp}-${topic}"),
        "timestamp.format": fc.constantFrom("yyyyMMdd", "yyyy.MM.dd-HH", "YYYY-'W'ww", "D", "yy"),
      },
      [],
    ),
  ],
  ["ValueToKey", false, some({ fields: list(name), "replace.null.with.default": bool }, ["fields"])],
  [
    "predicates.TopicNameMatches",
    false,
    some({ pattern: fc.constantFrom("t", ".*\\.x.*", "(?i)ORDERS.+", "[a-z]++\\..*", "\\Qg.\\E.*", "g") }, ["pattern"]),
  ],
  ["predicates.HasHeaderKey", false, some({ name: fc.constantFrom("h1", "zz") }, ["name"])],
  ["predicates.RecordIsTombstone", false, fc.constant({})],
];

const converter = new JsonConverter(jsonSettings({ "replace.null.with.default": "false" }));
const text = (schema: Schema | null, value: Value): string => {
  const bytes = converter.fromConnect("t", schema, value);
  return bytes === null ? "null" : Buffer.from(bytes).toString();
};

function line(className: string, config: Record<string, string>, r: Input): string {
  const headers = r.headers.map((h) => `{"key":${JSON.stringify(h.key)},"value":${text(h.schema, h.value)}}`);
  const record = `{"topic":${JSON.stringify(r.topic)},"partition":${r.partition},"timestamp":${r.timestamp},"offset":${r.offset},"key":${text(r.keySchema, r.key)},"value":${text(r.valueSchema, r.value)},"headers":[${headers.join(",")}]}`;
  return `{"class":${JSON.stringify(className)},"config":${JSON.stringify(config)},"record":${record}}`;
}

function ours(className: string, config: Record<string, string>, input: Input): string {
  try {
    const { offset, ...record } = input;
    const given = (offset === null ? record : { ...record, offset }) as ConnectRecord;
    const predicate = predicatePlugins.find((p) => p.classes.includes(className));
    if (predicate) {
      predicate.config.parse(config);
      return `{"holds":${predicate.create(config).test(given)}}`;
    }
    const plugin = transformPlugins.find((p) => p.classes.includes(className))!;
    plugin.config.parse(config);
    const out = plugin.create(config).apply(given);
    if (out === null) return '{"drop":true}';
    const headers = out.headers.map((h) => `{"key":${JSON.stringify(h.key)},"value":${text(h.schema, h.value)}}`);
    return `{"topic":${JSON.stringify(out.topic)},"partition":${out.partition},"timestamp":${out.timestamp},"key":${text(out.keySchema, out.key)},"value":${text(out.valueSchema, out.value)},"headers":[${headers.join(",")}]}`;
  } catch (e) {
    return JSON.stringify({ error: (e as Error).message });
  }
}

/** Where ours differs on purpose. */
function known(ours: unknown, theirs: unknown, config: Record<string, string>): boolean {
  // the message goes on with the whole record
  if (/^Timestamp missing/.test(String(ours)) && /^Timestamp missing/.test(String(theirs))) return true;
  // JavaScript's dates end in the year 275760
  if (/is not a time$/.test(String(ours))) return true;
  // Connect 4.3.1 refuses to name a schema that has no fields, against its documentation
  if (("schema.name" in config || "schema.version" in config) && theirs === "Cannot list fields on non-struct type") return true;
  // of several fields that cannot be masked, Java's order of a set says which is named
  if (/mask value|Unable to convert/.test(String(ours)) && /mask value|Unable to convert/.test(String(theirs))) return true;
  // two fields of one name: the same refusal in other words
  if (/^Invalid Java object/.test(String(theirs))) return true;
  // before JDK 19 a float is printed with more digits than it takes, and without a schema those are its value
  return /float32/.test(config["spec"] ?? "") && theirs === undefined;
}

const shown = (value: unknown) => JSON.stringify(value, (_key, v: unknown) => (typeof v === "bigint" ? `${v}n` : v));
const jars = connectJars();
const runs = 150;
const all = cases.flatMap(([plugin, sided, config, side]) =>
  (sided ? ["$Key", "$Value"] : [""]).map((suffix) => ({ plugin: `${plugin}${suffix}`, config, side: side ?? general })),
);

describe.skipIf(jars === undefined)(`as Connect ${connectVersion} does (not run without Java and Maven)`, () => {
  const asked = new Map<string, { config: Record<string, string>; input: Input; theirs: string }[]>();
  beforeAll(async () => {
    const lines: string[] = [];
    for (const { plugin, config, side } of all) {
      const samples = fc.sample(fc.tuple(config, records(side)), { numRuns: runs, seed: 7 });
      asked.set(
        plugin,
        samples.map(([c, input]) => {
          lines.push(line(k + plugin, c, input));
          return { config: c, input, theirs: "" };
        }),
      );
    }
    const answers = await javaLines(jars!, join(import.meta.dirname, "java/TransformOracle.java"), lines);
    let at = 0;
    for (const list of asked.values()) for (const a of list) a.theirs = answers[at++]!;
    expect(at).toBe(answers.length);
  }, 120_000);

  it.each(all.map((a) => a.plugin))("%s", (plugin) => {
    const wrong: unknown[] = [];
    for (const { config, input, theirs } of asked.get(plugin)!) {
      const mine = parseJson(ours(k + plugin, config, input)) as Record<string, unknown>;
      const expected = parseJson(theirs) as Record<string, unknown>;
      const { thrown, ...rest } = expected;
      // a result that Connect's own converter refuses is not worth being like
      if ("unwritable" in rest) continue;
      try {
        if (thrown === "ConfigException" || thrown === "NullPointerException") expect(mine["error"]).toBeDefined();
        else if (!known(mine["error"], rest["error"], config)) expect(mine).toEqual(rest);
      } catch {
        const differs = Object.keys({ ...mine, ...rest }).filter((m) => shown(mine[m]) !== shown(rest[m]));
        const pick = (of: Record<string, unknown>) => Object.fromEntries(differs.map((m) => [m, of[m]]));
        const { topic, partition, timestamp, offset } = input;
        const key = text(input.keySchema, input.key);
        const value = text(input.valueSchema, input.value);
        wrong.push({
          config,
          ours: pick(mine),
          theirs: pick(expected),
          topic,
          partition,
          timestamp,
          offset,
          ...(plugin.endsWith("$Key") ? { key } : { value }),
        });
      }
    }
    const most = Number(process.env["ORACLE_SHOW"] ?? 1);
    expect(wrong.length, `wrong of ${runs}: ${wrong.slice(0, most).map(shown).join("\n")}`).toBe(0);
  });
});
