import { anchored } from "../../cdc/filters.js";
import { MillraceError } from "../../common/errors.js";
import type { Logger } from "../../common/logger.js";
import { identifier, loadTables, type Querier, tableName } from "./catalog.js";

/** `replica.identity.autoset.values`: `schema.table:FULL;schema.other:INDEX name`. */
export async function setReplicaIdentities(q: Querier, values: string, logger: Logger): Promise<void> {
  const rules = values
    .split(/[;,]/)
    .filter((v) => v.trim())
    .map((v) => {
      const colon = v.lastIndexOf(":");
      const [word, index] = v
        .slice(colon + 1)
        .trim()
        .split(/\s+/);
      const sql = word!.toUpperCase() === "INDEX" ? `USING INDEX ${identifier(index ?? "")}` : word!.toUpperCase();
      if (colon < 1 || !/^(DEFAULT|FULL|NOTHING|USING INDEX .+)$/.test(sql))
        throw new MillraceError(
          "CONFIG_INVALID",
          `replica.identity.autoset.values: ${v} is not of the form table:DEFAULT|FULL|NOTHING|INDEX name`,
          {
            context: { setting: "replica.identity.autoset.values" },
          },
        );
      return { table: anchored(v.slice(0, colon).trim()), sql };
    });
  const letters: Record<string, string> = { DEFAULT: "d", FULL: "f", NOTHING: "n" };
  for (const t of await loadTables(q)) {
    const rule = rules.find((r) => r.table.matches(`${t.schema}.${t.name}`));
    if (!rule || letters[rule.sql] === t.identity) continue;
    await q.query(`ALTER TABLE ${tableName(t)} REPLICA IDENTITY ${rule.sql}`);
    logger.info("replica identity set", { table: `${t.schema}.${t.name}`, identity: rule.sql });
  }
}
