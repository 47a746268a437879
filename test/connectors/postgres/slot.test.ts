import { afterAll, beforeAll, expect, test } from "vitest";
import { connect } from "../../../src/connectors/postgres/connect.js";
import { readSettings } from "../../../src/connectors/postgres/settings.js";
import { createSlot, findSlot } from "../../../src/connectors/postgres/slot.js";
import { WireSession } from "../../../src/connectors/postgres/wire-session.js";
import { startPostgres, type TestPostgres } from "../../support/postgres.js";
import { PostgresBed } from "./support.js";

let server: TestPostgres;
let bed: PostgresBed;
beforeAll(async () => {
  server = await startPostgres();
  bed = await PostgresBed.open(server, "CREATE TABLE a (id int)");
});
afterAll(async () => {
  await bed?.close();
  await server?.stop();
});

const at = (host: string, port: number) => ({ host, port });

test("a slot that waits for an open transaction gives up after its time and says why", async () => {
  const other = await server.client(bed.name);
  await other.query("BEGIN; INSERT INTO a VALUES (1)");
  const settings = readSettings(bed.config({ "create.slot.command.timeout": "300" }));
  const session = new WireSession(await connect(settings, at, true));
  await expect(createSlot(session, settings, true)).rejects.toThrow(/took longer than 300 ms.*pg_stat_activity/);
  await other.query("ROLLBACK");
  await bed.dropSlot();
  const again = new WireSession(await connect(settings, at, true));
  const slot = await createSlot(again, settings, true);
  expect(slot.snapshotName).toMatch(/./);
  const catalog = new WireSession(await connect(settings, at));
  expect(await findSlot(catalog, settings.config.string("slot.name"))).toMatchObject({
    plugin: "pgoutput",
    confirmed: slot.lsn,
    lost: false,
  });
  again.close();
  catalog.close();
});
