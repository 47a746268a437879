import { join } from "node:path";
import fc from "fast-check";
import { expect, it } from "vitest";
import { JsonConverter, jsonSettings } from "../../../src/connect/converters/json-converter.js";
import type { Schema, Value } from "../../../src/data/schema.js";
import { anyKind, maybe } from "../../support/connect-data.js";
import { connectJars, connectVersion, javaLines } from "../../support/connect-jars.js";

const variants = ["true BASE64 true", "true NUMERIC true", "false BASE64 true", "false NUMERIC true", "false BASE64 false"];

interface Data {
  readonly schema: Schema;
  readonly value: Value;
}

const jars = connectJars();

it.skipIf(jars === undefined)(`JsonConverter writes what Connect ${connectVersion} writes (not run without Java and Maven)`, async () => {
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
  const output = await javaLines(jars!, join(import.meta.dirname, "java/JsonOracle.java"), input, variants);
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
