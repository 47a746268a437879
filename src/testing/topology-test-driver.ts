import type { RecordHeader } from "../data/headers.js";
import { ByteWriter } from "../serde/byte-writer.js";
import type { OpenSerde, Serde } from "../serde/serde.js";
import type { StreamsBuilder } from "../streams/dsl/streams-builder.js";
import type { BadRecord } from "../streams/runtime/query.js";
import { TopologyTestDriver as RowDriver } from "../streams/test-driver.js";
import { MemoryRegistry } from "./memory-registry.js";

export interface TopologyTestDriverOptions {
  readonly applicationId?: string;
  /** ms since the epoch; the clock moves only by `advance` */
  readonly startTime?: number;
}

export interface TestSerdes<K, V> {
  readonly key: Serde<K>;
  readonly value: Serde<V>;
}

/** A topic that the topology reads. */
export interface TestInput<K, V> {
  /** Processes the record and all that it causes. @param timestamp ms; the driver's clock if absent */
  pipe(key: K | null, value: V | null, timestamp?: number, headers?: readonly RecordHeader[]): Promise<void>;
}

export interface TestRecord<K, V> {
  readonly key: K | null;
  readonly value: V | null;
  readonly timestamp: number;
  readonly headers: readonly RecordHeader[];
}

/** A topic that the topology writes. */
export interface TestOutput<K, V> {
  /** What was written since the last call. */
  read(): Promise<TestRecord<K, V>[]>;
  /** The same as pairs of key and value. */
  pairs(): Promise<(readonly [K | null, V | null])[]>;
}

/**
 * Runs a service's topology in a test: without brokers and without threads, on a clock that the test moves, with a commit behind every
 * record. What the topology's own functions throw, `pipe` throws.
 */
export class TopologyTestDriver {
  private readonly out = new ByteWriter(256);

  private constructor(
    private readonly driver: RowDriver,
    private readonly registry: MemoryRegistry,
  ) {}

  static async open(builder: StreamsBuilder, options: TopologyTestDriverOptions = {}): Promise<TopologyTestDriver> {
    const { topology, bind } = builder.build();
    const registry = new MemoryRegistry();
    await bind({ applicationId: options.applicationId ?? "test", services: { registry }, coalesce: false });
    return new TopologyTestDriver(new RowDriver(topology, options), registry);
  }

  /** Records that did not decode. */
  get setAside(): readonly BadRecord[] {
    return this.driver.badRecords;
  }

  input<K, V>(topic: string, serdes: TestSerdes<K, V>): TestInput<K, V> {
    const { key: keySerde, value: valueSerde } = this.open(topic, serdes);
    return {
      pipe: async (key, value, timestamp, headers = []) => {
        await keySerde.prepareWrite?.();
        await valueSerde.prepareWrite?.();
        const keyBytes = key === null ? null : this.encode(keySerde, key);
        const valueBytes = value === null ? null : this.encode(valueSerde, value);
        await this.driver.pipe(topic, keyBytes, valueBytes, timestamp, headers);
      },
    };
  }

  output<K, V>(topic: string, serdes: TestSerdes<K, V>): TestOutput<K, V> {
    const { key: keySerde, value: valueSerde } = this.open(topic, serdes);
    const read = async (): Promise<TestRecord<K, V>[]> => {
      const records: TestRecord<K, V>[] = [];
      for (const { key, value, timestamp, headers } of this.driver.read(topic))
        records.push({ key: await decode(keySerde, key), value: await decode(valueSerde, value), timestamp, headers });
      return records;
    };
    return { read, pairs: async () => (await read()).map(({ key, value }) => [key, value] as const) };
  }

  /** Moves the wall clock and lets punctuations that wait for it happen. */
  advance(ms: number): Promise<void> {
    return this.driver.advance(ms);
  }

  /** The entries of a store, in no order. Of windowed stores rows as they are kept: `[key, window start, value]`. */
  store<K, V>(name: string): Map<K, V> {
    return new Map(this.driver.store(name).map(({ row }) => [row[0] as K, row[1] as V]));
  }

  private open<K, V>(topic: string, serdes: TestSerdes<K, V>): { key: OpenSerde<K>; value: OpenSerde<V> } {
    const { registry } = this;
    return { key: serdes.key.open({ topic, isKey: true, registry }), value: serdes.value.open({ topic, isKey: false, registry }) };
  }

  private encode<T>(serde: OpenSerde<T>, value: T): Buffer {
    this.out.position = 0;
    serde.serialize(value, this.out);
    return this.out.take();
  }
}

async function decode<T>(serde: OpenSerde<T>, bytes: Buffer | null): Promise<T | null> {
  if (bytes === null) return null;
  await serde.prepareRead?.(bytes, 0, bytes.length);
  return serde.deserialize(bytes, 0, bytes.length);
}
