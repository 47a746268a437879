import { readEndTransactionMarker } from "../protocol/control-record.js";
import { crc32c } from "../protocol/crc32c.js";
import * as batches from "../protocol/record-batch.js";
import { readInt64, writeInt64 } from "../protocol/record-batch.js";
import { LogRefused } from "./log-error.js";

/** How many batches of a producer are remembered: an idempotent client has at most five under way. */
const REMEMBERED = 5;

interface RememberedBatch {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly lastOffset: number;
  readonly offsetDelta: number;
}

interface Producer {
  epoch: number;
  coordinatorEpoch: number;
  /** ms; when it was last seen, or its latest batch's time if that is later */
  timestamp: number;
  /** oldest first */
  batches: RememberedBatch[];
}

export interface ProducerDescription {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** -1 where it has none */
  readonly lastSequence: number;
  readonly lastTimestamp: number;
  readonly coordinatorEpoch: number;
  /** first offset of its open transaction, or -1 */
  readonly openTransactionOffset: number;
}

export interface CompletedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly aborted: boolean;
  /** first offset of the oldest transaction that is still open, or the offset after the marker */
  readonly lastStableOffset: number;
}

/**
 * What a partition knows about its idempotent and transactional producers: a pure function of the log's batches, kept in snapshot
 * files so that recovery reads only the tail.
 */
export class ProducerState {
  private readonly producers = new Map<number, Producer>();
  /** producer id → first offset; in the order of first offsets, because a transaction enters at the log's end */
  private readonly open = new Map<number, number>();

  get size(): number {
    return this.producers.size;
  }

  /** First offset of the oldest open transaction, or -1. */
  firstOpenOffset(): number {
    for (const offset of this.open.values()) return offset;
    return -1;
  }

  /** First offset of this producer's open transaction, or -1. */
  openTransaction(producerId: number): number {
    return this.open.get(producerId) ?? -1;
  }

  /** Where the same batch (producer, epoch, sequence numbers) was appended before. */
  duplicateOf(b: Buffer, at = 0): { baseOffset: number; lastOffset: number } | undefined {
    const producer = this.producers.get(batches.producerId(b, at));
    if (!producer || producer.epoch !== batches.producerEpoch(b, at)) return undefined;
    const first = batches.baseSequence(b, at);
    if (first === batches.NO_SEQUENCE) return undefined;
    const last = batches.lastSequence(b, at);
    const found = producer.batches.find((x) => x.firstSequence === first && x.lastSequence === last);
    return found && { baseOffset: found.lastOffset - found.offsetDelta, lastOffset: found.lastOffset };
  }

  /**
   * Whether a batch of an idempotent producer may be appended next.
   * @param sequences whether sequence numbers count (a client's batch)
   * @throws LogRefused INVALID_PRODUCER_EPOCH, OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_TXN_STATE
   */
  check(b: Buffer, at: number, sequences: boolean): void {
    const id = batches.producerId(b, at);
    const epoch = batches.producerEpoch(b, at);
    const producer = this.producers.get(id);
    if (producer && epoch < producer.epoch)
      throw new LogRefused("INVALID_PRODUCER_EPOCH", `producer ${id} has epoch ${epoch}, but epoch ${producer.epoch} has written since`, {
        producerId: id,
      });
    if (batches.isControl(b, at)) return;
    if (!batches.isTransactional(b, at) && this.open.has(id))
      throw new LogRefused("INVALID_TXN_STATE", `producer ${id} has an open transaction here and sends a batch outside of it`);
    // a producer that is not known (its records are gone, or it was silent too long) may begin anywhere
    if (!sequences || !producer) return;
    const first = batches.baseSequence(b, at);
    const last = epoch === producer.epoch ? (producer.batches.at(-1)?.lastSequence ?? -1) : -1;
    if (first !== ((last + 1) & 0x7fff_ffff))
      throw new LogRefused("OUT_OF_ORDER_SEQUENCE_NUMBER", `producer ${id} sends sequence ${first} after ${last}`, {
        producerId: id,
        first,
        last,
      });
  }

  /** Takes in a batch of the log; returns the transaction that it ends. */
  update(b: Buffer, at: number, now: number): CompletedTransaction | undefined {
    const id = batches.producerId(b, at);
    if (id < 0) return undefined;
    const epoch = batches.producerEpoch(b, at);
    let producer = this.producers.get(id);
    if (!producer) this.producers.set(id, (producer = { epoch, coordinatorEpoch: -1, timestamp: 0, batches: [] }));
    if (epoch !== producer.epoch) {
      producer.epoch = epoch;
      producer.batches.length = 0;
    }
    producer.timestamp = Math.max(now, batches.maxTimestamp(b, at));
    const lastOffset = batches.lastOffset(b, at);
    if (batches.isControl(b, at)) return this.end(id, producer, b, at, lastOffset);
    const firstSequence = batches.baseSequence(b, at);
    if (firstSequence !== batches.NO_SEQUENCE) {
      if (producer.batches.length === REMEMBERED) producer.batches.splice(0, 1);
      const offsetDelta = batches.lastOffsetDelta(b, at);
      producer.batches.push({ firstSequence, lastSequence: batches.lastSequence(b, at), lastOffset, offsetDelta });
    }
    if (batches.isTransactional(b, at) && !this.open.has(id)) this.open.set(id, batches.baseOffset(b, at));
    return undefined;
  }

