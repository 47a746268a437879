import { zoneOffset } from "../../common/zone.js";
import type { PlanColumn } from "./dialect.js";
import type { SinkSettings } from "./settings.js";

/** A time zone as JDBC settings name one: an IANA name, `UTC`, or an offset (`+02:00`, `GMT+2`). */
export interface TimeZone {
  /** µs to add to an instant's µs to have its wall clock there, in µs as if it were UTC */
  offsetAt(micros: number): number;
}

const OFFSET = /^(?:UTC|GMT|UT|Z)?(?:([+-])(\d{1,2})(?::?(\d{2}))?)?$/i;

/** @returns null for UTC, undefined where there is no such zone */
export function timeZone(name: string): TimeZone | null | undefined {
  const fixed = OFFSET.exec(name.trim());
  if (fixed) {
    const minutes = Number(fixed[2] ?? 0) * 60 + Number(fixed[3] ?? 0);
    if (minutes === 0) return null;
    const micros = (fixed[1] === "-" ? -minutes : minutes) * 60_000_000;
    return { offsetAt: () => micros };
  }
  try {
    return new NamedZone(name.trim());
  } catch {
    return undefined;
  }
}

export function checkTimeZone(value: unknown): string | undefined {
  return timeZone(String(value)) === undefined
    ? `${value} is no time zone: expected a name as Europe/Berlin, or an offset as +02:00`
    : undefined;
}

/** Offsets change on the quarter hour at the finest, so one look-up serves all instants of it. */
class NamedZone implements TimeZone {
  private readonly known = new Map<number, number>();

  /** @throws RangeError where there is no such zone */
  constructor(private readonly name: string) {
    new Intl.DateTimeFormat("en-US", { timeZone: name });
  }

  offsetAt(micros: number): number {
    const quarter = Math.floor(micros / 900_000_000);
    const known = this.known.get(quarter);
    if (known !== undefined) return known;
    const at = quarter * 900_000;
    if (!(Math.abs(at) <= 8.64e15)) return 0; // beyond what dates reach: infinity
    const offset = zoneOffset(this.name, at) * 1000;
    if (this.known.size > 10_000) this.known.clear();
    this.known.set(quarter, offset);
    return offset;
  }
}

/**
 * Instants alone have a wall clock in a zone: zoned timestamps, and Connect's own Timestamp as Kafka Connect's JDBC sink takes it.
 * Debezium's timestamps without a zone are wall clocks already.
 */
export function zoneOf(column: PlanColumn, settings: SinkSettings): TimeZone | null {
  const instant =
    column.kind.kind === "timestamptz" ||
    (settings.columnTypes === "confluent" && column.schema.name === "org.apache.kafka.connect.data.Timestamp");
  return instant ? settings.timeZone : null;
}
