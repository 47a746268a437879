import { type Client, types } from "cassandra-driver";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { arrayOf, Decimal, logical, mapOf, primitive, type Schema, Struct, structOf, type Value } from "../../../src/data/schema.js";
import { cassandraInstalled, startCassandra, type TestCassandra } from "../../support/cassandra.js";
import { record } from "../../support/sink-harness.js";
import { CassandraHarness, newKeyspace } from "./harness.js";

const title = cassandraInstalled ? "Cassandra types" : "Cassandra types (not run: no server in .services/cassandra)";
const p = primitive;
const str = p("string");
const named = (type: Parameters<typeof primitive>[0], name: string, parameters?: Record<string, string>) =>
  p(type, { name, ...(parameters ? { parameters } : {}) });
const dbz = (type: "int32" | "int64" | "string" | "bytes", name: string) => named(type, `io.debezium.${name}`);
const address = structOf([
  ["street", p("string", { optional: true })],
  ["zip", p("int32", { optional: true })],
]);
const addressOf = (street: string | null, zip: number | null) => new Struct(address, [street, zip]);
const variable = structOf(
  [
    ["scale", p("int32")],
    ["value", p("bytes")],
  ],
  { name: "io.debezium.data.VariableScaleDecimal" },
);
const ms = Date.UTC(2024, 1, 29, 12, 34, 56, 789);
const day = Math.floor(ms / 86_400_000);
const uuid = "0d1c9f0e-98ea-4dd4-a3b9-6a2f5e1c9a10";
const timeuuid = "5f4a1c20-8a3b-11ee-b962-0242ac120002";

