import type { TableMap } from "./binlog/events.js";
import type { ColumnModel, TableModel } from "./table-model.js";

const texts = /(TEXT|BLOB|JSON)$/;

/**
 * A table with the columns that its rows have in the binlog and no statement shows: for a unique key on a whole text MariaDB keeps
 * a hash, behind all other columns. Records leave them out, their type being none.
 */
export function withHiddenColumns(model: TableModel, map: TableMap): TableModel {
  const extra = map.columns.slice(model.columns.length);
  if (!extra.length || extra.length > hashedKeys(model)) return model;
  if (extra.some((c) => c.name !== undefined && !c.name.startsWith("DB_ROW_HASH_"))) return model;
  return { ...model, columns: [...model.columns, ...extra.map((c, i) => hidden(c.name ?? `DB_ROW_HASH_${i + 1}`))] };
}

function hashedKeys(model: TableModel): number {
  const long = new Set(model.columns.filter((c) => texts.test(c.type)).map((c) => c.name));
  return model.indexes.filter((i) => i.unique && i.columns.some((c) => c !== null && long.has(c))).length;
}

function hidden(name: string): ColumnModel {
  return {
    name,
    type: "HIDDEN",
    length: null,
    scale: null,
    unsigned: false,
    zerofill: false,
    values: [],
    charset: null,
    collation: null,
    nullable: true,
    autoIncrement: false,
    generated: "VIRTUAL",
    onUpdateNow: false,
    defaultValue: undefined,
    defaultExpression: false,
    comment: null,
  };
}
