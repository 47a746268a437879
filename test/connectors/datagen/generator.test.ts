import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { generatorOf } from "../../../src/connectors/datagen/generator.js";
import { Random } from "../../../src/connectors/datagen/random.js";
import type { Decimal, Struct, Value } from "../../../src/data/schema.js";
import { parseAvro } from "../../../src/schema-registry/avro/parse.js";
import { avroToConnect } from "../../../src/serde/formats/avro/avro-to-connect.js";

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "millrace-datagen-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const options = { metaData: true, enhanced: false, scrubNames: false, ignoreDefaultForNullables: false };
/** n values of a type with these arg.properties. */
function values(type: unknown, n = 300, seed = 1): Value[] {
  const avro = parseAvro(
    JSON.stringify({
      type: "record",
      name: "R",
      fields: [typeof type === "object" && type !== null && "field" in type ? (type as { field: object }).field : { name: "f", type }],
    }),
  );
  const schema = avroToConnect(avro, options);
  const { generate, iterations } = generatorOf(avro, schema);
  const counts = new Array<number>(iterations).fill(0);
  return Array.from({ length: n }, (_, i) => {
    const next = (id: number) => counts[id]!++;
    return (generate({ random: new Random(seed, i), next }) as Struct).values[0]!;
  });
}
const args = (type: string, properties: unknown, more: object = {}) => ({ type, ...more, "arg.properties": properties });
const all = (list: Value[], holds: (v: never) => boolean) => expect(list.filter((v) => !holds(v as never))).toEqual([]);
const distinct = (list: Value[]) => new Set(list).size;

describe("values without annotations", () => {
  it("are of their type's whole range", () => {
    all(values("int"), (v: number) => Number.isInteger(v) && v >= -(2 ** 31) && v < 2 ** 31);
    const longs = values("long");
    all(longs, (v: number | bigint) => BigInt.asIntN(64, BigInt(v)) === BigInt(v));
    expect(longs.some((v) => typeof v === "bigint")).toBe(true);
    all(values("double"), (v: number) => Number.isFinite(v));
    all(values("float"), (v: number) => Math.fround(v) === v);
    expect(values("boolean").filter((v) => v === true).length).toBeGreaterThan(100);
    all(values("string"), (v: string) => /^[a-z]{8,15}$/.test(v));
    all(values("bytes"), (v: Uint8Array) => v.length >= 8 && v.length < 16);
    all(values({ type: "fixed", name: "F", size: 3 }), (v: Uint8Array) => v.length === 3);
    expect(distinct(values({ type: "enum", name: "E", symbols: ["A", "B"] }))).toBe(2);
    all(values({ type: "array", items: "int" }), (v: Value[]) => v.length >= 8 && v.length < 16);
    all(values({ type: "map", values: "int" }), (v: Map<Value, Value>) => v.size >= 8 && v.size < 16);
  });
});

