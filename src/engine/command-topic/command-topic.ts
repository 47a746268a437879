import type { Broker } from "../../broker/api/broker.js";
import { readToEnd } from "../../broker/api/reader.js";
import { MillraceError } from "../../common/errors.js";
import type { Clock } from "../../common/time.js";
import { RecordBatchBuilder } from "../../protocol/record-batch-builder.js";
import { RecordCursor } from "../../protocol/record-cursor.js";
import { COMMAND_VERSION, type PlannedCommand } from "../../sql/plan/command.js";

export interface StoredCommand {
  readonly offset: number;
  /** as `stream/`X`/create` */
  readonly commandId: string;
  readonly command: PlannedCommand;
}

/**
 * Every executed DDL and DML statement with its plan, in order, on a topic of one partition that keeps everything. Its
 * offsets are the commands' sequence numbers. This process is its one writer.
 */
export class CommandTopic {
  private constructor(
    private readonly broker: Broker,
    readonly name: string,
    private readonly clock: Clock,
    private next: number,
  ) {}

  /**
   * Opens or creates the topic and hands over what stands in it.
   * @throws DATA_FOLDER_VERSION where a command is of a version that this build does not know
   */
  static async open(broker: Broker, name: string, clock: Clock): Promise<{ topic: CommandTopic; commands: StoredCommand[] }> {
    const [there] = await broker.describeTopics([name]);
    if (!there) {
      const configs = { "cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1" };
      const [result] = await broker.createTopics([{ name, partitions: 1, replicationFactor: 1, configs }]);
      if (result?.error) throw result.error;
    }
    const commands: StoredCommand[] = [];
    const cursor = new RecordCursor();
    const [end = 0] = await readToEnd(broker, name, "read_committed", (batch, _partition, from) => {
      cursor.open(batch);
      while (cursor.next()) {
        if (cursor.offset < from || cursor.valueStart < 0) continue;
        const command = JSON.parse(cursor.bytes.toString("utf8", cursor.valueStart, cursor.valueEnd)) as PlannedCommand;
        if (command.version !== COMMAND_VERSION)
          throw new MillraceError(
            "DATA_FOLDER_VERSION",
            `${name}: command ${cursor.offset} is of version ${String(command.version)}, this build knows ${COMMAND_VERSION}`,
          );
        commands.push({ offset: cursor.offset, commandId: cursor.bytes.toString("utf8", cursor.keyStart, cursor.keyEnd), command });
      }
    });
    return { topic: new CommandTopic(broker, name, clock, end), commands };
  }

  /** The offset that the next command gets. */
  get nextOffset(): number {
    return this.next;
  }

  /** Resolves with the command's offset once it is on disk: what is executed afterwards will be found by a restart. */
  async append(commandId: string, command: PlannedCommand): Promise<number> {
    const builder = new RecordBatchBuilder(4096);
    builder.append(this.clock.now(), Buffer.from(commandId), Buffer.from(JSON.stringify(command)));
    const [result] = await this.broker.produce({ acks: "all", batches: [{ topic: this.name, partition: 0, batch: builder.finish() }] });
    if (result!.error) throw result!.error;
    this.next = result!.baseOffset + 1;
    return result!.baseOffset;
  }
}

export function commandIdOf(command: PlannedCommand): string {
  switch (command.command) {
    case "create-source":
    case "create-as":
      return `${command.source.kind}/\`${command.source.name}\`/create`;
    case "alter-source":
      return `${command.source.kind}/\`${command.source.name}\`/alter`;
    case "drop-source":
      return `${command.kind}/\`${command.name}\`/drop`;
    case "insert-into":
      return `stream/\`${command.plan.queryId}\`/create`;
    case "register-type":
      return `type/${command.name}/create`;
    case "drop-type":
      return `type/${command.name}/drop`;
    case "alter-system":
      return `alterSystem/${command.name}/execute`;
    default:
      return `${command.command}/${command.queryId ?? "ALL"}/execute`;
  }
}
