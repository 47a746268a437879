import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startProxy } from "./support.js";

let proxy: Awaited<ReturnType<typeof startProxy>>;
beforeAll(async () => {
  proxy = await startProxy();
  await proxy.broker.createTopics([{ name: "t", partitions: 1 }]);
});
afterAll(() => proxy.close());

const end = async () => (await proxy.broker.listOffsets({ partitions: [{ topic: "t", partition: 0, timestamp: "latest" }] }))[0]!.offset;

const schema = '{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":["null","string"]}]}';
const bodies = {
  avro: { value_schema: schema, records: [{ value: { a: 1, b: { string: "x" } } }, { key: null, value: { a: -2, b: null } }] },
  json: {
    records: [
      { key: { k: [1] }, value: { a: "é", b: [1.5e3, true] } },
      { value: null, partition: 0 },
    ],
  },
  binary: { records: [{ key: "a2V5", value: "dg==" }, { value: "" }] },
};

it.each(Object.entries(bodies))(
  "a mutated %s body is taken whole or refused with a reason, and what is no JSON is refused",
  async (format, body) => {
    const good = Buffer.from(JSON.stringify(body));
    const mutation = fc.record({
      at: fc.nat(good.length - 1),
      kind: fc.constantFrom("set", "cut", "insert", "delete"),
      byte: fc.integer({ min: 1, max: 255 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 3 }), async (mutations) => {
        let bytes = Buffer.from(good);
        for (const { at, kind, byte } of mutations) {
          const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at + (kind === "insert" ? 0 : 1))];
          bytes = kind === "cut" ? Buffer.from(head) : Buffer.concat(kind === "delete" ? [head, tail] : [head, Buffer.from([byte]), tail]);
        }
        const before = await end();
        const headers = { "content-type": `application/vnd.kafka.${format}.v2+json` };
        const response = await fetch(`${proxy.url}/topics/t`, { method: "POST", headers, body: bytes });
        const answer = (await response.json()) as { offsets?: unknown[]; error_code?: number; message?: string };
        const written = (await end()) - before;
        if (response.status === 200) {
          expect(() => JSON.parse(bytes.toString())).not.toThrow();
          expect(written).toBe(answer.offsets!.length);
        } else {
          expect([400, 404, 408, 422]).toContain(response.status);
          expect([Math.floor(answer.error_code! / (answer.error_code! < 1000 ? 1 : 100)), typeof answer.message]).toEqual([
            response.status,
            "string",
          ]);
          expect(written).toBe(0);
        }
      }),
      { numRuns: 150 },
    );
  },
  60_000,
);
