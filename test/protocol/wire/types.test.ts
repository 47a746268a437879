import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { handlers } from "../../../src/broker/net/apis.js";
import { metadata } from "../../../src/protocol/messages/metadata.js";
import { produce } from "../../../src/protocol/messages/produce.js";
import { array, bytes, int32, int64, string, struct, uuid } from "../../../src/protocol/wire/types.js";
import { MalformedMessage, WireReader } from "../../../src/protocol/wire/wire-reader.js";
import { WireWriter } from "../../../src/protocol/wire/wire-writer.js";

const encode = (write: (to: WireWriter) => void): Buffer => {
  const to = new WireWriter(16);
  write(to);
  return Buffer.concat(to.parts());
};

describe("types of the protocol", () => {
  const type = struct({
    name: string,
    maybe: string.nullable(2).or(null),
    later: int32.or(-1).since(3),
    gone: int32.until(1),
    id: uuid,
    at: int64,
    list: array(struct({ body: bytes.nullable() })),
    extra: int32.or(7).tagged(0, 2),
  });

  it("come back as they were written, in every version", () => {
    fc.assert(
      fc.property(
        fc.record({
          name: fc.string(),
          maybe: fc.option(fc.string()),
          later: fc.integer(),
          gone: fc.integer(),
          at: fc.maxSafeInteger(),
          list: fc.array(fc.record({ body: fc.option(fc.uint8Array({ maxLength: 20_000 }).map((b) => Buffer.from(b))) }), { maxLength: 5 }),
          extra: fc.integer(),
          id: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((b) => Buffer.from(b).toString("base64url")),
        }),
        fc.integer({ min: 0, max: 4 }),
        fc.boolean(),
        (given, version, flexible) => {
          const value = version < 2 ? { ...given, maybe: given.maybe ?? "" } : given;
          const codec = type.codec(version, flexible, false);
          const wire = encode((to) => codec.write(to, value));
          const from = new WireReader(wire);
          const read = codec.read(from);
          expect(from.left).toBe(0);
          expect(read).toEqual({
            ...value,
            later: version >= 3 ? value.later : -1,
            gone: version <= 1 ? value.gone : 0,
            extra: flexible && version >= 2 ? value.extra : 7,
          });
        },
      ),
    );
  });

  it("reads a request as the protocol guide lays it out", () => {
    // Metadata 12: one topic by name, no creation, no operations, no tags
    const body = Buffer.from("0200000000000000000000000000000000026100000000", "hex");
    expect(metadata.request(12).read(new WireReader(body))).toMatchObject({
      topics: [{ topicId: "AAAAAAAAAAAAAAAAAAAAAA", name: "a" }],
      allowAutoTopicCreation: false,
      includeTopicAuthorizedOperations: false,
    });
  });

  it("passes over tags of later versions", () => {
    const codec = struct({ a: int32 }).codec(9, true, false);
    expect(codec.read(new WireReader(Buffer.from("0000000501630201ff", "hex")))).toEqual({ a: 5 });
  });

  it.each([
    ["a string that is cut", "0005616263"],
    ["null where it is not allowed", "ffff"],
    ["a length below -1", "fffe"],
  ])("refuses %s", (_, hex) => {
    expect(() => string.codec(0, false, false).read(new WireReader(Buffer.from(hex, "hex")))).toThrow(MalformedMessage);
  });

  it("refuses an array longer than what is left before it allocates it", () => {
    expect(() =>
      array(int32)
        .codec(0, false, false)
        .read(new WireReader(Buffer.from("7fffffff", "hex"))),
    ).toThrow(/array of 2147483647/);
  });

  it("either reads or refuses any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(...handlers.values()), fc.nat(), (random, { api }, n) => {
        const version = api.versions[0] + (n % (api.versions[1] - api.versions[0] + 1));
        try {
          api.request(version).read(new WireReader(Buffer.from(random)));
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedMessage);
        }
      }),
      { numRuns: 5_000 },
    );
  });

  it("keeps large records as parts of their own", () => {
    const records = Buffer.alloc(100_000, 1);
    const to = new WireWriter();
    produce.response(9).write(to, { responses: [] });
    bytes.codec(0, true, false).write(to, records);
    expect(to.parts().some((p) => p.buffer === records.buffer)).toBe(true);
  });
});
