import pg from "pg";
import { type ValueKind, valueKind } from "../../../cdc/value-kind.js";
import { MillraceError } from "../../../common/errors.js";
import type { SinkRows } from "../../../connect/api/sink.js";
import { type Field, primitive, type Schema, type Value } from "../../../data/schema.js";
import type { SinkSettings } from "../settings.js";
import { toText } from "../value-kind.js";
import { addColumns, createTable, type NewColumn, quoteName, readTable, splitName, type Table } from "./table.js";
import { type ColumnWriter, columnType, columnWriter } from "./types.js";

/** Where a column's value is found in SinkRows. */
export type ColumnSource =
  | { readonly from: "key" | "value"; readonly index: number }
  | { readonly from: "topic" | "partition" | "offset" }
  | { readonly from: "header"; readonly name: string };

export interface PlanColumn {
  readonly name: string;
  readonly source: ColumnSource;
  readonly isKey: boolean;
  readonly writer: ColumnWriter;
  readonly kind: ValueKind;
}

/** How rows with one pair of schemas go into one table; made once, the statements prepared by name. */
export interface TablePlan {
  readonly id: number;
  readonly quotedTable: string;
  readonly columns: readonly PlanColumn[];
  readonly keyColumns: readonly PlanColumn[];
  readonly write: string;
  readonly delete: string | null;
}

interface Wanted {
  readonly name: string;
  readonly field: string;
  readonly source: ColumnSource;
  readonly schema: Schema;
  readonly isKey: boolean;
}

let planCount = 0;

/**
 * Reads the table, creates or widens it where the settings allow.
 * @throws MillraceError RECORD_REFUSED where records with these schemas cannot be written at all
 */
export async function makePlan(client: pg.Client, settings: SinkSettings, rows: SinkRows): Promise<TablePlan> {
  const wanted = wantedColumns(settings, rows);
  const name = splitName(settings.tableName(rows.topic), settings.quoteIdentifiers);
  const quoted = quoteName(name);
  let table = await readTable(client, quoted);
  if (!table) {
    if (!settings.autoCreate)
      throw new MillraceError(
        "TARGET_FAILED",
        `table ${quoted} does not exist; create it, or let the connector (auto.create, schema.evolution=basic)`,
      );
    if (rows.valueSchema === null)
      throw new MillraceError("RECORD_REFUSED", `table ${quoted} does not exist and a record without a value cannot tell its columns`);
    if (name.schema !== null) await client.query(`CREATE SCHEMA IF NOT EXISTS ${pg.escapeIdentifier(name.schema)}`);
    const keys = wanted.filter((w) => w.isKey);
    await createTable(
      client,
      quoted,
      wanted.map(newColumn),
      keys.map((w) => w.name),
    );
    table = (await readTable(client, quoted))!;
  }
  const missing = wanted.filter((w) => !findColumn(table!, w.name));
  if (missing.length) {
    if (!settings.autoEvolve)
      throw new MillraceError(
        "TARGET_FAILED",
        `table ${quoted} has no column ${missing.map((m) => m.name).join(", ")}; add it, or let the connector (auto.evolve, schema.evolution=basic)`,
      );
    const mandatory = missing.find((m) => !m.schema.optional && !("default" in m.schema));
    // rows that are there already would break NOT NULL: the column is added as nullable, as a record of an older schema is null there
    await addColumns(
      client,
      quoted,
      missing.map((m) => ({ ...newColumn(m), notNull: m !== mandatory && !m.schema.optional && "default" in m.schema })),
    );
    table = (await readTable(client, quoted))!;
  }
  return buildPlan(settings, quoted, table, wanted);
}

function buildPlan(settings: SinkSettings, quoted: string, table: Table, wanted: readonly Wanted[]): TablePlan {
  const columns = wanted
    .map((w): PlanColumn | undefined => {
      const column = findColumn(table, w.name)!;
      const kind = kindOf(w);
      return column.generated
        ? undefined
        : { name: column.name, source: w.source, isKey: w.isKey, kind, writer: columnWriter(kind, column.type) };
    })
    .filter((c) => c !== undefined);
  const keyColumns = columns.filter((c) => c.isKey);
  const q = (c: PlanColumn) => pg.escapeIdentifier(c.name);
  const unnest = (list: readonly PlanColumn[], first = 1) => list.map((c, i) => `$${first + i}::${c.writer.elementType}[]`).join(", ");
  const names = (list: readonly PlanColumn[]) => list.map(q).join(", ");
  const selected = (list: readonly PlanColumn[]) =>
    list.map((c) => (c.writer.cast === null ? `u.${q(c)}` : `u.${q(c)}::${c.writer.cast}`)).join(", ");
  const matches = keyColumns
    .map((c) => `t.${q(c)} = ${c.writer.cast === null ? `u.${q(c)}` : `u.${q(c)}::${c.writer.cast}`}`)
    .join(" AND ");
  const rest = columns.filter((c) => !c.isKey);
  const from = `unnest(${unnest(columns)}) AS u(${names(columns)})`;
  const assign = (prefix: string) => rest.map((c) => `${q(c)} = ${prefix === "u" ? selected([c]) : `EXCLUDED.${q(c)}`}`).join(", ");
  let write: string;
  if (settings.insertMode === "update")
    write = rest.length ? `UPDATE ${quoted} AS t SET ${assign("u")} FROM ${from} WHERE ${matches}` : `SELECT 1 FROM ${from} LIMIT 0`;
  else {
    write = `INSERT INTO ${quoted} (${names(columns)}) OVERRIDING SYSTEM VALUE SELECT ${selected(columns)} FROM ${from}`;
    if (settings.insertMode === "upsert")
      write += ` ON CONFLICT (${names(keyColumns)}) DO ${rest.length ? `UPDATE SET ${assign("EXCLUDED")}` : "NOTHING"}`;
  }
  const deleteText = keyColumns.length
    ? `DELETE FROM ${quoted} AS t USING unnest(${unnest(keyColumns)}) AS u(${names(keyColumns)}) WHERE ${matches}`
    : null;
  return { id: planCount++, quotedTable: quoted, columns, keyColumns, write, delete: deleteText };
}

