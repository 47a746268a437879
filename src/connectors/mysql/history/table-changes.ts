import { lengthOf, typeName } from "../captured-table.js";
import type { DdlChange } from "../ddl/tables.js";
import { defaultText, jdbcTypes } from "../schema-changes.js";
import type { ColumnModel, TableModel } from "../table-model.js";

const kinds: Partial<Record<DdlChange["kind"], string>> = { CREATE: "CREATE", ALTER: "ALTER", RENAME: "ALTER", DROP: "DROP" };

/** The tables that a statement changes, as records of a schema history have them. */
export function tableChanges(changes: readonly DdlChange[]): unknown[] {
  const list: unknown[] = [];
  for (const c of changes) {
    const type = kinds[c.kind];
    if (!type || c.table === null || (type !== "DROP" && !c.model)) continue;
    list.push({
      type,
      id: id(c.database, c.table),
      ...(c.previous ? { previousId: id(c.previous.database, c.previous.table) } : {}),
      ...(c.model && type !== "DROP" ? { table: table(c.model), comment: c.model.comment } : {}),
    });
  }
  return list;
}

function id(database: string, name: string): string {
  return `"${database}"."${name}"`;
}

function table(model: TableModel) {
  return {
    defaultCharsetName: model.defaultCharset,
    primaryKeyColumnNames: model.keyColumns,
    columns: model.columns.map(column),
    attributes: [],
  };
}

function column(c: ColumnModel, i: number) {
  const type = typeName(c);
  const length = lengthOf(c);
  const text = defaultText(c);
  const byServer = c.autoIncrement || c.onUpdateNow;
  return {
    name: c.name,
    jdbcType: jdbcTypes[c.type] ?? 1111,
    typeName: type,
    typeExpression: type,
    charsetName: c.charset,
    ...(length === null ? {} : { length }),
    ...(c.scale === null ? {} : { scale: c.scale }),
    position: i + 1,
    optional: c.nullable,
    autoIncremented: byServer,
    generated: byServer,
    comment: c.comment,
    hasDefaultValue: c.defaultValue !== undefined,
    ...(text === null ? {} : { defaultValueExpression: text }),
    enumValues: c.values.map((v) => `'${v.replaceAll("'", "''")}'`),
  };
}