/** CQL type, schema (null: schemaless), value, what is read back as text */
const good: [string, Schema | null, Value, string][] = [
  ["ascii", str, "plain", "plain"],
  ["text", str, "Grüße 👋", "Grüße 👋"],
  ["varchar", p("int32"), 42, "42"],
  ["text", p("boolean"), true, "true"],
  ["text", logical.decimal(2), new Decimal(-1005n, 2), "-10.05"],
  ["text", p("float32"), Math.fround(1.1), "1.1"],
  ["text", logical.date(), day, "2024-02-29"],
  ["text", logical.timestamp(), ms, "2024-02-29T12:34:56.789Z"],
  ["text", address, addressOf("Main", 1), '{"street":"Main","zip":1}'],
  ["text", null, new Map<Value, Value>([["a", [1, 2]]]), '{"a":[1,2]}'],
  ["tinyint", p("int8"), -128, "-128"],
  ["tinyint", str, "127", "127"],
  ["smallint", p("int16"), -32768, "-32768"],
  ["int", p("int32"), 2147483647, "2147483647"],
  ["int", p("int64"), -5, "-5"],
  ["int", p("float64"), 3, "3"],
  ["int", str, "1,234", "1234"],
  ["int", logical.decimal(2), new Decimal(1200n, 2), "12"],
  ["int", p("boolean"), true, "1"],
  ["bigint", p("int64"), -9223372036854775808n, "-9223372036854775808"],
  ["bigint", p("int64"), 9007199254740991, "9007199254740991"],
  ["bigint", p("int64"), -1, "-1"],
  ["bigint", logical.timestamp(), ms, String(ms)],
  ["varint", p("int64"), 9223372036854775807n, "9223372036854775807"],
  ["varint", str, "-123456789012345678901234567890", "-123456789012345678901234567890"],
  ["varint", p("int32"), 128, "128"],
  ["decimal", logical.decimal(5), new Decimal(-12345678901234567890n, 5), "-123456789012345.67890"],
  ["decimal", variable, new Struct(variable, [3, new Decimal(1234n, 3).toBytes()]), "1.234"],
  ["decimal", p("float64"), 0.1, "0.1"],
  ["decimal", null, 12, "12"],
  ["double", p("float64"), -1.5e300, "-1.5e+300"],
  ["double", p("float32"), Math.fround(0.5), "0.5"],
  ["double", p("float64"), Number.NaN, "NaN"],
  ["double", logical.decimal(2), new Decimal(125n, 2), "1.25"],
  ["double", p("int64"), 9007199254740992n, "9007199254740992"],
  ["float", p("float64"), 0.25, "0.25"],
  ["float", p("float64"), 0.1, String(Math.fround(0.1))],
  ["boolean", p("boolean"), true, "true"],
  ["boolean", p("int16"), 0, "false"],
  ["boolean", str, "Yes", "true"],
  ["boolean", dbz("bytes", "data.Bits"), Buffer.from([1]), "true"],
  ["blob", p("bytes"), Buffer.from([0, 255, 7]), "00ff07"],
  ["blob", str, "0xCAFE", "cafe"],
  ["blob", str, "yv4=", "cafe"],
  ["uuid", named("string", "io.debezium.data.Uuid"), uuid, uuid],
  ["timeuuid", str, timeuuid, timeuuid],
  ["uuid", p("bytes"), Buffer.from(uuid.replaceAll("-", ""), "hex"), uuid],
  ["inet", str, "192.168.1.2", "192.168.1.2"],
  ["inet", str, "2001:db8::ff00:42:8329", "2001:db8::ff00:42:8329"],
  ["inet", str, "::ffff:1.2.3.4", "::ffff:102:304"],
  ["date", logical.date(), day, "2024-02-29"],
  ["date", dbz("int32", "time.Date"), -1, "1969-12-31"],
  ["date", str, "2024-02-29", "2024-02-29"],
  ["date", logical.timestamp(), ms, "2024-02-29"],
  ["date", dbz("int64", "time.MicroTimestamp"), -1, "1969-12-31"],
  ["time", logical.time(), 45_296_789, "12:34:56.789"],
  ["time", dbz("int64", "time.MicroTime"), 45_296_789_012, "12:34:56.789012"],
  ["time", dbz("int64", "time.NanoTime"), 86_399_999_999_999, "23:59:59.999999999"],
  ["time", dbz("string", "time.ZonedTime"), "12:34:56.5Z", "12:34:56.5"],
  ["time", str, "12:34:56.123456789", "12:34:56.123456789"],
  ["timestamp", logical.timestamp(), ms, new Date(ms).toISOString()],
  ["timestamp", dbz("int64", "time.Timestamp"), ms, new Date(ms).toISOString()],
  ["timestamp", dbz("int64", "time.MicroTimestamp"), ms * 1000 + 999, new Date(ms).toISOString()],
  ["timestamp", dbz("int64", "time.MicroTimestamp"), -1, "1969-12-31T23:59:59.999Z"],
  ["timestamp", dbz("int64", "time.NanoTimestamp"), BigInt(ms) * 1_000_000n + 1n, new Date(ms).toISOString()],
  ["timestamp", dbz("string", "time.ZonedTimestamp"), "2024-02-29T13:34:56.789123+01:00", new Date(ms).toISOString()],
  ["timestamp", p("int64"), ms, new Date(ms).toISOString()],
  ["timestamp", logical.date(), day, "2024-02-29T00:00:00.000Z"],
  ["timestamp", str, "2024-02-29 12:34:56.789+0000", new Date(ms).toISOString()],
  ["timestamp", str, "2024-02-29T12:34:56.789", new Date(ms).toISOString()],
  ["timestamp", str, String(ms), new Date(ms).toISOString()],
  ["duration", str, "1y2mo3d4h5m6s7ms", "1y2mo3d4h5m6s7ms"],
  ["duration", dbz("string", "time.Interval"), "P1Y2M3DT4H5M6.78S", "1y2mo3d4h5m6s780ms"],
  ["duration", dbz("int64", "time.MicroDuration"), -1_500_000, "-1s500ms"],
  ["duration", str, "P2W", "14d"],
  ["list<int>", arrayOf(p("int32")), [3, 1, 2], "[3,1,2]"],
  ["frozen<list<text>>", arrayOf(str), ["b", "a"], '["b","a"]'],
  ["frozen<list<text>>", str, '["x", "y"]', '["x","y"]'],
  ["set<text>", arrayOf(str), ["b", "a", "b"], '["a","b"]'],
  ["set<uuid>", null, [uuid], `["${uuid}"]`],
  ["map<text, int>", mapOf(str, p("int32")), new Map([["a", 1]]), '{"a":1}'],
  ["map<text, text>", address, addressOf("Main", 1), '{"street":"Main","zip":"1"}'],
  ["map<int, frozen<list<decimal>>>", null, new Map<Value, Value>([["7", [new Decimal(15n, 1)]]]), '{"7":["1.5"]}'],
  ["address", address, addressOf("Main", null), '{"street":"Main","zip":null}'],
  ["frozen<address>", null, new Map<Value, Value>([["zip", 7]]), '{"street":null,"zip":7}'],
  ["frozen<address>", str, '{"STREET": "Low", "zip": "5"}', '{"street":"Low","zip":5}'],
  ["list<frozen<address>>", arrayOf(address), [addressOf("A", 1), addressOf(null, 2)], '[{"street":"A","zip":1},{"street":null,"zip":2}]'],
  ["tuple<int, text, timestamp>", null, [1, null, ms], `[1,null,"${new Date(ms).toISOString()}"]`],
  ["tuple<text, int>", address, addressOf("A", 9), '["A",9]'],
  ["vector<float, 3>", arrayOf(p("float32")), [1, 2.5, -3], "[1,2.5,-3]"],
  ["vector<float, 2>", null, [0.5, 1], "[0.5,1]"],
  ["vector<text, 2>", str, '["ab","c"]', '["ab","c"]'],
];

