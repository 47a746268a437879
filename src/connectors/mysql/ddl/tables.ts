import type { TableModel } from "../table-model.js";
import { alteredTable, tableFrom } from "./build-table.js";
import type { TableName } from "./cursor.js";
import { type ParsedStatement, parseDdl, type Server } from "./parser.js";
import { type Charset, charsetOf } from "./resolve-column.js";
import type { AlterTable, CharsetDefaults } from "./statement.js";

export interface TablesOptions extends Server {
  /** the server's lower_case_table_names: 0 tells cases apart, 1 stores lower case, 2 compares without case */
  readonly lowerCaseTableNames: number;
  /** the server's explicit_defaults_for_timestamp, for sessions of which it is not known; default: true */
  readonly explicitDefaultsForTimestamp?: boolean;
}

/** What a statement's meaning depends on beside its text. */
export interface DdlSession {
  /** the session's database; null or empty: none */
  readonly database: string | null;
  /** bits, as the binlog has them; null: none */
  readonly sqlMode?: number | null;
  /** default: the server's */
  readonly explicitDefaultsForTimestamp?: boolean;
  /** collation_server of the session, which CREATE DATABASE takes; default: the server's */
  readonly collation?: string | null;
}

export type DdlChangeKind =
  | "CREATE"
  | "ALTER"
  | "DROP"
  | "RENAME"
  | "TRUNCATE"
  /** an index was made or dropped, which may change the key */
  | "INDEX"
  | "DATABASE"
  /** the server's default character set, as a schema history starts with */
  | "SERVER"
  | "USE";

/** One change that a statement makes; DROP TABLE and RENAME TABLE make one a table. */
export interface DdlChange {
  readonly kind: DdlChangeKind;
  /** empty for SERVER */
  readonly database: string;
  /** after the change; null where it is of a database or of the server */
  readonly table: string | null;
  /** the name before a RENAME */
  readonly previous: { readonly database: string; readonly table: string } | null;
  /** the table after the change; null where it is gone, or was not known */
  readonly model: TableModel | null;
  /** the statement, or its part that makes this change */
  readonly ddl: string;
  /** the names of all tables that the statement changes, with commas; null where it is of a database or of the server */
  readonly tables: string | null;
}

/**
 * The tables of a server, as its DDL made them. Models are never changed: a table that a statement alters has another object
 * afterwards, so that what was made from the old one can be told by identity.
 */
export class Tables {
  private readonly databases = new Map<string, { readonly name: string; readonly defaults: CharsetDefaults }>();
  private readonly tables = new Map<string, Map<string, TableModel>>();
  private server: Charset = { charset: "utf8mb4", collation: null };

  constructor(readonly options: TablesOptions) {}

  get(database: string, table: string): TableModel | undefined {
    return this.tables.get(this.fold(database))?.get(this.fold(table));
  }

  /** All tables, by database and in the order in which they came. */
  *all(): IterableIterator<TableModel> {
    for (const tables of this.tables.values()) yield* tables.values();
  }

  put(model: TableModel): void {
    let tables = this.tables.get(this.fold(model.database));
    if (!tables) this.tables.set(this.fold(model.database), (tables = new Map()));
    tables.set(this.fold(model.name), model);
  }

  delete(database: string, table: string): void {
    this.tables.get(this.fold(database))?.delete(this.fold(table));
  }

  clear(): void {
    this.databases.clear();
    this.tables.clear();
  }

  /** The server's default character set and collation, for databases whose CREATE DATABASE was not seen. */
  setServerDefaults(charset: string, collation: string | null = null): void {
    this.server = charsetOf(collation ? { charset, collation } : { charset }, this.server);
  }

  /**
   * Applies the statements of a text; what changes no table gives no change. Where it throws, no statement of the text has been applied
   * but those before the one that failed.
   *
   * @throws MillraceError SQL_PARSE with the position of what does not parse, SQL_STATEMENT on a column or index that is not known
   */
  apply(sql: string, session: DdlSession): DdlChange[] {
    const changes: DdlChange[] = [];
    let { database } = session;
    for (const parsed of parseDdl(sql, this.options, session.sqlMode ?? null)) {
      if (parsed.statement.kind === "use") database = parsed.statement.database;
      changes.push(...this.applyOne(parsed, { ...session, database }));
    }
    return changes;
  }

