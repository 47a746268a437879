import { applyRule, type ColumnRule } from "../../cdc/column-rules.js";
import { keySchema } from "../../cdc/envelope.js";
import { constant } from "../../cdc/nodes.js";
import { namedDecoder, type RecordColumn, RecordTable } from "../../cdc/record-table.js";
import type { ColumnNode, Node } from "../../connect/api/shape.js";
import { fieldNamed, optional as optionalSchema, type Schema, type Value } from "../../data/schema.js";
import type { CaptureRules } from "./capture-rules.js";
import { columnDefault } from "./column-default.js";
import { fieldName, type PostgresSettings } from "./settings.js";
import { sourceSchema } from "./source-block.js";
import type { ColumnType } from "./types/column-type.js";
import { resolveColumnType } from "./types/resolve.js";
import type { TypeRegistry } from "./types/type-info.js";

/** A column as the stream or the snapshot sends it, in that order. */
export interface IncomingColumn {
  readonly name: string;
  readonly type: number;
  readonly modifier: number;
  readonly required: boolean;
  readonly default: string | null;
  /** sent in before-images that hold the key alone */
  readonly identity: boolean;
}

export interface Column extends IncomingColumn, RecordColumn {
  readonly resolved: ColumnType | undefined;
  readonly rule: ColumnRule | undefined;
}

/** One version of a table: its columns as they come, and the schemas of its records. */
export class TableModel extends RecordTable<Column> {
  constructor(
    readonly schema: string,
    readonly name: string,
    incoming: readonly IncomingColumn[],
    primaryKey: readonly string[],
    readonly settings: PostgresSettings,
    rules: CaptureRules,
    types: TypeRegistry,
    /** the stream's version of a column may lack its value, see ColumnType.nullInStream */
    private readonly streaming: boolean,
  ) {
    super({
      parts: [schema, name],
      columns: incoming.map((c) => column(`${schema}.${name}`, c, settings, rules, types)),
      primaryKey,
      rules,
      schemaNames: settings.schemaNames,
      source: sourceSchema,
    });
  }

  /** The value of column i of the row, its bytes being column `at` of the chunk. */
  valueNode(i: number, at: number): Node {
    const c = this.columns[i]!;
    const type = c.resolved!;
    if (c.rule?.kind === "constant") return constant(c.schema!, c.rule.value);
    if (this.streaming && type.nullInStream && !c.required) return constant(c.schema!, null);
    const { rule } = c;
    const { parse } = type;
    const read = rule ? (text: string) => applyRule(rule, parse(text), lengthOf(c)) : parse;
    return {
      kind: "column",
      schema: c.schema!,
      column: at,
      text: rule ? { as: "other" } : type.text,
      decode: decoder(read, `${this.fullName}.${c.name}`),
    } satisfies ColumnNode;
  }

  /** What stands for a value that Postgres did not send: an unchanged TOAST value. */
  unavailableNode(i: number): Node {
    const c = this.columns[i]!;
    if (c.rule?.kind === "constant") return constant(c.schema!, c.rule.value);
    const { placeholder, zero } = c.resolved!;
    return constant(c.schema!, placeholder ?? (c.required ? zero : null));
  }

  /** What a before-image by key holds in its other columns. */
  absentNode(i: number): Node {
    const c = this.columns[i]!;
    return constant(c.schema!, c.required ? (c.schema!.default ?? c.resolved!.zero) : null);
  }

  protected keyField(i: number, at: number): Node {
    const c = this.columns[i]!;
    return {
      kind: "column",
      schema: c.schema!,
      column: at,
      text: c.resolved!.text,
      decode: decoder(c.resolved!.parse, `${this.fullName}.${c.name}`),
    };
  }

  /**
   * The key of a before-image that holds the replica identity alone. A key column that is not part of it is unknown: its
   * field is null and optional in a schema of its own, never a made-up value.
   */
  oldKeyNode(at: (i: number) => number): Node | null {
    if (!this.keySchema) return null;
    if (this.key.every((i) => this.columns[i]!.identity)) return this.keyNode(at);
    const fields = this.key.map((i): [string, Schema] => {
      const c = this.columns[i]!;
      const { default: _, ...schema } = c.schema!;
      return [c.field, c.identity ? c.schema! : optionalSchema(schema as Schema)];
    });
    const schema = keySchema(this.naming, fields);
    return {
      kind: "struct",
      schema,
      fields: this.key.map((i, n) => (this.columns[i]!.identity ? this.keyField(i, at(i)) : constant(schema.fields![n]!.schema, null))),
    };
  }

