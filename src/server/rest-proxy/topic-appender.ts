import type { Broker, ProduceResult } from "../../broker/api/broker.js";
import { BrokerError } from "../../broker/api/errors.js";
import type { MillraceError } from "../../common/errors.js";
import { nextTurn } from "../../common/turn.js";
import type { RecordHeader } from "../../data/headers.js";
import { type BatchMark, RecordBatchBuilder } from "../../protocol/record-batch-builder.js";
import { RecordCursor } from "../../protocol/record-cursor.js";
import type { ByteWriter } from "../../serde/byte-writer.js";

/** A batch that requests share takes no further one from this size on; one of a single request is closed at the second. */
const sharedBytes = 64 * 1024;
const ownBytes = 512 * 1024;
const idle: RecordBatchBuilder[] = [];

/** One record batch and, once it is answered, what the broker said. */
class OpenBatch {
  readonly builder = idle.pop() ?? new RecordBatchBuilder(4096);
  /** Records of each request in it, in order. */
  readonly shares: number[] = [];
  /** Per share, after the answer: where its records begin, or why they are not there. */
  results: { readonly baseOffset: number; readonly result: ProduceResult }[] = [];

  constructor(readonly partition: number) {}
}

/**
 * Writes the records of requests to one topic. While a produce call is under way, the records of the requests that come meanwhile
 * gather in the next one's batches: many small requests cost the log as little as a large one, and none waits for a timer.
 */
export class TopicAppender {
  private open: (OpenBatch | undefined)[] = [];
  private closed: OpenBatch[] = [];
  private waiting: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];
  private producing = false;
  /** While a call holds back: how many requests it waits for, and what lets it go. */
  private wanted = 0;
  private gathered: (() => void) | undefined;

  constructor(
    private readonly broker: Broker,
    private readonly topic: string,
  ) {}

  /**
   * Nothing may wait between this and the request's `send` or `discard`: it writes into batches that others share.
   * @param bytes of the request: a large one gets batches of its own
   */
  begin(timestamp: number, bytes: number): RequestRecords {
    return new RequestRecords(this, timestamp, bytes > sharedBytes);
  }

  /** The batch of a request to append a record to; `own` are those of a large request. */
  batch(partition: number, own: (OpenBatch | undefined)[] | undefined): OpenBatch {
    const batches = own ?? this.open;
    let batch = batches[partition];
    if (batch !== undefined && own !== undefined && batch.builder.size >= ownBytes) batch = undefined;
    return batch ?? (batches[partition] = new OpenBatch(partition));
  }

  /** Resolves when what is open and these batches are on disk. */
  send(own: readonly OpenBatch[]): Promise<void> {
    this.closed.push(...own);
    this.open.forEach((batch, partition) => {
      if (batch === undefined || batch.builder.size < sharedBytes) return;
      this.closed.push(batch);
      this.open[partition] = undefined;
    });
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      if (!this.producing) void this.produce();
      else if (this.waiting.length >= this.wanted) this.gathered?.();
    });
  }

  private async produce(): Promise<void> {
    this.producing = true;
    let answered = 0;
    let took = 0;
    while (this.waiting.length > 0) {
      const wanted = this.waiting.length + answered;
      // The requests that have arrived with this one are read first: else it would go alone, and they with the next.
      await nextTurn();
      await this.gather(wanted, took / 2);
      const begun = performance.now();
      const { waiting, topic } = this;
      const batches = [...this.closed, ...this.open.filter((b): b is OpenBatch => b !== undefined && b.builder.count > 0)];
      this.waiting = [];
      this.closed = [];
      this.open = [];
      try {
        // `built` ahead of `finish`, which forgets the records and with them whether they had keys
        const sent = batches.map(({ partition, builder }) => ({
          topic,
          partition,
          built: { keyed: builder.keyed },
          batch: builder.finish(),
        }));
        for (const { builder } of batches) if (idle.length < 64 && builder.buffer.length <= 2 * ownBytes) idle.push(builder);
        const results = await this.broker.produce({ acks: "all", batches: sent });
        for (const [i, batch] of batches.entries()) await this.answer(batch, results[i]!, sent[i]!.batch);
        for (const { resolve } of waiting) resolve();
      } catch (error) {
        for (const { reject } of waiting) reject(error);
      }
      answered = waiting.length;
      took = performance.now() - begun;
    }
    this.producing = false;
  }

  /**
   * Clients that have just been answered mostly send again at once. Without a moment for them those who waited meanwhile would go alone,
   * and two crowds would take turns, each waiting for the other's write to disk. Never longer than half of such a write.
   */
  private async gather(wanted: number, ms: number): Promise<void> {
    if (this.waiting.length >= wanted || ms < 0.1) return;
    this.wanted = wanted;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(ms, 2));
      this.gathered = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.gathered = undefined;
  }

  private async answer(batch: OpenBatch, result: ProduceResult, bytes: Buffer): Promise<void> {
    const { error } = result;
    // Nothing of it is written: each request's own records may still be small enough for the topic.
    if (error instanceof BrokerError && error.kafka === "MESSAGE_TOO_LARGE" && batch.shares.length > 1) {
      const { topic } = this;
      const parts = split(bytes, batch.shares).map((part) => ({ topic, partition: batch.partition, batch: part }));
      batch.results = (await this.broker.produce({ acks: "all", batches: parts })).map((r) => ({ baseOffset: r.baseOffset, result: r }));
      return;
    }
    let baseOffset = result.baseOffset;
    for (const count of batch.shares) {
      batch.results.push({ baseOffset, result });
      baseOffset += count;
    }
  }
}

