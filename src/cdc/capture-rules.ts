import type { Config } from "../common/config-def.js";
import { MillraceError } from "../common/errors.js";
import type { JavaPattern } from "../common/regex/java-pattern.js";
import { ColumnRules } from "./column-rules.js";
import { anchored, NameFilter, parsePatterns, splitList } from "./filters.js";
import { type TopicNaming, topicNaming } from "./topic-naming.js";

/** The settings that name the namespaces of tables: schemas or databases. */
export interface NamespaceSettings {
  readonly include: string;
  readonly exclude: string;
}

/** `NAME` of a namespace's include and exclude list, as both kinds of connector declare them. */
export function listed(config: Config, name: string): string | null {
  const list = config.list(name);
  return list.length ? list.join(",") : null;
}

/** Which tables and columns are captured, under which topics and keys. A table's name has two parts: namespace and table. */
export class CaptureRules {
  readonly topics: TopicNaming;
  readonly masks: ColumnRules;
  readonly propagateColumns: readonly JavaPattern[];
  readonly propagateTypes: readonly JavaPattern[];
  private readonly namespaces: NameFilter;
  private readonly tables: NameFilter;
  private readonly columns: NameFilter;
  private readonly snapshotTables: readonly JavaPattern[] | null;
  private readonly keys: readonly { table: JavaPattern; columns: readonly string[] }[];

  /** @throws CONFIG_INVALID */
  constructor(
    readonly config: Config,
    prefix: string,
    namespaces: NamespaceSettings,
    /** a name that lists may have in front of the two (Postgres's database), or null */
    private readonly outer: string | null,
  ) {
    const c = config;
    const list = (name: string) => listed(c, name);
    this.topics = topicNaming({
      strategy: c.string("topic.naming.strategy"),
      prefix,
      delimiter: c.string("topic.delimiter"),
      heartbeatPrefix: c.string("topic.heartbeat.prefix"),
      transactionTopic: c.string("topic.transaction"),
      regex: c.optionalString("topic.regex"),
      replacement: c.optionalString("topic.replacement"),
    });
    this.masks = new ColumnRules(c.raw);
    this.namespaces = new NameFilter(list(namespaces.include), list(namespaces.exclude));
    this.tables = new NameFilter(list("table.include.list"), list("table.exclude.list"));
    this.columns = new NameFilter(list("column.include.list"), list("column.exclude.list"));
    this.propagateColumns = parsePatterns(c.list("column.propagate.source.type"));
    this.propagateTypes = parsePatterns(c.list("datatype.propagate.source.type"));
    this.snapshotTables = c.list("snapshot.include.collection.list").length
      ? parsePatterns(c.list("snapshot.include.collection.list"))
      : null;
    this.keys = parseKeys(c.optionalString("message.key.columns"));
  }

  namespace(name: string): boolean {
    return this.namespaces.accepts(name);
  }

  table(schema: string, name: string): boolean {
    return this.namespaces.accepts(schema) && this.tables.accepts(`${schema}.${name}`);
  }

  column(fullName: string): boolean {
    return this.columns.accepts(fullName);
  }

  /** The place of a table in the snapshot's order, or -1 where the snapshot leaves it out. */
  snapshotRank(schema: string, name: string): number {
    if (!this.snapshotTables) return 0;
    return this.snapshotTables.findIndex((p) => this.names(schema, name).some((n) => p.matches(n)));
  }

  keyColumns(schema: string, name: string): readonly string[] | undefined {
    return this.keys.find((k) => this.names(schema, name).some((n) => k.table.matches(n)))?.columns;
  }

  /** A SELECT of the table's own for the snapshot. */
  snapshotSelect(schema: string, name: string): string | undefined {
    const tables = this.config.optionalString("snapshot.select.statement.overrides");
    if (!tables) return undefined;
    const wanted = splitList(tables).find((t) => this.names(schema, name).includes(t));
    return wanted && this.config.raw[`snapshot.select.statement.overrides.${wanted}`];
  }

  /** The ways in which lists may name a table. */
  private names(namespace: string, table: string): string[] {
    const name = `${namespace}.${table}`;
    return this.outer === null ? [name] : [name, `${this.outer}.${name}`];
  }
}

function parseKeys(text: string | null): { table: JavaPattern; columns: string[] }[] {
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
