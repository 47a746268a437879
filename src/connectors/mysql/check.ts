import { MillraceError } from "../../common/errors.js";
import type { CheckContext, ConfigProblem, ConnectorConfig } from "../../connect/api/source.js";
import { CaptureRules } from "./capture-rules.js";
import { connect } from "./connection/connect.js";
import { classify } from "./connection/server-error.js";
import type { WireSession } from "./connection/wire-session.js";
import { listTables, serverInfo } from "./server.js";
import { readSettings } from "./settings.js";
import type { Flavor } from "./source-block.js";

/** Connects and looks whether the config can work; every problem names its setting. */
export async function checkMysql(config: ConnectorConfig, context: CheckContext, flavor: Flavor): Promise<ConfigProblem[]> {
  const problems: ConfigProblem[] = [];
  const add = (setting: string, message: string) => void problems.push({ setting, message });
  let session: WireSession | null = null;
  try {
    const settings = readSettings(config, flavor);
    new CaptureRules(settings);
    session = await connect(settings, context.resolveHost.bind(context));
    if (session.flavor !== flavor)
      add(
        "connector.class",
        session.flavor === "mariadb"
          ? `the server is MariaDB (${session.serverVersion}): use io.debezium.connector.mariadb.MariaDbConnector`
          : `the server is MySQL (${session.serverVersion}): use io.debezium.connector.mysql.MySqlConnector`,
      );
    const info = await serverInfo(session);
    if (settings.snapshotMode !== "initial_only") {
      if (!info.logBin) add("database.hostname", "the server writes no binlog: start it with log_bin and binlog_format=ROW");
      else if (info.format && info.format.toUpperCase() !== "ROW")
        add("database.hostname", `the server's binlog_format is ${info.format}; streaming needs ROW`);
    }
    const signals = settings.config.optionalString("signal.data.collection");
    if (signals && !(await listTables(session)).some((t) => `${t.database}.${t.name}` === signals))
      add("signal.data.collection", `table ${signals} does not exist`);
    const { rows } = await session.query("SHOW GRANTS");
    const grants = rows.map(([g]) => g!).join("\n");
    if (
      settings.snapshotMode !== "initial_only" &&
      !/\b(REPLICATION SLAVE|REPLICATION REPLICA|ALL PRIVILEGES)\b/i.test(grants) &&
      !/^GRANT `/m.test(grants)
    )
      add("database.user", `user ${settings.user} may not read the binlog: GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO the user`);
  } catch (e) {
    const error = e instanceof MillraceError ? e : classify(e);
    const { errors, setting } = error.context as { errors?: string[]; setting?: string };
    if (errors) for (const text of errors) add(/configuration "?([\w.]+)/.exec(text)?.[1] ?? "database.hostname", text);
    else add(setting ?? "database.hostname", error.message);
  } finally {
    session?.close();
  }
  return problems;
}
