import { columnDefinition, defaultValue } from "./column-definition.js";
import { charsetDefault, indexDefinition, periodDefinition, startsKey, tableOption } from "./create-table.js";
import type { Cursor } from "./cursor.js";
import type { AlterClause, CharsetDefaults, IndexDefinition, Place, Statement, TableOptions } from "./statement.js";

/** ALTER … TABLE, the keywords up to TABLE being taken. @throws MillraceError SQL_PARSE */
export function alterTable(c: Cursor, realAsFloat: boolean): Statement {
  const ifExists = c.ifExists();
  const table = c.tableName();
  if (c.accept("WAIT")) c.integer();
  else c.accept("NOWAIT");
  const clauses: AlterClause[] = [];
  while (!c.ended) if (!c.accept(",")) clauses.push(...clause(c, realAsFloat));
  return { kind: "alter-table", table, ifExists, clauses };
}

function clause(c: Cursor, realAsFloat: boolean): AlterClause[] {
  if (c.accept("ADD")) return add(c, realAsFloat);
  if (c.accept("DROP")) return drop(c);
  if (c.accept("MODIFY")) return change(c, false, realAsFloat);
  if (c.accept("CHANGE")) return change(c, true, realAsFloat);
  if (c.accept("RENAME")) return [rename(c)];
  if (c.accept("ALTER")) return alter(c);
  if (c.accept("CONVERT")) return [convert(c)];
  if (movesRows(c)) c.skipStatement();
  const options: TableOptions = {};
  if (!c.ended) tableOption(c, options);
  return Object.keys(options).length ? [{ kind: "options", options }] : [];
}

const work = new Set(
  "EXCHANGE TRUNCATE COALESCE REORGANIZE REBUILD OPTIMIZE ANALYZE CHECK REPAIR DISCARD IMPORT REMOVE PARTITION ORDER".split(" "),
);

/** Partitioning, table spaces and ORDER BY leave the columns as they are, and nothing follows them. */
function movesRows(c: Cursor): boolean {
  if (c.is("PARTITION") || c.is("ORDER")) return true;
  return c.isOneOf(work) && (c.is("PARTITION", 1) || c.is("TABLESPACE", 1) || c.is("PARTITIONING", 1));
}

function add(c: Cursor, realAsFloat: boolean): AlterClause[] {
  if (c.is("PARTITION")) return passOver(c, true);
  if (c.accept("SYSTEM", "VERSIONING")) return [{ kind: "options", options: { systemVersioning: true } }];
  const period = periodDefinition(c);
  if (period) return [{ kind: "add-period", period }];
  if (startsKey(c)) return index(c);
  c.accept("COLUMN");
  const ifNotExists = c.ifNotExists();
  const indexes: IndexDefinition[] = [];
  const column = () => columnDefinition(c, c.columnName(), indexes, realAsFloat);
  const out: AlterClause[] = [];
  if (c.accept("(")) {
    do {
      if (startsKey(c)) out.push(...index(c));
      else out.push({ kind: "add-column", column: column(), place: null, ifNotExists });
    } while (c.accept(","));
    if (!c.is(")")) throw c.fail("expected , or )");
    c.take();
  } else out.push({ kind: "add-column", column: column(), place: place(c), ifNotExists });
  return [...out, ...besides(indexes, ifNotExists)];
}

/** Keys that are written behind columns; MariaDB's IF [NOT] EXISTS is for them too. */
function besides(indexes: readonly IndexDefinition[], ifNotExists: boolean): AlterClause[] {
  return indexes.map((i) => ({ kind: "add-index", index: { ...i, ifNotExists } }));
}

function index(c: Cursor): AlterClause[] {
  const found = indexDefinition(c);
  return found ? [{ kind: "add-index", index: found }] : [];
}

function passOver(c: Cursor, statement = false): AlterClause[] {
  if (statement) c.skipStatement();
  else c.skipClause();
  return [];
}

function change(c: Cursor, renames: boolean, realAsFloat: boolean): AlterClause[] {
  c.accept("COLUMN");
  const ifExists = c.ifExists();
  const name = c.columnName();
  const indexes: IndexDefinition[] = [];
  const column = columnDefinition(c, renames ? c.columnName() : name, indexes, realAsFloat);
  return [{ kind: "change-column", name, column, place: place(c), ifExists }, ...besides(indexes, ifExists)];
}

function place(c: Cursor): Place {
  if (c.accept("FIRST")) return { first: true };
  return c.accept("AFTER") ? { after: c.columnName() } : null;
}

function drop(c: Cursor): AlterClause[] {
  if (c.is("PARTITION")) return passOver(c, true);
  if (c.accept("SYSTEM", "VERSIONING")) return [{ kind: "options", options: { systemVersioning: false } }];
  if (c.accept("PERIOD", "FOR")) return passOver(c);
  if (c.accept("PRIMARY", "KEY")) return [{ kind: "drop-index", name: "PRIMARY", constraint: false, ifExists: false }];
  if (c.accept("FOREIGN", "KEY") || c.accept("CHECK")) return passOver(c);
  const constraint = c.accept("CONSTRAINT");
  if (constraint || c.accept("INDEX") || c.accept("KEY")) {
    const ifExists = c.ifExists();
    return [{ kind: "drop-index", name: c.name("the name of an index"), constraint, ifExists }];
  }
  c.accept("COLUMN");
  const ifExists = c.ifExists();
  const name = c.columnName();
  if (!c.accept("RESTRICT")) c.accept("CASCADE");
  return [{ kind: "drop-column", name, ifExists }];
}

function rename(c: Cursor): AlterClause {
  const kind = c.accept("COLUMN") ? "rename-column" : c.accept("INDEX") || c.accept("KEY") ? "rename-index" : "rename-table";
  if (kind === "rename-table") {
    if (!c.accept("TO") && !c.accept("AS")) c.accept("=");
    return { kind, to: c.tableName() };
  }
  const ifExists = c.ifExists();
  const name = c.columnName();
  c.expect("TO");
  return { kind, name, to: c.columnName(), ifExists };
}

function alter(c: Cursor): AlterClause[] {
  if (c.is("INDEX") || c.is("KEY") || c.is("CHECK") || c.is("CONSTRAINT")) return passOver(c);
  c.accept("COLUMN");
  const ifExists = c.ifExists();
  const name = c.columnName();
  if (c.accept("SET", "DEFAULT")) return [{ kind: "set-default", name, default: defaultValue(c), ifExists }];
  if (c.accept("DROP", "DEFAULT")) return [{ kind: "set-default", name, default: undefined, ifExists }];
  if (c.accept("SET", "VISIBLE") || c.accept("SET", "INVISIBLE")) return [];
  throw c.fail("expected SET DEFAULT or DROP DEFAULT");
}

function convert(c: Cursor): AlterClause {
  if (c.accept("PARTITION")) {
    c.name("the name of a partition");
    c.expect("TO", "TABLE");
    const to = c.tableName();
    c.skipStatement();
    return { kind: "partition-to-table", to };
  }
  if (c.accept("TABLE")) {
    const from = c.tableName();
    c.skipStatement();
    return { kind: "table-to-partition", from };
  }
  c.expect("TO");
  const defaults: CharsetDefaults = {};
  if (!charsetDefault(c, defaults)) throw c.fail("expected CHARACTER SET");
  if (c.is("COLLATE")) charsetDefault(c, defaults);
  return { kind: "convert-charset", defaults };
}
