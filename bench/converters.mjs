// How fast rows become records and records become columns, beside what Node and avsc do on the same data.
// node bench/converters.mjs   (after npm run build)
import avsc from "avsc";
import { silentLogger } from "../dist/common/logger.js";
import { createConverterPlugins } from "../dist/connect/converters/plugins.js";
import { Decimal, logical, optional, primitive, structOf } from "../dist/data/schema.js";
import { SchemaRegistry } from "../dist/schema-registry/registry.js";
import { MemorySchemaStore } from "../dist/schema-registry/store.js";

const registry = await SchemaRegistry.open({ store: new MemorySchemaStore(), logger: silentLogger });
const plugins = createConverterPlugins({ registry });
const converter = (name, config = {}) => plugins.find((p) => p.classes[0].endsWith(name)).create(config, false);

const rows = 20_000;
const columns = [
  ["id", primitive("int64"), { as: "int" }, (t) => Number(t)],
  ["qty", optional(primitive("int32")), { as: "int" }, (t) => Number(t)],
  ["note", optional(primitive("string")), { as: "utf8" }, (t) => t],
  ["price", optional(logical.decimal(2)), { as: "decimal" }, (t) => Decimal.parse(t)],
  [
    "at",
    optional(primitive("string", { name: "io.debezium.time.ZonedTimestamp", version: 1 })),
    { as: "timestamptz-utc", fraction: 6 },
    (t) => t,
  ],
  ["paid", optional(primitive("boolean")), { as: "bool" }, (t) => t === "t"],
  ["code", optional(primitive("string")), { as: "utf8" }, (t) => t],
];
const texts = Array.from({ length: rows }, (_, i) => [
  String(1_000_000 + i),
  String((i * 7) % 1000),
  `a note of some forty characters, number ${i}`.slice(0, 40),
  `${(i * 31) % 100000}.${String(i % 100).padStart(2, "0")}`,
  `2024-0${(i % 9) + 1}-15 10:${String(i % 60).padStart(2, "0")}:34.56789${i % 10}+00`,
  i % 2 ? "t" : "f",
  `CODE-${i % 5000}`,
]);
const rowSchema = structOf(
  columns.map(([n, s]) => [n, s]),
  { name: "srv.public.orders.Value", optional: true },
);
const int64 = primitive("int64", { optional: true });
const source = structOf(
  [
    ["version", primitive("string")],
    ["connector", primitive("string")],
    ["name", primitive("string")],
    ["ts_ms", primitive("int64")],
    ["snapshot", primitive("string", { optional: true, default: "false" })],
    ["db", primitive("string")],
    ["sequence", primitive("string", { optional: true })],
    ["schema", primitive("string")],
    ["table", primitive("string")],
    ["txId", int64],
    ["lsn", int64],
    ["xmin", int64],
  ],
  { name: "io.debezium.connector.postgresql.Source" },
);
const envelope = structOf(
  [
    ["before", rowSchema],
    ["after", rowSchema],
    ["source", source],
    ["op", primitive("string")],
    ["ts_ms", int64],
    ["transaction", primitive("string", { optional: true })],
  ],
  { name: "srv.public.orders.Envelope", version: 1 },
);
const constant = (schema, value) => ({ kind: "const", schema, value });
const s = source.fields;
const after = {
  kind: "struct",
  schema: rowSchema,
  fields: columns.map(([, schema, text, decode], column) => ({
    kind: "column",
    schema,
    column,
    text,
    decode: (b, x, y) => decode(b.toString("utf8", x, y)),
  })),
};
const node = {
  kind: "struct",
  schema: envelope,
  fields: [
    constant(rowSchema, null),
    after,
    {
      kind: "struct",
      schema: source,
      fields: [
        constant(s[0].schema, "3.7.0.Final"),
        constant(s[1].schema, "postgresql"),
        constant(s[2].schema, "srv"),
        { kind: "slot", schema: s[3].schema, slot: 0 },
        constant(s[4].schema, "false"),
        constant(s[5].schema, "postgres"),
        { kind: "template", schema: s[6].schema, parts: ['["', { slot: 1 }, '","', { slot: 2 }, '"]'] },
        constant(s[7].schema, "public"),
        constant(s[8].schema, "orders"),
        { kind: "slot", schema: int64, slot: 3 },
        { kind: "slot", schema: int64, slot: 2 },
        constant(int64, null),
      ],
    },
    constant(envelope.fields[3].schema, "c"),
    { kind: "slot", schema: int64, slot: 4 },
    constant(envelope.fields[5].schema, null),
  ],
};

