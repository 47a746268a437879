import fc from "fast-check";
import { expect, it } from "vitest";
import type { PolledPartition } from "../../src/broker/api/reader.js";
import { silentLogger } from "../../src/common/logger.js";
import { Metrics } from "../../src/common/metrics.js";
import { systemClock } from "../../src/common/time.js";
import type { SinkRecord } from "../../src/connect/api/record.js";
import { createConverterPlugins } from "../../src/connect/converters/plugins.js";
import { predicatePlugins } from "../../src/connect/predicates/plugins.js";
import { ErrorPolicy } from "../../src/connect/runtime/error-policy.js";
import { Plugins } from "../../src/connect/runtime/plugins.js";
import { SinkDecoder } from "../../src/connect/runtime/sink-decoder.js";
import { SinkInput } from "../../src/connect/runtime/sink-input.js";
import { sourceTimeHeader } from "../../src/connect/runtime/source-headers.js";
import { TransformChain } from "../../src/connect/runtime/transform-chain.js";
import { transformPlugins } from "../../src/connect/transforms/plugins.js";
import { primitive, type Schema, Struct, structOf, type Value } from "../../src/data/schema.js";
import { RecordBatchBuilder } from "../../src/protocol/record-batch-builder.js";

/** What a sink is given by column is, row for row, what it would be given as records: for chains of transforms, on random rows. */
const converters = createConverterPlugins({ registry: undefined as never });
const plugins = new Plugins({ sources: [], sinks: [], converters, transforms: transformPlugins, predicates: predicatePlugins });
const json = (isKey: boolean) => plugins.converters.get("JsonConverter").create({}, isKey);
const k = "org.apache.kafka.connect.transforms.";

const keySchema = structOf([
  ["id", primitive("int32")],
  ["part", primitive("string", { optional: true })],
]);
const inner = structOf([["x", primitive("int32")]], { name: "Inner" });
const valueSchema = structOf(
  [
    ["id", primitive("int32")],
    ["name", primitive("string", { optional: true })],
    ["amount", primitive("float64", { optional: true })],
    ["big", primitive("int64")],
    ["flag", primitive("boolean", { optional: true, default: true })],
    ["inner", inner],
  ],
  { name: "Row" },
);

/** Settings of transforms; those marked go by column whatever the rows are, unless some have headers. */
const steps: readonly { readonly settings: Record<string, string>; readonly columns: boolean }[] = [
  { settings: { type: `${k}RegexRouter`, regex: "(.*)", replacement: "to-$1" }, columns: true },
  { settings: { type: `${k}ReplaceField$Value`, exclude: "amount,inner" }, columns: true },
  { settings: { type: `${k}ReplaceField$Value`, renames: "id:ID,name:NAME" }, columns: true },
  { settings: { type: `${k}ReplaceField$Value`, include: "id,big,flag" }, columns: true },
  { settings: { type: `${k}ValueToKey`, fields: "id" }, columns: false },
  { settings: { type: `${k}ExtractField$Key`, field: "id" }, columns: true },
  { settings: { type: `${k}InsertField$Value`, "static.field": "origin", "static.value": "here", "topic.field": "topic" }, columns: true },
  { settings: { type: `${k}MaskField$Value`, fields: "big" }, columns: true },
  { settings: { type: `${k}Cast$Value`, spec: "big:string,id:int64" }, columns: false },
  { settings: { type: `${k}Flatten$Value`, delimiter: "_" }, columns: false },
  { settings: { type: `${k}SetSchemaMetadata$Value`, "schema.name": "Other", "schema.version": "2" }, columns: true },
  { settings: { type: `${k}HoistField$Value`, field: "row" }, columns: true },
  { settings: { type: `${k}InsertHeader`, header: "h", "value.literal": "v" }, columns: false },
  { settings: { type: `${k}Filter`, predicate: "tombstone" }, columns: false },
  { settings: { type: `${k}RegexRouter`, regex: ".*", replacement: "dead", predicate: "tombstone" }, columns: false },
  { settings: { type: `${k}ExtractField$Value`, field: "inner" }, columns: false },
  { settings: { type: "io.debezium.transforms.ExtractNewRecordState" }, columns: false },
];
const predicates = { predicates: "tombstone", "predicates.tombstone.type": `${k}predicates.RecordIsTombstone` };

const row = fc.record({
  id: fc.integer({ min: -1000, max: 1000 }),
  part: fc.option(fc.string({ maxLength: 3 })),
  key: fc.boolean(),
  tombstone: fc.boolean(),
  header: fc.boolean(),
  time: fc.boolean(),
  name: fc.option(fc.string({ maxLength: 5 })),
  amount: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
  big: fc.integer(),
  flag: fc.option(fc.boolean()),
});
type Row = typeof row extends fc.Arbitrary<infer R> ? R : never;

