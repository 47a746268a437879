import type { ColumnModel } from "../table-model.js";
import { charsetName, charsetOfCollation, charsetWidth, collationName } from "./charsets.js";
import { type DataType, literalBytes } from "./data-type.js";
import type { CharsetDefaults, ColumnDefinition, DefaultValue } from "./statement.js";

export interface Charset {
  readonly charset: string;
  /** null: the character set's own */
  readonly collation: string | null;
}

export interface ColumnRules {
  readonly flavor: "mysql" | "mariadb";
  /** of the session; false is the default of MySQL 5.7 and of MariaDB before 10.10 */
  readonly explicitDefaultsForTimestamp: boolean;
}

const characters = new Set(["CHAR", "VARCHAR", "TINYTEXT", "TEXT", "MEDIUMTEXT", "LONGTEXT", "ENUM", "SET"]);
const binaryTypes: Readonly<Record<string, string>> = {
  CHAR: "BINARY",
  VARCHAR: "VARBINARY",
  TINYTEXT: "TINYBLOB",
  TEXT: "BLOB",
  MEDIUMTEXT: "MEDIUMBLOB",
  LONGTEXT: "LONGBLOB",
};
const textSizes = [
  ["TINY", 2 ** 8],
  ["", 2 ** 16],
  ["MEDIUM", 2 ** 24],
  ["LONG", Number.POSITIVE_INFINITY],
] as const;

/** What the written character set and collation come to, over those that apply where nothing is written. */
export function charsetOf(written: CharsetDefaults, inherited: Charset): Charset {
  if (written.collation !== undefined) {
    const collation = collationName(written.collation);
    const charset = charsetOfCollation(collation) ?? (written.charset === undefined ? inherited.charset : charsetName(written.charset));
    return { charset, collation };
  }
  return written.charset === undefined ? inherited : { charset: charsetName(written.charset), collation: null };
}

/** The column that a definition makes in a table; the key's part in it (NOT NULL) comes with the indexes. */
export function resolveColumn(d: ColumnDefinition, table: Charset, rules: ColumnRules): ColumnModel {
  const mariadbJson = rules.flavor === "mariadb" && d.type.type === "JSON";
  const charset = mariadbJson
    ? textCharset(d, { charset: "utf8mb4", collation: "utf8mb4_bin" })
    : characters.has(d.type.type)
      ? textCharset(d, table)
      : null;
  const settled = sized(d.type, charset?.charset ?? null);
  const checked = rules.flavor === "mariadb" && d.checksJson && settled.type === "LONGTEXT";
  const type = checked ? { ...settled, type: "JSON" } : settled;
  const legacy = type.type === "TIMESTAMP" && !rules.explicitDefaultsForTimestamp && !d.generated;
  const nullable = d.nullable ?? !(d.autoIncrement || legacy);
  const isText = mariadbJson || checked || type.type in binaryTypes || type.type === "ENUM" || type.type === "SET";
  return {
    name: d.name,
    type: type.type,
    length: type.length,
    scale: type.scale,
    unsigned: type.unsigned,
    zerofill: type.zerofill,
    // members lose the spaces behind them, unless they are bytes
    values: charset?.charset === "binary" ? type.values : type.values.map((v) => v.replace(/ +$/, "")),
    charset: isText ? charset!.charset : null,
    collation: isText ? charset!.collation : null,
    nullable: nullable && !d.autoIncrement,
    autoIncrement: d.autoIncrement,
    generated: d.generated,
    onUpdateNow: d.onUpdateNow,
    ...columnDefault(d.default, type, nullable && !d.generated),
    comment: d.comment === "" ? null : d.comment,
  };
}

function textCharset(d: ColumnDefinition, table: Charset): Charset {
  const written: CharsetDefaults = {};
  if (d.charset !== undefined) written.charset = d.charset;
  if (d.collation !== undefined) written.collation = d.collation;
  const { charset, collation } = charsetOf(written, table);
  return d.binary && charset !== "binary" ? { charset, collation: `${charset}_bin` } : { charset, collation };
}

