import { MillraceError } from "../../../common/errors.js";
import type { ColumnModel, IndexModel, TableModel } from "../table-model.js";
import { keyColumns, mergeIndexes, sortIndexes } from "./indexes.js";
import { type Charset, type ColumnRules, charsetOf, columnDefault, convertColumn, resolveColumn } from "./resolve-column.js";
import type { AlterClause, AlterTable, ColumnDefinition, CreateTable, IndexDefinition, Period } from "./statement.js";

/** MariaDB's columns of a system version that WITH SYSTEM VERSIONING adds by itself. */
const versionColumns = ["row_start", "row_end"] as const;

export function tableFrom(s: CreateTable, database: string, inherited: Charset, rules: ColumnRules): TableModel {
  const { charset, collation } = charsetOf(s.options, inherited);
  const defaults = { charset, collation };
  const written = s.columns.map((d) => resolveColumn(d, defaults, rules));
  const columns = withTimestamps(written, rules);
  if (s.options.systemVersioning && !s.columns.some((d) => d.systemTime)) columns.push(...versionColumns.map(versionColumn));
  return finish(
    { database, name: s.table.name, defaultCharset: charset, defaultCollation: collation, comment: s.options.comment || null },
    columns,
    mergeIndexes([], s.indexes, withKeysNotNull(columns, s.indexes), s.periods),
  );
}

function versionColumn(name: string): ColumnModel {
  return {
    name,
    type: "TIMESTAMP",
    length: 6,
    scale: null,
    unsigned: false,
    zerofill: false,
    values: [],
    charset: null,
    collation: null,
    nullable: false,
    autoIncrement: false,
    generated: "STORED",
    onUpdateNow: false,
    defaultValue: undefined,
    defaultExpression: false,
    comment: null,
  };
}

/**
 * Where explicit_defaults_for_timestamp is off, a table's first TIMESTAMP of which nothing is said fills itself, and later ones start
 * at zero.
 */
function withTimestamps(columns: readonly ColumnModel[], rules: ColumnRules): ColumnModel[] {
  if (rules.explicitDefaultsForTimestamp) return [...columns];
  let first = true;
  return columns.map((c) => {
    if (c.type !== "TIMESTAMP" || c.generated) return c;
    const undecided = !c.nullable && (c.defaultValue ?? null) === null;
    const automatic = undecided && first && !c.onUpdateNow;
    first = false;
    if (automatic) {
      const defaultValue = c.length ? `CURRENT_TIMESTAMP(${c.length})` : "CURRENT_TIMESTAMP";
      return { ...c, defaultValue, defaultExpression: true, onUpdateNow: true };
    }
    const fraction = c.length ? `.${"0".repeat(c.length)}` : "";
    return undecided ? { ...c, defaultValue: `0000-00-00 00:00:00${fraction}`, defaultExpression: false } : c;
  });
}

/** The columns of a primary key are not null, whatever is written. */
function withKeysNotNull(
  columns: readonly ColumnModel[],
  indexes: readonly { name: string | null; columns: readonly (string | null)[] }[],
) {
  const key = indexes.find((i) => i.name === "PRIMARY" || (i as IndexDefinition).kind === "primary")?.columns ?? [];
  const names = new Set(key.map((k) => k?.toLowerCase()));
  return columns.map((c) =>
    c.nullable && names.has(c.name.toLowerCase())
      ? { ...c, nullable: false, defaultValue: c.defaultValue === null ? undefined : c.defaultValue }
      : c,
  );
}

function finish(
  head: Pick<TableModel, "database" | "name" | "defaultCharset" | "defaultCollation" | "comment">,
  columns: readonly ColumnModel[],
  indexes: readonly IndexModel[],
): TableModel {
  const settled = withKeysNotNull(columns, indexes);
  const sorted = sortIndexes(indexes, settled);
  return { ...head, columns: settled, indexes: sorted, keyColumns: keyColumns(sorted, settled) };
}

/**
 * A table after an ALTER TABLE; its new name, if it has one, is the caller's. All clauses act at once: names of columns that are
 * changed or dropped are the old ones, those behind AFTER and in keys the new ones.
 *
 * @throws MillraceError SQL_STATEMENT where a clause names a column or an index that the table does not have
 */
