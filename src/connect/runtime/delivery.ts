import type { Broker } from "../../broker/api/broker.js";
import type { PolledPartition } from "../../broker/api/reader.js";
import type { Gauge, Histogram, Metrics } from "../../common/metrics.js";
import type { Clock } from "../../common/time.js";
import { formatTopicPartition, type TopicPartition } from "../../data/topic-partition.js";

/** Records of one poll of one partition that were put, or that needed no putting. */
interface Taken {
  /** The offset that the target must have reached; -1 where nothing was put. */
  readonly needs: number;
  /** Where the group goes on once it has. */
  readonly next: number;
  readonly bytes: number;
  readonly sourceTimes: Float64Array;
  /** the sink's, to commit with `next` */
  readonly metadata: string | null;
}

interface Progress extends TopicPartition {
  /** in offset order; `first` on are not durable yet */
  queue: Taken[];
  first: number;
  durable: number;
  metadata: string | null;
  committed: number;
  highWatermark: number;
  readonly lag: Gauge;
}

/** What is on its way to a target: which offsets may be committed, how many bytes are not durable, and how late they were. */
export class Delivery {
  bytes = 0;
  private readonly partitions = new Map<string, Progress>();
  private readonly latency: Histogram;
  private lastCommit = 0;

  constructor(private readonly options: { broker: Broker; group: string; connector: string; metrics: Metrics; clock: Clock }) {
    const { metrics, connector } = options;
    this.latency = metrics.histogram("millrace_connector_sink_seconds", "From the source's commit to durable in the target", { connector });
  }

  assign(tp: TopicPartition, position: number): void {
    const { metrics, connector } = this.options;
    const key = formatTopicPartition(tp);
    const progress: Progress = {
      ...tp,
      queue: [],
      first: 0,
      durable: position,
      metadata: null,
      committed: position,
      highWatermark: position,
      lag: metrics.gauge("millrace_connector_lag", "Records that the target does not have yet", {
        connector,
        topic: tp.topic,
        partition: String(tp.partition),
      }),
    };
    this.partitions.set(key, progress);
  }

  /** Forgets what was on its way in this partition: it is read again from `offset`. */
  rewind(tp: TopicPartition, offset: number): void {
    const p = this.partitions.get(formatTopicPartition(tp));
    if (!p) return;
    for (let i = p.first; i < p.queue.length; i++) this.bytes -= p.queue[i]!.bytes;
    p.queue = [];
    p.first = 0;
    p.durable = offset;
  }

  /** @param lastPut the last offset that was put, or -1 */
  took(polled: PolledPartition, lastPut: number, bytes: number, sourceTimes: Float64Array, metadata: string | null = null): void {
    const p = this.partitions.get(formatTopicPartition(polled))!;
    p.queue.push({ needs: lastPut < 0 ? -1 : lastPut + 1, next: polled.next, bytes, sourceTimes, metadata });
    p.highWatermark = polled.lastStableOffset;
    this.bytes += bytes;
    if (p.first === p.queue.length - 1 && lastPut < 0) this.advance(p, p.durable);
  }

  get idle(): boolean {
    return this.bytes === 0;
  }

  /** @param next the target's next offsets by partition, as `flush` returned them */
  durable(next: ReadonlyMap<string, number>): void {
    for (const [key, offset] of next) {
      const p = this.partitions.get(key);
      if (p) this.advance(p, offset);
    }
  }

  /** Commits the group's offsets, at most once a second unless `now` is given. */
  async commit(force: boolean): Promise<void> {
    const { broker, group, clock } = this.options;
    const time = clock.now();
    if (!force && time - this.lastCommit < 1000) return;
    const moved = [...this.partitions.values()].filter((p) => p.durable > p.committed);
    if (moved.length === 0) return;
    this.lastCommit = time;
    const offsets = moved.map((p) => ({ topic: p.topic, partition: p.partition, offset: p.durable, metadata: p.metadata }));
    await broker.offsetCommit(group, offsets);
    moved.forEach((p, i) => {
      p.committed = offsets[i]!.offset;
    });
  }

  private advance(p: Progress, reached: number): void {
    const micros = this.options.clock.now() * 1000;
    while (p.first < p.queue.length && p.queue[p.first]!.needs <= reached) {
      const taken = p.queue[p.first++]!;
      p.durable = taken.next;
      p.metadata = taken.metadata;
      this.bytes -= taken.bytes;
      observe(this.latency, micros, taken.sourceTimes);
    }
    if (p.first === p.queue.length) {
      p.queue = [];
      p.first = 0;
    }
    p.lag.set(Math.max(0, p.highWatermark - p.durable));
  }
}

/** Rows of one source transaction have one time, so runs of the same are one observation. */
function observe(latency: Histogram, now: number, times: Float64Array): void {
  for (let i = 0; i < times.length; ) {
    const time = times[i]!;
    let n = i + 1;
    while (n < times.length && times[n] === time) n++;
    if (!Number.isNaN(time)) latency.observe(Math.max(0, now - time) / 1e6, n - i);
    i = n;
  }
}
