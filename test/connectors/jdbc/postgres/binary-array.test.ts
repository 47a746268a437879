import fc from "fast-check";
import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BinaryArrays } from "../../../../src/connectors/jdbc/postgres/binary-array.js";
import { Decimal } from "../../../../src/data/schema.js";
import { startPostgres, type TestPostgres } from "../../../support/postgres.js";

let server: TestPostgres;
let db: pg.Client;
beforeAll(async () => {
  server = await startPostgres();
  db = await server.client();
});
afterAll(() => server?.stop());

test("Postgres reads every decimal as what it is", async () => {
  const digits = fc.oneof(
    fc.bigInt({ min: -99_999n, max: 99_999n }),
    fc.bigInt({ min: -(10n ** 60n), max: 10n ** 60n }),
    fc.maxSafeInteger().map(BigInt),
  );
  const decimals = fc.sample(
    fc.tuple(digits, fc.integer({ min: -9, max: 25 })).map(([unscaled, scale]) => new Decimal(unscaled, scale)),
    2000,
  );
  const array = new BinaryArrays();
  array.open(1700);
  for (const d of decimals) array.numeric(d.unscaled, d.scale);
  array.close();
  const { rows } = await db.query("SELECT n::text AS n FROM unnest($1::numeric[]) WITH ORDINALITY AS u(n, i) ORDER BY i", [
    array.finish().subarray(6),
  ]);
  expect(rows.map((r) => r.n)).toEqual(decimals.map((d) => d.toString().replace(/^-(0(\.0*)?)$/, "$1")));
});

test("numbers that a column cannot hold are refused here", () => {
  const array = new BinaryArrays();
  array.open(20);
  expect(() => array.int16(32768)).toThrow(RangeError);
  expect(() => array.int32(2147483648)).toThrow(RangeError);
  expect(() => array.int64(2 ** 53)).toThrow(RangeError);
  expect(() => array.int64(2n ** 63n)).toThrow(RangeError);
});