export function alteredTable(table: TableModel, s: AlterTable, inherited: Charset, rules: ColumnRules): TableModel {
  const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();
  const missing = (what: string, name: string) =>
    new MillraceError("SQL_STATEMENT", `ALTER TABLE ${table.database}.${table.name}: ${what} ${name} is not known`, {
      context: { table: `${table.database}.${table.name}`, name },
    });
  let { comment } = table;
  let defaults: Charset = { charset: table.defaultCharset ?? inherited.charset, collation: table.defaultCollation };
  let converted: Charset | null = null;
  let versioning: boolean | undefined;
  const drops = new Set<string>();
  const changes = new Map<string, Extract<AlterClause, { kind: "change-column" }>>();
  const renames = new Map<string, string>();
  const newDefaults = new Map<string, Extract<AlterClause, { kind: "set-default" }>>();
  const addedIndexes: IndexDefinition[] = [];
  const periods: Period[] = [];
  const has = (name: string) => table.columns.some((c) => same(c.name, name));
  const known = (name: string, ifExists: boolean) => {
    if (!has(name) && !ifExists) throw missing("column", name);
    return has(name);
  };
  for (const clause of s.clauses)
    switch (clause.kind) {
      case "drop-column":
        if (known(clause.name, clause.ifExists)) drops.add(clause.name.toLowerCase());
        break;
      case "change-column":
        if (known(clause.name, clause.ifExists)) changes.set(clause.name.toLowerCase(), clause);
        break;
      case "rename-column":
        if (known(clause.name, clause.ifExists)) renames.set(clause.name.toLowerCase(), clause.to);
        break;
      case "set-default":
        if (known(clause.name, clause.ifExists)) newDefaults.set(clause.name.toLowerCase(), clause);
        break;
      case "add-index":
        addedIndexes.push(clause.index);
        break;
      case "add-period":
        periods.push(clause.period);
        break;
      case "convert-charset":
        defaults = converted = charsetOf(clause.defaults, inherited);
        break;
      case "options":
        if (clause.options.comment !== undefined) comment = clause.options.comment || null;
        versioning = clause.options.systemVersioning ?? versioning;
        if (clause.options.charset !== undefined || clause.options.collation !== undefined)
          defaults = charsetOf(clause.options, { charset: defaults.charset, collation: null });
        break;
    }

  const resolve = (d: ColumnDefinition) => {
    const column = resolveColumn(d, defaults, rules);
    // CONVERT TO is for the columns of its own statement too, over what is written there
    if (!converted || column.charset === null || column.charset === "binary") return column;
    return resolveColumn({ ...d, charset: converted.charset, collation: converted.collation ?? undefined, binary: false }, defaults, rules);
  };
  const columns: ColumnModel[] = [];
  const newNames = new Map<string, string>();
  for (const c of table.columns) {
    const old = c.name.toLowerCase();
    if (drops.has(old) || (versioning === false && versionColumns.some((v) => v === old))) continue;
    const change = changes.get(old);
    if (change) newNames.set(old, change.column.name);
    if (change) {
      columns.push(resolve(change.column));
      continue;
    }
    let column: ColumnModel = converted ? convertColumn(c, converted) : c;
    const to = renames.get(old);
    if (to !== undefined) {
      column = { ...column, name: to };
      newNames.set(old, to);
    }
    const set = newDefaults.get(old);
    if (set && !column.autoIncrement) {
      column = { ...column, ...columnDefault(set.default, column, false) };
      if (rules.flavor === "mariadb") column = { ...column, onUpdateNow: false };
    }
    columns.push(column);
  }
  const taken = (name: string) => has(name) || columns.some((c) => same(c.name, name));
  // in the statement's order: a column that is moved stands in its old place until then
  for (const clause of s.clauses) {
    if (clause.kind !== "change-column" && clause.kind !== "add-column") continue;
    const { column, place, kind } = clause;
    if (kind === "change-column" ? !place || !changes.has(clause.name.toLowerCase()) : clause.ifNotExists && taken(column.name)) continue;
    const moved =
      kind === "add-column"
        ? resolve(column)
        : columns.splice(
            columns.findIndex((c) => same(c.name, column.name)),
            1,
          )[0]!;
    let at = columns.length;
    if (place) at = "first" in place ? 0 : columns.findIndex((c) => same(c.name, place.after)) + 1;
    if (at === 0 && place && "after" in place) throw missing("column", place.after);
    columns.splice(at, 0, moved);
  }
  if (versioning === true && !columns.some((c) => same(c.name, "row_start"))) columns.push(...versionColumns.map(versionColumn));

  const indexes = alteredIndexes(table, s, drops, newNames, missing);
  return finish(
    { database: table.database, name: table.name, defaultCharset: defaults.charset, defaultCollation: defaults.collation, comment },
    withTimestamps(columns, rules),
    mergeIndexes(indexes, addedIndexes, withKeysNotNull(columns, [...indexes, ...addedIndexes]), periods),
  );
}

function alteredIndexes(
  table: TableModel,
  s: AlterTable,
  drops: ReadonlySet<string>,
  newNames: ReadonlyMap<string, string>,
  missing: (what: string, name: string) => MillraceError,
): IndexModel[] {
  let indexes = [...table.indexes];
  for (const clause of s.clauses) {
    if (clause.kind !== "drop-index" && clause.kind !== "rename-index") continue;
    const at = indexes.findIndex((i) => i.name.toLowerCase() === clause.name.toLowerCase());
    if (at < 0) {
      if (clause.ifExists || (clause.kind === "drop-index" && clause.constraint)) continue;
      throw missing("index", clause.name);
    }
    indexes = indexes.flatMap((i, n) => (n !== at ? [i] : clause.kind === "rename-index" ? [{ ...i, name: clause.to }] : []));
  }
  return indexes.flatMap((i) => {
    const columns = i.columns
      .filter((c) => c === null || !drops.has(c.toLowerCase()))
      .map((c) => (c === null ? null : (newNames.get(c.toLowerCase()) ?? c)));
    return columns.length ? [{ ...i, columns }] : [];
  });
}
