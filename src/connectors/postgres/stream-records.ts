import { ConnectorRecords } from "../../cdc/connector-records.js";
import { optionalInt64, optionalString, transactionBlock } from "../../cdc/envelope.js";
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

export class StreamRecords extends ConnectorRecords {
  constructor(
    prefix: string,
    private readonly db: string,
    private readonly named: { readonly heartbeat: string; readonly transaction: string; readonly message: string },
  ) {
    super(prefix, named);
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
    return this.record(this.named.message, new Struct(messageKey, [prefix]), value, offset, us);
  }
}

function bigNanos(us: number): number | bigint {
  const ns = BigInt(us) * 1000n;
  return ns <= 9007199254740991n ? Number(ns) : ns;
}
