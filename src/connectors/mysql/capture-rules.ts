import { CaptureRules as TableRules } from "../../cdc/capture-rules.js";
import type { MysqlSettings } from "./settings.js";

const builtin = new Set(["mysql", "information_schema", "performance_schema", "sys"]);

/** Which databases, tables and columns are captured, under which topics and keys. */
export class CaptureRules extends TableRules {
  /** @throws CONFIG_INVALID */
  constructor({ config, prefix }: MysqlSettings) {
    super(config, prefix, { include: "database.include.list", exclude: "database.exclude.list" }, null);
  }

  override namespace(database: string): boolean {
    return !builtin.has(database.toLowerCase()) && super.namespace(database);
  }

  override table(database: string, name: string): boolean {
    return !builtin.has(database.toLowerCase()) && super.table(database, name);
  }
}
