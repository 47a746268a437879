import { Struct, type Value } from "../../../data/schema.js";

/**
 * MySQL's and MariaDB's own bytes of a geometry, which their columns take as they are: the SRID as a little-endian int32, then WKB.
 * Of PostGIS' extended WKB the SRID inside goes. X stays first, as both databases store it whatever the reference system says.
 * @throws RangeError for Z and M, which these databases do not have
 */
export function geometryBytes(value: Exclude<Value, null>): Buffer {
  if (!(value instanceof Struct)) throw new RangeError("a geometry is a struct with the field wkb");
  const wkb = value.get("wkb");
  const srid = (value.get("srid") as number | null | undefined) ?? 0;
  if (wkb instanceof Uint8Array) return fromWkb(Buffer.from(wkb.buffer, wkb.byteOffset, wkb.length), srid);
  const point = Buffer.alloc(25);
  point.writeInt32LE(srid, 0);
  point[4] = 1;
  point.writeInt32LE(1, 5);
  point.writeDoubleLE(value.get("x") as number, 9);
  point.writeDoubleLE(value.get("y") as number, 17);
  return point;
}

/** Counted through, because a reader that is little-endian only wants each number turned round. */
function fromWkb(wkb: Buffer, srid: number): Buffer {
  const out = Buffer.alloc(wkb.length + 4);
  let from = 0;
  let to = 4;
  let found = srid;
  const geometry = (): void => {
    const little = wkb[from++] === 1;
    const int = () => {
      const n = little ? wkb.readUInt32LE(from) : wkb.readUInt32BE(from);
      from += 4;
      return n;
    };
    const put = (n: number) => {
      to = out.writeUInt32LE(n, to);
      return n;
    };
    const point = () => {
      for (let i = 0; i < 2; i++, from += 8) to = out.writeDoubleLE(little ? wkb.readDoubleLE(from) : wkb.readDoubleBE(from), to);
    };
    const points = () => {
      for (let n = put(int()); n > 0; n--) point();
    };
    const type = int();
    if (type & 0xc0000000 || (type & 0x1fffffff) > 1000) throw new RangeError("a geometry with Z or M has no place in this database");
    if (type & 0x20000000) found = int();
    out[to++] = 1;
    const plain = put(type & 0x1fffffff);
    if (plain === 1) point();
    else if (plain === 2) points();
    else if (plain === 3) for (let rings = put(int()); rings > 0; rings--) points();
    else if (plain >= 4 && plain <= 7) for (let parts = put(int()); parts > 0; parts--) geometry();
    else throw new RangeError(`a geometry of WKB type ${plain} has no place in this database`);
  };
  geometry();
  out.writeUInt32LE(found, 0);
  return out.subarray(0, to);
}
