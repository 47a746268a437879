import { crc32 } from "node:zlib";
import { describe, expect, test } from "vitest";
import { eventCode } from "../../../../src/connectors/mysql/binlog/event-code.js";
import { EventDecoder } from "../../../../src/connectors/mysql/binlog/event-decoder.js";
import type { BinlogEvent } from "../../../../src/connectors/mysql/binlog/events.js";

/** An event's bytes, without a checksum unless `checksum`. */
function event(
  type: number,
  body: Buffer,
  more: { position?: number; flags?: number; checksum?: boolean; timestamp?: number } = {},
): Buffer {
  const b = Buffer.alloc(19 + body.length + (more.checksum ? 4 : 0));
  b.writeUInt32LE(more.timestamp ?? 1_700_000_000, 0);
  b[4] = type;
  b.writeUInt32LE(7, 5);
  b.writeUInt32LE(b.length, 9);
  b.writeUInt32LE((more.position ?? 1000) % 4294967296, 13);
  b.writeUInt16LE(more.flags ?? 0, 17);
  body.copy(b, 19);
  if (more.checksum) b.writeUInt32LE(crc32(b.subarray(0, b.length - 4)), b.length - 4);
  return b;
}

function format(checksum: boolean): Buffer {
  const body = Buffer.alloc(57 + 42 + 1 + 4);
  body.writeUInt16LE(4, 0);
  body.write("9.7.4", 2);
  body[56] = 19;
  body[body.length - 5] = checksum ? 1 : 0;
  const b = event(eventCode.formatDescription, body, { position: 0 });
  b.writeUInt32LE(crc32(b.subarray(0, b.length - 4)), b.length - 4);
  return b;
}

function decode(decoder: EventDecoder, ...events: Buffer[]): BinlogEvent[] {
  const out: BinlogEvent[] = [];
  for (const b of events) decoder.decode(b, 0, b.length, out);
  return out;
}

const xid = Buffer.alloc(8);

describe("events that servers seldom write", () => {
  test("an incident is handed over", () => {
    const message = Buffer.from("\x01\x00\x0elost something", "latin1");
    expect(decode(new EventDecoder("f", 4), format(false), event(eventCode.incident, message))).toMatchObject([
      { kind: "incident", message: "lost something" },
    ]);
  });

  test("a type that is not known is an error, unless it may be ignored", () => {
    const decoder = new EventDecoder("binlog.000007", 4);
    decode(decoder, format(false));
    expect(decode(decoder, event(99, xid, { flags: 0x80, position: 500 }))).toEqual([]);
    expect(() => decode(decoder, event(99, xid, { position: 600 }))).toThrow(
      expect.objectContaining({ code: "UNSUPPORTED", message: expect.stringMatching(/type 99.*binlog\.000007 at position/) }),
    );
  });

  test("a checksum that does not fit names file and position, and reading may go on behind it", () => {
    const decoder = new EventDecoder("binlog.000007", 900);
    decode(decoder, format(true));
    const good = event(eventCode.xid, xid, { position: 1031, checksum: true });
    const bad = Buffer.from(good);
    bad[20]! ^= 1;
    expect(() => decode(decoder, bad)).toThrow(
      expect.objectContaining({
        code: "SOURCE_FAILED",
        message: expect.stringMatching(/binlog\.000007 at position 900.*checksum/),
        context: { file: "binlog.000007", position: 900 },
      }),
    );
    const next = event(eventCode.xid, xid, { position: 1062, checksum: true });
    expect(decode(decoder, next)).toMatchObject([{ kind: "commit", header: { position: 1031, nextPosition: 1062 } }]);
  });

  test("positions beyond 4 GB go on where their 32 bits begin anew", () => {
    const decoder = new EventDecoder("f", 4_294_967_280);
    decode(decoder, format(false));
    const positions = [4_294_967_307, 4_294_967_334, 8_589_934_600].map((position) => {
      decode(decoder, event(eventCode.xid, xid, { position }));
      return decoder.position;
    });
    expect(positions.slice(0, 2)).toEqual([4_294_967_307, 4_294_967_334]);
    expect(positions[2]).toBe(8_589_934_600);
  });

  test("rows of a table without a map, and rows without columns, are errors", () => {
    const decoder = new EventDecoder("f", 4);
    decode(decoder, format(false));
    const rows = Buffer.from("090000000000010002000100ff", "hex");
    expect(() => decode(decoder, event(eventCode.writeRows, rows))).toThrow(/no table map names \(?.*|no table map names/);
    const map = Buffer.concat([Buffer.from("0900000000000100", "hex"), Buffer.from("\x01d\x00\x01t\x00\x01\x03\x00\x00", "latin1")]);
    decode(decoder, event(eventCode.tableMap, map));
    const empty = Buffer.from("0900000000000100020001000000", "hex");
    expect(() => decode(decoder, event(eventCode.writeRows, empty))).toThrow(/rows without columns/);
  });
});
