import type { Node, RecordShape, RowChunk } from "../../src/connect/api/shape.js";
import { optional, primitive, type Schema, structOf, type Value } from "../../src/data/schema.js";

/** Debezium envelopes of one table `{id int32, name string?, amount int64?, flag boolean?}` as shapes and rows. */
const int32 = primitive("int32");
const text = primitive("string", { optional: true });
const int64 = primitive("int64", { optional: true });
const bool = primitive("boolean", { optional: true });
export const rowSchema = structOf(
  [
    ["id", int32],
    ["name", text],
    ["amount", int64],
    ["flag", bool],
  ],
  { name: "g.public.t.Value", optional: true },
);
export const keySchema = structOf([["id", int32]], { name: "g.public.t.Key" });
const sourceSchema = structOf(
  [
    ["connector", primitive("string")],
    ["ts_ms", primitive("int64")],
    ["table", primitive("string")],
    ["lsn", int64],
    ["sequence", text],
  ],
  { name: "io.debezium.connector.postgresql.Source", version: 1 },
);
const transactionSchema = structOf([["id", primitive("string")]], { name: "event.block", version: 1, optional: true });
export const envelopeSchema = structOf(
  [
    ["before", rowSchema],
    ["after", rowSchema],
    ["source", sourceSchema],
    ["transaction", transactionSchema],
    ["op", primitive("string")],
    ["ts_ms", int64],
  ],
  { name: "g.public.t.Envelope", version: 2 },
);

const column = (schema: Schema, c: number, as: "int" | "utf8" | "bool"): Node => ({
  kind: "column",
  schema,
  column: c,
  text: { as },
  decode: (b, s, e): Value => {
    const t = b.toString("utf8", s, e);
    return as === "int" ? Number(t) : as === "bool" ? t === "t" : t;
  },
});
const nul = (schema: Schema): Node => ({ kind: "const", schema: optional(schema), value: null });
const of = (schema: Schema, value: Value): Node => ({ kind: "const", schema, value });
const row: Node = {
  kind: "struct",
  schema: rowSchema,
  fields: [column(int32, 0, "int"), column(text, 1, "utf8"), column(int64, 2, "int"), column(bool, 3, "bool")],
};
const onlyKey: Node = {
  kind: "struct",
  schema: rowSchema,
  fields: [column(int32, 0, "int"), of(text, null), of(int64, null), of(bool, null)],
};
const source: Node = {
  kind: "struct",
  schema: sourceSchema,
  fields: [
    of(primitive("string"), "postgresql"),
    { kind: "slot", schema: primitive("int64"), slot: 0 },
    of(primitive("string"), "t"),
    { kind: "slot", schema: int64, slot: 2 },
    { kind: "template", schema: text, parts: ['["', { slot: 2 }, '"]'] },
  ],
};

const envelope = (op: string, before: Node, after: Node): Node => ({
  kind: "struct",
  schema: envelopeSchema,
  fields: [before, after, source, nul(transactionSchema), of(primitive("string"), op), { kind: "slot", schema: int64, slot: 0 }],
});
const shape = (value: Node | null): RecordShape => ({
  topic: "g.public.t",
  key: { kind: "struct", schema: keySchema, fields: [column(int32, 0, "int")] },
  value,
  headers: [{ key: "__debezium.context.connectorName", node: of(primitive("string"), "postgresql") }],
  timestampSlot: 0,
  sourceTimeSlot: 1,
  columnCount: 4,
  slotCount: 3,
});

export const shapes: Readonly<Record<string, RecordShape>> = {
  create: shape(envelope("c", nul(rowSchema), row)),
  update: shape(envelope("u", row, row)),
  delete: shape(envelope("d", onlyKey, nul(rowSchema))),
  tombstone: shape(null),
  truncate: { ...shape(envelope("t", nul(rowSchema), nul(rowSchema))), key: null },
  flat: shape({ ...row, schema: Object.freeze({ ...rowSchema, optional: false }) } as Node),
};

export interface Row {
  readonly id: number;
  readonly name: string | null;
  readonly amount: number | null;
  readonly flag: boolean | null;
  readonly ms: number;
  readonly lsn: number | null;
}

export function chunkOf(s: RecordShape, rows: readonly Row[]): RowChunk {
  const parts: Buffer[] = [];
  const offsets = new Int32Array(rows.length * 8);
  const slots = new Float64Array(rows.length * 3);
  let at = 0;
  rows.forEach((r, i) => {
    [String(r.id), r.name, r.amount === null ? null : String(r.amount), r.flag === null ? null : r.flag ? "t" : "f"].forEach((t, c) => {
      if (t === null) offsets[i * 8 + c * 2] = -1;
      else {
        const b = Buffer.from(t);
        parts.push(b);
        offsets[i * 8 + c * 2] = at;
        at += b.length;
        offsets[i * 8 + c * 2 + 1] = at;
      }
    });
    slots.set([r.ms, r.ms * 1000, r.lsn ?? Number.NaN], i * 3);
  });
  return {
    shape: s,
    count: rows.length,
    buffer: Buffer.concat(parts),
    offsets,
    slots,
    sourcePartition: { server: "g" },
    sourceOffset: { lsn: 1 },
  };
}
