// Requests of every API and version, made by the codecs' own readers from a source of values instead of bytes, and their mutations.
import { handlers } from "../../dist/broker/net/apis.js";
import { WireWriter } from "../../dist/protocol/wire/wire-writer.js";
import { encodeRecordBatch } from "./records.mjs";

export const apis = [...handlers.values()].map((h) => h.api);

/** Of what a request is made: names that are there and some that are not, batches that are whole and some that are not. */
export function source(random, world) {
  const one = (list) => list[Math.floor(random() * list.length)];
  const below = (n) => Math.floor(random() * n);
  const bytesOf = (n) => Buffer.from(Array.from({ length: n }, () => below(256)));
  const texts = [
    ...world.topics,
    ...world.groups,
    "consumer",
    "range",
    "gzip",
    "",
    "nobody",
    "cleanup.policy",
    "retention.ms",
    "compact",
    "a b",
    "é\u0000",
    "x".repeat(300),
  ];
  const reader = {
    position: 0,
    elements(count) {
      if (count > 4) throw new RangeError(`${count} elements`);
    },
    boolean: () => random() < 0.5,
    int8: () => one([0, 0, 1, 1, 2, 3, 4, -1, 127, -128]),
    int16: () => one([0, 1, -1, 1, 2, 7, 100, 32767, -32768]),
    int32: () => one([0, 0, 0, 1, 1, 2, 3, -1, 5, 100, 10_001, 2147483647, -2147483648]),
    int64: () => one([0, 0, 1, 2, 5, 10, 100, -1, -2, -3, -4, world.producerId, 1e12, Number.MAX_SAFE_INTEGER, -(2 ** 63)]),
    float64: () => one([0, 1.5, Number.NaN, -1]),
    uuid: () => one([...world.topicIds, "AAAAAAAAAAAAAAAAAAAAAA", bytesOf(16).toString("base64url")]),
    text: () => one(texts),
    bytes: () => one([world.subscription, bytesOf(below(40)), Buffer.alloc(0), batch(), batch(), batch()]),
  };
  function batch() {
    return encodeRecordBatch({
      random,
      producerId: one([-1, -1, world.producerId, 5]),
      epoch: one([-1, 0, 0, 1]),
      sequence: one([-1, 0, below(10)]),
      attributes: one([0, 0, 0, 1, 2, 3, 4, 7, 16, 32, 48]),
      records: below(5),
    });
  }
  return { reader, one, below, bytesOf };
}

/** A `WireReader` by whose lengths few elements come: the codecs read every length through `uvarint` or as an integer of the wire. */
function reading(reader, random) {
  const few = () => (random() < 0.15 ? -1 : Math.floor(random() * 3));
  return {
    ...reader,
    uvarint: () => few() + 1,
    int16: () => (random() < 0.3 ? few() : reader.int16()),
    int32: () => (random() < 0.3 ? few() : reader.int32()),
  };
}

/** Body of a request whose fields have the types of its API. */
export function body(api, version, { reader }, random) {
  for (let attempt = 0; ; attempt++) {
    try {
      const value = api.request(version).read(reading(reader, random));
      const to = new WireWriter();
      api.request(version).write(to, value);
      return Buffer.concat(to.parts());
    } catch {
      // an array's length beyond what is left, a null where none may be: the next try
      if (attempt > 50) return Buffer.alloc(Math.floor(random() * 30));
    }
  }
}

/** Header and body without the length ahead. */
export function request(api, version, correlationId, content) {
  const client = Buffer.from("fuzz");
  const header = Buffer.alloc(10 + client.length + (version >= api.flexibleSince ? 1 : 0));
  header.writeInt16BE(api.key, 0);
  header.writeInt16BE(version, 2);
  header.writeInt32BE(correlationId, 4);
  header.writeInt16BE(client.length, 8);
  client.copy(header, 10);
  return Buffer.concat([header, content]);
}

export function framed(content) {
  const out = Buffer.alloc(4 + content.length);
  out.writeInt32BE(content.length, 0);
  content.copy(out, 4);
  return out;
}

const mutations = [
  (b, { below }) => {
    b[below(b.length)] ^= 1 << below(8);
    return b;
  },
  (b, { below, one }) => {
    b[below(b.length)] = one([0, 1, 0x7f, 0x80, 0xff]);
    return b;
  },
  (b, { below }) => b.subarray(0, below(b.length)),
  (b, { below, bytesOf }) => {
    const at = below(b.length);
    return Buffer.concat([b.subarray(0, at), bytesOf(1 + below(8)), b.subarray(at)]);
  },
  (b, { below }) => {
    const at = below(b.length);
    return Buffer.concat([b.subarray(0, at), b.subarray(at + 1 + below(6))]);
  },
  (b, { below, one }) => {
    if (b.length >= 4) b.writeInt32BE(one([-1, -2, 0, 2147483647, -2147483648, 1000]), below(b.length - 3));
    return b;
  },
  (b, { below }) => {
    const at = below(b.length);
    return Buffer.concat([b, b.subarray(at)]);
  },
];

/** What goes over the socket for one request; `mutated` ones may be anything. */
export function next(random, made, correlationId, mutated) {
  const { one, below, bytesOf } = made;
  const api = one(apis);
  const [from, to] = api.versions;
  const version = from + below(to - from + 1);
  const kind = mutated ? random() : 1;
  if (kind < 0.04) return framed(bytesOf(below(100)));
  if (kind < 0.06) {
    const lie = framed(bytesOf(20));
    lie.writeInt32BE(one([-1, -2147483648, 2147483647, 200_000_000, 3, 19, 400]), 0);
    return lie;
  }
  let content = request(api, version, correlationId, body(api, version, made, random));
  if (kind < 0.1) content.writeInt16BE(one([-1, 4, 27, 68, 92, 1000, 32767]), one([0, 2]));
  else if (kind < 0.9) for (let n = 1 + below(3); n > 0 && content.length > 0; n--) content = one(mutations)(content, made);
  return framed(Buffer.from(content));
}
