import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { materializeRecord } from "../../../src/connect/api/materialize.js";
import type { SourceRecord } from "../../../src/connect/api/record.js";
import type { RecordShape, StructNode } from "../../../src/connect/api/shape.js";
import type { JsonConverter } from "../../../src/connect/converters/json-converter.js";
import { createConverterPlugins } from "../../../src/connect/converters/plugins.js";
import { SimpleHeaderConverter } from "../../../src/connect/converters/simple-header-converter.js";
import { predicatePlugins } from "../../../src/connect/predicates/plugins.js";
import { Plugins } from "../../../src/connect/runtime/plugins.js";
import { rowEncoder } from "../../../src/connect/runtime/row-encoder.js";
import { TransformChain } from "../../../src/connect/runtime/transform-chain.js";
import { transformPlugins } from "../../../src/connect/transforms/plugins.js";
import { structOf, type Value } from "../../../src/data/schema.js";
import { RecordBatchBuilder } from "../../../src/protocol/record-batch-builder.js";
import { RecordCursor } from "../../../src/protocol/record-cursor.js";
import { chunkOf, shapes } from "../../support/envelopes.js";

const converters = createConverterPlugins({ registry: undefined as never });
const plugins = new Plugins({ sources: [], sinks: [], converters, transforms: transformPlugins, predicates: predicatePlugins });
const json = () => converters.find((c) => c.classes[0]!.endsWith("JsonConverter"))!;
// a null that a transform replaced by its default must not be taken for one that the converter replaced
const asItIs = { "replace.null.with.default": "false" };
const key = json().create(asItIs, true) as JsonConverter;
const value = json().create(asItIs, false) as JsonConverter;
const header = new SimpleHeaderConverter();

