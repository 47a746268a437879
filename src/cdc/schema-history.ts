import { MillraceError } from "../common/errors.js";
import type { ConnectorTopic } from "../connect/api/source.js";

/** One record of a schema history, in Debezium's format. */
export interface HistoryRecord<Position> {
  readonly source: Readonly<Record<string, unknown>>;
  readonly position: Position;
  readonly ts_ms: number;
  readonly databaseName: string | null;
  readonly schemaName?: string | null;
  readonly ddl: string | null;
  readonly tableChanges?: readonly unknown[];
}

/** What to do about a history that cannot be used, behind what is wrong with it. */
const advice =
  "Set snapshot.mode=recovery for one start: it reads the tables' structures anew, which is right as long as no table was changed since the stored offset. Otherwise delete the connector's offsets and take a new snapshot";

export function historyError(topic: string, problem: string, cause?: unknown): MillraceError {
  return new MillraceError("SOURCE_FAILED", `The schema history (topic ${topic}) ${problem}. ${advice}`, {
    context: { setting: "schema.history.internal.kafka.topic", topic },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The structures of tables as they were at any place of a database's log: a topic of statements, read whole at each start. */
export class HistoryTopic<Position> {
  constructor(
    private readonly topic: ConnectorTopic,
    readonly name: string,
  ) {}

  async append(record: HistoryRecord<Position>): Promise<void> {
    await this.topic.append(null, JSON.stringify(record));
  }

  /**
   * The records from the last one on that stands for everything before it, in order; none where the topic is empty.
   * @param begins whether a record begins a new history
   * @throws SOURCE_FAILED where there is no such record and the topic's beginning is gone, or one that is needed is not of a history
   */
  async records(begins: (record: HistoryRecord<Position>) => boolean): Promise<HistoryRecord<Position>[]> {
    const stored = (await this.topic.readAll()).filter((r) => r.value !== null);
    const records: HistoryRecord<Position>[] = [];
    for (let i = stored.length - 1; i >= 0; i--) {
      const record = this.parse(stored[i]!.value!, stored[i]!.offset);
      records.push(record);
      if (begins(record)) return records.reverse();
    }
    const first = stored[0];
    if (first && first.offset > 0) throw historyError(this.name, `begins at offset ${first.offset}: what came before was deleted`);
    return records.reverse();
  }

  private parse(value: string, offset: number): HistoryRecord<Position> {
    let record: HistoryRecord<Position>;
    try {
      record = JSON.parse(value) as HistoryRecord<Position>;
    } catch (e) {
      throw historyError(this.name, `has at offset ${offset} a record that is not JSON`, e);
    }
    if (record === null || typeof record !== "object" || typeof record.position !== "object" || record.position === null)
      throw historyError(this.name, `has at offset ${offset} a record without a position`);
    return record;
  }
}