describe("annotations", () => {
  it("range holds its least and not its most", () => {
    const list = values(args("int", { range: { min: 1, max: 4 } }));
    expect([...new Set(list)].sort()).toEqual([1, 2, 3]);
    all(values(args("long", { range: { min: 9_000_000_000 } })), (v: number | bigint) => v >= 9_000_000_000n);
    all(values(args("double", { range: { min: 0.5, max: 0.75 } })), (v: number) => v >= 0.5 && v < 0.75);
    all(
      values({ ...args("bytes", { range: { min: 1, max: 2 } }), logicalType: "decimal", precision: 6, scale: 2 }),
      (v: Decimal) => v.scale === 2 && v.toNumber() >= 1 && v.toNumber() < 2,
    );
  });
  it("iteration steps, turns around at restart, and may begin elsewhere", () => {
    expect(values(args("long", { iteration: { start: 5, step: 10 } }), 3)).toEqual([5, 15, 25]);
    expect(values(args("int", { iteration: { start: 0, restart: 3 } }), 5)).toEqual([0, 1, 2, 0, 1]);
    expect(values(args("int", { iteration: { start: 3, restart: 0 } }), 5)).toEqual([3, 2, 1, 3, 2]);
    expect(values(args("int", { iteration: { start: 0, restart: 10, step: 4, initial: 8 } }), 4)).toEqual([8, 2, 6, 0]);
    expect(values(args("boolean", { iteration: { start: false } }), 3)).toEqual([false, true, false]);
    expect(values(args("string", { iteration: { start: 1 }, prefix: "n" }), 2)).toEqual(["n1", "n2"]);
    expect(values({ type: "array", items: args("int", { iteration: { start: 0 } }), "arg.properties": { length: 2 } }, 2)).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });
  it("options are what is chosen from, by type", () => {
    expect([...new Set(values(args("string", { options: ["a", "b"] })))].sort()).toEqual(["a", "b"]);
    expect(values(args("bytes", { options: ["NDI="] }), 1)).toEqual([Buffer.from("42")]);
    expect(values(args("fixed", { options: ["42"] }, { name: "F", size: 2 }), 1)).toEqual([Buffer.from("42")]);
    expect(values(args("array", { options: [["x"]] }, { items: "string" }), 1)).toEqual([["x"]]);
    expect(values(args("map", { options: [{ one: 1 }] }, { values: "int" }), 1)).toEqual([new Map([["one", 1]])]);
    const [struct] = values(args("record", { options: [{ a: 1 }] }, { name: "S", fields: [{ name: "a", type: "int" }] }), 1) as Struct[];
    expect(struct!.values).toEqual([1]);
    writeFileSync(join(dir, "words.json"), '["file"]');
    expect(values(args("string", { options: { file: join(dir, "words.json"), encoding: "json" } }), 1)).toEqual(["file"]);
  });
  it("strings have a length, a pattern, a kind, and text around", () => {
    all(values(args("string", { length: 3 })), (v: string) => v.length === 3);
    all(values(args("string", { length: { min: 2, max: 4 } })), (v: string) => v.length === 2 || v.length === 3);
    all(values(args("string", { regex: "User_[1-9]{0,1}" })), (v: string) => /^User_[1-9]?$/.test(v));
    all(values(args("string", { regex: "(a|b)\\1\\d{2}[^\\W_]\\.?" })), (v: string) => /^(aa|bb)\d{2}[A-Za-z0-9]\.?$/.test(v));
    all(values(args("string", { regex: "[a-zA-Z]*", length: 10 })), (v: string) => v.length >= 10);
    all(values(args("string", { regex: "[a-zA-Z]{5,}", length: { max: 16 } })), (v: string) => v.length >= 5 && v.length < 16);
    all(values(args("string", { regex: "[a-zA-Z]{0,15}", length: { min: 5 } })), (v: string) => v.length >= 5 && v.length <= 15);
    all(values(args("string", { kind: "uuid" })), (v: string) =>
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(v),
    );
    all(values(args("string", { kind: "email" })), (v: string) => /^[a-z]+\.[a-z]+\d+@example\.com$/.test(v));
    all(values(args("string", { kind: "name", prefix: "Dr. ", suffix: "!" })), (v: string) => /^Dr\. \w+ \w+!$/.test(v));
    all(values(args("string", { regex: "^\\t.$" })), (v: string) => /^\t.$/.test(v));
  });
  it("booleans have odds, maps have keys", () => {
    expect(values(args("boolean", { odds: 1 })).every((v) => v === true)).toBe(true);
    const trues = values(args("boolean", { odds: 0.9 }), 1000).filter((v) => v === true).length;
    expect(trues).toBeGreaterThan(850);
    expect(trues).toBeLessThan(950);
    all(
      values(args("map", { length: 3, keys: { options: ["k"] } }, { values: "int" })),
      (v: Map<Value, Value>) => v.size === 1 && v.has("k"),
    );
  });
  it("unions are chosen from evenly, by position, or by distribution", () => {
    expect(values(["null", args("int", { options: [1] })]).filter((v) => v === null).length).toBeGreaterThan(100);
    const field = (more: object) => ({ field: { name: "f", type: ["null", args("int", { options: [1] })], "arg.properties": more } });
    expect(distinct(values(field({ position: 1 })))).toBe(1);
    expect(values(field({ distribution: { "0": 0.1, "1": 0.9 } })).filter((v) => v === null).length).toBeLessThan(60);
    const both = values(["int", "string"]) as Struct[];
    expect(new Set(both.map((s) => s.values.findIndex((v) => v !== null)))).toEqual(new Set([0, 1]));
  });
  it("depend on the seed alone", () => {
    expect(values("string", 5, 7)).toEqual(values("string", 5, 7));
    expect(values("string", 5, 7)).not.toEqual(values("string", 5, 8));
  });
});

describe("what cannot be", () => {
  it.each([
    [args("int", { range: { min: 4, max: 4 } }), "f: range.max must be greater than range.min"],
    [args("int", { range: {} }), "f: range must have a number min or max"],
    [args("int", { iteration: {} }), "f: iteration.start is missing"],
    [args("int", { iteration: { start: 1, restart: 1 } }), "f: iteration.restart must differ from iteration.start"],
    [args("int", { iteration: { start: 1, step: 0 } }), "f: iteration.step must not be 0"],
    [args("int", { iteration: { start: 1, restart: 5, step: -1 } }), "f: iteration.step leads away from iteration.restart"],
    [args("int", { iteration: { start: "1" } }), "f: iteration.start must be a number"],
    [args("boolean", { iteration: { start: 1 } }), "f: the iteration of a boolean has start alone"],
    [args("boolean", { odds: 2 }), "f: odds must be a number from 0.0 to 1.0"],
    [args("string", { options: [] }), "f: options is empty"],
    [args("string", { options: { file: "x", encoding: "binary" } }), "f: options in encoding binary are not supported: only json"],
    [args("string", { options: { file: "x" } }), "f: options must be a list, or name a file and its encoding"],
    [args("string", { options: { file: "/nowhere", encoding: "json" } }), "f: options: /nowhere cannot be read"],
    [args("string", { kind: "iban" }), "f: kind iban is not one of uuid, email, name"],
    [args("string", { length: { min: 4, max: 4 } }), "f: length must be a whole number, or have min and a greater max"],
    [args("string", { regex: "a(?=b)" }), "f: texts cannot be made for a lookahead or lookbehind"],
    [args("string", { regex: "(" }), "Unclosed group"],
    [{ field: { name: "f", type: ["null", "int"], "arg.properties": { position: 5 } } }, "f: position 5 is not one of the union's 2"],
    [{ field: { name: "f", type: ["null", "int"], "arg.properties": { distribution: {} } } }, "f: distribution must give"],
  ])("%j: %s", (type, message) => {
    expect(() => values(type, 1)).toThrow(message);
  });
  it("names a pattern that gives no text of the length asked for", () => {
    expect(() => values(args("string", { regex: "ab", length: { min: 5 } }), 1)).toThrow(/f: in 1000 tries no text of ab/);
  });
});
