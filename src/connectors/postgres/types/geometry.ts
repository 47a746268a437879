import { mapOf, primitive, type Schema, Struct, structOf, type Value } from "../../../data/schema.js";

const float64 = primitive("float64");
const bytes = primitive("bytes");
const optionalBytes = primitive("bytes", { optional: true });
const optionalInt32 = primitive("int32", { optional: true });

export const pointSchema = structOf(
  [
    ["x", float64],
    ["y", float64],
    ["wkb", optionalBytes],
    ["srid", optionalInt32],
  ],
  { name: "io.debezium.data.geometry.Point", version: 1, doc: "Geometry (POINT)" },
);
export const lineSchema = structOf(
  [
    ["a", float64],
    ["b", float64],
    ["c", float64],
  ],
  { name: "io.debezium.data.geometry.Line", version: 1, doc: "Geometry (LINE)" },
);
export const circleSchema = structOf(
  [
    ["center", pointSchema],
    ["radius", float64],
  ],
  { name: "io.debezium.data.geometry.Circle", version: 1, doc: "Geometry (CIRCLE)" },
);
const string = primitive("string");
export const geometrySchema = structOf(
  [
    ["wkb", bytes],
    ["srid", optionalInt32],
    ["extensions", mapOf(string, string, { optional: true })],
  ],
  { name: "io.debezium.data.geometry.Geometry", version: 2, doc: "Geometry" },
);
/** PostGIS's geography; `wkb` is the extended form, as for geometry. */
export const geographySchema = structOf(
  [
    ["wkb", bytes],
    ["srid", optionalInt32],
  ],
  { name: "io.debezium.data.geometry.Geography", version: 1, doc: "Geography" },
);

function numbers(text: string): number[] {
  return (text.match(/-?(?:\d+\.?\d*(?:e[+-]?\d+)?|Infinity)|NaN/gi) ?? []).map(Number);
}

function wkb(type: number, body: (number | { count: number })[]): Buffer {
  const out = Buffer.alloc(5 + body.reduce<number>((n, p) => n + (typeof p === "number" ? 8 : 4), 0));
  out[0] = 1;
  out.writeUInt32LE(type, 1);
  let at = 5;
  for (const p of body) at = typeof p === "number" ? out.writeDoubleLE(p, at) : out.writeUInt32LE(p.count, at);
  return out;
}

export function point(text: string): Value {
  const [x, y] = numbers(text) as [number, number];
  return new Struct(pointSchema, [x, y, wkb(1, [x, y]), null]);
}
export function line(text: string): Value {
  return new Struct(lineSchema, numbers(text));
}
export function circle(text: string): Value {
  const [x, y, r] = numbers(text) as [number, number, number];
  return new Struct(circleSchema, [new Struct(pointSchema, [x, y, wkb(1, [x, y]), null]), r]);
}
function geometry(body: Buffer, extensions: [string, string][]): Value {
  return new Struct(geometrySchema, [body, null, new Map(extensions)]);
}
export function lseg(text: string): Value {
  return geometry(wkb(2, [{ count: 2 }, ...numbers(text)]), [["type", "lseg"]]);
}
/** A box is the ring of its corners, from the upper right one. */
export function box(text: string): Value {
  const [x1, y1, x2, y2] = numbers(text) as [number, number, number, number];
  return geometry(wkb(3, [{ count: 1 }, { count: 5 }, x1, y1, x1, y2, x2, y2, x2, y1, x1, y1]), [["type", "box"]]);
}
export function path(text: string): Value {
  const points = numbers(text);
  const closed = text.startsWith("(");
  return geometry(wkb(2, [{ count: points.length / 2 }, ...points]), [
    ["type", "path"],
    ["closed", String(closed)],
  ]);
}
export function polygon(text: string): Value {
  const points = numbers(text);
  return geometry(wkb(3, [{ count: 1 }, { count: points.length / 2 + 1 }, ...points, points[0]!, points[1]!]), [["type", "polygon"]]);
}

/** PostGIS prints EWKB in hexadecimal. */
export function postgis(schema: Schema, text: string): Value {
  const ewkb = Buffer.from(text, "hex");
  const little = ewkb[0] === 1;
  const type = little ? ewkb.readUInt32LE(1) : ewkb.readUInt32BE(1);
  const srid = type & 0x20000000 ? (little ? ewkb.readInt32LE(5) : ewkb.readInt32BE(5)) : null;
  return new Struct(schema, schema.fields!.length === 3 ? [ewkb, srid, null] : [ewkb, srid]);
}
