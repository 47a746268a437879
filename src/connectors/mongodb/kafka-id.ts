import { createHash } from "node:crypto";
import { ObjectId } from "mongodb";

const partitions = new Map<string, number>();

/** 32 bits that stand for a partition. */
function partitionHash(partition: string): number {
  let hash = partitions.get(partition);
  if (hash === undefined) {
    hash = createHash("sha256").update(partition).digest().readUInt32BE(0);
    partitions.set(partition, hash);
  }
  return hash;
}

/** Ids that are derived from where a record stands, so that reading it again writes the same document. */
export class KafkaId {
  /** @param partition cluster, topic id and partition; @param timestamp ms, NaN where unknown */
  constructor(
    private readonly partition: string,
    private readonly offset: number,
    private readonly timestamp: number,
  ) {}

  /** As drivers make them, seconds first: then the partition's hash and the offset's low 32 bits. */
  objectId(): ObjectId {
    const bytes = Buffer.allocUnsafe(12);
    bytes.writeUInt32BE(Math.max(0, Math.floor((Number.isNaN(this.timestamp) ? 0 : this.timestamp) / 1000)) >>> 0, 0);
    bytes.writeUInt32BE(partitionHash(this.partition), 4);
    bytes.writeUInt32BE(this.offset % 0x1_0000_0000, 8);
    return new ObjectId(bytes);
  }

  /** 16 bytes, version 8 of RFC 9562 (of the maker's own design). */
  uuid(): Buffer {
    const bytes = createHash("sha256").update(`${this.partition}/${this.offset}`).digest().subarray(0, 16);
    bytes[6] = (bytes[6]! & 0x0f) | 0x80;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    return bytes;
  }
}
