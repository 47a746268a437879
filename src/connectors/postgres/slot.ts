import { MillraceError } from "../../common/errors.js";
import { identifier, literal, type Querier } from "./catalog.js";
import { parseLsn } from "./lsn.js";
import type { PostgresSettings } from "./settings.js";
import type { WireSession } from "./wire-session.js";

export interface SlotInfo {
  readonly plugin: string;
  readonly database: string;
  readonly active: boolean;
  readonly activePid: number | null;
  readonly confirmed: number;
  /** null: the server has removed log that the slot needs */
  readonly restart: number | null;
  readonly lost: boolean;
}

export async function findSlot(q: Querier, name: string): Promise<SlotInfo | undefined> {
  const [row] = await q.query(
    `SELECT plugin, database, active, active_pid, confirmed_flush_lsn, restart_lsn, to_jsonb(s) ->> 'wal_status' FROM pg_catalog.pg_replication_slots s WHERE slot_name = ${literal(name)}`,
  );
  if (!row) return undefined;
  const [plugin, database, active, pid, confirmed, restart, status] = row;
  return {
    plugin: plugin ?? "",
    database: database ?? "",
    active: active === "t",
    activePid: pid ? Number(pid) : null,
    confirmed: confirmed ? parseLsn(confirmed) : 0,
    restart: restart ? parseLsn(restart) : null,
    lost: status === "lost" || restart === null,
  };
}

export interface NewSlot {
  readonly lsn: number;
  readonly snapshotName: string | null;
}

/** Creates the slot on a replication connection; the exported view lives until that connection's next command. */
export async function createSlot(session: WireSession, settings: PostgresSettings, exportSnapshot: boolean): Promise<NewSlot> {
  const name = identifier(settings.config.string("slot.name"));
  const failover = settings.config.boolean("slot.failover");
  const options = failover
    ? `(SNAPSHOT '${exportSnapshot ? "export" : "nothing"}', FAILOVER)`
    : exportSnapshot
      ? "EXPORT_SNAPSHOT"
      : "NOEXPORT_SNAPSHOT";
  const ms = settings.config.number("create.slot.command.timeout");
  const timer = setTimeout(() => session.close(), ms);
  let row: (string | null)[] | undefined;
  try {
    [row] = await session.query(`CREATE_REPLICATION_SLOT ${name} LOGICAL pgoutput ${options}`);
  } catch (e) {
    if (!(e instanceof MillraceError && e.code === "SHUTTING_DOWN")) throw e;
    throw new MillraceError(
      "SOURCE_RETRIABLE",
      `Creating replication slot ${name} took longer than ${ms} ms (create.slot.command.timeout): it waits for every transaction that was open, see pg_stat_activity for long ones`,
      { context: { setting: "create.slot.command.timeout" } },
    );
  } finally {
    clearTimeout(timer);
  }
  return { lsn: parseLsn(row![1]!), snapshotName: row![2] ?? null };
}

export function lostSlot(name: string, why: string): MillraceError {
  return new MillraceError(
    "SOURCE_FAILED",
    `Replication slot ${name} ${why}, so changes since the stored position are gone. Either drop the slot (SELECT pg_drop_replication_slot('${name}')), delete this connector's offsets and start it with snapshot.mode=initial, or set snapshot.mode=when_needed, which takes a new snapshot in such a case`,
    { context: { setting: "slot.name", slot: name } },
  );
}
