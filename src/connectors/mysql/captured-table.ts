import { applyRule, type ColumnRule } from "../../cdc/column-rules.js";
import { constant } from "../../cdc/nodes.js";
import { namedDecoder, type RecordColumn, RecordTable } from "../../cdc/record-table.js";
import type { ColumnText, Node } from "../../connect/api/shape.js";
import type { Schema, Value } from "../../data/schema.js";
import type { ColumnWire } from "./binlog/events.js";
import type { CaptureRules } from "./capture-rules.js";
import { fieldName, type MysqlSettings } from "./settings.js";
import { sourceSchemas } from "./source-block.js";
import type { ColumnModel, TableModel } from "./table-model.js";
import type { ColumnType } from "./types/column-type.js";
import { resolveColumnType } from "./types/resolve.js";

export interface Column extends RecordColumn {
  readonly model: ColumnModel;
  readonly resolved: ColumnType | undefined;
  /** of a field of the key: without what `column.propagate.source.type` adds */
  readonly keySchema: Schema | undefined;
  readonly rule: ColumnRule | undefined;
}

/** One version of a table, as the snapshot or the stream has its rows. */
export class CapturedTable extends RecordTable<Column> {
  constructor(
    readonly model: TableModel,
    readonly settings: MysqlSettings,
    rules: CaptureRules,
    /** the stream's columns; null: the snapshot's */
    private readonly wire: readonly ColumnWire[] | null,
  ) {
    super({
      parts: [model.database, model.name],
      columns: model.columns.map((c, i) => column(model, c, wire?.[i] ?? null, settings, rules)),
      primaryKey: model.keyColumns,
      rules,
      schemaNames: settings.schemaNames,
      source: sourceSchemas[settings.flavor],
    });
  }

  protected override keyFieldSchema(c: Column): Schema {
    return c.keySchema!;
  }

  /** The value of column i of the row, its bytes being column `at` of the chunk. */
  valueNode(i: number, at: number): Node {
    const c = this.columns[i]!;
    const { rule } = c;
    if (rule?.kind === "constant") return constant(c.schema!, rule.value);
    if (!rule) return this.columnNode(c, c.schema!, at);
    const { decode } = this.reading(c);
    const most = c.model.length ?? undefined;
    return this.node(c, c.schema!, at, { as: "other" }, (b, s, e) => applyRule(rule, decode(b, s, e), most));
  }

  protected keyField(i: number, at: number): Node {
    const c = this.columns[i]!;
    return this.columnNode(c, c.keySchema!, at);
  }

  /** What stands for a value that the row lacks (binlog_row_image other than FULL). */
  missingNode(i: number): Node {
    const c = this.columns[i]!;
    if (c.rule?.kind === "constant") return constant(c.schema!, c.rule.value);
    const text = c.schema!.type === "string" && c.schema!.name === undefined;
    return constant(c.schema!, text ? this.settings.placeholder : c.schema!.optional ? null : c.resolved!.zero);
  }

  /** What stands for a value that a row before its change lacks. */
  unknownNode(i: number): Node {
    const c = this.columns[i]!;
    if (c.rule?.kind === "constant") return constant(c.schema!, c.rule.value);
    return constant(c.schema!, c.schema!.optional ? null : (c.schema!.default ?? c.resolved!.zero));
  }

  /** The text by which column i of a row is compared with one that a SELECT gave. */
  keyText(i: number, b: Buffer, start: number, end: number): string {
    const c = this.columns[i]!;
    const { text, decode } = this.reading(c);
    return text.as === "utf8" ? b.toString("utf8", start, end) : comparable(c.model, decode(b, start, end));
  }

  private reading(c: Column): ColumnType["stream"] {
    return this.wire ? c.resolved!.stream : c.resolved!.snapshot;
  }