const unwrap = "io.debezium.transforms.ExtractNewRecordState";
const k = "org.apache.kafka.connect.transforms.";
/** [name, transforms in order with their settings, whether it must compile for create and update] */
const cases: [string, Record<string, string>[], boolean][] = [
  ["ExtractNewRecordState", [{ type: unwrap }], true],
  [
    "… rewrite with added fields",
    [{ type: unwrap, "delete.tombstone.handling.mode": "rewrite", "add.fields": "op,table,lsn,source.ts_ms:at" }],
    true,
  ],
  ["… rewrite with tombstones", [{ type: unwrap, "delete.tombstone.handling.mode": "rewrite-with-tombstone" }], true],
  [
    "… drop, headers",
    [{ type: unwrap, "delete.tombstone.handling.mode": "drop", "add.headers": "op,source.ts_ms", "add.headers.prefix": "h_" }],
    true,
  ],
  [
    "… as before 2.5",
    [{ type: "io.debezium.transforms.UnwrapFromEnvelope", "drop.tombstones": "false", "delete.handling.mode": "rewrite" }],
    true,
  ],
  ["… delete-to-tombstone", [{ type: unwrap, "delete.tombstone.handling.mode": "delete-to-tombstone", "add.fields": "op" }], true],
  ["… route.by.field", [{ type: unwrap, "route.by.field": "name" }], false],
  ["ValueToKey", [{ type: unwrap }, { type: `${k}ValueToKey`, fields: "id,name" }], true],
  [
    "ValueToKey, ExtractField$Key",
    [{ type: unwrap }, { type: `${k}ValueToKey`, fields: "id" }, { type: `${k}ExtractField$Key`, field: "id" }],
    true,
  ],
  ["ExtractField$Value", [{ type: `${k}ExtractField$Value`, field: "source" }], true],
  ["HoistField", [{ type: unwrap }, { type: `${k}HoistField$Value`, field: "row" }], true],
  [
    "InsertField static, topic, timestamp",
    [
      { type: unwrap },
      { type: `${k}InsertField$Value`, "static.field": "s", "static.value": "v", "topic.field": "t!", "timestamp.field": "at" },
    ],
    true,
  ],
  ["InsertField$Key partition", [{ type: `${k}InsertField$Key`, "partition.field": "p" }], false],
  ["MaskField", [{ type: unwrap }, { type: `${k}MaskField$Value`, fields: "name,id,flag" }], true],
  ["MaskField replacement", [{ type: unwrap }, { type: `${k}MaskField$Value`, fields: "name", replacement: "***" }], true],
  ["RegexRouter", [{ type: `${k}RegexRouter`, regex: "(.*)\\.(\\w+)\\.t", replacement: "$2-x" }], true],
  [
    "ReplaceField exclude and rename",
    [{ type: unwrap }, { type: `${k}ReplaceField$Value`, exclude: "flag", renames: "id:ident,name:n" }],
    true,
  ],
  ["ReplaceField include", [{ type: unwrap }, { type: `${k}ReplaceField$Value`, include: "id,amount" }], true],
  ["Cast", [{ type: unwrap }, { type: `${k}Cast$Value`, spec: "id:string,amount:float64,flag:string,name:boolean" }], true],
  [
    "Cast whole key",
    [
      { type: `${k}ExtractField$Key`, field: "id" },
      { type: `${k}Cast$Key`, spec: "string" },
    ],
    true,
  ],
  ["Flatten", [{ type: `${k}Flatten$Value`, delimiter: "_" }], true],
  ["ExtractField of a path", [{ type: `${k}ExtractField$Value`, field: "source.table", "field.syntax.version": "V2" }], true],
  ["ExtractField of a column", [{ type: unwrap }, { type: `${k}ExtractField$Value`, field: "amount" }], true],
  ["HeaderFrom copy", [{ type: unwrap }, { type: `${k}HeaderFrom$Value`, fields: "name,id", headers: "a,b", operation: "copy" }], true],
  ["Cast of defaults", [{ type: unwrap }, { type: `${k}Cast$Value`, spec: "amount:string,flag:int8" }], true],
  ["RegexRouter with possessive groups", [{ type: `${k}RegexRouter`, regex: "(\\w++)\\.(.*)", replacement: "$2_$1" }], true],
  [
    "TimestampConverter",
    [
      { type: unwrap },
      { type: `${k}TimestampConverter$Value`, field: "amount", "target.type": "string", format: "yyyy-MM-dd HH:mm:ss.SSS" },
    ],
    true,
  ],
  [
    "TimestampConverter to Timestamp",
    [{ type: unwrap }, { type: `${k}TimestampConverter$Value`, field: "amount", "target.type": "Timestamp", "unix.precision": "seconds" }],
    true,
  ],
  ["TimestampRouter", [{ type: `${k}TimestampRouter`, "topic.format": "${topic}_${timestamp}", "timestamp.format": "yyyyMMdd" }], false],
  ["SetSchemaMetadata", [{ type: unwrap }, { type: `${k}SetSchemaMetadata$Value`, "schema.name": "x.Y", "schema.version": "7" }], true],
  [
    "InsertHeader, DropHeaders",
    [
      { type: `${k}InsertHeader`, header: "h", "value.literal": "12" },
      { type: `${k}DropHeaders`, headers: "__debezium.context.connectorName" },
    ],
    true,
  ],
  ["HeaderFrom", [{ type: unwrap }, { type: `${k}HeaderFrom$Value`, fields: "name", headers: "was", operation: "move" }], true],
  [
    "ByLogicalTableRouter",
    [
      {
        type: "io.debezium.transforms.ByLogicalTableRouter",
        "topic.regex": "(.*)\\.t",
        "topic.replacement": "$1.all",
        "key.field.regex": "(.*)",
        "key.field.replacement": "was-$1",
      },
    ],
    true,
  ],
  ["Filter of tombstones", [{ type: `${k}Filter`, predicate: "tombstone" }], true],
  ["Filter of all but tombstones", [{ type: `${k}Filter`, predicate: "tombstone", negate: "true" }], true],
  [
    "a predicate by topic and by header",
    [
      { type: `${k}RegexRouter`, regex: ".*", replacement: "y", predicate: "named" },
      { type: `${k}DropHeaders`, headers: "x", predicate: "header" },
    ],
    true,
  ],
];

/** The table's rows, flat, whose columns have defaults that a null stands for. */
const defaults: Readonly<Record<string, Value>> = { name: "nobody", amount: 7, flag: true };
const flat = shapes["flat"]!.value as StructNode;
const withDefaults = structOf(
  flat.schema.fields!.map((f) => [f.name, f.name in defaults ? { ...f.schema, default: defaults[f.name]! } : f.schema] as const),
  { name: flat.schema.name! },
);
const allShapes: Readonly<Record<string, RecordShape>> = {
  ...shapes,
  defaults: {
    ...shapes["flat"]!,
    value: {
      kind: "struct",
      schema: withDefaults,
      fields: flat.fields.map((n, i) => ({ ...n, schema: withDefaults.fields![i]!.schema }) as StructNode["fields"][number]),
    },
  },
};