/** Exactly, or else without case where that is unambiguous. */
function findColumn(table: Table, name: string) {
  const exact = table.columns.get(name);
  if (exact) return exact;
  const folded = [...table.columns.values()].filter((c) => c.name.toLowerCase() === name.toLowerCase());
  return folded.length === 1 ? folded[0] : undefined;
}

function kindOf(w: Wanted): ValueKind {
  const kind = valueKind(w.schema);
  if (!kind)
    throw new MillraceError(
      "RECORD_REFUSED",
      `field ${w.field} is a nested struct: no column can hold it (flatten it with a transform, or leave it out)`,
    );
  return kind;
}

function newColumn(w: Wanted): NewColumn {
  const kind = kindOf(w);
  const type = columnType(kind, w.schema);
  if (type === undefined)
    throw new MillraceError("RECORD_REFUSED", `field ${w.field}: no column type for its schema ${w.schema.name ?? w.schema.type}`);
  const value = w.schema.default;
  const base = { name: w.name, type, notNull: w.isKey || !w.schema.optional };
  return value === undefined || value === null
    ? base
    : { ...base, default: `${pg.escapeLiteral(toText(kind, value as Exclude<Value, null>))}::${type}` };
}

function wantedColumns(settings: SinkSettings, rows: SinkRows): Wanted[] {
  const fold = (name: string) => (settings.quoteIdentifiers ? name : name.toLowerCase());
  const wanted: Wanted[] = [];
  const add = (field: string, source: ColumnSource, schema: Schema, isKey: boolean) =>
    wanted.push({ name: fold(field), field, source, schema, isKey });
  const listed = settings.primaryKeyFields;
  const fromStruct = (schema: Schema | null, from: "key" | "value") => {
    if (schema === null || schema.type !== "struct")
      throw new MillraceError(
        "RECORD_REFUSED",
        `the primary key is taken from the record's ${from}, which is not a struct but ${schema === null ? "has no schema" : `a ${schema.type}`}`,
      );
    const fields = listed.length ? listed.map((name) => fieldOf(schema, name, from)) : schema.fields!;
    for (const f of fields) add(f.name, { from, index: f.index }, f.schema, true);
  };
  switch (settings.primaryKey) {
    case "kafka": {
      const [topic, partition, offset] = listed.length === 3 ? listed : ["__connect_topic", "__connect_partition", "__connect_offset"];
      add(topic!, { from: "topic" }, primitive("string"), true);
      add(partition!, { from: "partition" }, primitive("int32"), true);
      add(offset!, { from: "offset" }, primitive("int64"), true);
      break;
    }
    case "record_key":
      if (rows.keySchema !== null && rows.keySchema.type !== "struct") {
        if (listed.length !== 1)
          throw new MillraceError(
            "RECORD_REFUSED",
            `the record's key is a ${rows.keySchema.type}: name its column as the one primary key field`,
          );
        add(listed[0]!, { from: "key", index: 0 }, rows.keySchema, true);
      } else fromStruct(rows.keySchema, "key");
      break;
    case "record_value":
      if (rows.valueSchema !== null) fromStruct(rows.valueSchema, "value");
      break;
    case "record_header": {
      const sample = rows.count > 0 ? rows.record(0).headers : [];
      for (const h of listed.length ? sample.filter((s) => listed.includes(s.key)) : sample)
        add(h.key, { from: "header", name: h.key }, h.schema ?? primitive("string"), true);
      break;
    }
  }
  if (rows.valueSchema !== null) {
    if (rows.valueSchema.type !== "struct")
      throw new MillraceError(
        "RECORD_REFUSED",
        `the record's value is not a struct but a ${rows.valueSchema.type}: its columns have no names (use a converter with schemas)`,
      );
    for (const f of rows.valueSchema.fields!)
      if (settings.includesField(rows.topic, f.name) && !wanted.some((w) => w.name === fold(f.name)))
        add(f.name, { from: "value", index: f.index }, f.schema, false);
  }
  if (wanted.length === 0) throw new MillraceError("RECORD_REFUSED", "no field of the record becomes a column");
  return wanted;
}

function fieldOf(schema: Schema, name: string, from: string): Field {
  const field = schema.fields!.find((f) => f.name === name);
  if (!field)
    throw new MillraceError(
      "RECORD_REFUSED",
      `the primary key field ${name} is not in the record's ${from} (fields: ${schema.fields!.map((f) => f.name).join(", ")})`,
    );
  return field;
}