/** Records that were added one after another and have offsets one after another. */
export interface Written {
  readonly partition: number;
  /** of the first; -1 where they were refused */
  readonly offset: number;
  readonly count: number;
  readonly error: MillraceError | undefined;
}

/** The records of one request: added one after another, then sent or discarded together. */
export class RequestRecords {
  count = 0;
  private readonly own: (OpenBatch | undefined)[] | undefined;
  private readonly batches: OpenBatch[] = [];
  /** per batch: how it was before this request, and the request's place among the batch's requests */
  private readonly marks: BatchMark[] = [];
  private readonly shares: number[] = [];
  /** how many records went into which of `batches` before the next went into another */
  private readonly runs: { readonly at: number; count: number }[] = [];

  constructor(
    private readonly appender: TopicAppender,
    private readonly timestamp: number,
    large: boolean,
  ) {
    this.own = large ? [] : undefined;
  }

  add(partition: number, key: Uint8Array | null, value: Uint8Array | null, timestamp: number, headers: readonly RecordHeader[]): void {
    this.builder(partition).append(timestamp, key, value, headers);
  }

  /** A record of what the two writers hold, from their beginnings; undefined is null. */
  addWritten(partition: number, key: ByteWriter | undefined, value: ByteWriter | undefined): void {
    const builder = this.builder(partition);
    builder.beginRecord(this.timestamp);
    if (key === undefined) builder.nullKey();
    else {
      builder.beginKey();
      put(builder, key);
      builder.endKey();
    }
    if (value === undefined) builder.nullValue();
    else {
      builder.beginValue();
      put(builder, value);
      builder.endValue();
    }
    builder.endRecord();
  }

  /** The batch for the partition's next record. */
  private builder(partition: number): RecordBatchBuilder {
    const batch = this.appender.batch(partition, this.own);
    this.count++;
    const run = this.runs.at(-1);
    if (run !== undefined && this.batches[run.at] === batch) run.count++;
    else {
      let at = this.batches.indexOf(batch);
      if (at < 0) {
        at = this.batches.push(batch) - 1;
        this.marks.push(batch.builder.mark());
      }
      this.runs.push({ at, count: 1 });
    }
    return batch.builder;
  }

  /** The request failed: its records were never there. */
  discard(): void {
    for (const [i, batch] of this.batches.entries()) batch.builder.restore(this.marks[i]!);
  }

  /** Resolves when all is on disk or refused; all records are in it in the order in which they were added. */
  async send(): Promise<Written[]> {
    const counts = this.batches.map(() => 0);
    for (const { at, count } of this.runs) counts[at]! += count;
    for (const [i, batch] of this.batches.entries()) this.shares.push(batch.shares.push(counts[i]!) - 1);
    await this.appender.send(this.own ? this.batches : []);
    const results = this.batches.map((batch, i) => batch.results[this.shares[i]!]!);
    const next = results.map((r) => r.baseOffset);
    return this.runs.map(({ at, count }) => {
      const offset = next[at]!;
      next[at] = offset + count;
      return { partition: this.batches[at]!.partition, offset, count, error: results[at]!.result.error };
    });
  }
}

/** Copies what the writer holds to where the builder is. */
function put(builder: RecordBatchBuilder, writer: ByteWriter): void {
  builder.ensure(writer.position);
  builder.position = writer.copyTo(builder.buffer, builder.position);
}

/** The records of a batch in a batch of each request's own. */
function split(bytes: Buffer, shares: readonly number[]): Buffer[] {
  const cursor = new RecordCursor();
  cursor.open(bytes);
  return shares.map((count) => {
    const part = new RecordBatchBuilder(4096);
    for (let i = 0; i < count && cursor.next(); i++) {
      const { bytes: b, timestamp, keyStart, keyEnd, valueStart, valueEnd } = cursor;
      const key = keyStart < 0 ? null : b.subarray(keyStart, keyEnd);
      const value = valueStart < 0 ? null : b.subarray(valueStart, valueEnd);
      part.append(timestamp, key, value, cursor.headerCount > 0 ? cursor.headers() : undefined);
    }
    return part.finish();
  });
}

/** The appenders of the topics that are written to. */
export class TopicAppenders {
  private readonly byTopic = new Map<string, TopicAppender>();

  constructor(private readonly broker: Broker) {}

  of(topic: string): TopicAppender {
    let appender = this.byTopic.get(topic);
    if (!appender) {
      if (this.byTopic.size >= 1000) this.byTopic.clear(); // one with requests under way lives on in them
      this.byTopic.set(topic, (appender = new TopicAppender(this.broker, topic)));
    }
    return appender;
  }
}
