import { GtidSet } from "./binlog/gtid-set.js";
import { GtidList } from "./binlog/mariadb-gtid.js";
import type { Flavor } from "./source-block.js";

/** GTIDs of either kind of server, as far as positions need them. */
export interface Gtids {
  add(gtid: string): void;
  copy(): Gtids;
  toString(): string;
}

export function parseGtids(text: string, flavor: Flavor): Gtids {
  return flavor === "mysql" ? GtidSet.parse(text) : GtidList.parse(text);
}

let lastText = "";
let lastSet = new GtidSet();

/** Whether the transaction is among these. Asked of one text many times in a row. */
export function covers(gtids: string, gtid: string, flavor: Flavor): boolean {
  if (flavor === "mariadb") return GtidList.parse(gtids).contains(GtidList.parse(gtid));
  if (gtids !== lastText) {
    lastSet = GtidSet.parse(gtids);
    lastText = gtids;
  }
  return lastSet.has(gtid);
}

/** Whether all of b is in a. */
export function containsAll(a: string, b: string, flavor: Flavor): boolean {
  return flavor === "mysql" ? GtidSet.parse(a).contains(GtidSet.parse(b)) : GtidList.parse(a).contains(GtidList.parse(b));
}

/** The text of a GTID up to its number: what the transactions of one server have in common. */
export function prefixOf(gtid: string, flavor: Flavor): { prefix: string; number: number } {
  const at = gtid.lastIndexOf(flavor === "mysql" ? ":" : "-") + 1;
  return { prefix: gtid.slice(0, at), number: Number(gtid.slice(at)) };
}