  /** The same for the header `__debezium.oldkey`, which consumers compare as text: there an unknown number is 0, as in the original. */
  oldKeyHeader(at: (i: number) => number): Node | null {
    if (!this.keySchema) return null;
    return {
      kind: "struct",
      schema: this.keySchema,
      fields: this.key.map((i) =>
        this.columns[i]!.identity
          ? this.keyField(i, at(i))
          : constant(this.columns[i]!.schema!, this.columns[i]!.required ? this.columns[i]!.resolved!.zero : null),
      ),
    };
  }

  /** Whether a value of this field may be absent. */
  isOptional(field: string): boolean {
    return fieldNamed(this.row, field)?.schema.optional ?? true;
  }
}

function decoder(parse: (text: string) => Value, name: string): ColumnNode["decode"] {
  return namedDecoder((buffer, start, end) => parse(buffer.toString("utf8", start, end)), name);
}

function column(table: string, c: IncomingColumn, settings: PostgresSettings, rules: CaptureRules, types: TypeRegistry): Column {
  const resolved = resolveColumnType(c.type, c.modifier, types, settings);
  const names = [`${table}.${c.name}`, `${settings.dbname}.${table}.${c.name}`, c.name];
  let schema: Schema | undefined;
  if (resolved) {
    const value = columnDefault(c.default, resolved);
    const parameters = propagated(c, names, table, rules, types);
    schema = Object.freeze({
      ...resolved.schema,
      optional: !c.required,
      ...(parameters ? { parameters: { ...resolved.schema.parameters, ...parameters } } : {}),
      ...(value === undefined ? {} : { default: value }),
    });
  }
  return {
    ...c,
    field: fieldName(c.name, settings),
    resolved,
    schema,
    rule: resolved && isText(resolved.schema) ? rules.masks.find(names.slice(0, 2)) : undefined,
    included: resolved !== undefined && rules.column(`${table}.${c.name}`),
  };
}

function isText(schema: Schema): boolean {
  return schema.type === "string";
}

function lengthOf(c: IncomingColumn): number | undefined {
  return c.modifier > 4 && (c.type === 1043 || c.type === 1042) ? c.modifier - 4 : undefined;
}

function propagated(
  c: IncomingColumn,
  names: readonly string[],
  table: string,
  rules: CaptureRules,
  types: TypeRegistry,
): Record<string, string> | undefined {
  const type = types.get(c.type);
  const typeName = (type?.name ?? "").toUpperCase();
  const wanted =
    rules.propagateColumns.some((p) => names.some((n) => p.matches(n))) ||
    rules.propagateTypes.some((p) => p.matches(typeName) || p.matches(`${table}.${typeName}`));
  if (!wanted) return undefined;
  const out: Record<string, string> = { "__debezium.source.column.type": typeName };
  const length = sourceLength(type?.name ?? "", c.modifier);
  if (length) {
    out["__debezium.source.column.length"] = String(length[0]);
    if (length[1] !== undefined) out["__debezium.source.column.scale"] = String(length[1]);
  }
  out["__debezium.source.column.name"] = c.name;
  return out;
}

const fixedLengths: Record<string, number> = {
  int2: 5,
  int4: 10,
  int8: 19,
  float4: 8,
  float8: 17,
  bool: 1,
  date: 13,
  uuid: 2147483647,
  text: 2147483647,
};

function sourceLength(type: string, modifier: number): [number, number?] | undefined {
  if (type === "numeric") return modifier < 4 ? [131089, 0] : [(modifier - 4) >> 16, (((modifier - 4) & 0x7ff) ^ 1024) - 1024];
  if (type === "varchar" || type === "bpchar") return modifier > 4 ? [modifier - 4] : [2147483647];
  if (type in fixedLengths) return [fixedLengths[type]!];
  return modifier >= 0 ? [modifier] : undefined;
}
