import type { CaptureRules } from "./capture-rules.js";
import { type CatalogTable, identifier, literal, tableName } from "./catalog.js";
import type { TypeRegistry } from "./types/type-info.js";

/** How a key column is ordered so that two of its texts compare here as they do in the database. */
type KeyOrder = "integer" | "text" | "cast";

export interface TablePlan {
  readonly table: CatalogTable;
  /** of the key by which rows are read, so that reading can go on behind a row; empty: from the start or not at all */
  readonly key: readonly { readonly name: string; readonly order: KeyOrder }[];
  readonly select: string | undefined;
}

/** The captured tables in the order in which the snapshot reads them: by schema and name, or as the list says. */
export function planTables(tables: readonly CatalogTable[], rules: CaptureRules, types: TypeRegistry): TablePlan[] {
  return tables
    .filter((t) => rules.table(t.schema, t.name) && rules.snapshotRank(t.schema, t.name) >= 0)
    .map((table, i) => ({ table, i, rank: rules.snapshotRank(table.schema, table.name) }))
    .sort((a, b) => a.rank - b.rank || a.i - b.i)
    .map(({ table }) => ({
      table,
      key: table.primaryKey.map((name) => ({ name, order: orderOf(table, name, types) })),
      select: rules.snapshotSelect(table.schema, table.name),
    }));
}

function orderOf(table: CatalogTable, column: string, types: TypeRegistry): KeyOrder {
  const c = table.columns.find((x) => x.name === column)!;
  const name = types.resolve(c.type, c.modifier)?.type.name ?? "";
  if (["int2", "int4", "int8", "oid"].includes(name)) return "integer";
  return ["text", "varchar"].includes(name) ? "text" : "cast";
}

function expression({ name, order }: TablePlan["key"][number]): string {
  const c = identifier(name);
  return order === "integer" ? c : order === "text" ? `${c} COLLATE "C"` : `${c}::text COLLATE "C"`;
}

/** The COPY of a table, ordered by its key and from behind `after`; `columns` are all that rows have. */
export function copyStatement(plan: TablePlan, columns: readonly string[], after: readonly string[] | null): string {
  const list = columns.map(identifier).join(", ");
  const from = plan.select ? `(${plan.select.trim().replace(/;\s*$/, "")}) AS t` : tableName(plan.table);
  if (!plan.key.length) return `COPY (SELECT ${list} FROM ${from}) TO STDOUT`;
  const key = plan.key.map(expression);
  const bound = after
    ? ` WHERE (${key.join(", ")}) > (${plan.key.map((k, i) => (k.order === "integer" ? after[i] : literal(after[i]!))).join(", ")})`
    : "";
  return `COPY (SELECT ${list} FROM ${from}${bound} ORDER BY ${key.join(", ")}) TO STDOUT`;
}
