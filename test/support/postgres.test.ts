import { afterAll, beforeAll, expect, test } from "vitest";
import { startPostgres, type TestPostgres } from "./postgres.js";

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server?.stop());

test("a real server with logical decoding answers", async () => {
  const client = await server.client();
  const { rows } = await client.query("SHOW wal_level");
  expect(rows).toEqual([{ wal_level: "logical" }]);
});
