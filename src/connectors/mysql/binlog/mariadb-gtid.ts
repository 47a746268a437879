import { MillraceError } from "../../../common/errors.js";

/**
 * MariaDB's position: the last transaction of each replication domain, `domain-server-sequence`, with commas between. Everything of a
 * domain up to it has been seen.
 */
export class GtidList {
  private readonly domains = new Map<number, { readonly server: number; readonly sequence: number }>();

  /** @throws MillraceError DATA_INVALID */
  static parse(text: string): GtidList {
    const list = new GtidList();
    for (const item of text.replace(/\s+/g, "").split(",")) if (item !== "") list.add(item);
    return list;
  }

  /** The domain's last transaction is now this one. */
  add(gtid: string): void {
    const m = /^(\d+)-(\d+)-(\d+)$/.exec(gtid);
    const [domain, server, sequence] = m ? [Number(m[1]), Number(m[2]), Number(m[3])] : [Number.NaN, 0, 0];
    if (!(domain <= 0xffffffff && server <= 0xffffffff && Number.isSafeInteger(sequence)))
      throw new MillraceError("DATA_INVALID", `not a GTID of MariaDB: ${gtid.slice(0, 200)}`);
    this.domains.set(domain, { server, sequence });
  }

  /** whether everything up to `other` is in this one */
  contains(other: GtidList): boolean {
    for (const [domain, { sequence }] of other.domains) if (!((this.domains.get(domain)?.sequence ?? 0) >= sequence)) return false;
    return true;
  }

  /** The later of both in each domain. */
  union(other: GtidList): GtidList {
    const result = this.copy();
    for (const [domain, last] of other.domains)
      if (last.sequence > (result.domains.get(domain)?.sequence ?? 0)) result.domains.set(domain, last);
    return result;
  }

  /** The domains in which this one is ahead of `other`, with the last transaction of each. */
  subtract(other: GtidList): GtidList {
    const result = new GtidList();
    for (const [domain, last] of this.domains)
      if (last.sequence > (other.domains.get(domain)?.sequence ?? 0)) result.domains.set(domain, last);
    return result;
  }

  equals(other: GtidList): boolean {
    return this.toString() === other.toString();
  }

  get empty(): boolean {
    return this.domains.size === 0;
  }

  copy(): GtidList {
    const result = new GtidList();
    for (const [domain, last] of this.domains) result.domains.set(domain, last);
    return result;
  }

  toString(): string {
    return [...this.domains]
      .sort(([a], [b]) => a - b)
      .map(([domain, { server, sequence }]) => `${domain}-${server}-${sequence}`)
      .join(",");
  }
}