  private end(id: number, producer: Producer, b: Buffer, at: number, lastOffset: number): CompletedTransaction | undefined {
    const marker = readEndTransactionMarker(b, at);
    if (!marker) return undefined;
    producer.coordinatorEpoch = marker.coordinatorEpoch;
    const firstOffset = this.open.get(id);
    if (firstOffset === undefined) return undefined;
    this.open.delete(id);
    const open = this.firstOpenOffset();
    return {
      producerId: id,
      firstOffset,
      lastOffset,
      aborted: marker.type === "ABORT",
      lastStableOffset: open < 0 ? lastOffset + 1 : open,
    };
  }

  /** All producers, for those who ask. */
  describe(): ProducerDescription[] {
    return [...this.producers].map(([id, { epoch, coordinatorEpoch, timestamp, batches }]) => ({
      producerId: id,
      producerEpoch: epoch,
      lastSequence: batches.at(-1)?.lastSequence ?? -1,
      lastTimestamp: timestamp,
      coordinatorEpoch,
      openTransactionOffset: this.openTransaction(id),
    }));
  }

  /** The last offset of each producer's last data batch. */
  lastOffsets(): Map<number, number> {
    const found = new Map<number, number>();
    for (const [id, { batches: list }] of this.producers) if (list.length > 0) found.set(id, list.at(-1)!.lastOffset);
    return found;
  }

  /** Forgets producers that have no open transaction and wrote nothing since. */
  expire(before: number): void {
    for (const [id, producer] of this.producers) if (producer.timestamp < before && !this.open.has(id)) this.producers.delete(id);
  }

  /** Kafka's `.snapshot`: version i16 = 1, crc u32 of the rest, count i32, then 46 bytes a producer; only its last batch is kept. */
  encode(): Buffer {
    const out = Buffer.alloc(10 + this.producers.size * 46);
    out.writeInt16BE(1, 0);
    out.writeInt32BE(this.producers.size, 6);
    let at = 10;
    for (const [id, p] of this.producers) {
      const last = p.batches.at(-1);
      writeInt64(out, id, at);
      out.writeInt16BE(p.epoch, at + 8);
      out.writeInt32BE(last?.lastSequence ?? -1, at + 10);
      writeInt64(out, last?.lastOffset ?? -1, at + 14);
      out.writeInt32BE(last?.offsetDelta ?? 0, at + 22);
      writeInt64(out, p.timestamp, at + 26);
      out.writeInt32BE(p.coordinatorEpoch, at + 34);
      writeInt64(out, this.open.get(id) ?? -1, at + 38);
      at += 46;
    }
    out.writeUInt32BE(crc32c(out, 6), 2);
    return out;
  }

  /** undefined where the bytes are no whole snapshot */
  static decode(bytes: Buffer): ProducerState | undefined {
    if (bytes.length < 10 || bytes.readInt16BE(0) !== 1 || bytes.readUInt32BE(2) !== crc32c(bytes, 6)) return undefined;
    const count = bytes.readInt32BE(6);
    if (bytes.length !== 10 + count * 46) return undefined;
    const state = new ProducerState();
    const open: [id: number, offset: number][] = [];
    for (let at = 10; at < bytes.length; at += 46) {
      const id = readInt64(bytes, at);
      const lastSequence = bytes.readInt32BE(at + 10);
      const offsetDelta = bytes.readInt32BE(at + 22);
      const batch = {
        firstSequence: (lastSequence - offsetDelta) & 0x7fff_ffff,
        lastSequence,
        lastOffset: readInt64(bytes, at + 14),
        offsetDelta,
      };
      state.producers.set(id, {
        epoch: bytes.readInt16BE(at + 8),
        coordinatorEpoch: bytes.readInt32BE(at + 34),
        timestamp: readInt64(bytes, at + 26),
        batches: lastSequence < 0 ? [] : [batch],
      });
      const firstOffset = readInt64(bytes, at + 38);
      if (firstOffset >= 0) open.push([id, firstOffset]);
    }
    for (const [id, offset] of open.sort((a, b) => a[1] - b[1])) state.open.set(id, offset);
    return state;
  }
}
