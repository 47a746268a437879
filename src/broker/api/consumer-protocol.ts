import { MillraceError } from "../../common/errors.js";
import type { TopicPartition } from "../../data/topic-partition.js";

/**
 * What members of a consumer group tell each other through the broker, as Kafka's clients write it: version, topics (or topics with
 * partitions), user data. Later versions append fields, which are left out here and skipped when read.
 */

export function encodeSubscription(topics: readonly string[]): Buffer {
  return Buffer.concat([int16(0), int32(topics.length), ...topics.map(text), int32(-1)]);
}

/** @throws DATA_INVALID */
export function decodeSubscription(bytes: Buffer): string[] {
  const reader = new Reader(bytes);
  reader.int16();
  return Array.from({ length: reader.count(2) }, () => reader.text());
}

export function encodeAssignment(partitions: readonly TopicPartition[]): Buffer {
  const byTopic = new Map<string, number[]>();
  for (const { topic, partition } of partitions) byTopic.set(topic, [...(byTopic.get(topic) ?? []), partition]);
  const parts = [int16(0), int32(byTopic.size)];
  for (const [topic, numbers] of byTopic) parts.push(text(topic), int32(numbers.length), ...numbers.map(int32));
  return Buffer.concat([...parts, int32(-1)]);
}

/** Nothing at all is an assignment of nothing. @throws DATA_INVALID */
export function decodeAssignment(bytes: Buffer): TopicPartition[] {
  if (bytes.length === 0) return [];
  const reader = new Reader(bytes);
  reader.int16();
  return Array.from({ length: reader.count(6) }, () => {
    const topic = reader.text();
    return Array.from({ length: reader.count(4) }, () => ({ topic, partition: reader.int32() }));
  }).flat();
}

/**
 * Kafka's range assignor: of each topic a run of partitions a member, in the order of the members' ids, the first ones one more.
 * @param counts partitions by topic; a topic that is missing is assigned to nobody
 */
export function assignRanges(
  members: readonly { readonly memberId: string; readonly topics: readonly string[] }[],
  counts: ReadonlyMap<string, number>,
): Map<string, TopicPartition[]> {
  const assigned = new Map<string, TopicPartition[]>(members.map((m) => [m.memberId, []]));
  for (const [topic, count] of counts) {
    const takers = members
      .filter((m) => m.topics.includes(topic))
      .map((m) => m.memberId)
      .sort();
    let next = 0;
    takers.forEach((memberId, i) => {
      const share = Math.floor(count / takers.length) + (i < count % takers.length ? 1 : 0);
      for (let n = 0; n < share; n++) assigned.get(memberId)!.push({ topic, partition: next++ });
    });
  }
  return assigned;
}

class Reader {
  private at = 0;
  constructor(private readonly bytes: Buffer) {}

  int16(): number {
    return this.bytes.readInt16BE(this.take(2));
  }
  int32(): number {
    return this.bytes.readInt32BE(this.take(4));
  }
  /** @param least bytes of each */
  count(least: number): number {
    const n = this.int32();
    if (n < 0 || n * least > this.bytes.length - this.at) throw broken();
    return n;
  }
  text(): string {
    const n = this.int16();
    const at = this.take(n);
    return this.bytes.toString("utf8", at, at + n);
  }
  private take(n: number): number {
    const at = this.at;
    if (n < 0 || at + n > this.bytes.length) throw broken();
    this.at = at + n;
    return at;
  }
}

function broken(): MillraceError {
  return new MillraceError("DATA_INVALID", "a member's metadata is not that of Kafka's consumer protocol");
}
function int16(n: number): Buffer {
  const b = Buffer.alloc(2);
  b.writeInt16BE(n);
  return b;
}
function int32(n: number): Buffer {
  const b = Buffer.alloc(4);
  b.writeInt32BE(n);
  return b;
}
function text(s: string): Buffer {
  const bytes = Buffer.from(s);
  return Buffer.concat([int16(bytes.length), bytes]);
}
