import { Cursor, same, u48, u64 } from "./cursor.js";

export interface Gtid {
  readonly gtid: string | null;
  readonly commitUs: { readonly original: number; readonly immediate: number } | null;
}

function uuidText(b: Buffer): string {
  const hex = b.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** of the event before: servers write many transactions in a row */
let lastBytes = new Uint8Array(0);
let lastText = "";

function uuidAt(b: Buffer, p: number): string {
  if (!same(lastBytes, b, p, p + 16)) {
    lastBytes = Uint8Array.from(b.subarray(p, p + 16));
    lastText = uuidText(b.subarray(p, p + 16));
  }
  return lastText;
}

/** GTID and anonymous GTID events: flags, UUID, number, logical clock, then (since 8.0) the commit times in 7 bytes each. */
export function readGtid(b: Buffer, start: number, end: number, anonymous: boolean): Gtid {
  if (end - start < 25) throw new RangeError("the event ends within a field");
  const gtid = anonymous ? null : `${uuidAt(b, start + 1)}:${u64(b, start + 17)}`;
  const p = start + 42;
  if (p + 7 > end) return { gtid, commitUs: null };
  const last = b[p + 6]!;
  const immediate = u48(b, p) + (last & 0x7f) * 281474976710656;
  // the highest bit says that the original's own time follows
  const original = last & 0x80 && p + 14 <= end ? u48(b, p + 7) + (b[p + 13]! & 0x7f) * 281474976710656 : immediate;
  return { gtid, commitUs: { original, immediate } };
}

/** The tagged GTID event in MySQL's serialization: numbered fields, of which later versions may have more. */
export function readTaggedGtid(b: Buffer, start: number, end: number): Gtid {
  const c = new Cursor(b, start, end);
  c.varlen(); // version
  c.varlen(); // size
  c.varlen(); // last field that a reader must know
  let uuid = "";
  let n = 0n;
  let tag = "";
  let immediate: number | null = null;
  let original: number | null = null;
  reading: while (c.left > 0) {
    const field = Number(c.varlen());
    switch (field) {
      case 0:
        c.varlen(); // flags
        break;
      case 1: {
        const bytes = Buffer.allocUnsafe(16);
        for (let i = 0; i < 16; i++) bytes[i] = Number(c.varlen());
        uuid = uuidText(bytes);
        break;
      }
      case 2: {
        const zigzag = c.varlen();
        n = (zigzag >> 1n) ^ -(zigzag & 1n);
        break;
      }
      case 3:
        tag = c.text(Number(c.varlen()), "latin1");
        break;
      case 4:
      case 5:
        c.varlen(); // logical clock
        break;
      case 6:
        immediate = Number(c.varlen());
        break;
      case 7:
        original = Number(c.varlen());
        break;
      default:
        // lengths and versions, of no use here
        break reading;
    }
  }
  if (uuid === "" || n < 1n) throw new RangeError("a tagged GTID event lacks its id");
  return {
    gtid: tag === "" ? `${uuid}:${n}` : `${uuid}:${tag}:${n}`,
    commitUs: immediate === null ? null : { original: original ?? immediate, immediate },
  };
}

/** MariaDB's: sequence, domain, flags; the server is the header's. A standalone one (DDL) has no COMMIT. */
export function readMariadbGtid(b: Buffer, start: number, end: number, serverId: number): { gtid: string; standalone: boolean } {
  const c = new Cursor(b, start, end);
  const sequence = c.u64();
  const domain = c.u32();
  return { gtid: `${domain}-${serverId}-${sequence}`, standalone: (c.u8() & 1) !== 0 };
}
