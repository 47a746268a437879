import { MillraceError } from "../../common/errors.js";
import type { OpenSerde, Serde } from "../../serde/serde.js";

/** A key in a window: ms since the epoch, the end not in it (of a session: the time of its last record). */
export interface Windowed<K> {
  readonly key: K;
  readonly window: { readonly start: number; readonly end: number };
}

function positive(what: string, ms: number): number {
  if (!Number.isSafeInteger(ms) || ms <= 0)
    throw new MillraceError("CONFIG_INVALID", `${what} must be a whole number of ms above 0, not ${ms}`);
  return ms;
}

function notNegative(what: string, ms: number): number {
  if (!Number.isSafeInteger(ms) || ms < 0) throw new MillraceError("CONFIG_INVALID", `${what} must be a whole number of ms, not ${ms}`);
  return ms;
}

/** Windows of a fixed size: tumbling, or, with an advance that is smaller, hopping. All in ms. */
export class TimeWindows {
  private constructor(
    readonly size: number,
    readonly advance: number,
    /** after its end for which a window takes records that come late */
    readonly grace: number,
  ) {}
  static ofSizeWithNoGrace(size: number): TimeWindows {
    return TimeWindows.ofSizeAndGrace(size, 0);
  }
  static ofSizeAndGrace(size: number, grace: number): TimeWindows {
    return new TimeWindows(positive("a window's size", size), size, notNegative("a grace period", grace));
  }
  advanceBy(advance: number): TimeWindows {
    if (positive("a window's advance", advance) > this.size)
      throw new MillraceError("CONFIG_INVALID", `a window's advance (${advance}) is not larger than its size (${this.size})`);
    return new TimeWindows(this.size, advance, this.grace);
  }
}

/** Windows that records make themselves, and that end when none comes for `gap` ms. */
export class SessionWindows {
  private constructor(
    readonly gap: number,
    readonly grace: number,
  ) {}
  static ofInactivityGapWithNoGrace(gap: number): SessionWindows {
    return SessionWindows.ofInactivityGapAndGrace(gap, 0);
  }
  static ofInactivityGapAndGrace(gap: number, grace: number): SessionWindows {
    return new SessionWindows(positive("an inactivity gap", gap), notNegative("a grace period", grace));
  }
}

/** How far apart in time two records of joined streams may be, in ms. */
export class JoinWindows {
  private constructor(
    /** that the other stream's record may be earlier */
    readonly before: number,
    /** that it may be later */
    readonly after: number,
    readonly grace: number,
  ) {}
  static ofTimeDifferenceWithNoGrace(difference: number): JoinWindows {
    return JoinWindows.ofTimeDifferenceAndGrace(difference, 0);
  }
  static ofTimeDifferenceAndGrace(difference: number, grace: number): JoinWindows {
    return new JoinWindows(notNegative("a time difference", difference), difference, notNegative("a grace period", grace));
  }
  beforeMs(before: number): JoinWindows {
    return new JoinWindows(before, this.after, this.grace);
  }
  afterMs(after: number): JoinWindows {
    return new JoinWindows(this.before, after, this.grace);
  }
}

/** The keys of a windowed table as Kafka Streams writes them: the key's bytes, then the window's start. The size gives the end back. */
export function timeWindowedSerde<K>(key: Serde<K>, size: number): Serde<Windowed<K>> {
  return windowedSerde(
    "time-windowed",
    key,
    ({ start }) => [start],
    ([start]) => ({ start: start!, end: start! + size }),
  );
}

/** The keys of a session: the key's bytes, then the session's end and start. */
export function sessionWindowedSerde<K>(key: Serde<K>): Serde<Windowed<K>> {
  return windowedSerde(
    "session-windowed",
    key,
    ({ start, end }) => [end, start],
    ([end, start]) => ({ start: start!, end: end! }),
    2,
  );
}

function windowedSerde<K>(
  kind: string,
  key: Serde<K>,
  write: (window: Windowed<K>["window"]) => number[],
  read: (times: number[]) => Windowed<K>["window"],
  times = 1,
): Serde<Windowed<K>> {
  const suffix = Buffer.alloc(times * 8);
  const of = (inner: OpenSerde<K>): OpenSerde<Windowed<K>> => ({
    ...(inner.prepareWrite ? { prepareWrite: inner.prepareWrite } : {}),
    ...(inner.prepareStored ? { prepareStored: inner.prepareStored } : {}),
    ...(inner.prepareRead ? { prepareRead: (bytes, start, end) => inner.prepareRead!(bytes, start, end - suffix.length) } : {}),
    serialize(value, out) {
      inner.serialize(value.key, out);
      let at = 0;
      for (const time of write(value.window)) at = suffix.writeBigInt64BE(BigInt(time), at);
      out.bytes(suffix);
    },
    deserialize(bytes, start, end) {
      const at = end - suffix.length;
      if (at < start) throw new MillraceError("DESERIALIZATION", "the key is too short to hold its window");
      const found = Array.from({ length: times }, (_, i) => Number(bytes.readBigInt64BE(at + i * 8)));
      return { key: inner.deserialize(bytes, start, at), window: read(found) };
    },
  });
  return {
    name: `${kind} ${key.name}`,
    open: (side) => of(key.open(side)),
    ...(key.local ? { local: of(key.local) } : {}),
  };
}