it("InsertField leaves a record's partition to the record: rows of a sink have one each", () => {
  const chain = chainOf([{ type: `${k}InsertField$Key`, "partition.field": "p" }]);
  expect(chain.compile(shapes["flat"]!)).toBeUndefined();
});

const rows = fc.array(
  fc.record({
    id: fc.integer({ min: -2147483648, max: 2147483647 }),
    name: fc.option(fc.string({ unit: "grapheme" })),
    amount: fc.option(fc.integer({ min: -1e12, max: 1e12 })),
    flag: fc.option(fc.boolean()),
    ms: fc.integer({ min: 1, max: 2e12 }),
    lsn: fc.option(fc.integer({ min: 0, max: 2 ** 40 })),
  }),
  { minLength: 1, maxLength: 4 },
);

function chainOf(steps: Record<string, string>[]): TransformChain {
  const config: Record<string, string> = {
    transforms: steps.map((_, i) => `t${i}`).join(","),
    predicates: "tombstone,named,header",
    "predicates.tombstone.type": `${k}predicates.RecordIsTombstone`,
    "predicates.named.type": `${k}predicates.TopicNameMatches`,
    "predicates.named.pattern": "g\\..*",
    "predicates.header.type": `${k}predicates.HasHeaderKey`,
    "predicates.header.name": "__debezium.context.connectorName",
  };
  steps.forEach((step, i) => {
    for (const [name, v] of Object.entries(step)) config[`transforms.t${i}.${name}`] = v;
  });
  return TransformChain.of(config, plugins);
}

function bytes(r: SourceRecord | null) {
  if (r === null) return null;
  return {
    topic: r.topic,
    key: key.fromConnect(r.topic, r.keySchema, r.key)?.toString() ?? null,
    value: value.fromConnect(r.topic, r.valueSchema, r.value)?.toString() ?? null,
    headers: r.headers.map((h) => [h.key, Buffer.from(header.fromConnect(r.topic, h.schema, h.value) ?? []).toString()]),
    timestamp: r.timestamp,
  };
}

const replacing = /Cast|ExtractField|HeaderFrom|InsertField|MaskField|ReplaceField|SetSchema|TimestampConv|ValueToKey|ExtractNew/;
const bothWays = cases.flatMap(([name, steps, compiles]): typeof cases => [
  [name, steps, compiles],
  [`${name}, keeping nulls`, steps.map((s) => (replacing.test(s["type"]!) ? { ...s, "replace.null.with.default": "false" } : s)), compiles],
]);

describe.each(bothWays)("%s", (_name, steps, compiles) => {
  it.each(Object.keys(allShapes))("gives the same bytes compiled and record by record: %s", (kind) => {
    const shape = allShapes[kind]!;
    const compiled = chainOf(steps).compile(shape);
    if (compiles && (kind === "create" || kind === "update")) expect(compiled).toBeDefined();
    if (compiled === undefined) return;
    const chain = chainOf(steps);
    fc.assert(
      fc.property(rows, (list) => {
        const chunk = chunkOf(shape, list);
        for (let row = 0; row < chunk.count; row++) {
          const general = bytes(chain.apply(materializeRecord(chunk, row)));
          if (compiled === "drop") expect(general).toBeNull();
          else expect(bytes(materializeRecord({ ...chunk, shape: compiled }, row))).toEqual(general);
        }
        if (compiled === "drop") return;
        const encoder = rowEncoder(compiled, { key, value, header });
        if (!encoder) return;
        const builder = new RecordBatchBuilder(256);
        for (let row = 0; row < chunk.count; row++) encoder.append(builder, chunk, row, 0);
        const cursor = new RecordCursor();
        cursor.open(builder.finish());
        for (let row = 0; cursor.next(); row++) {
          const general = bytes(chain.apply(materializeRecord(chunk, row)))!;
          const at = (s: number, e: number) => (s < 0 ? null : cursor.bytes.toString("utf8", s, e));
          expect(at(cursor.keyStart, cursor.keyEnd)).toEqual(general.key);
          expect(at(cursor.valueStart, cursor.valueEnd)).toEqual(general.value);
          expect(cursor.timestamp).toBe(general.timestamp);
          const headers = cursor.headers();
          expect(headers.pop()!.key).toBe("__mr.ts");
          expect(headers.map((h) => [h.key, Buffer.from(h.value ?? []).toString()])).toEqual(general.headers);
        }
      }),
      { numRuns: 15 },
    );
  });
});
