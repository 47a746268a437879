import { listed, CaptureRules as TableRules } from "../../cdc/capture-rules.js";
import { NameFilter } from "../../cdc/filters.js";
import type { PostgresSettings } from "./settings.js";

/** Which tables, columns and messages are captured, under which topics and keys. */
export class CaptureRules extends TableRules {
  private readonly messages: NameFilter;

  /** @throws CONFIG_INVALID */
  constructor({ config, prefix, dbname }: PostgresSettings) {
    super(config, prefix, { include: "schema.include.list", exclude: "schema.exclude.list" }, dbname);
    this.messages = new NameFilter(listed(config, "message.prefix.include.list"), listed(config, "message.prefix.exclude.list"));
  }

  message(prefix: string): boolean {
    return this.messages.accepts(prefix);
  }
}
