import { MillraceError } from "../../common/errors.js";
import type { Clock } from "../../common/time.js";
import type { RecordHeader } from "../../data/headers.js";
import type { Row } from "../../serde/row-serde.js";
import type { ProcessingError, Processor, ProcessorContext, PunctuationType, RecordContext } from "../processor/processor.js";
import { type ChangelogTarget, KeyedStore } from "../state/keyed-store.js";
import type { StateStore } from "../state/store.js";
import { PSEUDO_COLUMNS } from "../topology/record-format.js";
import type { SourceSpec, SubTopology, TopologyNode } from "../topology/topology.js";
import type { BadRecord } from "./query.js";
import type { RecordQueue } from "./record-queue.js";
import { HAS_OLD, HAS_ROW, SinkProcessor } from "./sink.js";
import { readHeaders, readSourceTime } from "./source-time.js";

/** What a task needs from whoever runs it: the query's runtime or the test driver. */
export interface TaskHost {
  readonly clock: Clock;
  /** The name of a topic of the topology on the broker. */
  topicName(topic: string, internal: boolean): string;
  partitionsOf(topicName: string): number;
  target(topicName: string, partition: number): ChangelogTarget;
  changelogName(store: string): string;
  /** What a processor throws sets the record aside, instead of ending the query. */
  readonly setsAside?: boolean;
  globalStore(name: string): KeyedStore | undefined;
  onBadRecord(record: BadRecord): void;
  onProcessingError(error: ProcessingError & { topic: string; partition: number; offset: number }): void;
}

export interface TaskContext {
  readonly partition: number;
  readonly record: RecordContext;
  sourceTime: number;
  reportBad(stage: string, cause: unknown): void;
}

interface Punctuation {
  readonly interval: number;
  readonly type: PunctuationType;
  readonly punctuate: (timestamp: number) => void;
  next: number;
}

const noHeaders: readonly RecordHeader[] = [];
const nothing: Processor = { process() {} };

/** One sub-topology on one partition of its inputs: its own processors, its own part of every store. */
export class StreamTask implements TaskContext {
  readonly id: string;
  readonly record: RecordContext = { topic: "", partition: -1, offset: -1, timestamp: -1, headers: noHeaders };
  sourceTime = -1;
  streamTime = -1;
  recordsIn = 0;
  readonly queues: RecordQueue[] = [];
  readonly stores = new Map<string, KeyedStore>();
  readonly sinks: SinkProcessor[] = [];
  private readonly processors: Processor[] = [];
  private readonly byNode = new Map<TopologyNode, Processor>();
  private readonly entries = new Map<RecordQueue, Processor>();
  private readonly changelogs: { store: KeyedStore; target: ChangelogTarget }[] = [];
  private punctuations: Punctuation[] = [];
  private current: RecordQueue | undefined;
  /** Set while a schema has to be looked up before the head of a queue can be decoded. */
  waiting: Promise<void> | undefined;

  constructor(
    readonly sub: SubTopology,
    readonly partition: number,
    private readonly host: TaskHost,
  ) {
    this.id = `${sub.id}_${partition}`;
    for (const node of [...sub.order].reverse()) this.byNode.set(node, this.instantiate(node));
  }

  /** A restored store; without it the task begins with an empty one. */
  useStore(name: string, store: KeyedStore): void {
    this.stores.set(name, store);
  }

  /** Connects processors and stores. Queues and stores are given ahead of it. */
  start(): void {
    for (const spec of this.sub.stores) {
      const store =
        this.stores.get(spec.name) ?? new KeyedStore(spec.name, spec.schema, spec.kind === "window" ? spec.windowSize : undefined);
      this.stores.set(spec.name, store);
      if (spec.changelog.type === "own")
        this.changelogs.push({ store, target: this.host.target(this.host.changelogName(spec.name), this.partition) });
    }
    for (const node of [...this.sub.order].reverse()) {
      if (node.kind !== "processor") continue;
      const processor = this.byNode.get(node)!;
      processor.init?.(this.contextFor(node));
      this.processors.unshift(processor);
    }
  }

  addQueue(queue: RecordQueue): void {
    // Tables ahead of streams: of equal timestamps the first queue's is taken, and a stream's record whose table row came in the
    // same millisecond (the same transaction of a database) would be joined with nothing.
    const at = queue.source.table ? this.queues.findIndex((q) => !q.source.table) : -1;
    this.queues.splice(at < 0 ? this.queues.length : at, 0, queue);
    this.entries.set(queue, this.byNode.get(this.sub.sources.find((s) => s.spec === queue.source)!)!);
  }

  /** Hands a row that is no record of a topic to what reads `source`: of a pull query, whose rows are a store's. */
  pipe(source: string, row: Row): void {
    const timestamp = row[row.length - PSEUDO_COLUMNS] as number;
    this.record.timestamp = timestamp;
    this.piped(source).process(row, row, null, timestamp);
  }

