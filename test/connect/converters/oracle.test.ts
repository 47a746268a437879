import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { JsonConverter, jsonSettings } from "../../../src/connect/converters/json-converter.js";
import { createConverterPlugins } from "../../../src/connect/converters/plugins.js";
import type { Schema, Value } from "../../../src/data/schema.js";
import { parseJson } from "../../../src/serde/formats/json/json-text.js";
import { anyKind, leafKind, maybe, schemaless } from "../../support/connect-data.js";
import { connectJars, connectVersion, javaLines } from "../../support/connect-jars.js";

/** Our converters against Connect's own: what is written, what is read back, and what is refused. */
const storage = "org.apache.kafka.connect.storage.";
const numbers = "org.apache.kafka.connect.converters.";
const json = new JsonConverter(jsonSettings({ "replace.null.with.default": "false" }));
const plugins = createConverterPlugins({ registry: undefined as never });
const envelope = (schema: Schema | null, value: Value) => Buffer.from(json.fromConnect("t", schema, value) ?? "null").toString();
const data = fc.oneof(
  {
    weight: 4,
    arbitrary: maybe(anyKind).chain(({ schema, values }) => values.map((value) => ({ schema: schema as Schema | null, value }))),
  },
  {
    weight: 2,
    arbitrary: maybe(leafKind).chain(({ schema, values }) => values.map((value) => ({ schema: schema as Schema | null, value }))),
  },
  { weight: 1, arbitrary: schemaless(["a", "b"]).map((value) => ({ schema: null as Schema | null, value: value as Value })) },
);

const piece = fc.constantFrom(
  "1",
  "-5",
  "+7",
  "128",
  "40000",
  "3000000000",
  "9223372036854775808",
  "1.5",
  "1.50",
  "-0",
  "5.",
  ".5",
  "1e3",
  "1e39",
  "1e400",
  "1.e",
  "true",
  "false",
  "TRUE",
  "null",
  '"a"',
  '"a b"',
  '"a\\"b"',
  '""',
  "text",
  "2024-02-29",
  "2024-02-30",
  "12:30:00.123Z",
  "2024-02-29T12:30:00.123Z",
  "2024-02-29T12:30:00Z",
  "NaN",
  "007",
  "1L",
  "0.1",
  "[]",
  "{}",
);
const list = (item: fc.Arbitrary<string>) =>
  fc.tuple(fc.array(item, { maxLength: 3 }), fc.constantFrom("", "", "", ",", " ", ", ")).map(([l, end]) => `[${l.join(",")}${end}]`);
const map = (item: fc.Arbitrary<string>) =>
  fc
    .tuple(
      fc.uniqueArray(fc.tuple(fc.constantFrom('"a"', '"b"', "1", "2", "x", "null", "1.5"), item), { maxLength: 2, selector: ([k]) => k }),
      fc.constantFrom("", "", ",", " "),
    )
    .map(([l, end]) => `{${l.map(([k, v]) => `${k}:${v}`).join(" , ")}${end}}`);
const headerText = fc.oneof(
  piece,
  list(piece),
  map(piece),
  list(list(fc.constantFrom("1", "2"))),
  map(list(piece)),
  fc.string({ maxLength: 6 }),
);
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 10 }),
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 8, maxLength: 8 }),
  fc.constantFrom(Uint8Array.of(0), Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(0, 1)),
);

interface Case {
  readonly name: string;
  readonly class: string;
  readonly header?: true;
  readonly write: fc.Arbitrary<{ schema: Schema | null; value: Value }>;
  readonly read: fc.Arbitrary<Uint8Array>;
}
const cases: Case[] = [
  {
    name: "SimpleHeaderConverter",
    class: `${storage}SimpleHeaderConverter`,
    header: true,
    write: data,
    read: headerText.map((t) => Buffer.from(t)),
  },
  { name: "StringConverter", class: `${storage}StringConverter`, write: data, read: headerText.map((t) => Buffer.from(t)) },
  ...["Boolean", "Short", "Integer", "Long", "Float", "Double", "ByteArray"].map((n) => ({
    name: `${n}Converter`,
    class: `${numbers}${n}Converter`,
    write: data,
    read: bytes,
  })),
];
const jars = connectJars();
const runs = 300;

