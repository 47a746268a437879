import { columnDefinition, references } from "./column-definition.js";
import type { Cursor, TableName } from "./cursor.js";
import type { CharsetDefaults, ColumnDefinition, CreateTable, IndexDefinition, Period, Statement, TableOptions } from "./statement.js";

const keyWords = new Set(["CONSTRAINT", "PRIMARY", "UNIQUE", "INDEX", "KEY", "FULLTEXT", "SPATIAL", "FOREIGN", "CHECK"]);
const kinds = new Set(["PRIMARY", "UNIQUE", "FOREIGN", "CHECK"]);

/** CREATE … TABLE, up to the table's name being taken. @throws MillraceError SQL_PARSE */
export function createTable(c: Cursor, realAsFloat: boolean): Statement {
  const ifNotExists = c.ifNotExists();
  const table = c.tableName();
  if (c.accept("LIKE")) return { kind: "create-like", table, like: c.tableName(), ifNotExists };
  if (c.accept("(", "LIKE")) {
    const like = c.tableName();
    c.expect(")");
    return { kind: "create-like", table, like, ifNotExists };
  }
  const columns: ColumnDefinition[] = [];
  const indexes: IndexDefinition[] = [];
  const periods: Period[] = [];
  if (c.is("(") && !startsQuery(c, 1)) {
    c.take();
    do {
      const period = periodDefinition(c);
      if (period) periods.push(period);
      else if (startsKey(c)) {
        const index = indexDefinition(c);
        if (index) indexes.push(index);
      } else columns.push(columnDefinition(c, c.columnName(), indexes, realAsFloat));
    } while (c.accept(","));
    if (!c.is(")")) throw c.fail("expected , or )");
    c.take();
  }
  const options: TableOptions = {};
  while (!c.ended && !startsQuery(c, 0) && !c.is("PARTITION") && !c.is("START")) tableOption(c, options);
  c.skipStatement();
  return { kind: "create-table", table, ifNotExists, columns, indexes, periods, options } satisfies CreateTable;
}

function startsQuery(c: Cursor, ahead: number): boolean {
  if (c.is("WITH", ahead)) return !c.is("SYSTEM", ahead + 1);
  return ["SELECT", "AS", "VALUES", "TABLE", "IGNORE", "REPLACE"].includes(c.peek(ahead).keyword) || (ahead === 0 && c.is("("));
}

/** Takes one option of a table, or the comma before it. */
export function tableOption(c: Cursor, options: TableOptions): void {
  if (c.accept("DEFAULT") || charsetDefault(c, options)) return;
  if (c.accept("COMMENT")) {
    c.accept("=");
    options.comment = c.string("a comment in quotes");
  } else if (c.accept("WITH", "SYSTEM", "VERSIONING")) options.systemVersioning = true;
  else {
    c.skip();
    if (c.accept("=")) c.skip();
  }
}

/** CHARACTER SET and COLLATE, of a table or a database; false where something else comes next. */
export function charsetDefault(c: Cursor, defaults: CharsetDefaults): boolean {
  if (c.charsetWord()) {
    c.accept("=");
    if (c.accept("DEFAULT")) delete defaults.charset;
    else defaults.charset = c.nameOrString("a character set");
  } else if (c.accept("COLLATE")) {
    c.accept("=");
    if (c.accept("DEFAULT")) delete defaults.collation;
    else defaults.collation = c.nameOrString("a collation");
  } else return false;
  return true;
}

/** PERIOD FOR name (start, end), or null where it is none. */
export function periodDefinition(c: Cursor): Period | null {
  if (!c.accept("PERIOD", "FOR")) return null;
  const name = c.name("the name of a period");
  c.expect("(");
  const start = c.columnName();
  c.expect(",");
  const end = c.columnName();
  c.expect(")");
  return { name, start, end };
}

export function startsKey(c: Cursor): boolean {
  // VECTOR is a word of MariaDB's that may be a column's name as well
  return c.isOneOf(keyWords) || (c.is("VECTOR") && (c.is("INDEX", 1) || c.is("KEY", 1)));
}

/** A key or a constraint of a table; null for those that are no index. @throws MillraceError SQL_PARSE */
export function indexDefinition(c: Cursor): IndexDefinition | null {
  let name: string | null = null;
  if (c.accept("CONSTRAINT")) {
    c.ifNotExists();
    if (!c.isOneOf(kinds)) name = c.name("the name of a constraint");
    if (!c.isOneOf(kinds)) throw c.fail("expected PRIMARY, UNIQUE, FOREIGN or CHECK");
  }
  if (c.accept("CHECK")) {
    c.parenthesised();
    c.skipClause();
    return null;
  }
  if (c.accept("PRIMARY")) {
    c.expect("KEY");
    return { ...parts(c, null), kind: "primary", name: "PRIMARY" };
  }
  if (c.accept("FOREIGN")) {
    c.expect("KEY");
    const index = parts(c, name);
    return { ...index, kind: "foreign", name: name ?? index.name };
  }
  const unique = c.accept("UNIQUE");
  if (!unique && !c.accept("FULLTEXT") && !c.accept("SPATIAL")) c.accept("VECTOR");
  if (!c.accept("INDEX")) c.accept("KEY");
  const index = parts(c, name);
  return { ...index, kind: unique ? "unique" : "index" };
}

/** [IF NOT EXISTS] [name] [USING method] (columns) and what follows up to the clause's end. */
function parts(c: Cursor, constraint: string | null): Omit<IndexDefinition, "kind"> {
  const ifNotExists = c.ifNotExists();
  let name = constraint;
  if (c.isName() && !c.is("USING")) name = c.name("the name of an index");
  if (c.accept("USING") || c.accept("TYPE")) c.take();
  const list = keyParts(c);
  if (c.accept("REFERENCES")) references(c);
  c.skipClause();
  return { name, ...list, ifNotExists };
}

export function keyParts(c: Cursor): Pick<IndexDefinition, "columns" | "prefix" | "period"> {
  const columns: (string | null)[] = [];
  let prefix = false;
  let period: string | null = null;
  c.expect("(");
  do {
    if (c.is("(")) {
      c.parenthesised();
      columns.push(null);
    } else {
      const name = c.columnName();
      if (c.accept("WITHOUT")) {
        c.expect("OVERLAPS");
        period = name;
        continue;
      }
      columns.push(name);
      if (c.is("(")) {
        c.parenthesised();
        prefix = true;
      }
    }
    if (!c.accept("ASC")) c.accept("DESC");
  } while (c.accept(","));
  if (!c.is(")")) throw c.fail("expected , or )");
  c.take();
  return { columns, prefix, period };
}

/** CREATE … INDEX, the keywords up to INDEX being taken. */
export function createIndex(c: Cursor, unique: boolean): Statement {
  const ifNotExists = c.ifNotExists();
  const name = c.name("the name of an index");
  if (c.accept("USING") || c.accept("TYPE")) c.take();
  c.expect("ON");
  const table: TableName = c.tableName();
  const list = keyParts(c);
  c.skipStatement();
  return { kind: "create-index", table, index: { kind: unique ? "unique" : "index", name, ...list, ifNotExists } };
}
