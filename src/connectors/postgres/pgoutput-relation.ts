/** A Relation message of pgoutput: a table as the following rows of it are sent. */
export interface Relation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** replica identity: d default, n nothing, f full, i index */
  readonly identity: string;
  readonly columns: readonly { readonly name: string; readonly key: boolean; readonly type: number; readonly modifier: number }[];
}

/** @param at behind the message's type byte */
export function readRelation(b: Buffer, at: number): Relation {
  const oid = b.readUInt32BE(at);
  const schemaEnd = b.indexOf(0, at + 4);
  const nameEnd = b.indexOf(0, schemaEnd + 1);
  let p = nameEnd + 1;
  const identity = String.fromCharCode(b[p]!);
  const count = b.readInt16BE(p + 1);
  p += 3;
  const columns: { name: string; key: boolean; type: number; modifier: number }[] = [];
  for (let i = 0; i < count; i++) {
    const end = b.indexOf(0, p + 1);
    columns.push({
      key: (b[p]! & 1) === 1,
      name: b.toString("utf8", p + 1, end),
      type: b.readUInt32BE(end + 1),
      modifier: b.readInt32BE(end + 5),
    });
    p = end + 9;
  }
  const schema = b.toString("utf8", at + 4, schemaEnd);
  // pg_catalog is sent as an empty name
  return { oid, schema: schema || "pg_catalog", name: b.toString("utf8", schemaEnd + 1, nameEnd), identity, columns };
}
