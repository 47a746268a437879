import { asError, MillraceError } from "../../common/errors.js";
import type { PostgresSettings } from "./settings.js";
import { lostSlot } from "./slot.js";
import { ServerError } from "./wire-session.js";

/** Faults that pass: connections, shut-downs, resources, conflicts, a slot in use. */
const passing = /^(08|57P|53|40|55006|58030)/;

/** What an error of the server means: whether to try again, and else what to do. */
export function classify(e: unknown, settings: PostgresSettings): MillraceError {
  if (e instanceof MillraceError) return e;
  const { config } = settings;
  if (e instanceof ServerError) {
    const slot = config.string("slot.name");
    if (e.sqlState === "42704" && e.message.includes("replication slot")) return lostSlot(slot, "does not exist any more");
    if (e.sqlState === "55000" && /can no longer get changes|has been invalidated|lost/.test(e.message))
      return lostSlot(slot, `is lost: ${e.message}`);
    if (e.sqlState === "42704" && e.message.includes("publication"))
      return new MillraceError(
        "SOURCE_FAILED",
        `${e.message}. The publication must have existed when the changes were made: create it and a new slot, then take a new snapshot (publication.name, slot.name)`,
        { cause: e, context: { setting: "publication.name" } },
      );
    if (e.sqlState === "42501")
      return new MillraceError(
        "SOURCE_FAILED",
        `Postgres refuses: ${e.message}. The user needs REPLICATION and SELECT on the captured tables (database.user)`,
        {
          cause: e,
          context: { setting: "database.user" },
        },
      );
    const code = passing.test(e.sqlState) ? "SOURCE_RETRIABLE" : "SOURCE_FAILED";
    return new MillraceError(code, `Postgres: ${e.message} (${e.sqlState})`, { cause: e });
  }
  const error = asError(e);
  if (error instanceof RangeError) return new MillraceError("SOURCE_FAILED", error.message, { cause: error });
  return new MillraceError("SOURCE_RETRIABLE", error.message, { cause: error });
}
