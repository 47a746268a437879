import type mysql from "mysql2/promise";
import type { TableModel } from "../../../../src/connectors/mysql/table-model.js";

/** What the server itself says about a table, and what a model says, in one form to compare. */
export interface Described {
  readonly columns: readonly Record<string, unknown>[];
  readonly indexes: readonly string[];
  readonly charset: string | null;
}

const text = new Set(["CHAR", "VARCHAR", "TINYTEXT", "TEXT", "MEDIUMTEXT", "LONGTEXT"]);

export async function serverModel(client: mysql.Connection, database: string, table: string, flavor: string): Promise<Described> {
  const [rows] = await client.query(
    `SELECT * FROM information_schema.columns WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position`,
    [database, table],
  );
  const columns = (rows as Record<string, string | number | null>[]).map((r) => {
    const dataType = String(r["DATA_TYPE"]).toUpperCase();
    const columnType = String(r["COLUMN_TYPE"]);
    const extra = String(r["EXTRA"]).toLowerCase();
    const precision = Number(r["DATETIME_PRECISION"]);
    return {
      name: r["COLUMN_NAME"],
      type: dataType,
      length: text.has(dataType) || /BINARY$/.test(dataType) ? limit(dataType, r["CHARACTER_MAXIMUM_LENGTH"]) : precision || null,
      decimal: dataType === "DECIMAL" ? `${r["NUMERIC_PRECISION"]},${r["NUMERIC_SCALE"]}` : null,
      bits: dataType === "BIT" ? Number(r["NUMERIC_PRECISION"]) : null,
      unsigned: / unsigned/.test(columnType),
      zerofill: / zerofill/.test(columnType),
      values: dataType === "ENUM" || dataType === "SET" ? unquoted(columnType) : [],
      nullable: r["IS_NULLABLE"] === "YES",
      // MySQL shows none for ENUM and SET of the character set binary
      charset: r["CHARACTER_SET_NAME"] === "binary" ? null : r["CHARACTER_SET_NAME"],
      collation: r["COLLATION_NAME"] === "binary" ? null : r["COLLATION_NAME"],
      autoIncrement: /auto_increment/.test(extra),
      onUpdate: /on update/.test(extra),
      generated: /virtual/.test(extra) ? "VIRTUAL" : /stored|persistent/.test(extra) ? "STORED" : null,
      default: plain(dataType, serverDefault(r["COLUMN_DEFAULT"] as string | null, flavor)),
      comment: r["COLUMN_COMMENT"] || null,
    };
  });
  const [keys] = await client.query(`SHOW INDEX FROM \`${database}\`.\`${table}\``);
  const indexes = new Map<string, string[]>();
  for (const k of keys as Record<string, string | number>[]) {
    const name = `${k["Key_name"]}${k["Non_unique"] ? "" : " unique"}`;
    indexes.set(name, [...(indexes.get(name) ?? []), String(k["Column_name"])]);
  }
  const [[t]] = (await client.query(
    `SELECT ccsa.character_set_name AS cs FROM information_schema.tables t JOIN information_schema.collations ccsa ON ccsa.collation_name = t.table_collation WHERE table_schema = ? AND table_name = ?`,
    [database, table],
  )) as unknown as [[{ cs: string } | undefined]];
  return { columns, indexes: [...indexes].map(([n, c]) => `${n}: ${c.join(", ")}`).sort(), charset: t?.cs ?? null };
}

function limit(type: string, length: unknown): number | null {
  return /TEXT|BLOB/.test(type) ? null : Number(length);
}

function serverDefault(value: string | null, flavor: string): string | null {
  if (value === null || value === "NULL") return null;
  if (/^b'[01]*'$/.test(value)) return value.slice(2, -1).replace(/^0+(?=.)/, "");
  if (/^0x[0-9A-F]*$/.test(value)) return Buffer.from(value.slice(2), "hex").toString("latin1");
  const literal = /^'(.*)'$/s.exec(value);
  if (flavor === "mariadb" && literal) return literal[1]!.replaceAll("''", "'");
  return value.replace(/^current_timestamp\((\d*)\)$/i, (_, n) => (n && n !== "0" ? `CURRENT_TIMESTAMP(${n})` : "CURRENT_TIMESTAMP"));
}

function unquoted(columnType: string): string[] {
  return [...columnType.matchAll(/'((?:[^']|'')*)'/g)].map((m) => m[1]!.replaceAll("''", "'").replaceAll("\\\\", "\\"));
}

/** @param server what collations the server resolved, to fill in those that the model leaves to the character set */
export function describeModel(model: TableModel, server: Described): Described {
  const columns = model.columns.map((c, i) => {
    const type = c.type === "JSON" && c.charset ? "LONGTEXT" : c.type;
    const sized = text.has(type) || /BINARY$/.test(type);
    return {
      name: c.name,
      type,
      length: sized ? c.length : ["TIME", "DATETIME", "TIMESTAMP"].includes(type) ? c.length : null,
      decimal: type === "DECIMAL" ? `${c.length},${c.scale}` : null,
      bits: type === "BIT" ? c.length : null,
      unsigned: c.unsigned,
      zerofill: c.zerofill,
      values: c.values,
      nullable: c.nullable,
      charset: c.charset === "binary" ? null : c.charset,
      collation: c.charset === null || c.charset === "binary" ? null : (c.collation ?? server.columns[i]?.["collation"]),
      autoIncrement: c.autoIncrement,
      onUpdate: c.onUpdateNow,
      generated: c.generated,
      default: plain(type, c.defaultValue ?? null),
      comment: c.comment,
    };
  });
  const indexes = model.indexes.map((i) => `${i.name}${i.unique ? " unique" : ""}: ${i.columns.join(", ")}`);
  return { columns, indexes: indexes.sort(), charset: model.defaultCharset };
}

/** The server shows 0000000007, 1.50 and 10:11:12.000 where 7, 1.5 and 10:11:12 were written. */
function plain(type: string, value: string | null): string | null {
  if (value === null) return null;
  if (/INT$|DECIMAL|FLOAT|DOUBLE|YEAR/.test(type)) return String(Number(value));
  if (type === "BIT") return value.replace(/^0+(?=.)/, "");
  if (/^(TIME|DATETIME|TIMESTAMP)$/.test(type)) return value.replace(/\.0+$/, "");
  return type === "BINARY" ? value.replace(/(?:\\0|\0)+$/, "") : value;
}
