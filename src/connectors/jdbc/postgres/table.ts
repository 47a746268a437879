import pg from "pg";

export interface TableColumn {
  readonly name: string;
  /** without modifiers, as format_type writes it: `numeric`, `timestamp with time zone`, `integer[]` */
  readonly type: string;
  readonly notNull: boolean;
  readonly hasDefault: boolean;
  readonly generated: boolean;
}
export interface Table {
  readonly columns: ReadonlyMap<string, TableColumn>;
  /** column names of the primary key, in its order */
  readonly primaryKey: readonly string[];
}
export interface NewColumn {
  readonly name: string;
  readonly type: string;
  readonly notNull: boolean;
  /** already an SQL literal */
  readonly default?: string;
}

/** `schema.table` in parts; a name with more dots is the table's as it is. */
export function splitName(name: string, quoteIdentifiers: boolean): { schema: string | null; table: string } {
  const folded = quoteIdentifiers ? name : name.toLowerCase();
  const parts = folded.split(".");
  if (parts.length === 2) return { schema: parts[0]!, table: parts[1]! };
  if (parts.length === 3) return { schema: parts[1]!, table: parts[2]! }; // catalog.schema.table, as the URL's database
  return { schema: null, table: folded };
}

export function quoteName(name: { schema: string | null; table: string }): string {
  const table = pg.escapeIdentifier(name.table);
  return name.schema === null ? table : `${pg.escapeIdentifier(name.schema)}.${table}`;
}

/** The table as it is now, or undefined where it does not exist. */
export async function readTable(client: pg.Client, quoted: string): Promise<Table | undefined> {
  const { rows } = await client.query(
    `SELECT a.attname, format_type(a.atttypid, NULL) AS type, a.attnotnull, a.atthasdef OR a.attidentity <> '' AS hasdef, a.attgenerated <> '' AS generated,
       coalesce(array_position(i.indkey::int2[], a.attnum), -1)::int AS pk
     FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
     WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    [quoted],
  );
  if (rows.length === 0) return undefined;
  const columns = rows.map(
    (r): TableColumn => ({ name: r.attname, type: r.type, notNull: r.attnotnull, hasDefault: r.hasdef, generated: r.generated }),
  );
  const key = rows.filter((r) => r.pk >= 0).sort((a, b) => a.pk - b.pk);
  return { columns: new Map(columns.map((c) => [c.name, c])), primaryKey: key.map((r) => r.attname) };
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
