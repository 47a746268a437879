import type { ColumnModel, IndexModel } from "../table-model.js";
import type { IndexDefinition, Period } from "./statement.js";

/**
 * A table's indexes: those that it has and those that a statement adds, named and sorted as the server does. Names matter to a
 * later DROP INDEX, the order to which unique key stands in for a missing primary key.
 */
export function mergeIndexes(
  existing: readonly IndexModel[],
  added: readonly IndexDefinition[],
  columns: readonly ColumnModel[],
  periods: readonly Period[],
): IndexModel[] {
  const byName = new Map(columns.map((c) => [c.name.toLowerCase(), c]));
  const real = (name: string | null) => (name === null ? null : (byName.get(name.toLowerCase())?.name ?? name));
  const all = [...existing];
  const explicit = [...existing.filter((i) => !i.generated), ...added.filter((i) => i.kind !== "foreign")].map((i) => i.columns);
  const covered = (columns: readonly (string | null)[]) =>
    explicit.some((e) => columns.every((c, n) => c?.toLowerCase() === e[n]?.toLowerCase()));
  for (const d of added) {
    if (d.kind === "foreign" && covered(d.columns)) continue;
    const wanted = d.name ?? d.columns[0] ?? null;
    if (d.ifNotExists && wanted !== null && all.some((i) => same(i.name, wanted))) continue;
    const name = d.name ?? freeName(d, all);
    const period = d.period === null ? undefined : periods.find((p) => same(p.name, d.period!));
    const parts = period ? [...d.columns, period.end, period.start] : d.columns;
    all.push({
      name,
      unique: d.kind === "primary" || d.kind === "unique",
      columns: parts.map(real),
      prefix: d.prefix,
      generated: d.kind === "foreign",
    });
  }
  return sortIndexes(
    all.filter((i) => !(i.generated && covered(i.columns))),
    columns,
  );
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** The name of an index that has none: its first column, with a number where that is taken. */
function freeName(d: IndexDefinition, taken: readonly IndexModel[]): string {
  if (d.kind === "primary") return "PRIMARY";
  const base = d.columns[0] ?? "functional_index";
  const free = (name: string) => !same(name, "PRIMARY") && !taken.some((i) => same(i.name, name));
  if (free(base)) return base;
  for (let n = 2; ; n++) if (free(`${base}_${n}`)) return `${base}_${n}`;
}

/** Primary key, unique keys without null, unique keys of prefixes, other unique keys, the rest; else as they were. */
export function sortIndexes(indexes: readonly IndexModel[], columns: readonly ColumnModel[]): IndexModel[] {
  const nullable = new Set(columns.filter((c) => c.nullable).map((c) => c.name));
  const rank = (i: IndexModel) =>
    i.name === "PRIMARY" ? 0 : !i.unique ? 4 : i.columns.some((c) => c !== null && nullable.has(c)) ? 3 : i.prefix ? 2 : 1;
  return indexes
    .map((index, at) => ({ index, at, rank: rank(index) }))
    .sort((a, b) => a.rank - b.rank || a.at - b.at)
    .map((e) => e.index);
}

/** The primary key's columns, or those of the first unique key without nullable columns. */
export function keyColumns(indexes: readonly IndexModel[], columns: readonly ColumnModel[]): string[] {
  const nullable = new Map(columns.map((c) => [c.name, c.nullable]));
  const key = indexes.find((i) => i.unique && i.columns.every((c) => c !== null && nullable.get(c) === false));
  return key ? (key.columns as string[]).slice() : [];
}
