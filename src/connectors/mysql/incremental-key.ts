import { literal } from "./server.js";
import type { ColumnModel, TableModel } from "./table-model.js";

/** How a column of a key is read and written so that its order is the server's own. */
export interface KeyPart {
  readonly name: string;
  /** the column, with the table's alias */
  readonly column: string;
  /** gives a text from which `literal` makes the value again */
  readonly select: string;
  readonly literal: (text: string) => string;
}

const numbers = new Set(["TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT", "DECIMAL", "YEAR"]);
const places = new Set(["ENUM", "SET", "BIT"]);
const texts = new Set("CHAR VARCHAR TINYTEXT TEXT MEDIUMTEXT LONGTEXT DATE TIME DATETIME TIMESTAMP UUID INET4 INET6".split(" "));
const bytes = /(BINARY|BLOB)$/;

/** The key's parts by their columns, with the alias `t`; null where one is of a type that has no exact text (FLOAT, JSON …). */
export function keyParts(model: TableModel, key: readonly string[]): KeyPart[] | null {
  const parts = key.map((name) => {
    const c = model.columns.find((x) => x.name === name);
    return c && keyPart(c);
  });
  return parts.every((p) => p !== undefined) ? parts : null;
}

function keyPart(c: ColumnModel): KeyPart | undefined {
  const column = `t.\`${c.name.replaceAll("`", "``")}\``;
  const part = (select: string, write: (text: string) => string) => ({ name: c.name, column, select, literal: write });
  if (numbers.has(c.type)) return part(column, number);
  if (places.has(c.type)) return part(`${column}+0`, number);
  if (texts.has(c.type)) return part(column, literal);
  if (bytes.test(c.type)) return part(`HEX(${column})`, (hex) => `x'${hex.replace(/[^0-9A-F]/gi, "")}'`);
  return undefined;
}

function number(text: string): string {
  if (!/^-?[0-9]+(\.[0-9]+)?$/.test(text)) throw new RangeError(`not a number: ${text}`);
  return text;
}

/** `(a > 1) OR (a = 1 AND b > 2)`, which uses the index as a comparison of rows does not. */
export function behind(parts: readonly KeyPart[], values: readonly string[]): string {
  return parts
    .map((p, i) => {
      const equal = parts.slice(0, i).map((q, j) => `${q.column} = ${q.literal(values[j]!)}`);
      return `(${[...equal, `${p.column} > ${p.literal(values[i]!)}`].join(" AND ")})`;
    })
    .join(" OR ");
}
