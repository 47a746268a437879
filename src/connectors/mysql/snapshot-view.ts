import { MillraceError } from "../../common/errors.js";
import type { Logger } from "../../common/logger.js";
import type { BinlogPosition } from "./binlog/events.js";
import type { CaptureRules } from "./capture-rules.js";
import { ServerError } from "./connection/server-error.js";
import type { WireSession } from "./connection/wire-session.js";
import { binlogEnd, binlogStatus, endIn, type ServerInfo, serverTimeUs, tableName } from "./server.js";
import type { MysqlSettings } from "./settings.js";
import type { StructuresRead } from "./structures.js";

/** A consistent view of the tables: what a session with an open transaction sees, and where in the binlog that is. */
export interface SnapshotView {
  /** null: the server writes no binlog */
  readonly position: BinlogPosition | null;
  readonly tsUs: number;
  readonly structures: StructuresRead;
}

const begin = ["SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION WITH CONSISTENT SNAPSHOT"];
/** how often a view without a lock is tried for between two transactions of others */
const tries = 200;

/**
 * Opens a consistent view on the session, by `snapshot.locking.mode`. `structures` reads the tables while no other session can change
 * them (with none, while the transaction is open).
 */
export async function openView(
  session: WireSession,
  settings: MysqlSettings,
  info: ServerInfo,
  rules: CaptureRules,
  logger: Logger,
  structures: () => Promise<StructuresRead>,
  captured: () => Promise<readonly { database: string; name: string }[]>,
): Promise<SnapshotView> {
  const mode = settings.config.string("snapshot.locking.mode");
  if (mode === "none") return unlocked(session, info, logger, structures);
  const seconds = Math.max(1, Math.ceil(settings.config.number("snapshot.lock.timeout.ms") / 1000));
  await session.query(`SET SESSION lock_wait_timeout = ${seconds}`);
  const global = await lock(session, seconds);
  if (!global) {
    // without the privilege for the global lock, the tables one by one; which ends the transaction, so it comes first
    const names = (await captured()).filter((t) => rules.table(t.database, t.name)).map((t) => `${tableName(t.database, t.name)} READ`);
    logger.info("the user may not take the global read lock: the captured tables are locked instead", { tables: names.length });
    if (names.length) await locking(session, `LOCK TABLES ${names.join(", ")}`, seconds);
    const position = await binlogEnd(session, info);
    const read = await structures();
    const tsUs = await serverTimeUs(session);
    // starting a transaction gives the table locks back: the view is as of now, and what comes between is in the stream
    for (const s of begin) await session.query(s);
    return { position, tsUs, structures: read };
  }
  for (const s of begin) await session.query(s);
  const position = await binlogEnd(session, info);
  const read = await structures();
  const tsUs = await serverTimeUs(session);
  if (mode !== "extended") await session.query("UNLOCK TABLES");
  return { position, tsUs, structures: read };
}

async function lock(session: WireSession, seconds: number): Promise<boolean> {
  try {
    await locking(session, "FLUSH TABLES WITH READ LOCK", seconds);
    return true;
  } catch (e) {
    if (e instanceof ServerError && (e.errno === 1227 || e.errno === 1045 || e.errno === 1044)) return false;
    throw e;
  }
}

async function locking(session: WireSession, sql: string, seconds: number): Promise<void> {
  try {
    await session.query(sql);
  } catch (e) {
    if (e instanceof ServerError && e.errno === 1205)
      throw new MillraceError(
        "SOURCE_RETRIABLE",
        `The read lock for the snapshot was not given within ${seconds} s, because a statement runs that long. Wait longer with snapshot.lock.timeout.ms, or take none with snapshot.locking.mode=none`,
        { cause: e, context: { setting: "snapshot.lock.timeout.ms" } },
      );
    throw e;
  }
}

/** A view without a lock: MariaDB says where it is; MySQL's binlog ends at the same place before and after, or it is tried again. */
async function unlocked(
  session: WireSession,
  info: ServerInfo,
  logger: Logger,
  structures: () => Promise<StructuresRead>,
): Promise<SnapshotView> {
  if (session.flavor === "mariadb" && info.logBin) {
    for (const s of begin) await session.query(s);
    const position = await mariadbPosition(session);
    if (position) return { position, tsUs: await serverTimeUs(session), structures: await structures() };
    await session.query("ROLLBACK");
  }
  if (!info.logBin) {
    await session.queries(begin);
    return { position: null, tsUs: await serverTimeUs(session), structures: await structures() };
  }
  const status = binlogStatus(session, info);
  for (let i = 0; ; i++) {
    // sent together: with a way to here and back between them, others' transactions would hardly ever leave a gap
    const answers = await session.queries([status, ...begin, status]);
    const [before, after] = [answers[0]!, answers.at(-1)!];
    const same = JSON.stringify(before.rows) === JSON.stringify(after.rows);
    if (same || i === tries) {
      if (!same)
        logger.warn("the snapshot's view lies a little behind its position in the binlog: events in between come once more", { tries });
      return { position: await endIn(session, info, before), tsUs: await serverTimeUs(session), structures: await structures() };
    }
    await session.query("ROLLBACK");
  }
}

async function mariadbPosition(session: WireSession): Promise<BinlogPosition | null> {
  const { rows } = await session.query("SHOW STATUS LIKE 'binlog_snapshot_%'");
  const v = new Map(rows.map(([name, value]) => [name!.toLowerCase(), value]));
  const file = v.get("binlog_snapshot_file");
  const position = Number(v.get("binlog_snapshot_position") ?? 0);
  if (!file || !position) return null;
  const gtid = await session.query(`SELECT BINLOG_GTID_POS('${file}', ${position})`);
  return { file, position, gtidSet: gtid.rows[0]?.[0] || null };
}