  private applyOne({ statement: s, text }: ParsedStatement, session: DdlSession): DdlChange[] {
    const stored = (name: string) => (this.options.lowerCaseTableNames === 1 ? name.toLowerCase() : name);
    const full = (t: TableName) => ({ database: stored(t.database ?? session.database ?? ""), table: stored(t.name) });
    const explicit = session.explicitDefaultsForTimestamp ?? this.options.explicitDefaultsForTimestamp ?? true;
    const rules = { flavor: this.options.flavor, explicitDefaultsForTimestamp: explicit };
    const change = (kind: DdlChangeKind, t: { database: string; table: string | null }, model: TableModel | null = null): DdlChange => ({
      kind,
      ...t,
      previous: null,
      model,
      ddl: text,
      tables: kind === "INDEX" ? "" : t.table,
    });
    switch (s.kind) {
      case "create-table": {
        const t = full(s.table);
        if (s.ifNotExists && this.get(t.database, t.table)) return [];
        const made = tableFrom(s, t.database, this.defaultsOf(t.database), rules);
        const model = { ...made, name: t.table };
        this.put(model);
        return [change("CREATE", t, model)];
      }
      case "create-like": {
        const t = full(s.table);
        const like = full(s.like);
        const from = this.get(like.database, like.table);
        if (s.ifNotExists && this.get(t.database, t.table)) return [];
        if (!from) return [change("CREATE", t)];
        // the index that a foreign key left is an ordinary one here: the foreign key is not copied
        const indexes = from.indexes.map((i) => ({ ...i, generated: false }));
        const model = { ...from, database: t.database, name: t.table, indexes, comment: null };
        this.put(model);
        return [change("CREATE", t, model)];
      }
      case "alter-table":
        return this.alter(s, full, rules, change);
      case "rename-tables": {
        const renamed = s.pairs.map(({ from, to, text: pair }) => {
          const ddl = s.pairs.length === 1 ? text : `RENAME TABLE ${pair}`;
          return { ...this.rename(full(from), full(to), change), ddl };
        });
        const tables = renamed.map((c) => c.table).join(",");
        return renamed.map((c) => ({ ...c, tables }));
      }
      case "drop-tables": {
        const names = s.tables.map(full);
        const tables = names.map((t) => t.table).join(",");
        return names.map((t) => {
          this.delete(t.database, t.table);
          const ddl = `DROP TABLE ${s.ifExists ? "IF EXISTS " : ""}${quoted(t.database)}.${quoted(t.table)}`;
          return { ...change("DROP", t), ddl, tables };
        });
      }
      case "truncate": {
        const t = full(s.table);
        return [change("TRUNCATE", t, this.get(t.database, t.table) ?? null)];
      }
      case "create-database":
      case "alter-database": {
        const name = stored(s.name ?? session.database ?? "");
        const inherited: CharsetDefaults =
          s.kind === "create-database" && session.collation && !s.defaults.charset && !s.defaults.collation
            ? { collation: session.collation }
            : s.defaults;
        const old = this.databases.get(this.fold(name));
        if (s.kind === "create-database" ? !(s.ifNotExists && old) : Object.keys(s.defaults).length)
          this.databases.set(this.fold(name), { name, defaults: inherited });
        return [change("DATABASE", { database: name, table: null })];
      }
      case "drop-database":
        this.databases.delete(this.fold(s.name));
        this.tables.delete(this.fold(s.name));
        return [change("DATABASE", { database: stored(s.name), table: null })];
      case "create-index":
      case "drop-index": {
        const clause = s.kind === "create-index" ? ({ kind: "add-index", index: s.index } as const) : { ...s, constraint: false };
        const [altered] = this.alter({ kind: "alter-table", table: s.table, ifExists: false, clauses: [clause] }, full, rules, change);
        return [{ ...altered!, kind: "INDEX", tables: "" }];
      }
      case "use":
        return [change("USE", { database: stored(s.database), table: null })];
      case "set-server":
        this.server = charsetOf(s.defaults, this.server);
        return [change("SERVER", { database: "", table: null })];
      case "ignored":
        return [];
    }
  }

  private alter(
    s: AlterTable,
    full: (t: TableName) => { database: string; table: string },
    rules: Parameters<typeof alteredTable>[3],
    change: (kind: DdlChangeKind, t: { database: string; table: string }, model?: TableModel | null) => DdlChange,
  ): DdlChange[] {
    const t = full(s.table);
    const old = this.get(t.database, t.table);
    if (!old) return [change("ALTER", t)];
    const model = alteredTable(old, s, this.defaultsOf(t.database), rules);
    this.put(model);
    const changes = [change("ALTER", t, model)];
    for (const clause of s.clauses) {
      if (clause.kind === "rename-table") changes[0] = this.rename(t, full(clause.to), change);
      else if (clause.kind === "partition-to-table") {
        const to = full(clause.to);
        const made = { ...model, database: to.database, name: to.table };
        this.put(made);
        changes.push(change("CREATE", to, made));
      } else if (clause.kind === "table-to-partition") {
        const from = full(clause.from);
        this.delete(from.database, from.table);
        changes.push(change("DROP", from));
      }
    }
    const tables = changes.map((c) => c.table).join(",");
    return changes.map((c) => ({ ...c, tables }));
  }

  private rename(
    from: { database: string; table: string },
    to: { database: string; table: string },
    change: (kind: DdlChangeKind, t: { database: string; table: string }, model?: TableModel | null) => DdlChange,
  ): DdlChange {
    const old = this.get(from.database, from.table);
    const model = old ? { ...old, database: to.database, name: to.table } : null;
    this.delete(from.database, from.table);
    if (model) this.put(model);
    // a table that was not known took the place of this one
    else this.delete(to.database, to.table);
    return { ...change("RENAME", to, model), previous: from };
  }

  private defaultsOf(database: string): Charset {
    return charsetOf(this.databases.get(this.fold(database))?.defaults ?? {}, this.server);
  }

  private fold(name: string): string {
    return this.options.lowerCaseTableNames === 0 ? name : name.toLowerCase();
  }
}

function quoted(name: string): string {
  return `\`${name.replaceAll("`", "``")}\``;
}
