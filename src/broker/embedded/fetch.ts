import type { Clock } from "../../common/time.js";
import { batchSize, lastOffset } from "../../protocol/record-batch.js";
import type { FetchRequest, FetchResult } from "../api/broker.js";
import { BrokerError } from "../api/errors.js";
import type { Partition, Waiting } from "./partition.js";
import { asBrokerError } from "./storage-error.js";
import type { Topics } from "./topics.js";

const defaultPartitionBytes = 1024 * 1024;
const defaultBytes = 50 * 1024 * 1024;
const nothing = Buffer.alloc(0);

/** Long-poll reads: one wait a fetch over all its partitions, woken by the append or the marker that lets it go on. */
export class Fetches {
  constructor(
    private readonly topics: Topics,
    private readonly clock: Clock,
    private readonly closing: AbortSignal,
  ) {}

  /** @throws the signal's reason when aborted */
  async fetch(request: FetchRequest): Promise<FetchResult[]> {
    const { signal, minBytes = 1 } = request;
    signal?.throwIfAborted();
    const partitions: (Partition | undefined)[] = [];
    for (const { topic, partition } of request.partitions) {
      const found = this.topics.find(topic, partition);
      partitions.push(found);
      if (found !== undefined && found.openLog === undefined) await found.open().catch(() => undefined);
    }
    let deadline = -1;
    for (;;) {
      const { results, bytes, failed } = this.collect(request, partitions);
      if (bytes >= minBytes || failed || request.maxWaitMs <= 0 || this.closing.aborted) return results;
      const now = this.clock.now();
      if (deadline < 0) deadline = now + request.maxWaitMs;
      if (now >= deadline) return results;
      await this.wait(request, partitions, results, deadline - now);
      signal?.throwIfAborted();
    }
  }

  private collect(request: FetchRequest, partitions: readonly (Partition | undefined)[]) {
    const count = partitions.length;
    const results = new Array<FetchResult>(count);
    let left = request.maxBytes ?? defaultBytes;
    let bytes = 0;
    let failed = false;
    // In the order asked: a reader that moves served partitions to the end gets each its turn.
    for (let at = 0; at < count; at++) {
      const result = read(request, at, partitions[at], left, bytes === 0);
      results[at] = result;
      bytes += result.batches.length;
      left -= result.batches.length;
      if (result.error) failed = true;
    }
    return { results, bytes, failed };
  }

  private wait(
    request: FetchRequest,
    partitions: readonly (Partition | undefined)[],
    seen: readonly FetchResult[],
    ms: number,
  ): Promise<void> {
    const committed = request.isolation === "read_committed";
    return new Promise((resolve) => {
      let done = false;
      const wake = () => {
        if (done) return;
        done = true;
        for (let i = 0; i < waiting.length; i++) partitions[i]?.stopWaiting(waiting[i]!);
        request.signal?.removeEventListener("abort", wake);
        this.closing.removeEventListener("abort", wake);
        stopTimer();
        resolve();
      };
      const waiting: Waiting[] = seen.map((r) => ({ offset: committed ? r.lastStableOffset : r.highWatermark, committed, wake }));
      for (let i = 0; i < waiting.length; i++) partitions[i]?.wait(waiting[i]!);
      request.signal?.addEventListener("abort", wake, { once: true });
      this.closing.addEventListener("abort", wake, { once: true });
      const stopTimer = this.clock.timer(ms, wake);
      // An abort while logs were being opened would otherwise go unheard until the wait is over.
      if (request.signal?.aborted || this.closing.aborted) wake();
    });
  }
}

function read(request: FetchRequest, at: number, partition: Partition | undefined, left: number, atLeastOne: boolean): FetchResult {
  const { topic, partition: number, offset, maxBytes = defaultPartitionBytes } = request.partitions[at]!;
  const log = partition?.openLog;
  if (partition === undefined || partition.deleted)
    return failure(topic, number, new BrokerError("UNKNOWN_TOPIC_OR_PARTITION", `This server does not host ${topic}-${number}.`));
  if (log === undefined)
    return failure(topic, number, partition.openFailure ?? new BrokerError("KAFKA_STORAGE_ERROR", `${topic}-${number} is not open`));
  const { logStartOffset, logEndOffset: highWatermark, lastStableOffset } = log;
  const known = { topic, partition: number, highWatermark, lastStableOffset, logStartOffset };
  if (offset < logStartOffset || offset > highWatermark)
    return {
      ...known,
      abortedTransactions: [],
      batches: nothing,
      error: new BrokerError(
        "OFFSET_OUT_OF_RANGE",
        `offset ${offset} of ${topic}-${number} is outside of what the log holds, ${logStartOffset} to ${highWatermark}`,
      ),
    };
  const committed = request.isolation === "read_committed";
  const upTo = committed ? lastStableOffset : highWatermark;
  const room = Math.min(maxBytes, left);
  if (offset >= upTo || (room <= 0 && !atLeastOne)) return { ...known, abortedTransactions: [], batches: nothing };
  try {
    const batches = log.read(offset, room, { upTo, atLeastOne });
    partition.metrics.bytesOut.add(batches.length);
    const abortedTransactions = committed ? log.abortedTransactions(offset, endOf(batches, offset)) : [];
    return { ...known, abortedTransactions, batches };
  } catch (error) {
    return { ...known, abortedTransactions: [], batches: nothing, error: asBrokerError(error, `cannot read ${topic}-${number}`) };
  }
}

/** The offset after the last batch. */
function endOf(batches: Buffer, from: number): number {
  let end = from;
  for (let at = 0; at < batches.length; at += batchSize(batches, at)) end = lastOffset(batches, at) + 1;
  return end;
}

function failure(topic: string, partition: number, error: BrokerError): FetchResult {
  return {
    topic,
    partition,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    abortedTransactions: [],
    batches: nothing,
    error,
  };
}
