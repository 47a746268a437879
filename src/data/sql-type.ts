/**
 * ksqlDB's SQL types and what their values look like in a row (an array by column position):
 * BOOLEAN boolean; INTEGER, DOUBLE number; BIGINT number while safe, else bigint; DECIMAL Decimal at exactly its scale;
 * STRING string; BYTES Uint8Array; TIME ms of the day, DATE days, TIMESTAMP ms (numbers); ARRAY array; MAP Map in
 * insertion order; STRUCT array by field position. SQL NULL is null.
 */
export type SqlType =
  | { readonly base: "BOOLEAN" | "INTEGER" | "BIGINT" | "DOUBLE" | "STRING" | "BYTES" | "TIME" | "DATE" | "TIMESTAMP" }
  | { readonly base: "DECIMAL"; readonly precision: number; readonly scale: number }
  | { readonly base: "ARRAY"; readonly element: SqlType }
  | { readonly base: "MAP"; readonly key: SqlType; readonly value: SqlType }
  | { readonly base: "STRUCT"; readonly fields: readonly SqlField[] };

export interface SqlField {
  readonly name: string;
  readonly type: SqlType;
}

export type SqlBase = SqlType["base"];

export function formatSqlType(type: SqlType, quote: (name: string) => string = (n) => `\`${n}\``): string {
  switch (type.base) {
    case "DECIMAL":
      return `DECIMAL(${type.precision}, ${type.scale})`;
    case "ARRAY":
      return `ARRAY<${formatSqlType(type.element, quote)}>`;
    case "MAP":
      return `MAP<${formatSqlType(type.key, quote)}, ${formatSqlType(type.value, quote)}>`;
    case "STRUCT":
      return `STRUCT<${type.fields.map((f) => `${quote(f.name)} ${formatSqlType(f.type, quote)}`).join(", ")}>`;
    default:
      return type.base;
  }
}

export function sameSqlType(a: SqlType, b: SqlType): boolean {
  return a === b || formatSqlType(a) === formatSqlType(b);
}
