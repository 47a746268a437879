import { MillraceError } from "../../../common/errors.js";
import type { Table, TableName } from "../dialect.js";

export interface MysqlTable extends Table {
  /** the columns of each unique key, the primary key first; those with a prefix or an expression are left out */
  readonly uniqueKeys: readonly (readonly string[])[];
  readonly isView: boolean;
  /** Nothing but its own columns hangs on a row: no trigger, no other table's foreign key. */
  readonly standsAlone: boolean;
}

type Query = (sql: string) => Promise<Record<string, unknown>[]>;

/** @throws MillraceError TARGET_FAILED where the table's engine has no transactions */
export async function readTable(
  query: Query,
  literal: (text: string) => string,
  name: TableName,
  quoted: string,
): Promise<MysqlTable | undefined> {
  const where = `table_schema = ${name.schema === null ? "DATABASE()" : literal(name.schema)} AND table_name = ${literal(name.table)}`;
  const tables = await query(
    `SELECT t.table_type AS kind, t.engine AS engine, e.transactions AS transactions
     FROM information_schema.tables t LEFT JOIN information_schema.engines e ON e.engine = t.engine WHERE ${where.replaceAll("table_", "t.table_")}`,
  );
  const table = tables[0];
  if (!table) return undefined;
  if (table.engine !== null && table.transactions !== "YES")
    throw new MillraceError(
      "TARGET_FAILED",
      `table ${quoted} has the engine ${table.engine}, which has no transactions: rows could be lost or doubled (ALTER TABLE ${quoted} ENGINE=InnoDB)`,
    );
  const columns = await query(
    `SELECT column_name AS name, data_type AS type, extra AS extra, generation_expression AS expression
     FROM information_schema.columns WHERE ${where} ORDER BY ordinal_position`,
  );
  const indexes = await query(
    `SELECT index_name AS name, column_name AS part, sub_part AS prefix FROM information_schema.statistics
     WHERE ${where} AND non_unique = 0 ORDER BY index_name <> 'PRIMARY', index_name, seq_in_index`,
  );
  const schema = name.schema === null ? "DATABASE()" : literal(name.schema);
  const [hanging] = await query(
    `SELECT (SELECT count(*) FROM information_schema.triggers WHERE event_object_schema = ${schema} AND event_object_table = ${literal(name.table)})
       + (SELECT count(*) FROM information_schema.referential_constraints WHERE unique_constraint_schema = ${schema} AND referenced_table_name = ${literal(name.table)}) AS n`,
  );
  const byName = new Map<string, (string | null)[]>();
  for (const { name: index, part, prefix } of indexes) {
    const parts = byName.get(String(index)) ?? [];
    byName.set(String(index), [...parts, part === null || prefix !== null ? null : String(part)]);
  }
  return {
    columns: columns.map((c) => ({
      name: String(c.name),
      type: String(c.type).toLowerCase(),
      generated: /\b(VIRTUAL|STORED|PERSISTENT) GENERATED\b/i.test(String(c.extra)) || Boolean(c.expression),
    })),
    uniqueKeys: [...byName.values()].map((key) => key.map((part) => part ?? "\0")),
    isView: table.kind === "VIEW",
    standsAlone: Number(hanging!.n) === 0,
  };
}
