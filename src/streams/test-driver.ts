import { MillraceError } from "../common/errors.js";
import type { Clock } from "../common/time.js";
import type { RecordHeader } from "../data/headers.js";
import { setBaseOffset } from "../protocol/record-batch.js";
import { RecordBatchBuilder } from "../protocol/record-batch-builder.js";
import { RecordCursor } from "../protocol/record-cursor.js";
import type { Row } from "../serde/row-serde.js";
import type { ProcessingError } from "./processor/processor.js";
import type { BadRecord } from "./runtime/query.js";
import { RecordQueue } from "./runtime/record-queue.js";
import { storeRecord } from "./runtime/restore.js";
import { readHeaders, readSourceTime } from "./runtime/source-time.js";
import { StreamTask, type TaskHost } from "./runtime/stream-task.js";
import { KeyedStore } from "./state/keyed-store.js";
import type { StoredRow } from "./state/store.js";
import type { RecordFormat } from "./topology/record-format.js";
import { TOO_SHORT } from "./topology/record-format.js";
import type { GlobalStoreSpec, SourceSpec, Topology } from "./topology/topology.js";

export interface TestRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly timestamp: number;
  readonly headers: readonly RecordHeader[];
  /** µs, -1 where there is none */
  readonly sourceTime: number;
}

export interface TestDriverOptions {
  readonly applicationId?: string;
  /** ms; the clock moves only by `advance` */
  readonly startTime?: number;
}

/**
 * Runs a topology without a broker: one partition a topic, a clock that the test moves, a commit after every piped record.
 * Records are piped as bytes or as rows of the source's format; what sinks wrote is read back in the same ways.
 */
export class TopologyTestDriver {
  readonly badRecords: BadRecord[] = [];
  readonly processingErrors: ProcessingError[] = [];
  private time: number;
  private readonly applicationId: string;
  private readonly tasks: StreamTask[] = [];
  private readonly builders = new Map<string, RecordBatchBuilder>();
  private readonly outputs = new Map<string, TestRecord[]>();
  private readonly inputs = new Map<string, { queue: RecordQueue; task: StreamTask; offset: number }[]>();
  private readonly globals = new Map<string, { spec: GlobalStoreSpec; store: KeyedStore }>();
  private prepared = false;

  constructor(
    readonly topology: Topology,
    options: TestDriverOptions = {},
  ) {
    this.time = options.startTime ?? 0;
    this.applicationId = options.applicationId ?? "test";
    const clock: Clock = { now: () => this.time, sleep: async () => {}, timer: () => () => {} };
    const host: TaskHost = {
      clock,
      topicName: (topic, internal) => this.topicName(topic, internal),
      partitionsOf: () => 1,
      target: (topic) => ({ open: () => this.builder(topic) }),
      changelogName: (store) => `${this.applicationId}-${store}-changelog`,
      globalStore: (name) => this.globals.get(name)?.store,
      onBadRecord: (record) => this.badRecords.push(record),
      onProcessingError: (error) => this.processingErrors.push(error),
    };
    for (const spec of topology.globalStores.values()) this.globals.set(spec.name, { spec, store: new KeyedStore(spec.name, spec.schema) });
    for (const sub of topology.subTopologies()) {
      const task = new StreamTask(sub, 0, host);
      this.tasks.push(task);
      task.start();
      for (const { spec } of sub.sources) {
        const topic = this.topicName(spec.topic, spec.internal ?? false);
        const queue = new RecordQueue(spec, topic, 0, 0);
        queue.caughtUp = true;
        task.addQueue(queue);
        const list = this.inputs.get(topic) ?? [];
        list.push({ queue, task, offset: 0 });
        this.inputs.set(topic, list);
      }
    }
  }

  /** Pipes one record and processes it and everything that it causes. */
  async pipe(
    topic: string,
    key: Uint8Array | null,
    value: Uint8Array | null,
    timestamp = this.time,
    headers: readonly RecordHeader[] = [],
  ): Promise<void> {
    if (!this.prepared) {
      this.prepared = true;
      for (const task of this.tasks)
        for (const { spec } of task.sub.sinks)
          if (!spec.subscribersOnly) await spec.format.prepareWrite(this.topicName(spec.topic, spec.internal ?? false));
    }
    const builder = new RecordBatchBuilder(256);
    builder.append(timestamp, key, value, headers);
    const batch = builder.finish();
    if (!(await this.feedGlobal(topic, batch))) this.feed(topic, batch, 1);
    await this.settle();
  }

  /** As `pipe`, of a row of the source's schema; row null pipes a tombstone of `key`. */
  async pipeRow(topic: string, key: Row, row: Row | null, timestamp = this.time, headers: readonly RecordHeader[] = []): Promise<void> {
    const source = this.sourceOf(topic);
    const full = row ?? key;
    await source.format.prepareWrite(topic);
    await this.pipe(
      topic,
      encode((out) => source.format.keyInto(topic, full, out, 0)),
      row === null ? null : encode((out) => source.format.valueInto(topic, row, out, 0)),
      timestamp,
      headers,
    );
  }

  /** Moves the wall clock and lets what waits for it happen. */
  async advance(ms: number): Promise<void> {
    this.time += ms;
    for (const task of this.tasks) task.punctuate(this.time);
    await this.settle();
  }

