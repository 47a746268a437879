import { alterTable } from "./alter-table.js";
import { charsetDefault, createIndex, createTable } from "./create-table.js";
import { Cursor, type TableName } from "./cursor.js";
import type { CharsetDefaults, Statement } from "./statement.js";
import type { Dialect } from "./tokenizer.js";

export interface ParsedStatement {
  readonly statement: Statement;
  /** as written, without the semicolon and white space around it */
  readonly text: string;
}

/** Bits of sql_mode as the binlog has them. */
const realAsFloat = 1;
const ansiQuotes = 4;
const noBackslashEscapes = 0x100000;

export interface Server {
  readonly flavor: "mysql" | "mariadb";
  readonly serverVersion?: number;
}

/** Routines hold statements of their own: they go on to the end of the text. */
const routines = new Set(["PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "PACKAGE"]);
const ofInterest = new Set(["CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE", "USE", "SET"]);
const ignored: Statement = { kind: "ignored" };

/**
 * The statements of a text, in order. What changes no table (data, users, views, routines, the session) is `ignored`.
 *
 * @param sqlMode bits of the session's sql_mode; null: none
 * @throws MillraceError SQL_PARSE with line, column and what was expected, on DDL of tables and databases that it cannot read
 */
export function parseDdl(sql: string, server: Server, sqlMode: number | null = null): ParsedStatement[] {
  const mode = sqlMode ?? 0;
  const dialect: Dialect = {
    ...server,
    ansiQuotes: (mode & ansiQuotes) !== 0,
    noBackslashEscapes: (mode & noBackslashEscapes) !== 0,
  };
  const c = new Cursor(sql, dialect);
  const out: ParsedStatement[] = [];
  for (;;) {
    while (c.accept(";"));
    if (c.peek().kind === "end") return out;
    const start = c.peek().start;
    if (!c.isOneOf(ofInterest)) {
      out.push({ statement: ignored, text: passOver(c, start) });
      continue;
    }
    const statement = parseStatement(c, (mode & realAsFloat) !== 0);
    if (statement.kind === "ignored") passOver(c, start);
    if (!c.ended) throw c.fail("expected the end of the statement");
    out.push({ statement, text: sql.slice(start, c.taken) });
  }
}

/** A statement that says nothing about tables may hold what these tokens do not know: then the rest belongs to it. */
function passOver(c: Cursor, start: number): string {
  try {
    c.skipStatement();
    return c.sql.slice(start, c.taken);
  } catch {
    c.rest();
    return c.sql.slice(start);
  }
}

function parseStatement(c: Cursor, real: boolean): Statement {
  switch (c.take().keyword) {
    case "CREATE":
      return create(c, real);
    case "ALTER":
      if (c.isOneOf(routines)) return routine(c);
      c.accept("ONLINE");
      c.accept("IGNORE");
      if (c.accept("TABLE")) return alterTable(c, real);
      if (c.accept("DATABASE") || c.accept("SCHEMA")) return alterDatabase(c);
      return c.is("DEFINER") ? routine(c) : ignored;
    case "DROP":
      return drop(c);
    case "RENAME":
      return c.accept("TABLE") || c.accept("TABLES") ? renameTables(c) : ignored;
    case "TRUNCATE": {
      c.accept("TABLE");
      const table = c.tableName();
      c.skipStatement();
      return { kind: "truncate", table };
    }
    case "USE":
      return { kind: "use", database: c.name("the name of a database") };
    default:
      return set(c, real);
  }
}

function create(c: Cursor, real: boolean): Statement {
  c.accept("OR", "REPLACE");
  if (c.accept("TABLE")) return createTable(c, real);
  if (c.accept("DATABASE") || c.accept("SCHEMA")) return createDatabase(c);
  if (c.accept("ONLINE") || c.accept("OFFLINE")) return create(c, real);
  const unique = c.accept("UNIQUE");
  if (!unique && !c.accept("FULLTEXT") && !c.accept("SPATIAL")) c.accept("VECTOR");
  if (c.accept("INDEX")) return createIndex(c, unique);
  return routine(c);
}

/** Views, temporary tables, users, sequences …; the text of a routine is passed over to its end. */
function routine(c: Cursor): Statement {
  try {
    while (!c.ended && !c.is("AS") && !c.is("VIEW") && !c.is("TABLE")) {
      if (!c.isOneOf(routines)) {
        c.take();
        continue;
      }
      c.rest();
      return ignored;
    }
  } catch {
    c.rest();
  }
  return ignored;
}

function drop(c: Cursor): Statement {
  if (c.accept("TABLE") || c.accept("TABLES")) {
    const ifExists = c.ifExists();
    const tables: TableName[] = [];
    do tables.push(c.tableName());
    while (c.accept(","));
    c.skipStatement();
    return { kind: "drop-tables", tables, ifExists };
  }
  if (c.accept("DATABASE") || c.accept("SCHEMA")) {
    c.ifExists();
    return { kind: "drop-database", name: c.name("the name of a database") };
  }
  if (!c.accept("ONLINE")) c.accept("OFFLINE");
  if (!c.accept("INDEX")) return ignored;
  const ifExists = c.ifExists();
  const name = c.name("the name of an index");
  c.expect("ON");
  const table = c.tableName();
  c.skipStatement();
  return { kind: "drop-index", table, name, ifExists };
}

function renameTables(c: Cursor): Statement {
  c.ifExists();
  const pairs: { from: TableName; to: TableName; text: string }[] = [];
  do {
    const start = c.peek().start;
    const from = c.tableName();
    if (c.accept("WAIT")) c.integer();
    else c.accept("NOWAIT");
    c.expect("TO");
    const to = c.tableName();
    pairs.push({ from, to, text: c.sql.slice(start, c.taken) });
  } while (c.accept(","));
  return { kind: "rename-tables", pairs };
}

function createDatabase(c: Cursor): Statement {
  const ifNotExists = c.ifNotExists();
  const name = c.name("the name of a database");
  return { kind: "create-database", name, ifNotExists, defaults: databaseOptions(c) };
}

function alterDatabase(c: Cursor): Statement {
  const optional = c.is("DEFAULT") || c.is("CHARACTER") || c.is("CHARSET") || c.is("COLLATE") || c.is("READ") || c.is("ENCRYPTION");
  const name = optional ? null : c.name("the name of a database");
  return { kind: "alter-database", name, defaults: databaseOptions(c) };
}

function databaseOptions(c: Cursor): CharsetDefaults {
  const defaults: CharsetDefaults = {};
  while (!c.ended) if (!charsetDefault(c, defaults)) c.take();
  return defaults;
}

/** SET of the server's character set; MariaDB's SET STATEMENT … FOR a statement; all other settings are the session's own. */
function set(c: Cursor, real: boolean): Statement {
  if (c.accept("STATEMENT")) {
    while (!c.ended && !c.is("FOR")) c.skip();
    if (!c.accept("FOR")) return ignored;
    return c.isOneOf(ofInterest) ? parseStatement(c, real) : ignored;
  }
  const defaults: CharsetDefaults = {};
  try {
    while (!c.ended) {
      const word = c.take().keyword;
      if ((word === "CHARACTER_SET_SERVER" || word === "COLLATION_SERVER") && c.accept("=")) {
        const value = c.peek().kind === "symbol" ? null : c.nameOrString("a name");
        if (value && word === "CHARACTER_SET_SERVER") defaults.charset = value;
        else if (value) defaults.collation = value;
      }
    }
  } catch {
    c.rest();
  }
  return Object.keys(defaults).length ? { kind: "set-server", defaults } : ignored;
}
