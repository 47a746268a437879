import type { Broker, OffsetCommit } from "../../broker/api/broker.js";
import { MillraceError } from "../../common/errors.js";
import type { SinkConnector, SinkOffset } from "../api/sink.js";
import type { ConnectorConfig } from "../api/source.js";
import { type HostMap, resolveHost } from "./hosts.js";
import type { OffsetStore, PartitionOffset } from "./offset-store.js";
import type { ConnectorPlugin } from "./plugins.js";
import { groupOf } from "./sink-task.js";

/** As `/offsets` shows and takes them; a sink's are `{kafka_topic, kafka_partition}` and `{kafka_offset}`. */
export interface OffsetView {
  readonly partition: Readonly<Record<string, unknown>> | null;
  readonly offset: Readonly<Record<string, unknown>> | null;
}
export type AlteredOffset = OffsetView;

interface Options {
  readonly name: string;
  /** references resolved */
  readonly config: ConnectorConfig;
  readonly plugin: ConnectorPlugin;
  readonly broker: Broker;
  readonly store: OffsetStore;
  readonly hosts: HostMap;
}

/** The offsets of one connector, whatever its kind. */
export class ConnectorOffsets {
  constructor(private readonly options: Options) {}

  async list(): Promise<OffsetView[]> {
    const { name, plugin, store } = this.options;
    if (plugin.type === "source") return store.of(name);
    return (await this.committed()).map((o) => ({
      partition: { kafka_topic: o.topic, kafka_partition: o.partition },
      offset: { kafka_offset: o.offset },
    }));
  }

  /** Returns whether the connector had a say, beside Connect's own offsets. @throws DATA_INVALID */
  async alter(offsets: readonly AlteredOffset[]): Promise<boolean> {
    const { name, plugin, store } = this.options;
    if (plugin.type === "sink") {
      await this.alterSink(plugin, offsets.map(sinkOffset));
      return plugin.alterOffsets !== undefined;
    }
    const given = offsets.map(({ partition, offset }): PartitionOffset => {
      if (partition === null) throw invalid("The partition for a source connector offset cannot be null or missing");
      return { partition, offset };
    });
    plugin.checkOffsets?.(given);
    await store.write(name, given);
    return plugin.checkOffsets !== undefined;
  }

  /** As `alter`, with every offset forgotten. */
  async reset(): Promise<boolean> {
    const { name, plugin, store, broker, config } = this.options;
    if (plugin.type === "source") {
      await store.reset(name);
      return plugin.checkOffsets !== undefined;
    }
    await this.alterSink(
      plugin,
      (await this.committed()).map(({ topic, partition }) => ({ topic, partition, offset: null })),
    );
    await broker.deleteGroups([groupOf(name, config)]).catch((error) => {
      if ((error as MillraceError).code !== "NOT_FOUND") throw error;
    });
    return plugin.alterOffsets !== undefined;
  }

  private async committed(): Promise<OffsetCommit[]> {
    const { name, broker, config } = this.options;
    return (await broker.offsetFetch(groupOf(name, config))).filter((o) => o.offset >= 0);
  }

  private async alterSink(plugin: SinkConnector, offsets: readonly SinkOffset[]): Promise<void> {
    const { name, broker, config, hosts } = this.options;
    const found = await broker.describeTopics([...new Set(offsets.map((o) => o.topic))]);
    const ids = new Map(found.map((t) => [t.name, t.topicId]));
    // The target's own first: a crash in between leaves the group behind them, which is what the next start reads over.
    await plugin.alterOffsets?.(config, offsets, {
      connector: name,
      clusterId: broker.clusterId,
      resolveHost: (host, port) => resolveHost(hosts, host, port),
      topicId: (topic) => ids.get(topic) ?? "",
    });
    const group = groupOf(name, config);
    const kept = offsets.filter((o): o is SinkOffset & { offset: number } => o.offset !== null);
    if (kept.length) await broker.offsetCommit(group, kept);
    const dropped = offsets.filter((o) => o.offset === null);
    if (dropped.length) await broker.offsetDelete(group, dropped);
  }
}

function sinkOffset({ partition: where, offset: given }: AlteredOffset): SinkOffset {
  if (where === null) throw invalid("The partition for a sink connector offset cannot be null or missing");
  if (!("kafka_topic" in where && "kafka_partition" in where))
    throw invalid("The partition for a sink connector offset must contain the keys 'kafka_topic' and 'kafka_partition'");
  if (where["kafka_topic"] === null) throw invalid("Kafka topic names must be valid strings and may not be null");
  if (where["kafka_partition"] === null) throw invalid("Kafka partitions must be valid numbers and may not be null");
  const partition = whole(where["kafka_partition"]);
  if (partition === undefined)
    throw invalid(
      `Failed to parse the following Kafka partition value in the provided offsets: '${where["kafka_partition"]}'. Partition values for sink connectors need to be integers.`,
    );
  const topic = String(where["kafka_topic"]);
  if (given === null) return { topic, partition, offset: null };
  if (!("kafka_offset" in given)) throw invalid("The offset for a sink connector should either be null or contain the key 'kafka_offset'");
  const offset = whole(given["kafka_offset"]);
  if (offset === undefined)
    throw invalid(
      `Failed to parse the following Kafka offset value in the provided offsets: '${given["kafka_offset"]}'. Offset values for sink connectors need to be integers.`,
    );
  return { topic, partition, offset };
}

function whole(value: unknown): number | undefined {
  const n = typeof value === "number" ? value : /^\d+$/.test(String(value)) ? Number(value) : Number.NaN;
  return Number.isSafeInteger(n) && n >= 0 ? n : undefined;
}

function invalid(message: string): MillraceError {
  return new MillraceError("DATA_INVALID", message);
}
