/** A row of pg_type, as far as values need it. */
export interface TypeInfo {
  readonly oid: number;
  /** without its schema */
  readonly name: string;
  /** b base, c composite, d domain, e enum, p pseudo, r range, m multirange */
  readonly kind: string;
  /** of an array type: its element's type, else 0 */
  readonly element: number;
  /** of a domain: the type below, and its modifier */
  readonly base: number;
  readonly modifier: number;
  readonly delimiter: string;
  /** of an enum, in order */
  readonly labels: readonly string[];
}

export class TypeRegistry {
  constructor(private readonly byOid: ReadonlyMap<number, TypeInfo>) {}

  get(oid: number): TypeInfo | undefined {
    return this.byOid.get(oid);
  }

  /** The type below a domain, with the modifier that the domain fixes. */
  resolve(oid: number, modifier: number): { type: TypeInfo; modifier: number } | undefined {
    let type = this.byOid.get(oid);
    let mod = modifier;
    while (type?.kind === "d") {
      if (type.modifier !== -1) mod = type.modifier;
      type = this.byOid.get(type.base);
    }
    return type && { type, modifier: mod };
  }
}

export const typesQuery = `SELECT t.oid, t.typname, t.typtype,
 CASE WHEN t.typcategory = 'A' AND t.typelem <> 0 AND t.typlen = -1 THEN t.typelem ELSE 0 END, t.typbasetype, t.typtypmod, t.typdelim,
 CASE WHEN t.typtype = 'e' THEN (SELECT array_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid) END
 FROM pg_catalog.pg_type t WHERE t.typtype <> 'p' OR t.typname IN ('void')`;
