import { type TypeInfo, TypeRegistry, typesQuery } from "./types/type-info.js";

/** Runs one statement; texts, as simple queries give them. */
export interface Querier {
  query(sql: string): Promise<(string | null)[][]>;
}

export interface CatalogColumn {
  readonly name: string;
  readonly type: number;
  readonly modifier: number;
  readonly required: boolean;
  /** the default's expression */
  readonly default: string | null;
  /** stored generated columns are not in the stream of Postgres 17 and older */
  readonly generated: boolean;
}

export interface CatalogTable {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** r table, p partitioned table */
  readonly kind: string;
  /** d default, n nothing, f full, i index */
  readonly identity: string;
  readonly columns: readonly CatalogColumn[];
  readonly primaryKey: readonly string[];
}

export function literal(text: string): string {
  const quoted = `'${text.replace(/'/g, "''")}'`;
  return text.includes("\\") ? ` E${quoted.replace(/\\/g, "\\\\")}` : quoted;
}

export function identifier(name: string): string {
  return `"${name.replace(/"/g, '""')}"`;
}

export function tableName(t: { schema: string; name: string }): string {
  return `${identifier(t.schema)}.${identifier(t.name)}`;
}

export async function loadTypes(q: Querier): Promise<TypeRegistry> {
  const types = new Map<number, TypeInfo>();
  for (const [oid, name, kind, element, base, modifier, delimiter, labels] of await q.query(typesQuery))
    types.set(Number(oid), {
      oid: Number(oid),
      name: name!,
      kind: kind!,
      element: Number(element),
      base: Number(base),
      modifier: Number(modifier),
      delimiter: delimiter!,
      labels: labels ? parseLabels(labels) : [],
    });
  return new TypeRegistry(types);
}

function parseLabels(text: string): string[] {
  return [...text.slice(1, -1).matchAll(/"((?:[^"\\]|\\.)*)"|([^,]+)/g)].map((m) => m[2] ?? m[1]!.replace(/\\(.)/g, "$1"));
}

const tables = (where: string) => `SELECT c.oid, n.nspname, c.relname, c.relkind, c.relreplident,
 (SELECT json_agg(json_build_array(a.attname, a.atttypid::bigint, a.atttypmod, a.attnotnull OR (t.typtype = 'd' AND t.typnotnull),
   CASE WHEN a.attgenerated = '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END, a.attgenerated <> '') ORDER BY a.attnum)
  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
 (SELECT json_agg(a.attname ORDER BY array_position(i.indkey::int2[], a.attnum))
  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])
  WHERE i.indrelid = c.oid AND i.indisprimary)
 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE ${where}`;

/** All ordinary and partitioned tables of users' schemas, by name. */
export async function loadTables(q: Querier): Promise<CatalogTable[]> {
  const rows = await q.query(
    tables(
      "c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)' AND c.relpersistence <> 't'",
    ),
  );
  const byName = (a: CatalogTable, b: CatalogTable) => compare(a.schema, b.schema) || compare(a.name, b.name);
  return rows.map(readTable).sort(byName);
}

/** undefined where the table is gone */
export async function loadTable(q: Querier, oid: number): Promise<CatalogTable | undefined> {
  const [row] = await q.query(tables(`c.oid = ${oid}`));
  return row && readTable(row);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function readTable([oid, schema, name, kind, identity, columns, key]: (string | null)[]): CatalogTable {
  const list = columns ? (JSON.parse(columns) as [string, number, number, boolean, string | null, boolean][]) : [];
  return {
    oid: Number(oid),
    schema: schema!,
    name: name!,
    kind: kind!,
    identity: identity!,
    columns: list.map(([n, type, modifier, required, expression, generated]) => ({
      name: n,
      type,
      modifier,
      required,
      default: expression,
      generated,
    })),
    primaryKey: key ? (JSON.parse(key) as string[]) : [],
  };
}
