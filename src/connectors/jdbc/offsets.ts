import { createSchema, makeOnce } from "./define.js";
import type { Dialect, Session } from "./dialect.js";
import { quoteName, splitName } from "./table-name.js";

/**
 * The consumed offsets in the target: one row a connector, cluster, topic id, partition and lane, moved in the same
 * transaction as the rows. `next_offset` -1: nothing yet.
 */
export interface LanePosition {
  readonly lane: number;
  readonly nextOffset: number;
  readonly epoch: number;
}

export interface OffsetsKey {
  readonly connector: string;
  readonly clusterId: string;
  readonly topicId: string;
  readonly topic: string;
  readonly partition: number;
}

type Id = Omit<OffsetsKey, "topic">;

export class OffsetsTable {
  readonly quoted: string;
  private readonly name;

  constructor(
    private readonly dialect: Dialect,
    name: string,
  ) {
    this.name = splitName(name);
    this.quoted = quoteName(dialect, this.name);
  }

  async create(session: Session): Promise<void> {
    const { dialect, name, quoted } = this;
    const create = async () => {
      if (name.schema !== null) await createSchema(dialect, session, name.schema);
      await session.query(dialect.createOffsetsTable(quoted));
    };
    // no right to create is needed where an administrator made it
    await makeOnce(dialect, create, () => session.readTable(name, quoted));
  }

  /**
   * Takes the rows over: a higher epoch fences whoever had them. Rows that are there keep their number of lanes, because the
   * rows of a lane are told by the hash of their key modulo that number.
   */
  async claim(session: Session, key: OffsetsKey, lanes: number): Promise<LanePosition[]> {
    const { dialect } = this;
    const there = await session.query(`SELECT lane FROM ${this.quoted} WHERE ${this.where(key)}`);
    if (there.length === 0) {
      const { connector, clusterId, topicId, topic } = key;
      const id = [connector, clusterId, topicId, topic].map((text) => dialect.literal(text)).join(", ");
      const rows = Array.from({ length: lanes }, (_, lane) => `(${id}, ${key.partition}, ${lane}, -1, 0)`);
      await session.query(
        `INSERT INTO ${this.quoted} (connector, cluster_id, topic_id, topic, ${this.partition}, lane, next_offset, epoch) VALUES ${rows.join(", ")} ${dialect.keepExisting}`,
      );
    }
    // the epochs that are read must be the ones this task has set: two that claim at once may not see each other's as their own
    await session.query("BEGIN");
    try {
      await session.query(`UPDATE ${this.quoted} SET epoch = epoch + 1 WHERE ${this.where(key)}`);
      const rows = await session.query(`SELECT lane, next_offset, epoch FROM ${this.quoted} WHERE ${this.where(key)} ORDER BY lane`);
      await session.query("COMMIT");
      return rows.map(position);
    } catch (error) {
      await session.query("ROLLBACK").catch(() => {});
      throw error;
    }
  }

  async read(session: Session, key: OffsetsKey, lane: number): Promise<LanePosition | undefined> {
    const rows = await session.query(`SELECT lane, next_offset, epoch FROM ${this.quoted} WHERE ${this.where(key)} AND lane = ${lane}`);
    return rows.map(position)[0];
  }

  /** Moves the rows of a connector that is stopped, as `/offsets` of the REST asks; null forgets them. */
  async alter(session: Session, key: Id, offset: number | null): Promise<void> {
    await session.query(
      offset === null
        ? `DELETE FROM ${this.quoted} WHERE ${this.where(key)}`
        : `UPDATE ${this.quoted} SET next_offset = ${offset}, epoch = epoch + 1 WHERE ${this.where(key)}`,
    );
  }

  where(key: Id): string {
    const text = (value: string) => this.dialect.literal(value);
    return `connector = ${text(key.connector)} AND cluster_id = ${text(key.clusterId)} AND topic_id = ${text(key.topicId)} AND ${this.partition} = ${key.partition}`;
  }

  private get partition(): string {
    return this.dialect.quoteIdentifier("partition");
  }
}

function position(row: Record<string, unknown>): LanePosition {
  return { lane: Number(row.lane), nextOffset: Number(row.next_offset), epoch: Number(row.epoch) };
}
