import { NameFilter } from "../../cdc/filters.js";
import type { Config } from "../../common/config-def.js";
import { MillraceError } from "../../common/errors.js";
import { GtidSet } from "./binlog/gtid-set.js";
import { GtidList } from "./binlog/mariadb-gtid.js";
import type { Flavor } from "./source-block.js";

/** Whose transactions count, by `gtid.source.includes` or `gtid.source.excludes`. */
export interface GtidSources {
  readonly limited: boolean;
  /** whether a transaction's rows are left out; null: none are */
  readonly ignored: ((gtid: string) => boolean) | null;
  /** Where to start: the stored GTIDs of the sources that count, and all that the server has of the others. */
  from(stored: string, executed: string): string;
}

/** @throws CONFIG_INVALID where both lists are given */
export function gtidSources(config: Config, flavor: Flavor): GtidSources {
  const [includes, excludes] = [config.list("gtid.source.includes"), config.list("gtid.source.excludes")];
  if (includes.length && excludes.length)
    throw new MillraceError("CONFIG_INVALID", "gtid.source.includes and gtid.source.excludes exclude each other", {
      context: { setting: "gtid.source.excludes" },
    });
  if (!includes.length && !excludes.length) return { limited: false, ignored: null, from: (stored) => stored };
  const filter = new NameFilter(includes.join(",") || null, excludes.join(",") || null);
  const counts = (source: string) => filter.accepts(source);
  const sourceOf = (gtid: string) => (flavor === "mysql" ? gtid.slice(0, 36) : gtid.slice(0, gtid.indexOf("-")));
  return {
    limited: true,
    ignored: config.boolean("gtid.source.filter.dml.events") ? (gtid) => !counts(sourceOf(gtid)) : null,
    from(stored, executed) {
      if (flavor === "mysql") {
        const all = GtidSet.parse(executed);
        return GtidSet.parse(stored)
          .filter(counts)
          .union(all.filter((uuid) => !counts(uuid)))
          .toString();
      }
      const list = new GtidList();
      for (const [text, wanted] of [
        [executed, false],
        [stored, true],
      ] as const)
        for (const gtid of text.split(",")) if (gtid && counts(sourceOf(gtid)) === wanted) list.add(gtid);
      return list.toString();
    },
  };
}
