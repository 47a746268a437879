import type { SourceOffset, SourceRecord } from "../connect/api/record.js";
import { Struct } from "../data/schema.js";
import { collectionSchema, heartbeatKey, heartbeatValue, transactionKey, transactionValue } from "./envelope.js";

/** Records that are no rows and that every connector has: one at a time, as structs. */
export class ConnectorRecords {
  constructor(
    protected readonly prefix: string,
    protected readonly topics: { readonly heartbeat: string; readonly transaction: string },
  ) {}

  protected record(topic: string, key: Struct, value: Struct, offset: SourceOffset, sourceTimeUs?: number): SourceRecord {
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
}
