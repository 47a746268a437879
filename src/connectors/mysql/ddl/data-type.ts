import type { Cursor } from "./cursor.js";
import { ddlError } from "./tokenizer.js";

/** A type under its canonical name; what depends on a character set is settled when the column meets its table. */
export interface DataType {
  readonly type: string;
  readonly length: number | null;
  readonly scale: number | null;
  readonly unsigned: boolean;
  readonly zerofill: boolean;
  readonly values: readonly string[];
  /** that the type's name implies: NCHAR is utf8mb3, CHAR BYTE binary */
  readonly charset?: string;
  /** SERIAL: NOT NULL AUTO_INCREMENT UNIQUE */
  readonly serial?: boolean;
}

const synonyms: Readonly<Record<string, string>> = {
  INTEGER: "INT",
  INT1: "TINYINT",
  INT2: "SMALLINT",
  INT3: "MEDIUMINT",
  MIDDLEINT: "MEDIUMINT",
  INT4: "INT",
  INT8: "BIGINT",
  NUMERIC: "DECIMAL",
  DEC: "DECIMAL",
  FIXED: "DECIMAL",
  NUMBER: "DECIMAL",
  FLOAT4: "FLOAT",
  FLOAT8: "DOUBLE",
  CHARACTER: "CHAR",
  VARCHARACTER: "VARCHAR",
  VARCHAR2: "VARCHAR",
  NCHAR: "CHAR",
  NVARCHAR: "VARCHAR",
  CLOB: "LONGTEXT",
  RAW: "VARBINARY",
};

const integers: Readonly<Record<string, number>> = { TINYINT: 3, SMALLINT: 5, MEDIUMINT: 8, INT: 10, BIGINT: 20 };
const temporal = new Set(["TIME", "DATETIME", "TIMESTAMP"]);
const oneByDefault = new Set(["CHAR", "BINARY", "BIT"]);
const withoutArguments = new Set(
  "DATE TINYTEXT MEDIUMTEXT LONGTEXT TINYBLOB MEDIUMBLOB LONGBLOB JSON GEOMETRY POINT LINESTRING POLYGON MULTIPOINT MULTILINESTRING MULTIPOLYGON GEOMCOLLECTION GEOMETRYCOLLECTION UUID INET4 INET6 XMLTYPE".split(
    " ",
  ),
);
const withLength = new Set("CHAR VARCHAR BINARY VARBINARY BIT TEXT BLOB VECTOR".split(" "));

/** @throws MillraceError SQL_PARSE on what is not a type of MySQL or MariaDB */
export function dataType(c: Cursor, realAsFloat: boolean): DataType {
  if (c.peek().kind !== "word") throw c.fail("expected a type");
  const at = c.peek();
  const word = c.take().keyword;
  let type = synonyms[word] ?? word;
  let charset: string | undefined = word === "NCHAR" || word === "NVARCHAR" ? "utf8mb3" : undefined;
  switch (word) {
    case "BOOL":
    case "BOOLEAN":
      return plain("TINYINT", 1);
    case "SERIAL":
      return { ...plain("BIGINT"), unsigned: true, serial: true };
    case "DOUBLE":
      c.accept("PRECISION");
      break;
    case "REAL":
      type = realAsFloat ? "FLOAT" : "DOUBLE";
      break;
    case "NATIONAL":
      charset = "utf8mb3";
      if (c.accept("VARCHAR") || c.accept("VARCHARACTER")) type = "VARCHAR";
      else if (c.accept("CHAR") || c.accept("CHARACTER")) type = c.accept("VARYING") ? "VARCHAR" : "CHAR";
      else throw c.fail("expected CHAR or VARCHAR after NATIONAL");
      break;
    case "CHAR":
    case "CHARACTER":
    case "NCHAR":
      if (c.accept("VARYING") || (word === "NCHAR" && (c.accept("VARCHAR") || c.accept("VARCHARACTER")))) type = "VARCHAR";
      break;
    case "LONG":
      if (c.accept("VARBINARY")) type = "MEDIUMBLOB";
      else {
        type = "MEDIUMTEXT";
        const varying = c.accept("CHAR", "VARYING") || c.accept("CHARACTER", "VARYING");
        if (!varying && !c.accept("VARCHAR")) c.accept("VARCHARACTER");
      }
      return plain(type);
  }
  if (type === "GEOMETRYCOLLECTION" && c.dialect.flavor === "mysql") type = "GEOMCOLLECTION";
  if (type === "ENUM" || type === "SET") return { ...plain(type), values: values(c) };
  const [length, scale] = c.is("(") ? sizes(c) : [null, null];
  const signs = attributes(c);
  const base = { ...plain(type), ...signs, ...(charset ? { charset } : {}) };
  if (type in integers) return { ...base, length: length ?? (signs.zerofill ? integers[type]! : null) };
  if (type === "DECIMAL") return { ...base, length: length || 10, scale: scale ?? 0 };
  if (type === "FLOAT" || type === "DOUBLE") {
    if (scale !== null) return { ...base, length, scale };
    return { ...base, type: length !== null && length > 24 ? "DOUBLE" : type };
  }
  if (temporal.has(type)) return { ...base, length: length || null };
  if (type === "YEAR") return base;
  if (withLength.has(type)) return { ...base, length: length ?? (oneByDefault.has(type) ? 1 : null) };
  if (withoutArguments.has(type) && length === null) return base;
  throw ddlError(c.sql, at.start, `${word}${length === null ? "" : `(${length})`} is not a type`);
}

function plain(type: string, length: number | null = null): DataType {
  return { type, length, scale: null, unsigned: false, zerofill: false, values: [] };
}

function sizes(c: Cursor): [number, number | null] {
  c.expect("(");
  const length = c.integer();
  const scale = c.accept(",") ? c.integer() : null;
  if (!c.accept("CHAR")) c.accept("BYTE"); // MariaDB's VARCHAR2(10 CHAR)
  c.expect(")");
  return [length, scale];
}

function values(c: Cursor): string[] {
  const list: string[] = [];
  c.expect("(");
  do {
    const { kind, text } = c.peek();
    if (kind === "hex" || kind === "bits") {
      c.take();
      list.push(literalBytes(kind, text).toString("utf8"));
    } else {
      if (kind === "word" && text.startsWith("_")) c.take(); // a character set's introducer
      list.push(c.string("a value in quotes"));
    }
  } while (c.accept(","));
  c.expect(")");
  return list;
}

function attributes(c: Cursor): { unsigned: boolean; zerofill: boolean } {
  let unsigned = false;
  let zerofill = false;
  for (;;) {
    if (c.accept("UNSIGNED")) unsigned = true;
    else if (c.accept("ZEROFILL")) unsigned = zerofill = true;
    else if (!c.accept("SIGNED")) return { unsigned, zerofill };
  }
}

/** The bytes of x'4142', 0x4142, b'0100' and 0b0100. */
export function literalBytes(kind: "hex" | "bits", digits: string): Buffer {
  const hex = kind === "hex" ? digits : digits ? BigInt(`0b${digits}`).toString(16) : "";
  return Buffer.from(hex.length % 2 ? `0${hex}` : hex, "hex");
}