  private piped(source: string): Processor {
    const node = this.sub.sources.find(({ spec }) => spec.name === source);
    if (!node) throw new MillraceError("INTERNAL", `no source ${source}`);
    return this.byNode.get(node)!;
  }

  /** Every input has its head in view, or is known to have nothing now: the lowest timestamp can be told. */
  get ready(): boolean {
    let any = false;
    for (const queue of this.queues) {
      if (queue.hasHead) any = true;
      else if (!queue.caughtUp) return false;
    }
    return any;
  }

  get hasInput(): boolean {
    for (const queue of this.queues) if (queue.hasHead) return true;
    return false;
  }

  /** Processes up to `records` records or until `deadline` (ms of performance.now); returns how many. Stops where `waiting` is set. */
  run(records: number, deadline: number): number {
    let done = 0;
    while (done < records && this.ready) {
      const queue = this.lowest();
      if (!this.processHead(queue)) break;
      done++;
      if ((done & 63) === 0 && performance.now() >= deadline) break;
    }
    this.recordsIn += done;
    return done;
  }

  /** Wall-clock punctuation. True where any was due: it may have written. */
  punctuate(now: number): boolean {
    let fired = false;
    for (const p of this.punctuations) if (p.type === "wall-clock" && this.fire(p, now)) fired = true;
    return fired;
  }

