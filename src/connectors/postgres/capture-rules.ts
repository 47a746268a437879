import { anchored, NameFilter, parsePatterns, splitList } from "../../cdc/filters.js";
import { type TopicNaming, topicNaming } from "../../cdc/topic-naming.js";
import { MillraceError } from "../../common/errors.js";
import { ColumnRules } from "./column-rules.js";
import type { PostgresSettings } from "./settings.js";

/** Which tables, columns and messages are captured, under which topics and keys. */
export class CaptureRules {
  readonly topics: TopicNaming;
  readonly masks: ColumnRules;
  readonly propagateColumns: readonly RegExp[];
  readonly propagateTypes: readonly RegExp[];
  private readonly schemas: NameFilter;
  private readonly tables: NameFilter;
  private readonly columns: NameFilter;
  private readonly messages: NameFilter;
  private readonly snapshotTables: readonly RegExp[] | null;
  private readonly keys: readonly { table: RegExp; columns: readonly string[] }[];

  /** @throws CONFIG_INVALID */
  constructor(readonly settings: PostgresSettings) {
    const c = settings.config;
    const list = (name: string) => (c.list(name).length ? c.list(name).join(",") : null);
    this.topics = topicNaming({
      strategy: c.string("topic.naming.strategy"),
      prefix: settings.prefix,
      delimiter: c.string("topic.delimiter"),
      heartbeatPrefix: c.string("topic.heartbeat.prefix"),
      transactionTopic: c.string("topic.transaction"),
      regex: c.optionalString("topic.regex"),
      replacement: c.optionalString("topic.replacement"),
    });
    this.masks = new ColumnRules(c.raw);
    this.schemas = new NameFilter(list("schema.include.list"), list("schema.exclude.list"));
    this.tables = new NameFilter(list("table.include.list"), list("table.exclude.list"));
    this.columns = new NameFilter(list("column.include.list"), list("column.exclude.list"));
    this.messages = new NameFilter(list("message.prefix.include.list"), list("message.prefix.exclude.list"));
    this.propagateColumns = parsePatterns(c.list("column.propagate.source.type"));
    this.propagateTypes = parsePatterns(c.list("datatype.propagate.source.type"));
    this.snapshotTables = c.list("snapshot.include.collection.list").length
      ? parsePatterns(c.list("snapshot.include.collection.list"))
      : null;
    this.keys = parseKeys(c.optionalString("message.key.columns"));
  }

  table(schema: string, name: string): boolean {
    return this.schemas.accepts(schema) && this.tables.accepts(`${schema}.${name}`);
  }

  column(fullName: string): boolean {
    return this.columns.accepts(fullName);
  }

  message(prefix: string): boolean {
    return this.messages.accepts(prefix);
  }

  /** The place of a table in the snapshot's order, or -1 where the snapshot leaves it out. */
  snapshotRank(schema: string, name: string): number {
    if (!this.snapshotTables) return 0;
    return this.snapshotTables.findIndex((p) => p.test(`${schema}.${name}`) || p.test(`${this.settings.dbname}.${schema}.${name}`));
  }

  keyColumns(schema: string, name: string): readonly string[] | undefined {
    return this.keys.find((k) => k.table.test(`${schema}.${name}`) || k.table.test(`${this.settings.dbname}.${schema}.${name}`))?.columns;
  }

  /** A SELECT of the table's own for the snapshot. */
  snapshotSelect(schema: string, name: string): string | undefined {
    const listed = this.settings.config.optionalString("snapshot.select.statement.overrides");
    if (!listed) return undefined;
    const wanted = splitList(listed).find((t) => t === `${schema}.${name}` || t === `${this.settings.dbname}.${schema}.${name}`);
    return wanted && this.settings.config.raw[`snapshot.select.statement.overrides.${wanted}`];
  }
}

function parseKeys(text: string | null): { table: RegExp; columns: string[] }[] {
  if (!text) return [];
  return text
    .split(";")
    .map((p) => p.trim())
    .filter(Boolean)
    .map((part) => {
      const colon = part.lastIndexOf(":");
      if (colon <= 0)
        throw new MillraceError("CONFIG_INVALID", `message.key.columns: ${part} is not of the form table:column,column`, {
          context: { setting: "message.key.columns" },
        });
      return {
        table: anchored(part.slice(0, colon).trim()),
        columns: part
          .slice(colon + 1)
          .split(",")
          .map((c) => c.trim()),
      };
    });
}
