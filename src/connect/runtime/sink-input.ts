import type { Broker } from "../../broker/api/broker.js";
import { current } from "../../broker/api/compacted-topic.js";
import { dataBatches, type PolledPartition } from "../../broker/api/reader.js";
import type { TopicPartition } from "../../data/topic-partition.js";
import { RecordCursor } from "../../protocol/record-cursor.js";
import type { SinkRecord } from "../api/record.js";
import type { SinkRows } from "../api/sink.js";
import { type BadRecord, type ErrorPolicy, isRetriable } from "./error-policy.js";
import { SinkColumns } from "./sink-columns.js";
import { type DecodedRows, raw, type SinkDecoder } from "./sink-decoder.js";
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
  /** Topics whose rows went as records: the next ones would, too. */
  private readonly asRecords = new Set<string>();

  constructor(private readonly options: Options) {
    this.columns = new SinkColumns(options.chain);
  }

  /** What is bad in it is set aside durably by the time it is returned. */
  async take(polled: PolledPartition, byColumn: boolean): Promise<SinkItem[]> {
    const { decoder, policy } = this.options;
    const rows = byColumn && !this.asRecords.has(polled.topic) ? await decoder.rows(polled) : undefined;
    const items = rows ? await this.transformedRows(rows, polled) : [await this.transformed(await decoder.records(polled), polled)];
    await policy.settled(); // a target that keeps offsets itself passes over what is missing here
    return items;
  }

  private async transformedRows(runs: readonly DecodedRows[], polled: PolledPartition): Promise<SinkItem[]> {
    const { chain } = this.options;
    if (chain.empty) return runs.map((rows) => ({ rows }));
    const items: SinkItem[] = [];
    for (const rows of runs) {
      const changed = this.columns.apply(rows);
      if (changed === "drop") continue;
      if (changed) {
        const record = (row: number): SinkRecord => this.remember(chain.apply(rows.record(row))!, rows.record(row));
        items.push({ rows: { ...changed, record } });
        continue;
      }
      this.asRecords.add(rows.topic);
      items.push(
        await this.transformed(
          Array.from({ length: rows.count }, (_, r) => rows.record(r)),
          polled,
        ),
      );
    }
    return items;
  }

  private async transformed(read: readonly SinkRecord[], polled: PolledPartition): Promise<SinkItem> {
    const { chain, policy, signal } = this.options;
    if (chain.empty) return { records: read };
    const records: SinkRecord[] = [];
    const find = finder(polled);
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
        await policy.refuse("transform", error, find(record.offset), transformOf(error));
      }
    }
    return { records };
  }

  private remember(changed: SinkRecord, origin: SinkRecord): SinkRecord {
    if (changed !== origin) this.origins.set(changed, origin);
    return changed;
  }

  /** A record's bytes as they are in the topic, whatever the transforms have made of it. */
  async rawOf(record: SinkRecord): Promise<BadRecord> {
    const { topic, partition } = (this.origins.get(record) ?? record) satisfies TopicPartition;
    const { offset } = record;
    const [result] = await this.options.broker.fetch({ partitions: [{ topic, partition, offset, maxBytes: 1 }], maxWaitMs: 0 });
    const cursor = new RecordCursor();
    for (const batch of result && !result.error ? dataBatches(result, offset, false).batches : []) {
      cursor.open(batch);
      while (cursor.next()) if (cursor.offset === offset) return { topic, ...current(cursor, partition) };
    }
    return { topic, partition, offset, key: null, value: null, headers: [], timestamp: -1 };
  }
}

/** Finds records in what was polled by their offsets, asked for in ascending order. */
function finder(polled: PolledPartition): (offset: number) => BadRecord {
  const { topic, partition, batches } = polled;
  const cursor = new RecordCursor();
  let next = 0;
  let open = false;
  return (offset) => {
    for (;;) {
      while (open && cursor.next()) if (cursor.offset === offset) return raw(topic, partition, cursor);
      const batch = batches[next++];
      if (!batch) return { topic, partition, offset, key: null, value: null, headers: [], timestamp: -1 };
      cursor.open(batch);
      open = true;
    }
  };
}
