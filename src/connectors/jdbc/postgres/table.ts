import pg from "pg";
import type { NewColumn, Table } from "../dialect.js";

/** The table as it is now, or undefined where it does not exist. */
export async function readTable(client: pg.Client, quoted: string): Promise<Table | undefined> {
  const { rows } = await client.query(
    `SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type, a.attgenerated <> '' AS generated
     FROM pg_attribute a WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    [quoted],
  );
  return rows.length === 0 ? undefined : { columns: rows };
}

export async function createTable(
  client: pg.Client,
  quoted: string,
  columns: readonly NewColumn[],
  primaryKey: readonly string[],
): Promise<void> {
  const key = primaryKey.length ? [`PRIMARY KEY (${primaryKey.map((c) => pg.escapeIdentifier(c)).join(", ")})`] : [];
  await client.query(`CREATE TABLE IF NOT EXISTS ${quoted} (${[...columns.map(columnText), ...key].join(", ")})`);
}

export async function addColumns(client: pg.Client, quoted: string, columns: readonly NewColumn[]): Promise<void> {
  await client.query(`ALTER TABLE ${quoted} ${columns.map((c) => `ADD COLUMN IF NOT EXISTS ${columnText(c)}`).join(", ")}`);
}

function columnText(c: NewColumn): string {
  return `${pg.escapeIdentifier(c.name)} ${c.type}${c.notNull ? " NOT NULL" : ""}${c.default === undefined ? "" : ` DEFAULT ${c.default}`}`;
}
