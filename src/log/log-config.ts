import type { Config, Setting } from "../common/config-def.js";

/** A topic's settings that its partition logs follow, by Kafka's names. -1 means no limit. */
export interface LogConfig {
  readonly segmentBytes: number;
  readonly segmentMs: number;
  readonly retentionMs: number;
  readonly retentionBytes: number;
  readonly compact: boolean;
  /** cleanup.policy holds "delete": retention applies */
  readonly delete: boolean;
  readonly minCleanableDirtyRatio: number;
  readonly minCompactionLagMs: number;
  readonly maxCompactionLagMs: number;
  readonly deleteRetentionMs: number;
  readonly maxMessageBytes: number;
  readonly timestampType: "CreateTime" | "LogAppendTime";
  readonly indexIntervalBytes: number;
  readonly segmentIndexBytes: number;
  readonly fileDeleteDelayMs: number;
}

const MAX = Number.MAX_SAFE_INTEGER;

/** Defaults are Kafka's, but for retention: a topic keeps everything until told otherwise. */
export const logSettings: readonly Setting[] = [
  {
    name: "cleanup.policy",
    type: "LIST",
    default: ["delete"],
    doc: "delete drops old segments by retention; compact keeps the latest record of each key; both may be given.",
    check: (v) => {
      const wrong = (v as readonly string[]).find((w) => w !== "delete" && w !== "compact");
      return wrong === undefined ? undefined : `String must be one of: compact, delete`;
    },
  },
  {
    name: "segment.bytes",
    type: "INT",
    default: 1073741824,
    min: 14,
    max: 2147483647,
    doc: "Size in bytes at which a new segment begins.",
  },
  {
    name: "segment.ms",
    type: "LONG",
    default: 604800000,
    min: 1,
    max: MAX,
    doc: "Age in ms at which a new segment begins even if not full.",
  },
  { name: "retention.ms", type: "LONG", default: -1, min: -1, max: MAX, doc: "How long records are kept in ms; -1 for ever." },
  { name: "retention.bytes", type: "LONG", default: -1, min: -1, max: MAX, doc: "How many bytes a partition keeps; -1 for no limit." },
  {
    name: "min.cleanable.dirty.ratio",
    type: "DOUBLE",
    default: 0.5,
    min: 0,
    max: 1,
    doc: "Share of not yet compacted bytes at which compaction begins.",
  },
  { name: "min.compaction.lag.ms", type: "LONG", default: 0, min: 0, max: MAX, doc: "How long in ms a record stays uncompacted at least." },
  {
    name: "max.compaction.lag.ms",
    type: "LONG",
    default: MAX,
    min: 1,
    max: MAX,
    doc: "How long in ms a record stays uncompacted at most.",
  },
  {
    name: "delete.retention.ms",
    type: "LONG",
    default: 86400000,
    min: 0,
    max: MAX,
    doc: "How long tombstones of a compacted topic are kept in ms.",
  },
  { name: "max.message.bytes", type: "INT", default: 1048588, min: 0, max: 2147483647, doc: "Largest record batch in bytes." },
  {
    name: "message.timestamp.type",
    type: "STRING",
    default: "CreateTime",
    values: ["CreateTime", "LogAppendTime"],
    doc: "Whether records keep their producer's time or get the time of the append.",
  },
  { name: "index.interval.bytes", type: "INT", default: 4096, min: 0, max: 2147483647, doc: "Bytes of log between two index entries." },
  {
    name: "segment.index.bytes",
    type: "INT",
    default: 10485760,
    min: 4,
    max: 2147483647,
    doc: "Size in bytes of the index at which a new segment begins.",
  },
  { name: "file.delete.delay.ms", type: "LONG", default: 60000, min: 0, max: MAX, doc: "Accepted; a deleted segment's file goes at once." },
];

/** @param config parsed with `logSettings` (further settings do not matter) */
export function logConfig(config: Config): LogConfig {
  const policy = config.list("cleanup.policy");
  return {
    segmentBytes: config.number("segment.bytes"),
    segmentMs: config.number("segment.ms"),
    retentionMs: config.number("retention.ms"),
    retentionBytes: config.number("retention.bytes"),
    compact: policy.includes("compact"),
    delete: policy.includes("delete"),
    minCleanableDirtyRatio: config.number("min.cleanable.dirty.ratio"),
    minCompactionLagMs: config.number("min.compaction.lag.ms"),
    maxCompactionLagMs: config.number("max.compaction.lag.ms"),
    deleteRetentionMs: config.number("delete.retention.ms"),
    maxMessageBytes: config.number("max.message.bytes"),
    timestampType: config.string("message.timestamp.type") as LogConfig["timestampType"],
    indexIntervalBytes: config.number("index.interval.bytes"),
    segmentIndexBytes: config.number("segment.index.bytes"),
    fileDeleteDelayMs: config.number("file.delete.delay.ms"),
  };
}
