import type { CaptureRules } from "./capture-rules.js";
import type { CapturedTable } from "./captured-table.js";
import { identifier, literal, tableName } from "./server.js";
import type { ColumnModel, TableModel } from "./table-model.js";

/** How a key column is ordered so that two of its texts compare here as they do in the server. */
export type KeyOrder = "integer" | "bytes";

export interface TablePlan {
  readonly model: TableModel;
  /** the key by which rows are read, so that reading can go on behind a row; empty: from the start or not at all */
  readonly key: readonly { readonly name: string; readonly order: KeyOrder }[];
  readonly select: string | undefined;
}

/** The captured tables in the order in which the snapshot reads them: by the names' bytes, or as the list says. */
export function planTables(models: readonly TableModel[], rules: CaptureRules): TablePlan[] {
  return models
    .filter((t) => rules.table(t.database, t.name) && rules.snapshotRank(t.database, t.name) >= 0)
    .map((model, i) => ({ model, i, rank: rules.snapshotRank(model.database, model.name) }))
    .sort((a, b) => a.rank - b.rank || a.i - b.i)
    .map(({ model }) => ({ model, key: keyOf(model), select: rules.snapshotSelect(model.database, model.name) }));
}

const integers = new Set(["TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT", "YEAR"]);

/**
 * The key's columns where each is of a kind whose order is known here; of a text by a collation only the server knows it, and
 * such a table is read again from its start.
 */
export function keyOf(model: TableModel): TablePlan["key"] {
  const key = model.keyColumns.map((name) => ({ name, order: orderOf(model.columns.find((c) => c.name === name)) }));
  return key.every((k): k is { name: string; order: KeyOrder } => k.order !== undefined) ? key : [];
}

function orderOf(c: ColumnModel | undefined): KeyOrder | undefined {
  if (!c) return undefined;
  if (integers.has(c.type)) return "integer";
  return ["CHAR", "VARCHAR"].includes(c.type) && /^(utf8mb4|utf8mb3|latin1|ascii)_(0900_)?bin$/.test(c.collation ?? "")
    ? "bytes"
    : undefined;
}

function value(text: string, order: KeyOrder): string {
  return order === "integer" ? text : literal(text);
}

/** The SELECT of a table, in its key's order and from behind `after`. */
export function selectStatement(plan: TablePlan, table: CapturedTable, after: readonly string[] | null): string {
  const list = table.columns.map((c) => {
    const name = identifier(c.name);
    return c.resolved?.select ? `${c.resolved.select(name)} AS ${name}` : name;
  });
  const { model, key } = plan;
  const from = plan.select ? `(${plan.select.trim().replace(/;\s*$/, "")}) AS t` : tableName(model.database, model.name);
  const order = key.length ? ` ORDER BY ${key.map((k) => identifier(k.name)).join(", ")}` : "";
  return `SELECT ${list.join(", ")} FROM ${from}${after ? ` WHERE ${behind(key, after)}` : ""}${order}`;
}

/** `(a > 1) OR (a = 1 AND b > 2)`, which uses the index as a comparison of rows does not. */
function behind(key: TablePlan["key"], after: readonly string[]): string {
  return key
    .map((_, i) => {
      const equal = key.slice(0, i).map((k, j) => `${identifier(k.name)} = ${value(after[j]!, k.order)}`);
      return `(${[...equal, `${identifier(key[i]!.name)} > ${value(after[i]!, key[i]!.order)}`].join(" AND ")})`;
    })
    .join(" OR ");
}
