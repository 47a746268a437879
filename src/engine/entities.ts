import type { SqlType } from "../data/sql-type.js";

/**
 * The reply's entities as ksqlDB's REST reference lays them out, with the names and the order of its fields. One a
 * statement, told apart by `@type`.
 */
export type Entity = {
  readonly "@type": string;
  readonly statementText: string;
  readonly warnings: readonly Warning[];
} & Readonly<Record<string, unknown>>;

export interface Warning {
  readonly message: string;
}

export type CommandState = "QUEUED" | "PARSING" | "EXECUTING" | "RUNNING" | "TERMINATED" | "SUCCESS" | "ERROR";
export interface CommandStatus {
  readonly status: CommandState;
  readonly message: string;
  readonly queryId: string | null;
}

export function entity(
  type: string,
  statementText: string,
  fields: Readonly<Record<string, unknown>>,
  warnings: readonly string[] = [],
): Entity {
  return { "@type": type, statementText, ...fields, warnings: warnings.map((message) => ({ message })) };
}

export interface SchemaInfo {
  readonly type: string;
  readonly fields: readonly FieldInfo[] | null;
  readonly memberSchema: SchemaInfo | null;
  readonly parameters?: Readonly<Record<string, number>>;
}
export interface FieldInfo {
  readonly name: string;
  readonly schema: SchemaInfo;
  /** KEY or HEADER; absent for a value column */
  readonly type?: "KEY" | "HEADER";
  readonly headerKey?: string;
}

export function schemaInfo(type: SqlType): SchemaInfo {
  switch (type.base) {
    case "DECIMAL":
      return { type: "DECIMAL", fields: null, memberSchema: null, parameters: { precision: type.precision, scale: type.scale } };
    case "ARRAY":
      return { type: "ARRAY", fields: null, memberSchema: schemaInfo(type.element) };
    case "MAP":
      return { type: "MAP", fields: null, memberSchema: schemaInfo(type.value) };
    case "STRUCT":
      return { type: "STRUCT", fields: type.fields.map((f) => ({ name: f.name, schema: schemaInfo(f.type) })), memberSchema: null };
    default:
      return { type: type.base, fields: null, memberSchema: null };
  }
}