/** `array<int8>`: what of a schema SimpleHeaderConverter has chosen */
function shape(s: Schema | null | undefined): string {
  if (!s) return "null";
  if (s.type === "array") return `array<${shape(s.valueSchema)}>`;
  if (s.type === "map") return `map<${shape(s.keySchema)},${shape(s.valueSchema)}>`;
  return `${s.name === undefined ? "" : `${s.name}:`}${s.type}${s.optional ? "?" : ""}`;
}

describe.skipIf(jars === undefined)(`as Connect ${connectVersion} does (not run without Java and Maven)`, () => {
  const asked = new Map<string, { line: string; ours: () => Record<string, unknown>; theirs: Record<string, unknown> }[]>();
  beforeAll(async () => {
    for (const c of cases) {
      const converter = plugins.find((p) => p.classes.includes(c.class))!.create({}, false);
      const head = `{"class":"${c.class}","config":{}${c.header ? ',"header":true' : ""}`;
      const writes = fc.sample(c.write, { numRuns: runs, seed: 3 }).map(({ schema, value }) => ({
        line: `${head},"data":${envelope(schema, value)}}`,
        ours: () => {
          const out = converter.fromConnect("t", schema, value);
          return { bytes: out === null ? null : Buffer.from(out).toString("base64") };
        },
        theirs: {},
      }));
      const reads = fc.sample(c.read, { numRuns: runs, seed: 5 }).map((input) => ({
        line: `${head},"bytes":"${Buffer.from(input).toString("base64")}"}`,
        ours: () => {
          const { schema, value } = converter.toConnect("t", input);
          return { shape: shape(schema), data: parseJson(envelope(schema, value)) };
        },
        theirs: {},
      }));
      asked.set(c.name, [...writes, ...reads]);
    }
    const all = [...asked.values()].flat();
    const answers = await javaLines(
      jars!,
      join(import.meta.dirname, "java/ConverterOracle.java"),
      all.map((a) => a.line),
    );
    for (const [i, a] of all.entries()) a.theirs = parseJson(answers[i]!) as Record<string, unknown>;
  }, 120_000);

  it.each(cases.map((c) => c.name))("%s", (name) => {
    const wrong: unknown[] = [];
    for (const { line, ours, theirs } of asked.get(name)!) {
      let mine: Record<string, unknown>;
      try {
        mine = ours();
      } catch (error) {
        mine = { error: (error as Error).message };
      }
      if ("unwritable" in theirs) delete mine["data"];
      const { thrown: _, unwritable: __, ...rest } = theirs;
      try {
        if ("error" in rest) expect(mine).toHaveProperty("error");
        else expect(mine).toEqual(rest);
      } catch {
        if (!known(name, line)) wrong.push({ line, mine, theirs });
      }
    }
    expect(
      wrong.length,
      wrong
        .slice(0, Number(process.env["ORACLE_SHOW"] ?? 1))
        .map((w) => JSON.stringify(w, (_k, v: unknown) => (typeof v === "bigint" ? `${v}n` : v)))
        .join("\n"),
    ).toBe(0);
  });
});

/** Where ours differs on purpose: docs/reference/converters.md says how. */
function known(name: string, line: string): boolean {
  const input = /"bytes":"([^"]*)"/.exec(line);
  // of one schema that it cannot write, a null is still nothing to write; a Date, Time or Timestamp is the number that it is
  if (!input && name !== "SimpleHeaderConverter" && /"payload":null|data\.(Date|Time|Timestamp)"/.test(line)) return true;
  // a struct's null struct: left out by Connect, written as null here
  if (!input && name === "SimpleHeaderConverter" && /"type":"struct".*"payload".*:null/.test(line)) return true;
  // bytes within text: Java prints where they are in its memory
  if (!input && name !== "ByteArrayConverter" && /"type":"bytes","optional":(true|false)[},](?!"name")/.test(line)) return true;
  // before JDK 19 a float is printed with more digits than it takes
  if (name === "FloatConverter" && input) return true;
  if (name !== "SimpleHeaderConverter" || !input) return false;
  const text = Buffer.from(input[1]!, "base64").toString().trim();
  return text === "null" || /^[^,:\]}]+[,:\]}"\\[{]|^[[{].*[\]}].+/.test(text);
}