  /** When the next wall-clock punctuation is due, ms; infinity where there is none. */
  get nextPunctuation(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const p of this.punctuations) if (p.type === "wall-clock" && p.next < next) next = p.next;
    return next;
  }

  /** What was held back goes downstream, in the order of the graph, up to `limit` rows of one node. False while more is left. */
  flush(limit = Number.POSITIVE_INFINITY): boolean {
    this.record.headers = noHeaders;
    for (const processor of this.processors) {
      if (!processor.flush) continue;
      try {
        if (!processor.flush(limit)) return false;
      } catch (error) {
        if (!this.host.setsAside) throw error;
        this.reportBad("PROCESSING", error);
        return false;
      }
    }
    return true;
  }

  writeChangelogs(limit?: number): boolean {
    for (const { store, target } of this.changelogs) if (!store.writeChangelog(target, limit)) return false;
    return true;
  }

  applyCommit(limit?: number): boolean {
    for (const store of this.stores.values()) if (!store.applyCommit(limit)) return false;
    return true;
  }

  reportBad(stage: string, cause: unknown): void {
    const queue = this.current;
    const { topic, partition, offset, timestamp } = this.record;
    const cursor = queue?.hasHead ? queue.cursor : undefined;
    const part = (start: number, end: number) =>
      cursor === undefined || start < 0 ? null : Buffer.from(cursor.bytes.subarray(start, end));
    this.host.onBadRecord({
      stage,
      topic,
      partition,
      offset,
      timestamp,
      key: cursor ? part(cursor.keyStart, cursor.keyEnd) : null,
      value: cursor ? part(cursor.valueStart, cursor.valueEnd) : null,
      headers: cursor ? readHeaders(cursor) : noHeaders,
      cause,
    });
  }

  private lowest(): RecordQueue {
    const { queues } = this;
    let best: RecordQueue | undefined;
    for (let i = 0; i < queues.length; i++) {
      const queue = queues[i]!;
      if (queue.hasHead && (best === undefined || queue.cursor.timestamp < best.cursor.timestamp)) best = queue;
    }
    return best!;
  }

  /** False where a schema must be looked up first. */
  private processHead(queue: RecordQueue): boolean {
    const { cursor, source } = queue;
    const { format } = source;
    const { bytes, keyStart, keyEnd, valueStart, valueEnd } = cursor;
    const pending = format.prepareRead(queue.topic, bytes, keyStart, keyEnd, valueStart, valueEnd);
    if (pending !== undefined) {
      this.waiting = pending;
      return false;
    }
    const { record } = this;
    record.topic = queue.topic;
    record.partition = queue.partition;
    record.offset = cursor.offset;
    record.timestamp = cursor.timestamp;
    this.sourceTime = readSourceTime(cursor);
    record.headers = cursor.headerCount > (this.sourceTime < 0 ? 0 : 1) ? readHeaders(cursor) : noHeaders;
    this.current = queue;
    let key: Row;
    let row: Row | null = null;
    let old: Row | null = null;
    let timestamp = cursor.timestamp;
    try {
      key = format.readKey(queue.topic, bytes, keyStart, keyEnd);
      if (source.changes) {
        const flags = bytes[valueStart]!;
        const split = valueStart + 5 + bytes.readUInt32BE(valueStart + 1);
        if (flags & HAS_ROW) format.readValue(queue.topic, bytes, valueStart + 5, split, (row = key.slice()));
        if (flags & HAS_OLD) format.readValue(queue.topic, bytes, split, valueEnd, (old = key.slice()));
      } else if (valueStart >= 0) {
        format.readValue(queue.topic, bytes, valueStart, valueEnd, (row = key));
        if (source.readHeaders) source.readHeaders(row, record.headers);
        if (source.timestampOf) timestamp = timeOf(source, row);
      }
      if (!(timestamp >= 0)) throw new MillraceError("DATA_INVALID", `the record's timestamp is ${timestamp}`);
    } catch (error) {
      if (error instanceof FatalTimestamp) throw error;
      this.reportBad("DESERIALIZATION", error);
      this.current = undefined;
      queue.advance();
      return true;
    }
    record.timestamp = timestamp;
    if (timestamp > this.streamTime) this.streamTime = timestamp;
    const width = key.length;
    const shown = row ?? key;
    shown[width - 5] = timestamp;
    shown[width - 4] = queue.partition;
    shown[width - 3] = cursor.offset;
    try {
      this.entries.get(queue)!.process(key, row, old, timestamp);
    } catch (error) {
      if (!this.host.setsAside) throw error;
      this.reportBad("PROCESSING", error);
    }
    for (const p of this.punctuations) if (p.type === "stream-time") this.fire(p, this.streamTime);
    this.current = undefined;
    queue.advance();
    return true;
  }

  private fire(p: Punctuation, now: number): boolean {
    if (p.next < 0) p.next = now + p.interval;
    if (now < p.next) return false;
    p.next = now + p.interval;
    // What it hands on was caused by no record.
    this.record.headers = noHeaders;
    this.sourceTime = -1;
    try {
      p.punctuate(now);
    } catch (error) {
      if (!this.host.setsAside) throw error;
      this.reportBad("PROCESSING", error);
    }
    return true;
  }

  private nextOf(node: TopologyNode): Processor {
    const children = node.children.map((child) => this.byNode.get(child)!);
    if (children.length === 0) return nothing;
    return children.length === 1 ? children[0]! : new FanOut(children);
  }

  private instantiate(node: TopologyNode): Processor {
    if (node.kind === "source") return this.nextOf(node);
    if (node.kind === "processor") return node.supplier();
    const { host } = this;
    const topic = host.topicName(node.spec.topic, node.spec.internal ?? false);
    const targets = node.spec.subscribersOnly ? [] : Array.from({ length: host.partitionsOf(topic) }, (_, p) => host.target(topic, p));
    const sink = new SinkProcessor(node.spec, topic, this, targets);
    this.sinks.push(sink);
    return sink;
  }

  private contextFor(node: TopologyNode): ProcessorContext {
    const task = this;
    const next = this.nextOf(node);
    return {
      taskId: this.id,
      partition: this.partition,
      next,
      get streamTime() {
        return task.streamTime;
      },
      get idle() {
        return task.queues.every((q) => !q.hasHead && q.caughtUp);
      },
      now: () => task.host.clock.now(),
      record: this.record,
      get sourceTime() {
        return task.sourceTime;
      },
      set sourceTime(time: number) {
        task.sourceTime = time;
      },
      store<S extends StateStore>(name: string): S {
        const store = task.stores.get(name) ?? task.host.globalStore(name);
        if (!store) throw new MillraceError("INTERNAL", `processor ${node.name} is not connected to store ${name}`);
        return store as StateStore as S;
      },
      schedule(interval, type, punctuate) {
        const p: Punctuation = { interval, type, punctuate, next: -1 };
        task.punctuations.push(p);
        return () => {
          task.punctuations = task.punctuations.filter((other) => other !== p);
        };
      },
      reportBad: (stage, cause) => task.reportBad(stage, cause),
      logError(error) {
        const { topic, partition, offset } = task.record;
        task.host.onProcessingError({ ...error, topic, partition, offset });
      },
    };
  }
}

class FatalTimestamp extends MillraceError {}

function timeOf(source: SourceSpec, row: Row): number {
  try {
    const time = source.timestampOf!(row);
    if (time >= 0 || !source.timestampRequired) return time;
    throw new MillraceError("DATA_INVALID", `the record's timestamp is ${time}`);
  } catch (cause) {
    if (!source.timestampRequired) throw cause;
    throw new FatalTimestamp("DATA_INVALID", "Fatal user code error in TimestampExtractor callback for record", { cause });
  }
}

class FanOut implements Processor {
  constructor(private readonly children: readonly Processor[]) {}
  process(key: Row, row: Row | null, old: Row | null, timestamp: number): void {
    for (const child of this.children) child.process(key, row, old, timestamp);
  }
}
