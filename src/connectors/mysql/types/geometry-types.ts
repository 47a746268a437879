import { arrayOf, primitive, type Schema, Struct, structOf } from "../../../data/schema.js";
import type { ColumnType, Reading } from "./column-type.js";

type Decode = Reading["decode"];
const other = { as: "other" } as const;

const optionalBytes = primitive("bytes", { optional: true });
const srid = primitive("int32", { optional: true });
export const geometrySchema = structOf(
  [
    ["wkb", primitive("bytes")],
    ["srid", srid],
  ],
  { name: "io.debezium.data.geometry.Geometry", version: 1, doc: "Geometry" },
);
export const pointSchema = structOf(
  [
    ["x", primitive("float64")],
    ["y", primitive("float64")],
    ["wkb", optionalBytes],
    ["srid", srid],
  ],
  { name: "io.debezium.data.geometry.Point", version: 1, doc: "Geometry (POINT)" },
);

/** Four bytes of SRID, then WKB. */
export function geometry(schema: Schema): ColumnType {
  const point = schema === pointSchema;
  const decode: Decode = (b, s, e) => {
    const id = b.readUInt32LE(s) || null;
    const wkb = Buffer.from(b.subarray(s + 4, e));
    if (!point) return new Struct(schema, [wkb, id]);
    return wkb.length < 21 ? null : new Struct(schema, [wkb.readDoubleLE(5), wkb.readDoubleLE(13), wkb, id]);
  };
  const none = point ? [0, 0, null, null] : [Buffer.alloc(0), null];
  return {
    schema,
    snapshot: { text: other, decode },
    stream: { text: other, decode },
    zero: new Struct(schema, none),
    defaultOf: () => undefined,
  };
}

export function vector(): ColumnType {
  const decode: Decode = (b, s, e) => Array.from({ length: (e - s) >> 2 }, (_, i) => b.readFloatLE(s + 4 * i));
  return {
    schema: arrayOf(primitive("float32"), { name: "io.debezium.data.FloatVector", version: 1 }),
    snapshot: { text: other, decode },
    stream: { text: other, decode },
    zero: [],
    defaultOf: () => undefined,
  };
}
