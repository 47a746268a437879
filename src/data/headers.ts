/** A Kafka record's header; keys repeat and order counts. */
export interface RecordHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

/**
 * Reserved header: the source's commit time, 8 bytes big-endian, microseconds since the epoch. Joins and aggregates keep the
 * latest of their inputs, so that lag is known at the sink. Not shown to users, not counted as a user's header.
 */
export const SOURCE_TIME_HEADER = "__mr.ts";
