import type { Broker, ProduceResult } from "../../broker/api/broker.js";
import type { RecordHeader } from "../../data/headers.js";
import { RecordBatchBuilder } from "../../protocol/record-batch-builder.js";

/** A batch is closed once it holds this many bytes; a little of what brokers take by default. */
const batchBytes = 512 * 1024;
const idle: RecordBatchBuilder[] = [];

/** The records of one request: added one after another, then produced together, a batch or more a partition. */
export class RequestBatches {
  private readonly open: (RecordBatchBuilder | undefined)[] = [];
  private readonly closed: { partition: number; batch: Buffer }[] = [];
  /** per record: its partition and its place in that partition's records */
  private readonly partitions: number[] = [];
  private readonly places: number[] = [];
  private readonly counts: number[] = [];

  constructor(
    private readonly topic: string,
    private readonly timestamp: number,
  ) {}

  add(
    partition: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    timestamp = this.timestamp,
    headers?: readonly RecordHeader[],
  ): void {
    let builder = this.open[partition];
    if (builder === undefined) this.open[partition] = builder = idle.pop() ?? new RecordBatchBuilder(4096);
    else if (builder.size >= batchBytes) this.closed.push({ partition, batch: builder.finish() });
    builder.append(timestamp, key, value, headers);
    this.partitions.push(partition);
    this.places.push((this.counts[partition] = (this.counts[partition] ?? 0) + 1) - 1);
  }

  /** Forgets everything: the request failed. */
  discard(): void {
    for (const builder of this.open) if (builder) giveBack(builder);
    this.open.length = 0;
  }

  /** Resolves when all is on disk, with the answer to each record in the order in which they were added. */
  async produce(broker: Broker): Promise<RecordAnswer[]> {
    const { topic } = this;
    const batches = this.closed.map(({ partition, batch }) => ({ topic, partition, batch }));
    this.open.forEach((builder, partition) => {
      if (builder) batches.push({ topic, partition, batch: builder.finish() });
    });
    this.discard();
    const results = await broker.produce({ acks: "all", batches });
    // a partition's batches, in order, with the number of records ahead of each
    const byPartition: { from: number; result: ProduceResult }[][] = [];
    results.forEach((result, i) => {
      const list = (byPartition[result.partition] ??= []);
      const last = list[list.length - 1];
      list.push({ from: last === undefined ? 0 : last.from + recordCountOf(batches, i, result.partition), result });
    });
    return this.partitions.map((partition, i) => {
      const place = this.places[i]!;
      const list = byPartition[partition]!;
      let at = list.length - 1;
      while (list[at]!.from > place) at--;
      const { from, result } = list[at]!;
      return { partition, offset: result.baseOffset + place - from, result };
    });
  }
}

export interface RecordAnswer {
  readonly partition: number;
  /** Meaningless where the result has an error. */
  readonly offset: number;
  readonly result: ProduceResult;
}

/** Records of the batch of this partition that stands before batch i. */
function recordCountOf(batches: readonly { partition: number; batch: Buffer }[], i: number, partition: number): number {
  for (i--; i >= 0; i--) if (batches[i]!.partition === partition) return batches[i]!.batch.readInt32BE(57);
  return 0;
}

function giveBack(builder: RecordBatchBuilder): void {
  builder.reset();
  if (idle.length < 64 && builder.buffer.length <= 2 * batchBytes) idle.push(builder);
}