  /** What was written to the topic since the last call. */
  read(topic: string): TestRecord[] {
    const list = this.outputs.get(topic) ?? [];
    this.outputs.set(topic, []);
    return list;
  }

  /** As `read`, decoded: `[...key, ...value]`, null value for a tombstone. */
  async readRows(topic: string): Promise<{ key: Row; row: Row | null; timestamp: number }[]> {
    const format = this.sinkFormat(topic);
    const rows: { key: Row; row: Row | null; timestamp: number }[] = [];
    const { length: k } = format.schema.key;
    const columns = k + format.schema.value.length;
    for (const { key, value, timestamp } of this.read(topic)) {
      const bytes = Buffer.concat([key ?? Buffer.alloc(0), value ?? Buffer.alloc(0)]);
      const keyEnd = key?.length ?? 0;
      await format.prepareRead(topic, bytes, key ? 0 : -1, keyEnd, value ? keyEnd : -1, bytes.length);
      const row = format.readKey(topic, bytes, key ? 0 : -1, keyEnd);
      const keyRow = row.slice(0, k);
      if (value) format.readValue(topic, bytes, keyEnd, bytes.length, row);
      rows.push({ key: keyRow, row: value ? row.slice(0, columns) : null, timestamp });
    }
    return rows;
  }

  /** Rows of a store. */
  store(name: string): StoredRow[] {
    const global = this.globals.get(name);
    if (global) return [...global.store.scan()];
    for (const task of this.tasks) {
      const store = task.stores.get(name);
      if (store) return [...store.scan()];
    }
    throw new MillraceError("NOT_FOUND", `no store ${name}`);
  }

  private async settle(): Promise<void> {
    for (let again = true; again; ) {
      again = false;
      for (const task of this.tasks) {
        while (task.hasInput) {
          again = true;
          task.run(1, Number.POSITIVE_INFINITY);
          await task.waiting;
          task.waiting = undefined;
          this.commit(task);
        }
        this.commit(task);
      }
    }
  }

  private commit(task: StreamTask): void {
    task.flush();
    task.writeChangelogs();
    task.applyCommit();
    for (const [topic, builder] of this.builders) {
      if (builder.count === 0) continue;
      const { count } = builder;
      const batch = builder.finish();
      this.collect(topic, batch);
      if (this.inputs.has(topic)) this.feed(topic, batch, count);
    }
  }

  private collect(topic: string, batch: Buffer): void {
    const list = this.outputs.get(topic) ?? [];
    this.outputs.set(topic, list);
    const cursor = new RecordCursor();
    cursor.open(batch);
    const part = (start: number, end: number) => (start < 0 ? null : Buffer.from(cursor.bytes.subarray(start, end)));
    while (cursor.next())
      list.push({
        key: part(cursor.keyStart, cursor.keyEnd),
        value: part(cursor.valueStart, cursor.valueEnd),
        timestamp: cursor.timestamp,
        headers: readHeaders(cursor),
        sourceTime: readSourceTime(cursor),
      });
  }

  private async feedGlobal(topic: string, batch: Buffer): Promise<boolean> {
    let found = false;
    for (const { spec, store } of this.globals.values()) {
      if (spec.source.topic !== topic) continue;
      found = true;
      const cursor = new RecordCursor();
      cursor.open(batch);
      while (cursor.next()) {
        const { bytes, keyStart, keyEnd, valueStart, valueEnd } = cursor;
        await spec.source.format.prepareRead(topic, bytes, keyStart, keyEnd, valueStart, valueEnd);
        storeRecord(store, spec.source.format, topic, cursor, spec.source.timestampOf);
      }
      store.applyCommit();
    }
    return found && !this.inputs.has(topic);
  }

  private feed(topic: string, batch: Buffer, count: number): void {
    const inputs = this.inputs.get(topic);
    if (!inputs) throw new MillraceError("NOT_FOUND", `${topic} is not an input of the topology`);
    for (const input of inputs) {
      const copy = Buffer.from(batch);
      setBaseOffset(copy, input.offset);
      input.queue.add([copy], input.offset, input.offset + count);
      input.offset += count;
    }
  }

  private builder(topic: string): RecordBatchBuilder {
    let builder = this.builders.get(topic);
    if (!builder) this.builders.set(topic, (builder = new RecordBatchBuilder()));
    return builder;
  }

  private topicName(topic: string, internal: boolean): string {
    return internal ? `${this.applicationId}-${topic}` : topic;
  }

  private sourceOf(topic: string): SourceSpec {
    for (const task of this.tasks) for (const { spec } of task.sub.sources) if (spec.topic === topic) return spec;
    for (const { spec } of this.globals.values()) if (spec.source.topic === topic) return spec.source;
    throw new MillraceError("NOT_FOUND", `${topic} is not an input of the topology`);
  }

  private sinkFormat(topic: string): RecordFormat {
    for (const task of this.tasks) for (const { spec } of task.sub.sinks) if (spec.topic === topic) return spec.format;
    throw new MillraceError("NOT_FOUND", `${topic} is not an output of the topology`);
  }
}

function encode(write: (out: Buffer) => number): Buffer | null {
  for (let size = 256; ; size *= 2) {
    const out = Buffer.allocUnsafe(size);
    const end = write(out);
    if (end !== TOO_SHORT) return end < 0 ? null : out.subarray(0, end);
  }
}
