/**
 * What `__consumer_offsets` holds, in Kafka's own record format (its GroupMetadataManager, checked with the real tools):
 *
 *   offset  key   version i16 = 1, group string, topic string, partition i32
 *           value version i16 = 3, offset i64, leader epoch i32, metadata string, commit timestamp i64; null: deleted
 *   group   key   version i16 = 2, group string
 *           value version i16 = 3, protocol type string, generation i32, protocol nullable string, leader nullable string,
 *                 state timestamp i64, members [member id string, instance id nullable string, client id string, client host string,
 *                 rebalance timeout i32, session timeout i32, subscription bytes, assignment bytes]; null: deleted
 *
 * Strings have an i16 length, bytes and arrays an i32 length.
 */
export interface OffsetKey {
  readonly kind: "offset";
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
}
export interface GroupKey {
  readonly kind: "group";
  readonly group: string;
}
export interface OffsetValue {
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly commitTimestamp: number;
}
export interface StoredMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  readonly subscription: Buffer;
  readonly assignment: Buffer;
}
export interface GroupValue {
  readonly protocolType: string;
  readonly generation: number;
  readonly protocol: string | null;
  readonly leader: string | null;
  readonly stateTimestamp: number;
  readonly members: readonly StoredMember[];
}

class Writer {
  private buffer = Buffer.allocUnsafe(256);
  private at = 0;
  i16(n: number): this {
    this.at = this.room(2).writeInt16BE(n, this.at);
    return this;
  }
  i32(n: number): this {
    this.at = this.room(4).writeInt32BE(n, this.at);
    return this;
  }
  i64(n: number): this {
    this.at = this.room(8).writeBigInt64BE(BigInt(n), this.at);
    return this;
  }
  string(s: string | null): this {
    if (s === null) return this.i16(-1);
    const length = Buffer.byteLength(s);
    this.i16(length).room(length);
    this.at += this.buffer.write(s, this.at);
    return this;
  }
  bytes(b: Buffer): this {
    this.i32(b.length).room(b.length);
    this.at += b.copy(this.buffer, this.at);
    return this;
  }
  done(): Buffer {
    return this.buffer.subarray(0, this.at);
  }
  private room(n: number): Buffer {
    if (this.at + n > this.buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.at + n, this.buffer.length * 2));
      this.buffer.copy(grown, 0, 0, this.at);
      this.buffer = grown;
    }
    return this.buffer;
  }
}

class Reader {
  private at = 0;
  constructor(private readonly b: Buffer) {}
  i16(): number {
    this.at += 2;
    return this.b.readInt16BE(this.at - 2);
  }
  i32(): number {
    this.at += 4;
    return this.b.readInt32BE(this.at - 4);
  }
  i64(): number {
    this.at += 8;
    return Number(this.b.readBigInt64BE(this.at - 8));
  }
  nullableString(): string | null {
    const length = this.i16();
    if (length < 0) return null;
    this.at += length;
    return this.b.toString("utf8", this.at - length, this.at);
  }
  string(): string {
    return this.nullableString() ?? "";
  }
  bytes(): Buffer {
    const length = this.i32();
    if (length < 0) return Buffer.alloc(0);
    this.at += length;
    // A copy: the record's buffer is a whole fetch.
    return Buffer.from(this.b.subarray(this.at - length, this.at));
  }
}

export function encodeOffsetKey(group: string, topic: string, partition: number): Buffer {
  return new Writer().i16(1).string(group).string(topic).i32(partition).done();
}

export function encodeOffsetValue(v: OffsetValue): Buffer {
  return new Writer().i16(3).i64(v.offset).i32(v.leaderEpoch).string(v.metadata).i64(v.commitTimestamp).done();
}

export function encodeGroupKey(group: string): Buffer {
  return new Writer().i16(2).string(group).done();
}

export function encodeGroupValue(v: GroupValue): Buffer {
  const w = new Writer().i16(3).string(v.protocolType).i32(v.generation).string(v.protocol).string(v.leader).i64(v.stateTimestamp);
  w.i32(v.members.length);
  for (const m of v.members)
    w.string(m.memberId)
      .string(m.groupInstanceId)
      .string(m.clientId)
      .string(m.clientHost)
      .i32(m.rebalanceTimeoutMs)
      .i32(m.sessionTimeoutMs)
      .bytes(m.subscription)
      .bytes(m.assignment);
  return w.done();
}

/** undefined for a key of a kind that is not known: a newer program's record is left alone. */
export function decodeKey(key: Buffer): OffsetKey | GroupKey | undefined {
  const r = new Reader(key);
  const version = r.i16();
  if (version === 0 || version === 1) return { kind: "offset", group: r.string(), topic: r.string(), partition: r.i32() };
  if (version === 2) return { kind: "group", group: r.string() };
  return undefined;
}

export function decodeOffsetValue(value: Buffer): OffsetValue {
  const r = new Reader(value);
  const version = r.i16();
  const offset = r.i64();
  const leaderEpoch = version >= 3 ? r.i32() : -1;
  return { offset, leaderEpoch, metadata: r.string(), commitTimestamp: r.i64() };
}

export function decodeGroupValue(value: Buffer): GroupValue {
  const r = new Reader(value);
  const version = r.i16();
  const protocolType = r.string();
  const generation = r.i32();
  const protocol = r.nullableString();
  const leader = r.nullableString();
  const stateTimestamp = version >= 2 ? r.i64() : -1;
  const members: StoredMember[] = [];
  for (let left = r.i32(); left > 0; left--)
    members.push({
      memberId: r.string(),
      groupInstanceId: version >= 3 ? r.nullableString() : null,
      clientId: r.string(),
      clientHost: r.string(),
      rebalanceTimeoutMs: version >= 1 ? r.i32() : -1,
      sessionTimeoutMs: r.i32(),
      subscription: r.bytes(),
      assignment: r.bytes(),
    });
  return { protocolType, generation, protocol, leader, stateTimestamp, members };
}
