import type { Cursor } from "./cursor.js";
import { dataType } from "./data-type.js";
import type { ColumnDefinition, DefaultValue, IndexDefinition } from "./statement.js";

const now = new Set(["CURRENT_TIMESTAMP", "NOW", "LOCALTIME", "LOCALTIMESTAMP"]);

/**
 * Everything after a column's name: its type and its attributes, in any order. Keys that are declared beside the column go to
 * `indexes`. Ends before a comma, a parenthesis, the statement's end, FIRST and AFTER.
 *
 * @throws MillraceError SQL_PARSE
 */
export function columnDefinition(c: Cursor, name: string, indexes: IndexDefinition[], realAsFloat: boolean): ColumnDefinition {
  const type = dataType(c, realAsFloat);
  const column: { -readonly [K in keyof ColumnDefinition]: ColumnDefinition[K] } = {
    name,
    type,
    charset: type.charset,
    collation: undefined,
    binary: false,
    nullable: type.serial ? false : undefined,
    autoIncrement: type.serial === true,
    generated: null,
    systemTime: false,
    onUpdateNow: false,
    default: undefined,
    comment: null,
    checksJson: false,
  };
  const keys = new Set<"primary" | "unique" | "foreign">(type.serial ? ["unique"] : []);
  while (!c.ended && !c.is(",") && !c.is(")") && !c.is("FIRST") && !c.is("AFTER")) {
    if (c.accept("NOT")) {
      if (c.accept("NULL")) column.nullable = false;
      else if (!c.accept("SECONDARY") && !c.accept("ENFORCED")) throw c.fail("expected NULL after NOT");
    } else if (c.accept("NULL")) column.nullable = true;
    else if (c.accept("DEFAULT")) column.default = defaultValue(c);
    else if (c.accept("ON", "UPDATE")) {
      functionCall(c);
      column.onUpdateNow = true;
    } else if (c.accept("AUTO_INCREMENT")) column.autoIncrement = true;
    else if (c.accept("SERIAL", "DEFAULT", "VALUE")) {
      column.autoIncrement = true;
      column.nullable = false;
      keys.add("unique");
    } else if (c.accept("UNIQUE")) {
      c.accept("KEY");
      keys.add("unique");
    } else if (c.accept("PRIMARY")) {
      c.accept("KEY");
      keys.add("primary");
    } else if (c.accept("KEY")) keys.add("primary");
    else if (c.accept("COMMENT")) column.comment = c.string("a comment in quotes");
    else if (c.accept("COLLATE")) column.collation = c.nameOrString("a collation");
    else if (c.charsetWord()) column.charset = c.accept("DEFAULT") ? undefined : c.nameOrString("a character set");
    else if (c.accept("ASCII")) column.charset = "latin1";
    else if (c.accept("UNICODE")) column.charset = "ucs2";
    else if (c.accept("BYTE")) column.charset = "binary";
    else if (c.accept("BINARY")) column.binary = true;
    else if (c.accept("GENERATED", "ALWAYS", "AS", "ROW")) systemTime(c, column);
    else if (c.accept("GENERATED", "ALWAYS", "AS") || c.accept("AS")) {
      c.parenthesised();
      column.generated ??= "VIRTUAL";
    } else if (c.accept("VIRTUAL")) column.generated = "VIRTUAL";
    else if (c.accept("STORED") || c.accept("PERSISTENT")) column.generated = "STORED";
    else if (c.accept("REFERENCES")) {
      references(c);
      keys.add("foreign");
    } else if (c.accept("CONSTRAINT")) {
      if (!c.is("CHECK")) c.name("the name of a constraint");
    } else if (c.accept("CHECK")) column.checksJson ||= isJsonCheck(c.parenthesised(), name);
    else attribute(c);
  }
  if (c.dialect.flavor === "mariadb" && keys.has("primary")) keys.delete("unique");
  for (const kind of ["primary", "unique", "foreign"] as const)
    if (keys.has(kind)) indexes.push({ kind, name: null, columns: [name], prefix: false, ifNotExists: false, period: null });
  return column;
}

