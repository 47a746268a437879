import type { Broker } from "../../broker/api/broker.js";
import { current } from "../../broker/api/compacted-topic.js";
import { dataBatches, type PolledPartition } from "../../broker/api/reader.js";
import { formatTopicPartition, type TopicPartition } from "../../data/topic-partition.js";
import { RecordCursor } from "../../protocol/record-cursor.js";
import type { SinkRecord } from "../api/record.js";
import type { SinkRows } from "../api/sink.js";
import { type BadRecord, type ErrorPolicy, isRetriable } from "./error-policy.js";
import { SinkColumns } from "./sink-columns.js";
import type { DecodedRows, SinkDecoder } from "./sink-decoder.js";
import { type TransformChain, transformOf } from "./transform-chain.js";

interface Options {
  readonly broker: Broker;
  readonly decoder: SinkDecoder;
  readonly chain: TransformChain;
  readonly policy: ErrorPolicy;
  readonly signal: AbortSignal;
}

/** What a sink is given of one poll, in order. */
export type SinkItem = { readonly rows: SinkRows } | { readonly records: readonly SinkRecord[] };

/** From a topic's bytes to what a sink takes: decoded, transformed, by column where that can be. Bad records are refused one by one. */
export class SinkInput {
  private readonly columns: SinkColumns;
  /** Where a transformed record was read. */
  private readonly origins = new WeakMap<SinkRecord, SinkRecord>();
  /** by partition */
  private readonly finders = new Map<string, Finder>();
  /** Topics whose rows went as records: the next ones would, too. */
  private readonly asRecords = new Set<string>();

  constructor(private readonly options: Options) {
    this.columns = new SinkColumns(options.chain);
  }

  /** What is bad in it is set aside durably by the time it is returned. */
  async take(polled: PolledPartition, byColumn: boolean): Promise<SinkItem[]> {
    const { decoder, policy } = this.options;
    this.finders.set(formatTopicPartition(polled), new Finder(polled));
    const rows = byColumn && !this.asRecords.has(polled.topic) ? await decoder.rows(polled) : undefined;
    const items = rows ? await this.transformedRows(rows) : [await this.transformed(await decoder.records(polled))];
    await policy.settled(); // a target that keeps offsets itself passes over what is missing here
    return items;
  }

  private async transformedRows(runs: readonly DecodedRows[]): Promise<SinkItem[]> {
    const { chain } = this.options;
    if (chain.empty) return runs.map(({ rows }) => ({ rows }));
    const items: SinkItem[] = [];
    for (const run of runs) {
      const { rows } = run;
      const changed = this.columns.apply(run, (row) => this.remember(chain.apply(rows.record(row))!, rows.record(row)));
      if (changed === "drop") continue;
      if (changed) {
        items.push({ rows: changed });
        continue;
      }
      this.asRecords.add(rows.topic);
      items.push(await this.transformed(Array.from({ length: rows.count }, (_, r) => rows.record(r))));
    }
    return items;
  }

  private async transformed(read: readonly SinkRecord[]): Promise<SinkItem> {
    const { chain, policy, signal } = this.options;
    if (chain.empty) return { records: read };
    const records: SinkRecord[] = [];
    for (const record of read) {
      try {
        let changed: SinkRecord | null;
        try {
          changed = chain.apply(record);
        } catch (error) {
          if (!isRetriable(error)) throw error;
          changed = await policy.retried(() => chain.apply(record), signal, error);
        }
        if (changed !== null) records.push(this.remember(changed, record));
      } catch (error) {
        if (isRetriable(error)) throw error;
        await policy.refuse("transform", error, await this.rawOf(record), transformOf(error));
      }
    }
    return { records };
  }

  private remember(changed: SinkRecord, origin: SinkRecord): SinkRecord {
    const record = changed.topic === origin.topic ? changed : { ...changed, originalTopic: origin.topic };
    if (record !== origin) this.origins.set(record, origin);
    return record;
  }

  /** A record's bytes as they are in the topic, whatever the transforms have made of it. */
  async rawOf(record: SinkRecord): Promise<BadRecord> {
    const { topic, partition } = (this.origins.get(record) ?? record) satisfies TopicPartition;
    const { offset } = record;
    const near = this.finders.get(formatTopicPartition({ topic, partition }))?.find(offset);
    if (near) return near;
    const [result] = await this.options.broker.fetch({ partitions: [{ topic, partition, offset, maxBytes: 1 }], maxWaitMs: 0 });
    const cursor = new RecordCursor();
    for (const batch of result && !result.error ? dataBatches(result, offset, false).batches : []) {
      cursor.open(batch);
      while (cursor.next()) if (cursor.offset === offset) return { topic, ...current(cursor, partition) };
    }
    return gone(topic, partition, offset);
  }
}

/** Finds records by offset in what was polled last; asked for in ascending order it goes through them once. */
class Finder {
  private readonly cursor = new RecordCursor();
  private next = 0;
  private open = false;
  private last = -1;

  constructor(private readonly polled: PolledPartition) {}

  /** Copied: the entry may outlive the batch. */
  find(offset: number): BadRecord | undefined {
    const { topic, partition, batches } = this.polled;
    if (offset <= this.last) {
      this.next = 0;
      this.open = false;
    }
    this.last = offset;
    for (;;) {
      while (this.open && this.cursor.next()) if (this.cursor.offset === offset) return { topic, ...current(this.cursor, partition) };
      const batch = batches[this.next++];
      this.open = batch !== undefined;
      if (!batch) return undefined;
      this.cursor.open(batch);
    }
  }
}

function gone(topic: string, partition: number, offset: number): BadRecord {
  return { topic, partition, offset, key: null, value: null, headers: [], timestamp: -1 };
}
