import { MillraceError } from "../../../common/errors.js";

/** Intervals as pairs, start and end exclusive, sorted and apart from each other. */
type Intervals = number[];

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const tagPattern = /^[a-z_][a-z0-9_]{0,31}$/;

/**
 * A set of MySQL's global transaction ids, tags (8.3 and later) included: `uuid:1-5:7:tag:1-3,uuid:9`. The order of printing
 * is MySQL's: by UUID, without tag first, then by tag.
 */
export class GtidSet {
  /** by `uuid` or `uuid:tag`, which sorts as it is to be printed */
  private readonly sources = new Map<string, Intervals>();

  /** @throws MillraceError DATA_INVALID */
  static parse(text: string): GtidSet {
    const set = new GtidSet();
    for (const item of text.toLowerCase().replace(/\s+/g, "").split(",")) {
      if (item === "") continue;
      const [uuid, ...parts] = item.split(":");
      if (!uuidPattern.test(uuid!) || parts.length === 0) throw malformed(text);
      let source = uuid!;
      let intervals = 0;
      for (const part of parts) {
        if (tagPattern.test(part)) {
          source = `${uuid}:${part}`;
          intervals = 0;
          continue;
        }
        const m = /^(\d+)(?:-(\d+))?$/.exec(part);
        if (!m) throw malformed(text);
        const first = Number(m[1]);
        const last = m[2] === undefined ? first : Number(m[2]);
        if (first < 1 || !Number.isSafeInteger(last)) throw malformed(text);
        // MySQL takes an interval that ends before it starts for an empty one
        if (last >= first) set.addInterval(source, first, last + 1);
        intervals++;
      }
      if (intervals === 0) throw malformed(text);
    }
    return set;
  }

  /** Adds one transaction, `uuid:n` or `uuid:tag:n`, as a gtid event has it. */
  add(gtid: string): void {
    const at = gtid.lastIndexOf(":");
    const n = Number(gtid.slice(at + 1));
    if (at < 36 || !(n >= 1)) throw malformed(gtid);
    this.addInterval(gtid.slice(0, at), n, n + 1);
  }

  private addInterval(source: string, start: number, end: number): void {
    const list = this.sources.get(source);
    if (!list) {
      this.sources.set(source, [start, end]);
      return;
    }
    const tail = list.length - 1;
    // the usual case: the next transaction
    if (list[tail] === start) {
      list[tail] = end;
      return;
    }
    this.sources.set(source, merge(list, [start, end]));
  }

  has(gtid: string): boolean {
    const at = gtid.lastIndexOf(":");
    const list = this.sources.get(gtid.slice(0, at));
    const n = Number(gtid.slice(at + 1));
    if (!list) return false;
    for (let i = 0; i < list.length; i += 2) if (n >= list[i]! && n < list[i + 1]!) return true;
    return false;
  }

  /** whether all of `other` is in this set */
  contains(other: GtidSet): boolean {
    return other.subtract(this).empty;
  }

  union(other: GtidSet): GtidSet {
    const result = this.copy();
    for (const [source, list] of other.sources) result.sources.set(source, merge(result.sources.get(source) ?? [], list));
    return result;
  }

  subtract(other: GtidSet): GtidSet {
    const result = new GtidSet();
    for (const [source, list] of this.sources) {
      const left = without(list, other.sources.get(source) ?? []);
      if (left.length) result.sources.set(source, left);
    }
    return result;
  }

  equals(other: GtidSet): boolean {
    return this.toString() === other.toString();
  }

  get empty(): boolean {
    return this.sources.size === 0;
  }

  /** The transactions of some servers only: those whose UUID passes. */
  filter(passes: (uuid: string) => boolean): GtidSet {
    const result = new GtidSet();
    for (const [source, list] of this.sources) if (passes(source.slice(0, 36))) result.sources.set(source, list.slice());
    return result;
  }

  copy(): GtidSet {
    return this.filter(() => true);
  }

  toString(): string {
    let text = "";
    let uuid = "";
    for (const source of [...this.sources.keys()].sort()) {
      if (source.slice(0, 36) !== uuid) {
        uuid = source.slice(0, 36);
        text += `${text && ","}${uuid}`;
      }
      text += source.slice(36);
      const list = this.sources.get(source)!;
      for (let i = 0; i < list.length; i += 2) text += list[i + 1]! - list[i]! === 1 ? `:${list[i]}` : `:${list[i]}-${list[i + 1]! - 1}`;
    }
    return text;
  }

  /** As COM_BINLOG_DUMP_GTID takes it: count, then UUID, tag where one has any, and intervals of each source. */
  encode(): Buffer {
    const sources = [...this.sources.keys()].sort();
    const tagged = sources.some((s) => s.length > 36);
    const parts: Buffer[] = [];
    const u64 = (n: number) => {
      const b = Buffer.allocUnsafe(8);
      b.writeBigUInt64LE(BigInt(n));
      return b;
    };
    // with tags the outer bytes say so, and the count lies between them
    const count = u64(tagged ? sources.length * 256 + 1 : sources.length);
    if (tagged) count[7] = 1;
    parts.push(count);
    for (const source of sources) {
      parts.push(Buffer.from(source.slice(0, 36).replaceAll("-", ""), "hex"));
      const tag = source.slice(37);
      if (tagged) parts.push(Buffer.from([tag.length << 1]), Buffer.from(tag, "latin1"));
      const list = this.sources.get(source)!;
      parts.push(u64(list.length / 2));
      for (const n of list) parts.push(u64(n));
    }
    return Buffer.concat(parts);
  }
}

function merge(a: Intervals, b: Intervals): Intervals {
  const result: Intervals = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const fromA = j >= b.length || (i < a.length && a[i]! <= b[j]!);
    const start = fromA ? a[i]! : b[j]!;
    const end = fromA ? a[i + 1]! : b[j + 1]!;
    if (fromA) i += 2;
    else j += 2;
    const tail = result.length - 1;
    if (tail > 0 && start <= result[tail]!) result[tail] = Math.max(result[tail]!, end);
    else result.push(start, end);
  }
  return result;
}

function without(a: Intervals, b: Intervals): Intervals {
  const result: Intervals = [];
  let j = 0;
  for (let i = 0; i < a.length; i += 2) {
    let start = a[i]!;
    const end = a[i + 1]!;
    while (j < b.length && b[j + 1]! <= start) j += 2;
    for (let k = j; k < b.length && b[k]! < end; k += 2) {
      if (b[k]! > start) result.push(start, b[k]!);
      start = Math.max(start, b[k + 1]!);
    }
    if (start < end) result.push(start, end);
  }
  return result;
}

function malformed(text: string): MillraceError {
  return new MillraceError("DATA_INVALID", `not a GTID set: ${text.slice(0, 200)}`);
}
