import { createHash } from "node:crypto";

/**
 * The write times of one partition's records: the record's timestamp in µs, and more than the one before it. So a later record of
 * a key always wins over an earlier one, in whatever order their writes arrive, and a replay writes what was written.
 * For that the last one travels with the group's offset: timestamps alone may go back, as they do behind joins.
 */
export class WriteTimes {
  constructor(private last = Number.NEGATIVE_INFINITY) {}

  /** @param timestamp ms since the epoch; NaN or negative where there is none */
  next(timestamp: number): number {
    const micros = timestamp >= 0 ? timestamp * 1000 : 1;
    this.last = Math.max(micros, this.last + 1);
    return this.last;
  }

  /** What is stored with the offset after the last record; empty where there was none. */
  get stored(): string {
    return Number.isFinite(this.last) ? JSON.stringify({ writeTime: this.last }) : "";
  }

  static restore(stored: string | null | undefined): WriteTimes {
    const m = /^\{"writeTime":(\d{1,16})\}$/.exec(stored ?? "");
    return new WriteTimes(m ? Number(m[1]) : undefined);
  }
}

/** µs since the epoch by the clock, more than any before: for writes whose repetition must replace what the first one wrote. */
export class AttemptTimes {
  private last = 0;

  next(now: number): number {
    this.last = Math.max(now * 1000, this.last + 1);
    return this.last;
  }
}

/** 100 ns units from the Gregorian calendar's start to the epoch (RFC 9562, section 5.1). */
const GREGORIAN = 122_192_928_000_000_000n;

/** A time UUID that is the same whenever it is made for the same write: of its time, and of what names it instead of a node. */
export function timeUuid(micros: number, name: string): Buffer {
  const time = BigInt(micros) * 10n + GREGORIAN;
  const out = Buffer.allocUnsafe(16);
  out.writeUInt32BE(Number(time & 0xffffffffn), 0);
  out.writeUInt16BE(Number((time >> 32n) & 0xffffn), 4);
  out.writeUInt16BE(Number((time >> 48n) & 0x0fffn) | 0x1000, 6);
  createHash("sha256").update(name).digest().copy(out, 8, 0, 8);
  out[8] = (out[8]! & 0x3f) | 0x80;
  out[10]! |= 1; // the multicast bit: not a real network card's address
  return out;
}
