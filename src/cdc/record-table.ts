import { type AdjustmentMode, adjustSchemaName } from "../common/schema-names.js";
import type { ColumnNode, Node } from "../connect/api/shape.js";
import type { Schema, Value } from "../data/schema.js";
import type { CaptureRules } from "./capture-rules.js";
import { envelopeSchema, keySchema, rowSchema } from "./envelope.js";

export interface RecordColumn {
  readonly name: string;
  /** its name in records */
  readonly field: string;
  /** undefined: a type that records leave out */
  readonly schema: Schema | undefined;
  /** part of the row's value */
  readonly included: boolean;
}

export interface RecordTableOptions<C extends RecordColumn> {
  /** schema or database, and name */
  readonly parts: readonly [string, string];
  /** in the order in which rows have them */
  readonly columns: readonly C[];
  readonly primaryKey: readonly string[];
  readonly rules: CaptureRules;
  readonly schemaNames: AdjustmentMode;
  readonly source: Schema;
}

/** One version of a table: its columns as they come, and the schemas of its records. */
export abstract class RecordTable<C extends RecordColumn> {
  readonly topic: string;
  readonly fullName: string;
  readonly columns: readonly C[];
  /** positions of the key's columns, in the key's order; empty: no key */
  readonly key: readonly number[];
  /** positions of the primary key's columns, whatever the records' key is */
  readonly primary: readonly number[];
  readonly keySchema: Schema | null;
  readonly row: Schema;
  readonly envelope: Schema;
  /** the first part of the schemas' names */
  protected readonly naming: string;

  constructor({ parts, columns, primaryKey, rules, schemaNames, source }: RecordTableOptions<C>) {
    this.fullName = parts.join(".");
    this.topic = rules.topics.table(parts);
    this.columns = columns;
    const position = (name: string) => columns.findIndex((c) => c.name === name);
    this.key = (rules.keyColumns(...parts) ?? primaryKey).map(position).filter((i) => i >= 0 && columns[i]!.schema);
    this.primary = primaryKey.map(position).filter((i) => i >= 0);
    this.naming = adjustSchemaName(this.topic, schemaNames);
    const named = (i: number): [string, Schema] => [columns[i]!.field, this.keyFieldSchema(columns[i]!)];
    this.keySchema = this.key.length ? keySchema(this.naming, this.key.map(named)) : null;
    this.row = rowSchema(
      this.naming,
      columns.filter((c) => c.included).map((c) => [c.field, c.schema!]),
    );
    this.envelope = envelopeSchema(this.naming, this.row, source);
  }

  /** The schema of a column as a field of the key. */
  protected keyFieldSchema(column: C): Schema {
    return column.schema!;
  }

  /** The row's struct; `value` gives each included column's node. */
  rowNode(value: (i: number) => Node): Node {
    const fields: Node[] = [];
    for (let i = 0; i < this.columns.length; i++) if (this.columns[i]!.included) fields.push(value(i));
    return { kind: "struct", schema: this.row, fields };
  }

  /** The key's struct of columns that are all there; `at` says in which column of the chunk. */
  keyNode(at: (i: number) => number): Node | null {
    if (!this.keySchema) return null;
    return { kind: "struct", schema: this.keySchema, fields: this.key.map((i) => this.keyField(i, at(i))) };
  }

  protected abstract keyField(i: number, at: number): Node;
}

/** A column's decoder whose errors name the column. */
export function namedDecoder(decode: (buffer: Buffer, start: number, end: number) => Value, name: string): ColumnNode["decode"] {
  return (buffer, start, end) => {
    try {
      return decode(buffer, start, end);
    } catch (e) {
      throw new RangeError(`column ${name}: ${(e as Error).message}`);
    }
  };
}