const width = columns.length * 2;
const offsets = new Int32Array(rows * width);
const slots = new Float64Array(rows * 5);
const parts = [];
let at = 0;
texts.forEach((row, r) => {
  row.forEach((t, c) => {
    const bytes = Buffer.from(t);
    offsets[r * width + c * 2] = at;
    offsets[r * width + c * 2 + 1] = at += bytes.length;
    parts.push(bytes);
  });
  const tx = Math.floor(r / 1000);
  slots.set([1.7e12 + tx, 24_000_000 + tx, 24_000_100 + r, 700 + tx, 1.7e12 + tx + 3], r * 5);
});
const buffer = Buffer.concat(parts);

/** Rows a second, the best of some rounds: other work on the machine can only slow a round down. */
function rate(run, least = 1500) {
  let best = 0;
  let cpu = 0;
  for (const stop = performance.now() + least; performance.now() < stop; ) {
    const before = process.cpuUsage();
    const started = performance.now();
    run();
    const seconds = (performance.now() - started) / 1000;
    const used = process.cpuUsage(before);
    if (rows / seconds > best) {
      best = rows / seconds;
      cpu = (used.user + used.system) / rows;
    }
  }
  return { rate: best, cpu };
}
function report(what, { rate: r, cpu }, limit, limitName) {
  const beside = limit ? `  ${(r / limit.rate).toFixed(2)} x ${limitName}` : "";
  console.log(`${what.padEnd(34)} ${(r / 1e6).toFixed(2).padStart(6)} M rows/s  ${cpu.toFixed(2)} CPU s/M${beside}`);
}

function writing(write) {
  const out = Buffer.alloc(8 * 1024 * 1024);
  return () => {
    let p = 0;
    for (let r = 0; r < rows; r++) {
      let end = write(out, p, buffer, offsets, r * width, slots, r * 5);
      if (end < 0) end = write(out, 0, buffer, offsets, r * width, slots, r * 5);
      p = end;
    }
  };
}
const objects = texts.map((t) => ({
  before: null,
  after: { id: Number(t[0]), qty: Number(t[1]), note: t[2], price: t[3], at: t[4], paid: t[5] === "t", code: t[6] },
  source: {
    version: "3.7.0.Final",
    connector: "postgresql",
    name: "srv",
    ts_ms: 1.7e12,
    snapshot: "false",
    db: "postgres",
    sequence: '["1","2"]',
    schema: "public",
    table: "orders",
    txId: 1,
    lsn: 2,
    xmin: null,
  },
  op: "c",
  ts_ms: 1.7e12,
  transaction: null,
}));
const stringify = rate(() => {
  for (const o of objects) Buffer.from(JSON.stringify(o));
});
report("JSON.stringify of ready objects", stringify);
for (const [name, config, label] of [
  ["AvroConverter", {}, "write Avro envelope"],
  ["JsonConverter", { "schemas.enable": "false" }, "write JSON envelope"],
  ["JsonConverter", {}, "write JSON envelope with schema"],
]) {
  const c = converter(name, config);
  await c.prepareWrite?.("orders", envelope);
  report(label, rate(writing(c.compileWriter("orders", node))), stringify, "JSON.stringify");
}

// reading: the flat row, as a sink gets it after ExtractNewRecordState
const flat = { ...rowSchema, optional: false };
const flatNode = { ...after, schema: flat };
for (const [name, config, label] of [
  ["AvroConverter", {}, "read Avro row into columns"],
  ["JsonConverter", {}, "read JSON row with schema"],
]) {
  const c = converter(name, config);
  await c.prepareWrite?.("flat", flat);
  const write = c.compileWriter("flat", flatNode);
  const records = [];
  for (let r = 0; r < rows; r++) {
    const out = Buffer.alloc(8192);
    records.push(Buffer.from(out.subarray(0, write(out, 0, buffer, offsets, r * width, slots, r * 5))));
  }
  await c.prepareRead?.("flat", [records[0]]);
  const reader = c.compileReader("flat", records[0]);
  if (!reader) {
    console.log(`${label}: no compiled reader`);
    continue;
  }
  const into = reader.columns(rows, records);
  const ours = rate(() => {
    for (let r = 0; r < rows; r++) {
      const b = records[r];
      if (!reader.accepts(b, 0, b.length)) throw new Error("not accepted");
      reader.read(b, 0, b.length, into, r);
    }
  });
  if (name === "AvroConverter") {
    const type = avsc.Type.forSchema(JSON.parse((await registry.latest("flat-value")).schema), { wrapUnions: false });
    const bare = records.map((b) => b.subarray(5));
    const theirs = rate(() => {
      for (const b of bare) type.fromBuffer(b);
    });
    report("avsc decode of the same", theirs);
    report(label, ours, theirs, "avsc");
  } else {
    const payloads = records.map((b) => JSON.stringify(JSON.parse(b.toString()).payload));
    const theirs = rate(() => {
      for (const t of payloads) JSON.parse(t);
    });
    report("JSON.parse of the payload alone", theirs);
    report(label, ours, theirs, "JSON.parse");
  }
}
console.log(`peak RSS ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB`);
