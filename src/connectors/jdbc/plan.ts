import { type ValueKind, valueKind } from "../../cdc/value-kind.js";
import { MillraceError } from "../../common/errors.js";
import type { SinkRows } from "../../connect/api/sink.js";
import { type Field, primitive, type Schema } from "../../data/schema.js";
import { createSchema, makeOnce } from "./define.js";
import type { ColumnSource, Dialect, NewColumn, PlanColumn, Session, Table, TableColumn, TablePlan } from "./dialect.js";
import type { SinkSettings } from "./settings.js";
import { quoteName, splitName } from "./table-name.js";

interface Wanted {
  readonly name: string;
  readonly field: string;
  readonly source: ColumnSource;
  readonly schema: Schema;
  readonly isKey: boolean;
}

/**
 * Reads the table, creates or widens it where the settings allow.
 * @throws MillraceError RECORD_REFUSED where records with these schemas cannot be written at all
 */
export async function makePlan(dialect: Dialect, session: Session, settings: SinkSettings, rows: SinkRows): Promise<TablePlan> {
  const wanted = wantedColumns(dialect, settings, rows);
  const { name, quoted } = targetTable(dialect, settings, rows.topic);
  const keys = wanted.filter((w) => w.isKey);
  const create = async () => {
    if (!settings.autoCreate)
      throw new MillraceError(
        "TARGET_FAILED",
        `table ${quoted} does not exist; create it, or let the connector (auto.create, schema.evolution=basic)`,
      );
    if (rows.valueSchema === null)
      throw new MillraceError("RECORD_REFUSED", `table ${quoted} does not exist and a record without a value cannot tell its columns`);
    if (name.schema !== null) await createSchema(dialect, session, name.schema);
    await session.createTable(
      name,
      quoted,
      wanted.map((w) => newColumn(session, w, keys.length)),
      keys.map((w) => w.name),
    );
  };
  let table = await makeOnce(dialect, create, () => session.readTable(name, quoted));
  const missing = wanted.filter((w) => !findColumn(table, w.name));
  if (missing.length) {
    if (!settings.autoEvolve)
      throw new MillraceError(
        "TARGET_FAILED",
        `table ${quoted} has no column ${missing.map((m) => m.name).join(", ")}; add it, or let the connector (auto.evolve, schema.evolution=basic)`,
      );
    // rows that are there already would break NOT NULL: a column without a default is added as nullable, as a record of an older schema is null there
    await session.addColumns(
      quoted,
      missing.map((m) => {
        const column = newColumn(session, m, keys.length);
        return { ...column, notNull: column.default !== undefined && !m.schema.optional };
      }),
    );
    table = (await session.readTable(name, quoted))!;
  }
  return session.plan(quoted, table, planColumns(table, wanted));
}

export function targetTable(dialect: Dialect, settings: SinkSettings, topic: string) {
  const written = settings.tableName(topic);
  const name = splitName(settings.quoteIdentifiers ? written : dialect.fold(written));
  return { name, quoted: quoteName(dialect, name) };
}

function planColumns(table: Table, wanted: readonly Wanted[]): PlanColumn[] {
  const columns: PlanColumn[] = [];
  for (const w of wanted) {
    const { name, type, generated } = findColumn(table, w.name)!;
    if (!generated) columns.push({ name, source: w.source, isKey: w.isKey, kind: kindOf(w), schema: w.schema, type });
  }
  return columns;
}

/** Exactly, or else without case where that is unambiguous. */
function findColumn(table: Table, name: string): TableColumn | undefined {
  const exact = table.columns.find((c) => c.name === name);
  if (exact) return exact;
  const folded = table.columns.filter((c) => c.name.toLowerCase() === name.toLowerCase());
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

function newColumn(session: Session, w: Wanted, keyColumns: number): NewColumn {
  const column = session.columnFor(kindOf(w), w.schema, w.isKey, keyColumns);
  if (!column)
    throw new MillraceError("RECORD_REFUSED", `field ${w.field}: no column type for its schema ${w.schema.name ?? w.schema.type}`);
  return { name: w.name, notNull: w.isKey || !w.schema.optional, ...column };
}

function wantedColumns(dialect: Dialect, settings: SinkSettings, rows: SinkRows): Wanted[] {
  const fold = (name: string) => (settings.quoteIdentifiers ? name : dialect.fold(name));
  const same = (name: string) => dialect.columnIdentity(fold(name));
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
      if (settings.includesField(rows.topic, f.name) && !wanted.some((w) => dialect.columnIdentity(w.name) === same(f.name)))
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
