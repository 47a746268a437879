import {
  collectionSchema,
  heartbeatKey,
  heartbeatValue,
  optionalInt64,
  optionalString,
  transactionBlock,
  transactionKey,
  transactionValue,
} from "../../cdc/envelope.js";
import type { SourceOffset, SourceRecord } from "../../connect/api/record.js";
import { primitive, Struct, structOf, type Value } from "../../data/schema.js";
import { sourceSchema, sourceVersion } from "./source-block.js";
import type { StreamPosition } from "./stream-decoder.js";

/** Records that are no rows: one at a time, as structs. */
const messageKey = structOf([["prefix", optionalString]], { name: "io.debezium.connector.postgresql.MessageKey", version: 1 });
const messageBody = structOf(
  [
    ["prefix", optionalString],
    ["content", primitive("bytes", { optional: true })],
  ],
  { name: "io.debezium.connector.postgresql.Message", version: 1 },
);
const messageValue = structOf(
  [
    ["op", primitive("string")],
    ["ts_ms", optionalInt64],
    ["source", sourceSchema],
    ["transaction", transactionBlock],
    ["message", messageBody],
  ],
  { name: "io.debezium.connector.postgresql.MessageValue", version: 1 },
);

/** What a transaction's END record counts logical messages under. */
export const messageCollection = "io.debezium.connector.postgresql.LogicalDecodingMessageMonitor$LogicalDecodingMessageId";

export class StreamRecords {
  constructor(
    private readonly prefix: string,
    private readonly db: string,
    private readonly topics: { heartbeat: string; transaction: string; message: string },
  ) {}

  private record(topic: string, key: Struct, value: Struct, offset: SourceOffset, sourceTimeUs?: number): SourceRecord {
    return {
      topic,
      partition: null,
      keySchema: key.schema,
      key,
      valueSchema: value.schema,
      value,
      timestamp: null,
      headers: [],
      sourcePartition: { server: this.prefix },
      sourceOffset: offset,
      ...(sourceTimeUs === undefined ? {} : { sourceTimeUs }),
    };
  }

  heartbeat(now: number, offset: SourceOffset): SourceRecord {
    return this.record(this.topics.heartbeat, new Struct(heartbeatKey, [this.prefix]), new Struct(heartbeatValue, [now]), offset);
  }

  transactionBegin(id: string, tsMs: number, offset: SourceOffset): SourceRecord {
    return this.record(
      this.topics.transaction,
      new Struct(transactionKey, [id]),
      new Struct(transactionValue, ["BEGIN", id, null, null, tsMs]),
      offset,
    );
  }

  transactionEnd(id: string, tsMs: number, count: number, collections: readonly [string, number][], offset: SourceOffset): SourceRecord {
    const list = collections.map(([name, n]) => new Struct(collectionSchema, [name, n]));
    return this.record(
      this.topics.transaction,
      new Struct(transactionKey, [id]),
      new Struct(transactionValue, ["END", id, count, list, tsMs]),
      offset,
    );
  }

  message(
    transactional: boolean,
    prefix: string,
    content: Buffer,
    lsn: number,
    position: StreamPosition,
    transaction: Value,
    offset: SourceOffset,
  ): SourceRecord {
    const last = position.commitLsn === 0 ? "null" : `"${position.commitLsn}"`;
    const us = position.tsUs;
    const source = new Struct(sourceSchema, [
      sourceVersion,
      "postgresql",
      this.prefix,
      Math.floor(us / 1000),
      "false",
      this.db,
      `[${last},"${lsn}"]`,
      us,
      bigNanos(us),
      "",
      "",
      transactional ? position.txId : null,
      lsn,
      null,
      null,
      null,
    ]);
    const value = new Struct(messageValue, ["m", Date.now(), source, transaction, new Struct(messageBody, [prefix, Buffer.from(content)])]);
    return this.record(this.topics.message, new Struct(messageKey, [prefix]), value, offset, us);
  }
}

function bigNanos(us: number): number | bigint {
  const ns = BigInt(us) * 1000n;
  return ns <= 9007199254740991n ? Number(ns) : ns;
}