function polled(rows: readonly Row[]): PolledPartition {
  const builder = new RecordBatchBuilder();
  const [key, value] = [json(true), json(false)];
  for (const [i, r] of rows.entries()) {
    const payload = new Struct(valueSchema, [r.id, r.name, r.amount, r.big, r.flag, new Struct(inner, [i])]);
    const headers = [
      ...(r.header ? [{ key: "mine", value: Buffer.from("1") }] : []),
      ...(r.time ? [sourceTimeHeader(1_700_000_000_000_000 + i)] : []),
    ];
    builder.append(
      1_000_000 + i,
      r.key ? key.fromConnect("t", keySchema, new Struct(keySchema, [r.id, r.part])) : null,
      r.tombstone ? null : value.fromConnect("t", valueSchema, payload),
      headers,
    );
  }
  const n = rows.length;
  return { topic: "t", partition: 3, batches: [builder.finish()], from: 0, next: n, highWatermark: n, lastStableOffset: n };
}

/** Everything of it, comparable. */
function plain(r: Omit<SinkRecord, "headers">): unknown {
  const shown = (v: Value | undefined): unknown =>
    v instanceof Struct ? v.values.map(shown) : v instanceof Map ? [...v].map(([a, b]) => [shown(a), shown(b)]) : (v ?? null);
  const schema = (s: Schema | null) => (s === null ? null : JSON.stringify(s));
  const { topic, partition, offset, timestamp, sourceTimeUs } = r;
  return [topic, partition, offset, timestamp, sourceTimeUs, schema(r.keySchema), shown(r.key), schema(r.valueSchema), shown(r.value)];
}

async function run(config: Record<string, string>, rows: readonly Row[], byColumn: boolean) {
  const bad: string[] = [];
  const store = {
    setAside: async (list: { offset: number; stage: string }[]) => void bad.push(...list.map((b) => `${b.stage} ${b.offset}`)),
  };
  const policy = new ErrorPolicy({
    connector: "s",
    task: 0,
    config: {},
    broker: undefined as never,
    store: store as never,
    logger: silentLogger,
    metrics: new Metrics(),
    clock: systemClock,
  });
  const names = { key: "", value: "", header: "" };
  const header = plugins.converters.get("SimpleHeaderConverter").create({}, false);
  const decoder = new SinkDecoder({ key: json(true), value: json(false), header }, (s, e, r, d) => policy.refuse(s, e, r, d), names);
  const chain = TransformChain.of(config, plugins);
  const input = new SinkInput({ broker: undefined as never, decoder, chain, policy, signal: new AbortController().signal });
  const out: unknown[] = [];
  let columns = 0;
  for (const item of await input.take(polled(rows), byColumn)) {
    if ("records" in item) {
      out.push(...item.records.map(plain));
      continue;
    }
    const { rows: r } = item;
    columns += r.count;
    for (let i = 0; i < r.count; i++) {
      const part = (s: Schema | null, cells: readonly (readonly unknown[])[]): Value =>
        s === null
          ? null
          : s.fields
            ? new Struct(
                s,
                cells.map((c) => c[i] as Value),
              )
            : (cells[0]![i] as Value);
      const empty = r.tombstone[i] === 1;
      const time = r.sourceTimes[i]!;
      const record = plain({
        topic: r.topic,
        partition: r.partition,
        offset: r.offsets[i]!,
        timestamp: r.timestamps[i]!,
        keySchema: r.keySchema,
        key: part(r.keySchema, r.keys),
        valueSchema: empty ? null : r.valueSchema,
        value: empty ? null : part(r.valueSchema, r.values),
        ...(Number.isNaN(time) ? {} : { sourceTimeUs: time }),
      });
      expect(record).toEqual(plain(r.record(i)));
      out.push(record);
    }
  }
  return { out, bad, columns };
}

function configOf(chosen: readonly number[]): Record<string, string> {
  const config: Record<string, string> = { ...predicates, transforms: chosen.map((_, i) => `t${i}`).join(",") };
  for (const [i, n] of chosen.entries())
    for (const [key, value] of Object.entries(steps[n]!.settings)) config[`transforms.t${i}.${key}`] = value;
  return config;
}

it("gives the same by column as by record", async () => {
  let byColumn = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(steps.length - 1), { minLength: 1, maxLength: 3 }),
      fc.array(row, { minLength: 1, maxLength: 12 }),
      fc.boolean(),
      fc.boolean(),
      async (chosen, rows, keyed, live) => {
        const given = rows.map((r) => ({ ...r, key: keyed || r.key, tombstone: !live && r.tombstone, header: r.header && !live }));
        const config = configOf(chosen);
        const columns = await run(config, given, true);
        const records = await run(config, given, false);
        expect(columns.out).toEqual(records.out);
        expect(columns.bad).toEqual(records.bad);
        byColumn += columns.columns;
      },
    ),
    { numRuns: 400 },
  );
  expect(byColumn).toBeGreaterThan(300);
});

it.each(steps.filter((s) => s.columns).map((s) => [s.settings["type"]!.slice(k.length), s] as const))(
  "%s goes by column",
  async (_name, step) => {
    const rows: Row[] = [0, 1].map((id) => ({
      id,
      part: null,
      key: true,
      tombstone: false,
      header: false,
      time: true,
      name: "n",
      amount: null,
      big: 7,
      flag: null,
    }));
    const { columns } = await run(configOf([steps.indexOf(step)]), rows, true);
    expect(columns).toBe(2);
  },
);
