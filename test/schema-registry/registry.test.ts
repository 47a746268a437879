import { describe, expect, it } from "vitest";
import { silentLogger } from "../../src/common/logger.js";
import { parseAvro } from "../../src/schema-registry/avro/parse.js";
import { formatAvro } from "../../src/schema-registry/avro/schema.js";
import { checkCompatibility } from "../../src/schema-registry/compatibility/level.js";
import { parseSchema } from "../../src/schema-registry/parsed-schema.js";
import { SchemaRegistry } from "../../src/schema-registry/registry.js";
import { MemorySchemaStore } from "../../src/schema-registry/store.js";

const record = (...fields: object[]) => JSON.stringify({ type: "record", name: "R", namespace: "n", fields });
const a = { name: "a", type: "int" };
const b = { name: "b", type: ["null", "string"], default: null };

async function open(store = new MemorySchemaStore()) {
  return { store, registry: await SchemaRegistry.open({ store, logger: silentLogger }) };
}

describe("ids, versions and subjects", () => {
  it("give the same text the same id, whatever its spaces and its subject", async () => {
    const { registry } = await open();
    expect(await registry.register("s1", { schema: record(a) })).toBe(1);
    expect(await registry.register("s1", { schema: record(a).replaceAll(",", " ,\n") })).toBe(1);
    expect(await registry.register("s2", { schema: record(a) })).toBe(1);
    expect(await registry.register("s1", { schema: record(a, b) })).toBe(2);
    expect(registry.versions("s1")).toEqual([1, 2]);
    expect(registry.subjects()).toEqual(["s1", "s2"]);
    expect(registry.uses(1)).toEqual([
      { subject: "s1", version: 1 },
      { subject: "s2", version: 1 },
    ]);
    expect((await registry.lookup("s1", { schema: record(a, b) })).version).toBe(2);
    await expect(registry.lookup("s2", { schema: record(a, b) })).rejects.toMatchObject({ errorCode: 40403 });
    await expect(registry.lookup("s3", { schema: record(a) })).rejects.toMatchObject({ errorCode: 40401 });
  });

  it("are the same after a restart, and many at once get one version each", async () => {
    const { store, registry } = await open();
    const ids = await Promise.all(
      Array.from({ length: 20 }, (_, i) => registry.register("s", { schema: record(a, ...(i % 2 ? [b] : [])) })),
    );
    expect(new Set(ids)).toEqual(new Set([1, 2]));
    await registry.setCompatibility("s", "none");
    await registry.setMode("x", "READONLY");
    await registry.deleteVersion("s", 1);
    const again = (await open(store)).registry;
    expect(again.versions("s")).toEqual([2]);
    expect(again.versions("s", { deleted: true })).toEqual([1, 2]);
    expect(again.compatibility("s")).toBe("NONE");
    expect(again.mode("x")).toBe("READONLY");
    expect(again.cached(1)?.schema).toBe(record(a));
    expect(await again.register("s", { schema: record(a) })).toBe(1);
    expect(again.versions("s")).toEqual([2, 3]);
    expect(await again.register("t", { schema: '"string"' })).toBe(3);
  });

  it("delete softly, then for good", async () => {
    const { registry, store } = await open();
    await registry.register("s", { schema: record(a) });
    await expect(registry.deleteSubject("s", true)).rejects.toMatchObject({ errorCode: 40405 });
    expect(await registry.deleteSubject("s")).toEqual([1]);
    await expect(registry.deleteSubject("s")).rejects.toMatchObject({ errorCode: 40404 });
    expect(registry.subjects()).toEqual([]);
    expect(registry.subjects({ deleted: true })).toEqual(["s"]);
    expect(await registry.deleteSubject("s", true)).toEqual([1]);
    expect(registry.cached(1)).toBe(undefined);
    expect(await registry.register("s", { schema: record(b) })).toBe(2);
    expect((await open(store)).registry.versions("s")).toEqual([1]);
  });

  it("keep references, and what is referred to", async () => {
    const { registry } = await open();
    await registry.register("inner", { schema: JSON.stringify({ type: "record", name: "Inner", namespace: "n", fields: [a] }) });
    const references = [{ name: "n.Inner", subject: "inner", version: 1 }];
    const outer = JSON.stringify({ type: "record", name: "Outer", namespace: "n", fields: [{ name: "i", type: "Inner" }] });
    await expect(registry.register("outer", { schema: outer })).rejects.toMatchObject({ errorCode: 42201 });
    const id = await registry.register("outer", { schema: outer, references });
    expect((await registry.getById(id)).references).toEqual(references);
    expect(registry.referencedBy("inner", 1)).toEqual([id]);
    await expect(registry.deleteSubject("inner")).rejects.toMatchObject({ errorCode: 42206 });
    await expect(registry.register("x", { schema: '"x"', references: [{ name: "q", subject: "no", version: 1 }] })).rejects.toThrow(
      'No schema reference found for subject "no" and version 1',
    );
  });

  it("READONLY refuses, IMPORT keeps the numbers given", async () => {
    const { registry } = await open();
    await registry.setMode("", "readonly");
    await expect(registry.register("s", { schema: record(a) })).rejects.toMatchObject({ errorCode: 42205 });
    await registry.setMode("", "IMPORT");
    expect(await registry.register("s", { schema: record(a) }, { id: 77, version: 5 })).toBe(77);
    await registry.setMode("", "READWRITE");
    expect(await registry.register("s", { schema: record(a, b) })).toBe(78);
    expect(registry.versions("s")).toEqual([5, 6]);
  });
});

