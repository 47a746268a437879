import { MillraceError } from "../../common/errors.js";
import type { CaptureRules } from "./capture-rules.js";
import { identifier, literal, loadTables, type Querier, tableName } from "./catalog.js";
import type { PostgresSettings } from "./settings.js";
import { ServerError } from "./wire-session.js";

/**
 * Makes the publication, or keeps it at the captured tables, as `publication.autocreate.mode` says. It must be there before
 * the slot: pgoutput reads it as it was at each change.
 */
export async function ensurePublication(q: Querier, settings: PostgresSettings, rules: CaptureRules): Promise<void> {
  const { config } = settings;
  const name = config.string("publication.name");
  const mode = config.string("publication.autocreate.mode");
  const exists = (await q.query(`SELECT 1 FROM pg_catalog.pg_publication WHERE pubname = ${literal(name)}`)).length > 0;
  if (exists && mode !== "filtered") return;
  if (!exists && mode === "disabled")
    throw new MillraceError(
      "CONFIG_INVALID",
      `Publication ${name} does not exist and publication.autocreate.mode is disabled: create it (CREATE PUBLICATION ${identifier(name)} FOR …) or name another in publication.name`,
      { context: { setting: "publication.name" } },
    );
  const root = config.boolean("publish.via.partition.root") ? " WITH (publish_via_partition_root = true)" : "";
  try {
    if (mode === "all_tables") await q.query(`CREATE PUBLICATION ${identifier(name)} FOR ALL TABLES${root}`);
    else if (mode === "no_tables") await q.query(`CREATE PUBLICATION ${identifier(name)}${root}`);
    else await filtered(q, name, exists, root, settings, rules);
  } catch (e) {
    if (!(e instanceof ServerError)) throw e;
    throw new MillraceError("CONFIG_INVALID", `Cannot make publication ${name} (publication.autocreate.mode=${mode}): ${e.message}`, {
      cause: e,
      context: { setting: "publication.autocreate.mode" },
    });
  }
}

async function filtered(
  q: Querier,
  name: string,
  exists: boolean,
  root: string,
  settings: PostgresSettings,
  rules: CaptureRules,
): Promise<void> {
  const signals = settings.config.optionalString("signal.data.collection");
  const all = await loadTables(q);
  const parts = new Set(root ? (await q.query("SELECT inhrelid FROM pg_catalog.pg_inherits")).map(([oid]) => Number(oid)) : []);
  const wanted = all.filter((t) => (rules.table(t.schema, t.name) || `${t.schema}.${t.name}` === signals) && !parts.has(t.oid));
  if (!wanted.length)
    throw new MillraceError("CONFIG_INVALID", "No table matches table.include.list and its like: a filtered publication would be empty", {
      context: { setting: "table.include.list" },
    });
  // a partitioned table and its partitions may both be captured; naming the root alone covers them all
  const list = wanted.map(tableName).join(", ");
  if (!exists) {
    await q.query(`CREATE PUBLICATION ${identifier(name)} FOR TABLE ${list}${root}`);
    return;
  }
  const now = await q.query(`SELECT schemaname, tablename FROM pg_catalog.pg_publication_tables WHERE pubname = ${literal(name)}`);
  const have = new Set(now.map(([s, t]) => `${s}.${t}`));
  const same =
    wanted.every((t) => t.kind === "p" || have.has(`${t.schema}.${t.name}`)) && have.size === wanted.filter((t) => t.kind !== "p").length;
  if (!same) await q.query(`ALTER PUBLICATION ${identifier(name)} SET TABLE ${list}`);
}
