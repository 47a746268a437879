import { MillraceError } from "../common/errors.js";
import type { SourceOffset, SourcePartition } from "../connect/api/record.js";
import type { ConnectorConfig } from "../connect/api/source.js";

/** A truncate event has no key, which a compacted topic refuses: where they are sent, topics keep everything instead. */
export function keptTopics(config: ConnectorConfig): ConnectorConfig {
  const skipped = (config["skipped.operations"] ?? "t").split(",").map((s) => s.trim());
  if (skipped.includes("t")) return {};
  const at = "topic.creation.default.";
  return { [`${at}cleanup.policy`]: "delete", [`${at}retention.ms`]: "-1", [`${at}retention.bytes`]: "-1" };
}

/** For PATCH /offsets. @param read throws what is wrong with an offset @throws CONFIG_INVALID */
export function checkOffsets(
  offsets: readonly { partition: SourcePartition; offset: SourceOffset | null }[],
  read: (offset: SourceOffset) => unknown,
): void {
  for (const { partition, offset } of offsets) {
    if (typeof partition["server"] !== "string")
      throw new MillraceError("CONFIG_INVALID", 'A partition of this connector is {"server": "<topic.prefix>"}');
    if (offset) read(offset);
  }
}