describe("Avro compatibility", () => {
  const check = (level: Parameters<typeof checkCompatibility>[0], next: string, ...earlier: string[]) =>
    checkCompatibility(
      level,
      parseSchema("AVRO", next, []),
      earlier.map((text, i) => ({ version: i + 1, text, schema: parseSchema("AVRO", text, []) })),
    );
  const required = { name: "b", type: "string" };

  it("says what is wrong and where", () => {
    const [first, ...rest] = check("BACKWARD", record(a, required), record(a));
    expect(first).toBe(
      "{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'b' at path '/fields/1' in the new schema has no default value and is missing in the old schema', additionalInfo:'b'}",
    );
    expect(rest).toEqual(["{oldSchemaVersion: 1}", `{oldSchema: '${record(a)}'}`, "{compatibility: 'BACKWARD'}"]);
    expect(check("FORWARD", record(a, required), record(a))).toEqual([]);
    expect(check("FULL", record(a, b), record(a))).toEqual([]);
    expect(check("FORWARD", record(a), record(a, required))[0]).toContain(
      "in the old schema has no default value and is missing in the new",
    );
  });
  it("looks at the last version, or at all", () => {
    const v1 = record(a, { name: "c", type: "int" });
    const v2 = record(a);
    const next = record(a, { name: "c", type: "string", default: "" });
    expect(check("BACKWARD", next, v1, v2)).toEqual([]);
    expect(check("BACKWARD_TRANSITIVE", next, v1, v2)[0]).toContain("TYPE_MISMATCH");
  });
  it.each([
    ["int to long", '"long"', '"int"', true],
    ["long to int", '"int"', '"long"', false],
    ["string to bytes", '"bytes"', '"string"', true],
    ["into a union", '["null","string"]', '"string"', true],
    ["out of a union", '"string"', '["null","string"]', false],
    ["union gains a branch", '["null","int","string"]', '["null","string"]', true],
    ["union loses a branch", '["null","string"]', '["null","int","string"]', false],
    ["enum gains a symbol", '{"type":"enum","name":"E","symbols":["A","B"]}', '{"type":"enum","name":"E","symbols":["A"]}', true],
    ["enum loses a symbol", '{"type":"enum","name":"E","symbols":["A"]}', '{"type":"enum","name":"E","symbols":["A","B"]}', false],
    [
      "enum with a default loses one",
      '{"type":"enum","name":"E","symbols":["A"],"default":"A"}',
      '{"type":"enum","name":"E","symbols":["A","B"]}',
      true,
    ],
    ["fixed of another size", '{"type":"fixed","name":"F","size":2}', '{"type":"fixed","name":"F","size":3}', false],
    ["another name", '{"type":"record","name":"X","fields":[]}', '{"type":"record","name":"Y","fields":[]}', false],
    ["an alias of the name", '{"type":"record","name":"X","aliases":["Y"],"fields":[]}', '{"type":"record","name":"Y","fields":[]}', true],
    ["array of wider items", '{"type":"array","items":"double"}', '{"type":"array","items":"float"}', true],
    ["map of other values", '{"type":"map","values":"int"}', '{"type":"map","values":"string"}', false],
    [
      "recursive",
      '{"type":"record","name":"L","fields":[{"name":"n","type":["null","L"]}]}',
      '{"type":"record","name":"L","fields":[{"name":"n","type":["null","L"]}]}',
      true,
    ],
  ])("%s", (_what, next, old, fits) => {
    expect(check("BACKWARD", next, old).length === 0).toBe(fits);
    expect(check("FORWARD", old, next).length === 0).toBe(fits);
    expect(check("NONE", next, old)).toEqual([]);
  });
});

describe("Avro texts", () => {
  it("are kept in Java's form", () => {
    const text =
      '{"type":"record","name":"R","namespace":"a.b","doc":"d","fields":[{"name":"x","type":{"type":"fixed","name":"F","namespace":"c","size":2},"doc":"e","default":"  "},{"name":"y","type":["null","c.F","R"],"default":null,"aliases":["z"]}],"connect.name":"q","aliases":["S"]}';
    expect(formatAvro(parseAvro(text))).toBe(text);
    expect(formatAvro(parseAvro('{ "type" : "string" }'))).toBe('"string"');
  });
  it.each([
    ["{", "not JSON"],
    ['{"type":"record","name":"R"}', "Record has no fields"],
    ['{"type":"record","name":"R","fields":[{"name":"a-b","type":"int"}]}', "Illegal character in: a-b"],
    ['{"type":"record","name":"R","fields":[{"name":"a","type":"no.Such"}]}', '$.a: "no.Such" is not a defined name'],
    ['{"type":"record","name":"R","fields":[{"name":"a","type":"int","default":"x"}]}', "Invalid default for field a"],
    ['["int","int"]', "Duplicate in union: int"],
    ['{"type":"enum","name":"E","symbols":["A","A"]}', "Duplicate enum symbol"],
  ])("%s is refused", (text, message) => {
    expect(() => parseAvro(text)).toThrow(message);
  });
});
