import type { Broker, OffsetCommit } from "../../broker/api/broker.js";
import { MillraceError } from "../../common/errors.js";
import type { SinkConnector, SinkOffset } from "../api/sink.js";
import type { ConnectorConfig } from "../api/source.js";
import { type HostMap, resolveHost } from "./hosts.js";
import type { OffsetStore, PartitionOffset } from "./offset-store.js";
import type { ConnectorPlugin } from "./plugins.js";
import { groupOf } from "./sink-task.js";

/** As `/offsets` shows them; a sink's are `{kafka_topic, kafka_partition}` and `{kafka_offset}`. */
export interface OffsetView {
  readonly partition: Readonly<Record<string, unknown>>;
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

  /** @throws CONFIG_INVALID */
  async alter(offsets: readonly AlteredOffset[]): Promise<void> {
    const { name, plugin, store } = this.options;
    if (offsets.length === 0)
      throw new MillraceError("CONFIG_INVALID", "Partitions / offsets need to be provided for an alter offsets request");
    if (plugin.type === "source") {
      plugin.checkOffsets?.(offsets);
      await store.write(name, offsets as readonly PartitionOffset[]);
    } else await this.alterSink(plugin, offsets.map(sinkOffset));
  }

  async reset(): Promise<void> {
    const { name, plugin, store, broker, config } = this.options;
    if (plugin.type === "source") {
      await store.reset(name);
      return;
    }
    await this.alterSink(
      plugin,
      (await this.committed()).map(({ topic, partition }) => ({ topic, partition, offset: null })),
    );
    await broker.deleteGroups([groupOf(name, config)]).catch((error) => {
      if ((error as MillraceError).code !== "NOT_FOUND") throw error;
    });
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

function sinkOffset(o: AlteredOffset): SinkOffset {
  const topic = o.partition["kafka_topic"];
  const partition = Number(o.partition["kafka_partition"]);
  const offset = o.offset === null ? null : Number(o.offset["kafka_offset"]);
  if (typeof topic !== "string" || topic === "")
    throw new MillraceError("CONFIG_INVALID", "The partition for a sink connector offset must contain the key 'kafka_topic'");
  if (!Number.isSafeInteger(partition) || partition < 0)
    throw new MillraceError(
      "CONFIG_INVALID",
      `Failed to parse the following Kafka partition value in the provided offsets: '${o.partition["kafka_partition"]}'`,
    );
  if (offset !== null && (!Number.isSafeInteger(offset) || offset < 0))
    throw new MillraceError(
      "CONFIG_INVALID",
      `Failed to parse the following Kafka offset value in the provided offsets: '${o.offset?.["kafka_offset"]}'`,
    );
  return { topic, partition, offset };
}
