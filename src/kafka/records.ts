import type { FetchRequest, FetchResult, ProduceRequest, ProduceResult } from "../broker/api/broker.js";
import type { BrokerError } from "../broker/api/errors.js";
import { fetch as fetchApi } from "../protocol/messages/fetch.js";
import { produce as produceApi } from "../protocol/messages/produce.js";
import { batchEnd } from "../protocol/record-batch.js";
import type { Cluster } from "./cluster.js";
import { errorOf, isMoved } from "./response-errors.js";

const defaultPartitionBytes = 1024 * 1024;
const defaultBytes = 50 * 1024 * 1024;
const nothing = Buffer.alloc(0);
/** Between two questions for a partition whose leader is not known yet. */
const movedPauseMs = 50;
/** Names instead of topic ids, which need a look-up of their own. */
const lastFetchByName = 12;
const DUPLICATE_SEQUENCE_NUMBER = 46;

/** Produce and fetch: batches go to and come from the leaders as they are. */
export class Records {
  /** The last produce call of each partition: the next one waits for it, so that a retry never overtakes. */
  private readonly producing = new Map<string, Promise<unknown>>();

  constructor(private readonly cluster: Cluster) {}

  /** @param ready what must be done before anything is sent; what it throws is every batch's error. The calls' order is taken at once. */
  async produce(request: ProduceRequest, ready: Promise<void>): Promise<ProduceResult[]> {
    // told to each batch when its turn comes, which may be later
    ready.catch(() => {});
    const results = new Array<ProduceResult>(request.batches.length);
    const chains = new Map<string, number[]>();
    request.batches.forEach(({ topic, partition }, i) => {
      const key = `${topic}-${partition}`;
      const list = chains.get(key);
      if (list) list.push(i);
      else chains.set(key, [i]);
    });
    await Promise.all(
      [...chains].map(([key, list]) => {
        const before = this.producing.get(key) ?? Promise.resolve();
        const mine = before.then(async () => {
          const { topic, partition } = request.batches[list[0]!]!;
          let failed = await ready.then(
            () => undefined,
            (error: BrokerError) => refused(topic, partition, error),
          );
          for (const i of list) {
            const { topic, partition, batch } = request.batches[i]!;
            // a batch behind one that was refused would leave a gap
            results[i] = failed ?? (await this.send(request, topic, partition, batch));
            if (results[i]!.error) failed = results[i];
          }
        });
        this.producing.set(key, mine);
        return mine.finally(() => {
          if (this.producing.get(key) === mine) this.producing.delete(key);
        });
      }),
    );
    return results;
  }

  private async send(request: ProduceRequest, topic: string, partition: number, batch: Buffer): Promise<ProduceResult> {
    try {
      return await this.cluster.retried(async () => {
        const node = await this.cluster.node(await this.cluster.leader(topic, partition), "produce");
        const answer = await node.call(produceApi, {
          transactionalId: request.transactionalId ?? null,
          // without an answer nobody would learn of an error, so "none" asks for the leader's
          acks: request.acks === "all" ? -1 : 1,
          timeoutMs: 30_000,
          topics: [{ name: topic, partitions: [{ index: partition, records: batch }] }],
        });
        const p = answer.responses[0]!.partitionResponses[0]!;
        // sent again after a lost answer: the leader has it
        const code = p.errorCode === DUPLICATE_SEQUENCE_NUMBER ? 0 : p.errorCode;
        const error = errorOf(code, `writing to ${topic}-${partition}`, p.errorMessage);
        if (error && isMoved(code)) throw error;
        if (error) return refused(topic, partition, error);
        return { topic, partition, baseOffset: p.baseOffset, logAppendTime: p.logAppendTimeMs, logStartOffset: p.logStartOffset };
      });
    } catch (error) {
      return refused(topic, partition, error as BrokerError);
    }
  }