/** What says nothing about the column's values; MariaDB's engines have attributes of their own, `name = value`. */
function attribute(c: Cursor): void {
  if (c.accept("VISIBLE") || c.accept("INVISIBLE") || c.accept("ENFORCED")) return;
  if (c.accept("COLUMN_FORMAT") || c.accept("STORAGE")) return void c.take();
  if (c.accept("SRID")) return void c.integer();
  if (c.accept("WITH", "SYSTEM", "VERSIONING") || c.accept("WITHOUT", "SYSTEM", "VERSIONING")) return;
  if (c.accept("COMPRESSED") && !c.is("=")) return;
  const assigned = c.is("=") || (c.isName() && c.is("=", 1));
  if (assigned) {
    if (!c.is("=")) c.take();
    c.expect("=");
    c.skip();
    return;
  }
  if ((c.accept("ENGINE_ATTRIBUTE") || c.accept("SECONDARY_ENGINE_ATTRIBUTE")) && c.peek().kind === "string") return void c.take();
  throw c.fail("not an attribute of a column");
}

function systemTime(c: Cursor, column: { -readonly [K in keyof ColumnDefinition]: ColumnDefinition[K] }): void {
  if (!c.accept("START")) c.expect("END");
  c.accept("INVISIBLE");
  column.systemTime = true;
  column.generated = "STORED";
  column.nullable = false;
}

/** REFERENCES … with its actions, its keyword being taken. */
export function references(c: Cursor): void {
  c.tableName();
  if (c.is("(")) c.parenthesised();
  for (;;) {
    if (c.accept("MATCH")) c.take();
    else if (c.is("ON") && (c.is("DELETE", 1) || (c.is("UPDATE", 1) && !now.has(c.peek(2).keyword)))) {
      c.take();
      c.take();
      if (c.accept("SET")) c.take();
      else if (!c.accept("NO", "ACTION")) c.take();
    } else return;
  }
}

/** @throws MillraceError SQL_PARSE on what cannot be a default */
export function defaultValue(c: Cursor): DefaultValue {
  const start = c.peek().start;
  if (c.accept("NULL")) return { kind: "null" };
  if (c.accept("TRUE")) return { kind: "number", text: "1" };
  if (c.accept("FALSE")) return { kind: "number", text: "0" };
  if (c.is("(")) return { kind: "expression", text: c.parenthesised() };
  if (c.peek().kind === "word" && c.peek().text.startsWith("_") && ["string", "hex", "bits"].includes(c.peek(1).kind)) c.take();
  if (c.peek(1).kind === "string" && (c.accept("DATE") || c.accept("TIME") || c.accept("TIMESTAMP")))
    return { kind: "text", text: c.string("a time") };
  const { kind } = c.peek();
  if (kind === "string") return { kind: "text", text: c.string("a default") };
  if (kind === "hex" || kind === "bits") return { kind, text: c.take().text };
  const sign = c.accept("-") ? "-" : "";
  if (!sign) c.accept("+");
  if (c.peek().kind === "number") return { kind: "number", text: sign + c.take().text };
  if (c.accept("NEXT", "VALUE", "FOR")) c.tableName();
  else functionCall(c);
  return { kind: "expression", text: canonical(c.sql.slice(start, c.taken)) };
}

function functionCall(c: Cursor): void {
  if (c.is("(")) return void c.parenthesised();
  c.name("a value");
  while (c.accept(".")) c.name("a name");
  if (c.is("(")) c.parenthesised();
}

/** NOW(3), LOCALTIME … as the server shows them. */
function canonical(text: string): string {
  const call = /^(\w+)\s*(?:\(\s*(\d*)\s*\))?$/.exec(text);
  if (!call || !now.has(call[1]!.toUpperCase())) return text;
  return Number(call[2] ?? 0) ? `CURRENT_TIMESTAMP(${call[2]})` : "CURRENT_TIMESTAMP";
}

function isJsonCheck(expression: string, column: string): boolean {
  const inner = /^\(\s*json_valid\s*\(\s*(?:`((?:[^`]|``)+)`|([\w$]+))\s*\)\s*\)$/i.exec(expression);
  const named = inner?.[1]?.replaceAll("``", "`") ?? inner?.[2];
  return named?.toLowerCase() === column.toLowerCase();
}
