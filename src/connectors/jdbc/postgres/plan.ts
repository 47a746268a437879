import pg from "pg";
import type { Changes } from "../changes.js";
import type { PlanColumn, Statement, TablePlan } from "../dialect.js";
import type { SinkSettings } from "../settings.js";
import { zoneOf } from "../time-zone.js";
import { giveBack, takeArrays } from "./binary-array.js";
import { type ColumnEncoder, columnEncoder } from "./column-encoder.js";
import { type ColumnWriter, columnWriter } from "./types.js";

interface EncodedColumn extends PlanColumn {
  readonly writer: ColumnWriter;
  readonly encode: ColumnEncoder;
}

let planCount = 0;

/** One statement for all rows: arrays in, unnested. The statements are prepared under names of their own. */
export function postgresPlan(settings: SinkSettings, quoted: string, planned: readonly PlanColumn[]): TablePlan {
  const columns = planned.map((c): EncodedColumn => {
    const writer = columnWriter(c, zoneOf(c, settings));
    return { ...c, writer, encode: columnEncoder(c, writer) };
  });
  const keyColumns = columns.filter((c) => c.isKey);
  const q = (c: PlanColumn) => pg.escapeIdentifier(c.name);
  const unnest = (list: readonly EncodedColumn[]) => list.map((c, i) => `$${1 + i}::${c.writer.elementType}[]`).join(", ");
  const names = (list: readonly PlanColumn[]) => list.map(q).join(", ");
  const cast = (c: EncodedColumn) => (c.writer.cast === null ? `u.${q(c)}` : `u.${q(c)}::${c.writer.cast}`);
  const matches = keyColumns.map((c) => `t.${q(c)} = ${cast(c)}`).join(" AND ");
  const rest = columns.filter((c) => !c.isKey);
  const from = `unnest(${unnest(columns)}) AS u(${names(columns)})`;
  let write: string;
  if (settings.insertMode === "update")
    write = rest.length
      ? `UPDATE ${quoted} AS t SET ${rest.map((c) => `${q(c)} = ${cast(c)}`).join(", ")} FROM ${from} WHERE ${matches}`
      : `SELECT 1 FROM ${from} LIMIT 0`;
  else {
    write = `INSERT INTO ${quoted} (${names(columns)}) OVERRIDING SYSTEM VALUE SELECT ${columns.map(cast).join(", ")} FROM ${from}`;
    if (settings.insertMode === "upsert")
      write += ` ON CONFLICT (${names(keyColumns)}) DO ${rest.length ? `UPDATE SET ${rest.map((c) => `${q(c)} = EXCLUDED.${q(c)}`).join(", ")}` : "NOTHING"}`;
  }
  const remove = `DELETE FROM ${quoted} AS t USING unnest(${unnest(keyColumns)}) AS u(${names(keyColumns)}) WHERE ${matches}`;
  const id = planCount++;
  return {
    quotedTable: quoted,
    keyColumns,
    write: (changes, ordinals) => [encode(`w${id}`, write, columns, changes, ordinals)],
    delete: (changes, ordinals) => [encode(`d${id}`, remove, keyColumns, changes, ordinals)],
  };
}

function encode(name: string, text: string, columns: readonly EncodedColumn[], changes: Changes, ordinals: Int32Array): Statement {
  const { rows, runs } = changes.selection(ordinals);
  const arrays = takeArrays();
  try {
    for (const { writer, encode } of columns) {
      arrays.open(writer.elementOid);
      for (const { of, from, to } of runs) encode(arrays, of, rows, from, to);
      arrays.close();
    }
  } catch (error) {
    const refused = changes.refused(ordinals[arrays.count]!, error);
    giveBack(arrays);
    throw refused;
  }
  return { name, text, parameters: arrays.finish(), release: () => giveBack(arrays) };
}