  /** Asks every leader at once; the first that has enough ends the wait, and what others answer later is asked for again. */
  async fetch(request: FetchRequest): Promise<FetchResult[]> {
    request.signal?.throwIfAborted();
    const results = new Array<FetchResult | undefined>(request.partitions.length);
    const byLeader = new Map<number, number[]>();
    for (let i = 0; i < request.partitions.length; i++) {
      const { topic, partition } = request.partitions[i]!;
      try {
        const leader = await this.cluster.retried(() => this.cluster.leader(topic, partition));
        const list = byLeader.get(leader);
        if (list) list.push(i);
        else byLeader.set(leader, [i]);
      } catch (error) {
        results[i] = failure(topic, partition, error as BrokerError);
      }
    }
    const early = results.some((r) => r !== undefined);
    const until = Date.now() + request.maxWaitMs;
    const moved = new Set<number>();
    let enough: (() => void) | undefined;
    const first = new Promise<void>((resolve) => {
      enough = resolve;
    });
    const all = [...byLeader].map(async ([leader, list]) => {
      if (await this.ask(leader, list, request, early ? 0 : request.maxWaitMs, results, moved)) enough!();
    });
    const waits: Promise<unknown>[] = [Promise.all(all)];
    if (byLeader.size > 1) waits.push(first);
    const abort = request.signal && aborted(request.signal);
    if (abort) waits.push(abort.promise);
    await Promise.race(waits).finally(abort?.forget);
    if (
      moved.size > 0 &&
      Date.now() + movedPauseMs < until &&
      results.every((r) => r === undefined || (!r.error && r.batches.length === 0))
    ) {
      // a leader has moved, or has not heard yet that it leads: asked again for what is left of the wait
      await new Promise((resolve) => setTimeout(resolve, movedPauseMs));
      return this.fetch({ ...request, maxWaitMs: until - Date.now() });
    }
    return request.partitions.map(({ topic, partition }, i) => results[i] ?? empty(topic, partition));
  }

  /** Fills in the results of one leader. Returns whether it gave anything. */
  private async ask(
    leader: number,
    list: readonly number[],
    request: FetchRequest,
    maxWaitMs: number,
    results: (FetchResult | undefined)[],
    moved: Set<number>,
  ): Promise<boolean> {
    const byTopic = new Map<string, number[]>();
    for (const i of list) {
      const { topic } = request.partitions[i]!;
      const of = byTopic.get(topic);
      if (of) of.push(i);
      else byTopic.set(topic, [i]);
    }
    try {
      const node = await this.cluster.node(leader, "fetch");
      const committed = request.isolation === "read_committed";
      const answer = await node.call(
        fetchApi,
        {
          maxWaitMs,
          minBytes: request.minBytes ?? 1,
          maxBytes: request.maxBytes ?? defaultBytes,
          isolationLevel: committed ? 1 : 0,
          sessionEpoch: -1,
          topics: [...byTopic].map(([topic, of]) => ({
            topic,
            partitions: of.map((i) => {
              const { partition, offset, maxBytes = defaultPartitionBytes } = request.partitions[i]!;
              return { partition, fetchOffset: offset, partitionMaxBytes: maxBytes };
            }),
          })),
        },
        Math.min(lastFetchByName, node.versionOf(fetchApi)),
        maxWaitMs,
      );
      const error = errorOf(answer.errorCode, "reading");
      if (error) throw error;
      let gave = false;
      for (const { topic, partitions } of answer.responses)
        for (const p of partitions) {
          const i = byTopic.get(topic)?.find((at) => request.partitions[at]!.partition === p.partitionIndex);
          if (i === undefined) continue;
          if (p.errorCode !== 0) this.cluster.forget(topic);
          if (isMoved(p.errorCode)) {
            moved.add(i);
            continue;
          }
          const failed = errorOf(p.errorCode, `reading ${topic}-${p.partitionIndex}`);
          const batches = whole(p.records ?? nothing);
          gave ||= batches.length > 0 || failed !== undefined;
          results[i] = {
            topic,
            partition: p.partitionIndex,
            highWatermark: p.highWatermark,
            lastStableOffset: p.lastStableOffset < 0 ? p.highWatermark : p.lastStableOffset,
            logStartOffset: p.logStartOffset,
            abortedTransactions: committed ? (p.abortedTransactions ?? []) : [],
            batches,
            ...(failed && { error: failed }),
          };
        }
      return gave;
    } catch (error) {
      for (const i of list) {
        const { topic, partition } = request.partitions[i]!;
        this.cluster.forget(topic);
        results[i] = failure(topic, partition, error as BrokerError);
      }
      return true;
    }
  }
}

/** Without the last batch where the leader cut it. */
function whole(records: Buffer): Buffer {
  let end = 0;
  for (;;) {
    const next = batchEnd(records, end);
    if (next < 0) return end === records.length ? records : records.subarray(0, end);
    end = next;
  }
}

function refused(topic: string, partition: number, error: BrokerError): ProduceResult {
  return { topic, partition, baseOffset: -1, logAppendTime: -1, logStartOffset: -1, error };
}

/** Nothing is known of the partition, or nothing of it was asked in time. */
function empty(topic: string, partition: number): FetchResult {
  return {
    topic,
    partition,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    abortedTransactions: [],
    batches: nothing,
  };
}

function failure(topic: string, partition: number, error: BrokerError): FetchResult {
  return { ...empty(topic, partition), error };
}

/** Rejects once the signal is aborted; `forget` ends that, as one signal sees any number of fetches. */
function aborted(signal: AbortSignal): { promise: Promise<never>; forget: () => void } {
  let stop = () => {};
  const promise = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
  return { promise, forget: () => signal.removeEventListener("abort", stop) };
}