/** TEXT(100) and BLOB(100) as the smallest type that holds them; text of the character set binary as binary. */
function sized(type: DataType, charset: string | null): DataType {
  let name = type.type;
  let { length } = type;
  if ((name === "TEXT" || name === "BLOB") && length !== null) {
    name = textOf(length * (charset ? charsetWidth(charset) : 1), name);
    length = null;
  }
  if (charset === "binary") name = binaryTypes[name] ?? name;
  return { ...type, type: name, length };
}

/** @param base TEXT or BLOB */
function textOf(bytes: number, base: string): string {
  return textSizes.find(([, bound]) => bytes < bound)![0] + base;
}

/** CONVERT TO CHARACTER SET: texts grow into a type that holds as many characters as before. */
export function convertColumn(column: ColumnModel, to: Charset): ColumnModel {
  if (column.charset === null || column.charset === "binary") return column;
  if (column.type === "JSON" && to.charset === "binary") return { ...column, type: "LONGBLOB", charset: null, collation: null };
  let { type } = column;
  const size = textSizes.find(([prefix]) => `${prefix}TEXT` === type)?.[1];
  if (size !== undefined && Number.isFinite(size))
    type = textOf(Math.floor((size - 1) / charsetWidth(column.charset)) * charsetWidth(to.charset), "TEXT");
  if (to.charset !== "binary") return { ...column, type, charset: to.charset, collation: to.collation };
  const binary = binaryTypes[type];
  if (!binary) return { ...column, charset: "binary", collation: null };
  return { ...column, type: binary, charset: null, collation: null };
}

type Default = Pick<ColumnModel, "defaultValue" | "defaultExpression">;

/** A default as the model has it, by the type that it is for. */
export function columnDefault(
  written: DefaultValue | undefined,
  type: { readonly type: string; readonly scale: number | null },
  nullable: boolean,
): Default {
  if (written === undefined) return { defaultValue: nullable ? null : undefined, defaultExpression: false };
  if (written.kind === "null") return { defaultValue: null, defaultExpression: false };
  if (written.kind === "expression") return { defaultValue: written.text, defaultExpression: true };
  const text = literal(written.kind, written.text, type.type);
  return { defaultValue: type.type === "DECIMAL" ? rounded(text, type.scale ?? 0) : text, defaultExpression: false };
}

function literal(kind: "text" | "number" | "hex" | "bits", text: string, type: string): string {
  if (type === "BIT") {
    if (kind === "bits") return text;
    if (kind === "number" && /^[0-9]+$/.test(text)) return BigInt(text).toString(2);
    return BigInt(`0x${(kind === "hex" ? text : Buffer.from(text).toString("hex")) || "0"}`).toString(2);
  }
  if (type === "YEAR" && /^[0-9]{1,2}$/.test(text)) {
    const year = Number(text);
    return kind === "number" && year === 0 ? "0000" : String(year + (year < 70 ? 2000 : 1900));
  }
  if (kind !== "hex" && kind !== "bits") return text;
  if (characters.has(type)) return literalBytes(kind, text).toString("utf8");
  if (type.endsWith("BINARY") || type.endsWith("BLOB")) return literalBytes(kind, text).toString("latin1");
  return BigInt(`${kind === "hex" ? "0x" : "0b"}${text || "0"}`).toString();
}

/** A decimal with exactly `scale` digits after the point, rounded half away from zero; other texts as they are. */
function rounded(text: string, scale: number): string {
  const parts = /^\s*([+-]?)(\d*)(?:\.(\d*))?\s*$/.exec(text);
  if (!parts) return text;
  const fraction = (parts[3] ?? "").padEnd(scale + 1, "0");
  const digits = BigInt(`0${parts[2]}${fraction.slice(0, scale)}`) + (fraction[scale]! >= "5" ? 1n : 0n);
  const all = digits.toString().padStart(scale + 1, "0");
  return `${parts[1] === "-" && digits ? "-" : ""}${all.slice(0, all.length - scale)}${scale ? `.${all.slice(-scale)}` : ""}`;
}
