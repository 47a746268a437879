import { type FileHandle, open } from "node:fs/promises";
import { ConfigDef } from "../../common/config-def.js";
import { MillraceError } from "../../common/errors.js";
import type { SinkRecord } from "../../connect/api/record.js";
import type { SinkConnector, SinkTask, SinkTaskContext } from "../../connect/api/sink.js";
import type { ConnectorConfig } from "../../connect/api/source.js";
import { javaText } from "../../data/java-text.js";
import { formatTopicPartition, type TopicPartition } from "../../data/topic-partition.js";

const config = new ConfigDef([
  {
    name: "file",
    type: "STRING",
    default: null,
    importance: "HIGH",
    doc: "Destination filename; the process's standard output if not set.",
  },
]);

/** Kafka's file sink: a line a record, its value as Java's toString gives it. */
export const fileStreamSink: SinkConnector = {
  type: "sink",
  classes: ["org.apache.kafka.connect.file.FileStreamSinkConnector"],
  version: "4.3.1",
  config,
  taskConfigs: (raw, maxTasks) => new Array<ConnectorConfig>(maxTasks).fill(raw),
  createTask: () => new FileSinkTask(),
};

/** Appends. A line is in the file before its offset is committed, so after a crash some may be there twice: at least once. */
class FileSinkTask implements SinkTask {
  private path: string | null = null;
  private handle: FileHandle | undefined;
  private readonly next = new Map<string, number>();

  async start(raw: ConnectorConfig, _context: SinkTaskContext): Promise<void> {
    this.path = config.parse(raw).optionalString("file");
    if (this.path !== null) this.handle = await open(this.path, "a").catch((cause) => this.failed(cause));
  }

  async open(_partitions: readonly TopicPartition[]): Promise<void> {}

  async put(records: readonly SinkRecord[]): Promise<void> {
    let text = "";
    for (const r of records) {
      text += `${javaText(r.value, r.valueSchema)}\n`;
      this.next.set(formatTopicPartition(r), r.offset + 1);
    }
    if (this.handle) await this.handle.appendFile(text).catch((cause) => this.failed(cause));
    else await new Promise<void>((resolve, reject) => process.stdout.write(text, (error) => (error ? reject(error) : resolve())));
  }

  async flush(): Promise<ReadonlyMap<string, number>> {
    const reached = new Map(this.next);
    // ahead of the offsets: they say that the lines are on the disk
    await this.handle?.datasync().catch((cause) => this.failed(cause));
    return reached;
  }

  async close(partitions: readonly TopicPartition[]): Promise<void> {
    for (const tp of partitions) this.next.delete(formatTopicPartition(tp));
  }

  async stop(): Promise<void> {
    await this.handle?.close();
    this.handle = undefined;
  }

  private failed(cause: Error): never {
    throw new MillraceError("TARGET_FAILED", `file: ${this.path} cannot be written: ${cause.message}`, { cause });
  }
}
