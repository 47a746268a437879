import { ConfigDef } from "../../src/common/config-def.js";
import { MillraceError } from "../../src/common/errors.js";
import type { SinkRecord } from "../../src/connect/api/record.js";
import type { RecordShape, RowChunk } from "../../src/connect/api/shape.js";
import type { SinkConnector, SinkRows, SinkTask, SinkTaskContext } from "../../src/connect/api/sink.js";
import type { SourceConnector, SourceItem, SourceTask, SourceTaskContext } from "../../src/connect/api/source.js";
import { primitive, structOf } from "../../src/data/schema.js";
import { formatTopicPartition, type TopicPartition } from "../../src/data/topic-partition.js";

/** A source that counts: rows `{id, name}` with key `{id}` from the stored offset to `count`, as records or as chunks. */
const int32 = primitive("int32");
const text = primitive("string");
export const countKey = structOf([["id", int32]], { name: "count.Key" });
export const countValue = structOf(
  [
    ["id", int32],
    ["name", text],
  ],
  { name: "count.Value" },
);
const partition = { source: "count" };

export class CountingSource implements SourceConnector {
  readonly type = "source" as const;
  readonly classes = ["test.CountingSourceConnector"];
  readonly version = "1.0";
  readonly config = new ConfigDef([
    { name: "topic", type: "STRING", importance: "HIGH", doc: "Where the rows go." },
    { name: "count", type: "INT", default: 10, min: 0, doc: "How many rows." },
    { name: "batch", type: "INT", default: 10, min: 1, doc: "Rows a poll." },
    { name: "as", type: "STRING", default: "records", values: ["records", "chunks"], doc: "How rows are given." },
    { name: "password", type: "PASSWORD", default: null, doc: "A secret." },
    { name: "fail.at", type: "INT", default: -1, doc: "Where polling fails in passing, once." },
  ]);
  readonly committed: unknown[] = [];
  readonly seenPasswords: (string | null)[] = [];
  failures = 0;

  taskConfigs(config: Readonly<Record<string, string>>) {
    return [config];
  }

  createTask(): SourceTask {
    const owner = this;
    let at = 0;
    let settings!: ReturnType<ConfigDef["parse"]>;
    let context!: SourceTaskContext;
    let shape!: RecordShape;
    return {
      async start(config, ctx) {
        settings = owner.config.parse(config);
        context = ctx;
        owner.seenPasswords.push(settings.optionalString("password"));
        at = Number(ctx.offset(partition)?.["at"] ?? 0);
        shape = countShape(settings.string("topic"));
      },
      async poll(): Promise<readonly SourceItem[]> {
        const end = Math.min(at + settings.number("batch"), settings.number("count"));
        const failAt = settings.number("fail.at");
        if (failAt >= at && failAt < end && owner.failures++ === 0)
          throw new MillraceError("SOURCE_RETRIABLE", "the source is away for a moment");
        if (at >= end) {
          await context.clock.sleep(20, context.signal).catch(() => undefined);
          return [];
        }
        const from = at;
        at = end;
        if (settings.string("as") === "chunks") return [countChunk(shape, from, end)];
        return Array.from({ length: end - from }, (_, i) => {
          const id = from + i;
          return {
            topic: settings.string("topic"),
            partition: null,
            keySchema: countKey,
            key: struct(countKey, [id]),
            valueSchema: countValue,
            value: struct(countValue, [id, `row ${id}`]),
            timestamp: 1_700_000_000_000 + id,
            headers: [],
            sourcePartition: partition,
            sourceOffset: { at: id + 1 },
            sourceTimeUs: Date.now() * 1000,
          };
        });
      },
      committed(offsets) {
        owner.committed.push(...offsets);
      },
      async stop() {},
    };
  }
}

import { type Schema, Struct, type Value } from "../../src/data/schema.js";

const struct = (schema: Schema, values: Value[]) => new Struct(schema, values);

const int = (column: number) =>
  ({
    kind: "column",
    schema: int32,
    column,
    text: { as: "int" },
    decode: (b: Buffer, s: number, e: number) => Number(b.toString("latin1", s, e)),
  }) as const;
const utf8 = (column: number) =>
  ({
    kind: "column",
    schema: text,
    column,
    text: { as: "utf8" },
    decode: (b: Buffer, s: number, e: number) => b.toString("utf8", s, e),
  }) as const;

export function countShape(topic: string): RecordShape {
  return {
    topic,
    key: { kind: "struct", schema: countKey, fields: [int(0)] },
    value: { kind: "struct", schema: countValue, fields: [int(0), utf8(1)] },
    headers: [],
    timestampSlot: 0,
    sourceTimeSlot: 1,
    columnCount: 2,
    slotCount: 2,
  };
}

export function countChunk(shape: RecordShape, from: number, end: number): RowChunk {
  const count = end - from;
  const offsets = new Int32Array(count * 4);
  const slots = new Float64Array(count * 2);
  let all = "";
  for (let i = 0; i < count; i++) {
    const id = String(from + i);
    const name = `row ${from + i}`;
    offsets.set([all.length, all.length + id.length, all.length + id.length, all.length + id.length + name.length], i * 4);
    slots[i * 2] = 1_700_000_000_000 + from + i;
    slots[i * 2 + 1] = Date.now() * 1000;
    all += id + name;
  }
  return { shape, count, buffer: Buffer.from(all), offsets, slots, sourcePartition: partition, sourceOffset: { at: end } };
}

/** A sink that keeps what it is given. Refuses values listed in `refuse` and fails in passing `failures` times. */
export class CollectingSink implements SinkConnector {
  readonly type = "sink" as const;
  readonly classes = ["test.CollectingSinkConnector"];
  readonly version = "1.0";
  readonly config = new ConfigDef([{ name: "rows", type: "BOOLEAN", default: false, doc: "Whether to take rows by column." }]);
  readonly records: SinkRecord[] = [];
  readonly batches: SinkRows[] = [];
  refuse: (record: SinkRecord) => boolean = () => false;
  failures = 0;
  flushes = 0;

  taskConfigs(config: Readonly<Record<string, string>>, max: number) {
    return Array.from({ length: max }, () => config);
  }

  createTask(): SinkTask {
    const owner = this;
    let context!: SinkTaskContext;
    const next = new Map<string, number>();
    const take = async (records: readonly SinkRecord[]) => {
      if (owner.failures > 0) {
        owner.failures--;
        throw new MillraceError("TARGET_RETRIABLE", "the target is away for a moment");
      }
      for (const r of records) {
        if (owner.refuse(r)) await context.reportError(r, new MillraceError("RECORD_REFUSED", "the target does not want it"));
        else owner.records.push(r);
        next.set(formatTopicPartition(r), r.offset + 1);
      }
    };
    const task: SinkTask = {
      async start(config, ctx) {
        context = ctx;
        if (config["rows"] !== "true") delete task.putRows;
      },
      async open(_partitions: readonly TopicPartition[]) {},
      put: take,
      async putRows(rows) {
        owner.batches.push(rows);
        await take(Array.from({ length: rows.count }, (_, i) => rows.record(i)));
      },
      async flush() {
        owner.flushes++;
        return new Map(next);
      },
      async close() {},
      async stop() {},
    };
    return task;
  }
}
