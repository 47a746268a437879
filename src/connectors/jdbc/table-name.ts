import type { Dialect, TableName } from "./dialect.js";

/** `schema.table` in parts, `catalog.schema.table` without the catalog; a name with more dots is the table's as it is. */
export function splitName(name: string): TableName {
  const parts = name.split(".");
  if (parts.length === 2) return { schema: parts[0]!, table: parts[1]! };
  if (parts.length === 3) return { schema: parts[1]!, table: parts[2]! };
  return { schema: null, table: name };
}

export function quoteName(dialect: Dialect, name: TableName): string {
  const table = dialect.quoteIdentifier(name.table);
  return name.schema === null ? table : `${dialect.quoteIdentifier(name.schema)}.${table}`;
}