/** CQL type, schema, value, a part of the reason */
const bad: [string, Schema | null, Value, string][] = [
  ["tinyint", p("int32"), 128, "128 is out of range (-128 to 127)"],
  ["smallint", p("int32"), 40000, "40000 is out of range"],
  ["int", p("int64"), 2147483648, "2147483648 is out of range"],
  ["int", p("float64"), 1.5, "1.5 is not a whole number"],
  ["int", str, "12x", "'12x' is not a number"],
  ["int", logical.decimal(2), new Decimal(1201n, 2), "12.01 is not a whole number"],
  ["bigint", str, "9223372036854775808", "9223372036854775808 is out of range"],
  ["bigint", p("float64"), 1e20, "100000000000000000000 is out of range"],
  ["double", p("int64"), 9007199254740993n, "9007199254740993 cannot be held exactly"],
  ["float", p("int32"), 16777217, "16777217 cannot be held exactly"],
  ["float", p("float64"), 1e39, "out of range"],
  ["decimal", p("float64"), Number.NaN, "NaN is not a number"],
  ["boolean", str, "maybe", "'maybe' is neither true nor false"],
  ["boolean", p("int32"), 2, "2 is neither true nor false"],
  ["ascii", str, "Grüße", "beyond ASCII"],
  ["text", p("bytes"), Buffer.from([1]), "1 bytes are not a text"],
  ["blob", str, "not base64!", "neither bytes, 0x… nor base64"],
  ["uuid", str, "12", "'12' is not a UUID"],
  ["timeuuid", str, uuid, "is not a time UUID"],
  ["inet", str, "localhost", "'localhost' is not an IP address"],
  ["date", str, "2023-02-29", "'2023-02-29' cannot be read"],
  ["timestamp", str, "yesterday", "'yesterday' cannot be read"],
  ["time", dbz("int64", "time.MicroTime"), -1, "-1 is not within a day"],
  ["time", str, "25:00:00", "'25:00:00' cannot be read"],
  ["duration", str, "soon", "'soon' is not a duration"],
  ["duration", str, "P1Y-1D", "mixes signs"],
  ["int", address, addressOf("A", 1), "a struct cannot become a int"],
  ["list<int>", arrayOf(str), ["1", "x"], "element 1: 'x' is not a number"],
  ["list<int>", arrayOf(p("int32", { optional: true })), [null], "element 0: a list<int> cannot hold null"],
  ["list<int>", str, "1, 2", "'1, 2' is not JSON"],
  ["list<int>", mapOf(str, str), new Map(), "a map cannot become a list<int>"],
  ["map<text, int>", mapOf(str, str), new Map([["a", "b"]]), "entry 'a': 'b' is not a number"],
  ["frozen<address>", null, new Map<Value, Value>([["city", "X"]]), "field city is not one of type address"],
  ["frozen<address>", null, new Map<Value, Value>([["zip", "X"]]), "zip: 'X' is not a number"],
  ["tuple<int, text>", null, [1], "an array cannot become a tuple<int, text>"],
  ["vector<float, 3>", null, [1, 2], "an array of 2 elements cannot become a vector<float, 3>"],
];