  private columnNode(c: Column, schema: Schema, at: number): Node {
    const { text, decode } = this.reading(c);
    const { zero } = c.resolved!;
    // a date that is none has no null where the column has none
    const exact = schema.optional ? decode : (b: Buffer, s: number, e: number) => decode(b, s, e) ?? zero;
    return this.node(c, schema, at, text, exact);
  }

  private node(c: Column, schema: Schema, at: number, text: ColumnText, decode: (b: Buffer, s: number, e: number) => Value): Node {
    return { kind: "column", schema, column: at, text, decode: namedDecoder(decode, `${this.fullName}.${c.name}`) };
  }
}

function comparable(c: ColumnModel, value: Value): string {
  if (Buffer.isBuffer(value)) return value.toString("latin1");
  return c.unsigned && c.type === "BIGINT" ? BigInt.asUintN(64, BigInt(String(value))).toString() : String(value);
}

function column(table: TableModel, c: ColumnModel, wire: ColumnWire | null, settings: MysqlSettings, rules: CaptureRules): Column {
  const name = `${table.database}.${table.name}.${c.name}`;
  const type = resolveColumnType(c, wire, settings);
  const resolved = type && settings.convert ? settings.convert(name, c, type) : type;
  const base = resolved && {
    ...resolved.schema,
    optional: c.nullable,
    ...(settings.comments && c.comment ? { doc: c.comment } : {}),
    ...declared(c, resolved),
  };
  const added = base && propagated(c, name, table, settings, rules);
  return {
    name: c.name,
    model: c,
    field: fieldName(c.name, settings),
    resolved,
    keySchema: base && Object.freeze(base),
    schema: base && Object.freeze(added ? { ...base, parameters: { ...base.parameters, ...added } } : base),
    rule: resolved?.schema.type === "string" ? rules.masks.find([name]) : undefined,
    included: resolved !== undefined && rules.column(name),
  };
}

function declared(c: ColumnModel, type: ColumnType): { default?: Value } {
  if (c.defaultValue === undefined || c.defaultValue === null || c.generated) return {};
  let value: Value | undefined;
  if (c.defaultExpression)
    value = /^\(?\s*(CURRENT_TIMESTAMP|NOW|LOCALTIME|LOCALTIMESTAMP)\b/i.test(c.defaultValue) ? type.nowDefault : undefined;
  else
    try {
      value = type.defaultOf(c.defaultValue);
    } catch {
      value = undefined; // a default that the type does not have is declared nowhere
    }
  return value === undefined || value === null ? {} : { default: value };
}

/** A column's length as the original counts it: of an ENUM one, of a SET that of all values where each is a letter. */
export function lengthOf(c: ColumnModel): number | null {
  return c.type === "ENUM" ? 1 : c.type === "SET" ? Math.max(0, 2 * c.values.length - 1) : c.length;
}

/** The type's name as its DDL has it: with UNSIGNED and ZEROFILL. */
export function typeName(c: ColumnModel): string {
  return `${c.type}${c.unsigned ? " UNSIGNED" : ""}${c.zerofill ? " ZEROFILL" : ""}`;
}

function propagated(
  c: ColumnModel,
  name: string,
  table: TableModel,
  settings: MysqlSettings,
  rules: CaptureRules,
): Record<string, string> | undefined {
  const type = typeName(c);
  const whole = `${table.database}.${table.name}.${type}`;
  if (!rules.propagateColumns.some((p) => p.matches(name)) && !rules.propagateTypes.some((p) => p.matches(whole) || p.matches(type)))
    return undefined;
  const length = lengthOf(c);
  return {
    "__debezium.source.column.type": type,
    ...(length === null ? {} : { "__debezium.source.column.length": String(length) }),
    ...(c.scale === null ? {} : { "__debezium.source.column.scale": String(c.scale) }),
    ...(settings.comments && c.comment ? { "__debezium.source.column.comment": c.comment } : {}),
    "__debezium.source.column.name": c.name,
  };
}
