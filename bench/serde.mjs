// How fast SQL rows are read from and written to records, beside JSON.parse and avsc on the same data.
// node bench/serde.mjs   (after npm run build)
import avsc from "avsc";
import { silentLogger } from "../dist/common/logger.js";
import { SchemaRegistry } from "../dist/schema-registry/registry.js";
import { MemorySchemaStore } from "../dist/schema-registry/store.js";
import { createRowSerde } from "../dist/serde/create.js";

const registry = await SchemaRegistry.open({ store: new MemorySchemaStore(), logger: silentLogger });
const rows = 20_000;
const words = ["new", "paid", "shipped", "returned", "cancelled"];
const types = ["BIGINT", "BIGINT", "BIGINT", "INTEGER", "DOUBLE", "STRING", "STRING", "BIGINT"];
const names = ["order_id", "customer_id", "product_id", "qty", "price", "status", "note", "ts"];
const columns = names.map((name, i) => ({ name: name.toUpperCase(), type: { base: types[i] } }));
const orders = Array.from({ length: rows }, (_, i) => [
  i,
  (i * 7919) % 100000,
  (i * 31) % 10000,
  (i % 10) + 1,
  ((i * 37) % 10000) / 100 + 0.01,
  words[i % 5],
  `note ${"abcdefghij".repeat(4)}`.slice(0, 34) + String(i % 1000000).padStart(6, "0"),
  1_700_000_000_000 + i * 17,
]);
// one buffer, as records lie in a batch
function laidOut(records) {
  const starts = new Int32Array(records.length + 1);
  for (let i = 0; i < records.length; i++) starts[i + 1] = starts[i] + records[i].length;
  return { bytes: Buffer.concat(records), starts };
}
const json = laidOut(orders.map((o) => Buffer.from(JSON.stringify(Object.fromEntries(names.map((n, i) => [n, o[i]]))))));

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
  console.log(`${what.padEnd(36)} ${(r / 1e6).toFixed(2).padStart(6)} M rows/s  ${cpu.toFixed(2)} CPU s/M${beside}`);
}

let sink = 0;
const reading =
  (serde, { bytes, starts }) =>
  () => {
    for (let r = 0; r < rows; r++) {
      const row = serde.deserialize("orders", bytes, starts[r], starts[r + 1]);
      if (row[3] === null) sink++;
    }
  };
const writing = (serde) => {
  const out = Buffer.alloc(8 * 1024 * 1024);
  return () => {
    let p = 0;
    for (let r = 0; r < rows; r++) p = serde.serializeInto("orders", orders[r], out, p);
  };
};

console.log(`an order of ${json.starts[1]} bytes as JSON`);
const parse = rate(() => {
  const { bytes, starts } = json;
  for (let r = 0; r < rows; r++) if (JSON.parse(bytes.toString("utf8", starts[r], starts[r + 1])).qty === 0) sink++;
});
report("JSON.parse", parse);
const make = (format, needed) => createRowSerde({ format, isKey: false, columns, ...(needed ? { needed } : {}) }, { registry });
report("read JSON, 3 of 8 (qty price status)", rate(reading(make("JSON", [3, 4, 5]), json)), parse, "JSON.parse");
report("read JSON, all 8", rate(reading(make("JSON"), json)), parse, "JSON.parse");
const stringify = rate(() => {
  for (const o of orders) Buffer.from(JSON.stringify({ a: o[0], b: o[1], c: o[2], d: o[3], e: o[4], f: o[5], g: o[6], h: o[7] }));
});
report("JSON.stringify", stringify);
report("write JSON", rate(writing(make("JSON"))), stringify, "JSON.stringify");

const avro = make("AVRO");
await avro.prepareWrite("orders");
const records = orders.map((o) => avro.serialize("orders", o));
const data = laidOut(records);
await avro.prepareRead("orders", data.bytes, 0, data.starts[1]);
const type = avsc.Type.forSchema(JSON.parse((await registry.latest("orders-value")).schema), { wrapUnions: false });
const bare = records.map((b) => b.subarray(5));
const decode = rate(() => {
  for (const b of bare) type.fromBuffer(b);
});
report("avsc decode", decode);
report("read Avro, all 8", rate(reading(avro, data)), decode, "avsc");
const some = make("AVRO", [3, 4, 5]);
await some.prepareRead("orders", data.bytes, 0, data.starts[1]);
report("read Avro, 3 of 8", rate(reading(some, data)), decode, "avsc");
const value = type.fromBuffer(bare[0]);
const encode = rate(() => {
  for (let r = 0; r < rows; r++) type.toBuffer(value);
});
report("avsc encode", encode);
report("write Avro", rate(writing(avro)), encode, "avsc");
console.log(`peak RSS ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB`);
if (sink < 0) console.log(sink);
