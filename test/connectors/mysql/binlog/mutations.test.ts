import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MillraceError } from "../../../../src/common/errors.js";
import { EventDecoder } from "../../../../src/connectors/mysql/binlog/event-decoder.js";
import type { BinlogEvent } from "../../../../src/connectors/mysql/binlog/events.js";
import { BinlogReader } from "../../../../src/connectors/mysql/binlog/reader.js";
import { installed, startMysql, type TestMysql } from "../../../support/mysql.js";
import { cellText, endOf, open, rowsOf } from "../support.js";

/** The events' bytes as the server sends them. */
async function packetsOf(server: TestMysql, change: () => Promise<unknown>): Promise<{ file: string; position: number; events: Buffer[] }> {
  const from = await endOf(server);
  await change();
  const to = await endOf(server);
  const session = await open(server);
  await BinlogReader.open(session, { ...from, gtidSet: null }, { serverId: 69_999, heartbeatMs: 60_000 });
  const events: Buffer[] = [];
  const { packets } = session;
  for (;;) {
    await session.packet();
    const event = Buffer.from(packets.buffer.subarray(packets.start + 1, packets.end));
    events.push(event);
    if (event.readUInt32LE(13) === to.position) break;
  }
  session.close();
  return { file: from.file, position: from.position, events };
}

describe.each(["mysql", "mariadb"] as const)("damaged bytes of the binlog of %s", (flavor) => {
  const here = installed(flavor);
  const named = (name: string) => (here ? name : `${name} (not run: ${flavor} is not installed)`);
  let server: TestMysql;

  beforeAll(async () => {
    if (here) server = await startMysql(flavor);
  }, 60_000);
  afterAll(async () => server?.stop());

  test.skipIf(!here).each(["CRC32", "NONE"])(
    named("with checksums %s are an error that names file and position, or rows"),
    async (checksum) => {
      const client = await server.client();
      await client.query(`set global binlog_checksum = '${checksum}'`);
      const { file, position, events } = await packetsOf(server, async () => {
        await client.query("drop database if exists d; create database d; use d");
        await client.query(
          "create table t (id int primary key, s varchar(20), j json, d decimal(20,5), b blob, dt datetime(3), e enum('a','b'))",
        );
        await client.query(
          `insert into t values (1, 'one', '{"a":[1,"x",null]}', -1.5, 'blob', '2024-01-02 03:04:05.678', 'b'), (2, null, null, null, null, null, null)`,
        );
        await client.query("update t set s = 'changed', j = '[]' where id = 1");
        if (flavor === "mysql") {
          await client.query(
            "set binlog_transaction_compression = on; delete from t where id = 1; set binlog_transaction_compression = off",
          );
          await client.query(
            "set binlog_row_value_options = 'PARTIAL_JSON'; replace into t (id, j) values (3, '{\"k\":1,\"l\":[1,2]}'); update t set j = json_set(j, '$.l[1]', 5) where id = 3",
          );
        } else await client.query("delete from t");
      });
      const decode = (bytes: readonly Buffer[]) => {
        const decoder = new EventDecoder(file, position);
        const out: BinlogEvent[] = [];
        for (const b of bytes) decoder.decode(b, 0, b.length, out);
        return out;
      };
      const whole = rowsOf(decode(events));
      expect(whole.length).toBeGreaterThanOrEqual(4);
      const mutation = fc.record({
        event: fc.integer({ min: 0, max: events.length - 1 }),
        at: fc.nat(),
        bit: fc.integer({ min: 0, max: 7 }),
        kind: fc.constantFrom("flip", "cut", "fill"),
      });
      let failed = 0;
      fc.assert(
        fc.property(mutation, ({ event, at, bit, kind }) => {
          const damaged = Buffer.from(events[event]!);
          const place = at % damaged.length;
          if (kind === "flip") damaged[place]! ^= 1 << bit;
          else if (kind === "fill") damaged.fill(bit * 36, place, Math.min(place + 8, damaged.length));
          const cut = kind === "cut" ? damaged.subarray(0, place) : damaged;
          if (cut.equals(events[event]!)) return;
          // a length that fits makes the decoder look further
          if (kind === "cut" && cut.length >= 13 && bit > 3) cut.writeUInt32LE(cut.length, 9);
          let rows: ReturnType<typeof rowsOf>;
          try {
            const out = decode(events.map((e, i) => (i === event ? cut : e)));
            rows = rowsOf(out);
            for (const row of rows) for (const [i, column] of row.columns.entries()) cellText(column, row.after?.[i]);
          } catch (e) {
            failed++;
            // a table map with a type of its own is found where its rows are read
            if (e instanceof MillraceError && e.code === "UNSUPPORTED") expect(e.message).toMatch(/\bd\.|position/);
            else if (e instanceof MillraceError) expect(e.message).toMatch(/\bat position \d+/);
            // what rows hold is decoded by the caller, who catches these
            else
              expect(
                e instanceof RangeError || e instanceof SyntaxError || (e as { code?: string }).code === "ERR_OUT_OF_RANGE",
                String(e),
              ).toBe(true);
            return;
          }
          // the first event, made up by the server, may come without a checksum
          if (checksum === "CRC32" && event > 0) expect(JSON.stringify(rows)).toBe(JSON.stringify(whole));
        }),
        { numRuns: 2000 },
      );
      expect(failed).toBeGreaterThan(checksum === "CRC32" ? 1000 : 100);
    },
    60_000,
  );
});
