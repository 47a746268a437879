import { MillraceError } from "../../common/errors.js";
import type { CheckContext, ConfigProblem, ConnectorConfig } from "../../connect/api/source.js";
import { CaptureRules } from "./capture-rules.js";
import { literal, loadTables, tableName } from "./catalog.js";
import { connect } from "./connect.js";
import { readSettings } from "./settings.js";
import { findSlot } from "./slot.js";
import { WireSession } from "./wire-session.js";

/** Connects and looks whether the config can work; every problem names its setting. */
export async function checkPostgres(config: ConnectorConfig, context: CheckContext): Promise<ConfigProblem[]> {
  const problems: ConfigProblem[] = [];
  const add = (setting: string, message: string) => void problems.push({ setting, message });
  let session: WireSession | null = null;
  try {
    const settings = readSettings(config);
    const rules = new CaptureRules(settings);
    session = new WireSession(await connect(settings, context.resolveHost.bind(context)));
    const [row] = await session.query(
      `SELECT current_setting('wal_level'), rolsuper OR rolreplication OR
        EXISTS (SELECT 1 FROM pg_roles g WHERE g.rolname IN ('rds_superuser', 'rds_replication') AND pg_has_role(current_user, g.oid, 'member')),
        current_setting('server_version_num')::int, rolsuper FROM pg_roles WHERE rolname = current_user`,
    );
    const [level, replicates, version, superuser] = row!;
    if (settings.snapshotMode !== "initial_only") {
      if (level !== "logical")
        add(
          "database.hostname",
          `the server's wal_level is ${level}; logical decoding needs wal_level=logical in postgresql.conf and a restart`,
        );
      if (replicates !== "t") add("database.user", `user ${settings.user} may not replicate: ALTER ROLE ${settings.user} REPLICATION`);
    }
    if (Number(version) < 100000) add("database.hostname", "Postgres 10 or later is needed for pgoutput");
    const all = await loadTables(session);
    const captured = all.filter((t) => rules.table(t.schema, t.name));
    const names = captured.map((t) => literal(tableName(t)));
    if (names.length && superuser !== "t") {
      const denied = await session.query(`SELECT n FROM unnest(ARRAY[${names.join(",")}]) n WHERE NOT has_table_privilege(n, 'SELECT')`);
      if (denied.length) add("database.user", `user ${settings.user} may not read ${denied.map(([n]) => n).join(", ")}: GRANT SELECT`);
    }
    const publication = settings.config.string("publication.name");
    if (settings.config.string("publication.autocreate.mode") === "disabled" && settings.snapshotMode !== "initial_only") {
      const found = await session.query(`SELECT 1 FROM pg_publication WHERE pubname = ${literal(publication)}`);
      if (!found.length) add("publication.name", `publication ${publication} does not exist and publication.autocreate.mode is disabled`);
    }
    const slot = await findSlot(session, settings.config.string("slot.name"));
    if (slot && slot.plugin !== "pgoutput")
      add("slot.name", `slot ${settings.config.string("slot.name")} was made for ${slot.plugin}, not pgoutput: drop it or name another`);
    if (slot && slot.database !== settings.dbname)
      add("slot.name", `slot ${settings.config.string("slot.name")} belongs to database ${slot.database}`);
    const signals = settings.config.optionalString("signal.data.collection");
    if (signals && !all.some((t) => `${t.schema}.${t.name}` === signals)) add("signal.data.collection", `table ${signals} does not exist`);
  } catch (e) {
    if (!(e instanceof MillraceError)) throw e;
    const { errors, setting } = e.context as { errors?: string[]; setting?: string };
    if (errors) for (const text of errors) add(/configuration "?([\w.]+)/.exec(text)?.[1] ?? "database.hostname", text);
    else add(setting ?? "database.hostname", e.message);
  } finally {
    session?.close();
  }
  return problems;
}
