import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { createConverterPlugins } from "../../../src/connect/converters/plugins.js";
import { extractNewRecordState } from "../../../src/connect/transforms/extract-new-record-state.js";

const golden = new URL("../../../../shared/debezium-golden/postgres/", import.meta.url);
const there = existsSync(golden);
const title = "ExtractNewRecordState gives the recorded events of flat.jsonl from those of ops.jsonl";

interface Event {
  readonly topic: string;
  readonly key: unknown;
  readonly value: unknown;
  readonly headers: Record<string, unknown>;
}
const read = (name: string) =>
  readFileSync(new URL(`events/${name}.jsonl`, golden), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Event);

it.skipIf(!there)(there ? title : `not run (the golden events are missing): ${title}`, () => {
  const plugin = createConverterPlugins({ registry: undefined as never }).find((c) => c.classes[0]!.endsWith("JsonConverter"))!;
  const converter = plugin.create({ "schemas.enable": "true" }, false);
  const transform = extractNewRecordState.create({});
  const flat = read("flat").filter((e) => /\.o_/.test(e.topic));
  const out: { topic: string; key: unknown; value: unknown; headers: string[] }[] = [];
  const topics = new Set(flat.map((e) => e.topic));
  for (const e of read("ops").filter((e) => topics.has(e.topic))) {
    const { schema, value } = converter.toConnect(e.topic, e.value === null ? null : Buffer.from(JSON.stringify(e.value)));
    const record = transform.apply({
      topic: e.topic,
      partition: null,
      keySchema: null,
      key: null,
      valueSchema: schema,
      value,
      timestamp: null,
      headers: [],
    });
    if (!record) continue;
    const bytes = converter.fromConnect(e.topic, record.valueSchema, record.value);
    out.push({ topic: e.topic, key: e.key, value: bytes && JSON.parse(Buffer.from(bytes).toString()), headers: Object.keys(e.headers) });
  }
  expect(out).toEqual(flat.map((e) => ({ topic: e.topic, key: e.key, value: e.value, headers: Object.keys(e.headers) })));
});