describe.skipIf(!cassandraInstalled)(title, () => {
  let server: TestCassandra;
  let db: Client;
  let ks: string;
  let sink: CassandraHarness;
  const all = [...good, ...bad];
  const column = (type: string) => `c${[...new Set(all.map((g) => g[0]))].indexOf(type)}`;
  beforeAll(async () => {
    server = await startCassandra();
    db = await server.client();
    ks = await newKeyspace(db);
    await db.execute(`CREATE TYPE ${ks}.address (street text, zip int)`);
    const columns = [...new Set(all.map((g) => g[0]))].map((t) => `${column(t)} ${t.replace(/\baddress\b/g, `${ks}.address`)}`);
    await db.execute(`CREATE TABLE ${ks}.kinds (id int PRIMARY KEY, ${columns.join(", ")})`);
    const config: Record<string, string> = {};
    for (const type of new Set(all.map((g) => g[0]))) config[`topic.${column(type)}.${ks}.kinds.mapping`] = `id=key, ${column(type)}=value`;
    sink = await new CassandraHarness(server.port, config).start(...new Set(all.map((g) => column(g[0]))));
  }, 180_000);
  afterAll(async () => {
    await sink?.stop();
    await db?.execute(`DROP KEYSPACE IF EXISTS ${ks}`).catch(() => {});
    await server?.stop();
  }, 60_000);

  let id = 0;
  it.each(good)("%s takes %j %s", async (type, schema, value, expected) => {
    const key = ++id;
    await sink.put(record(column(type), key, [p("int32"), key], [schema, value]));
    expect(sink.messages()).toEqual([]);
    const { rows } = await db.execute(`SELECT ${column(type)} AS v FROM ${ks}.kinds WHERE id = ${key}`);
    expect(shown(rows[0]!["v"])).toBe(expected);
  });

  it.each(bad)("%s sets %j %s aside", async (type, schema, value, reason) => {
    const key = ++id;
    await sink.put(record(column(type), key, [p("int32"), key], [schema, value]));
    expect(sink.messages().join()).toContain(reason);
    expect(sink.messages().join()).toMatch(/^value does not fit column c\d+ \(/);
    sink.errors.length = 0;
    const { rows } = await db.execute(`SELECT id FROM ${ks}.kinds WHERE id = ${key}`);
    expect(rows).toEqual([]);
  });
});

/** A value as the driver gives it, as a text that tells all of it. */
function shown(value: unknown): string {
  if (Buffer.isBuffer(value)) return value.toString("hex");
  if (value instanceof Date) return value.toISOString();
  if (typeof value === "number" || typeof value === "string" || typeof value === "boolean" || value === null) return String(value);
  return plainText(value) ?? JSON.stringify(value, (_k, v) => deep(v));
}
function plainText(value: unknown): string | undefined {
  const { Long, Integer, BigDecimal, Uuid, InetAddress, LocalDate, LocalTime, Duration } = types;
  for (const type of [Long, Integer, BigDecimal, Uuid, InetAddress, LocalDate, LocalTime, Duration])
    if (value instanceof type) return String(value);
  return undefined;
}
function deep(value: unknown): unknown {
  if (value instanceof types.Tuple) return value.elements.map(deep);
  if (value instanceof types.Vector) return [...value].map(deep);
  return plainText(value) ?? value;
}
