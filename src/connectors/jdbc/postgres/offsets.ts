import pg from "pg";
import { quoteName, splitName } from "./table.js";

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

export class OffsetsTable {
  private readonly quoted: string;
  private readonly schema: string | null;

  constructor(name: string) {
    const parts = splitName(name, true);
    this.quoted = quoteName(parts);
    this.schema = parts.schema;
  }

  async create(client: pg.Client): Promise<void> {
    const { rows } = await client.query("SELECT to_regclass($1) IS NOT NULL AS there", [this.quoted]);
    if (rows[0].there) return; // no right to create is needed where an administrator made it
    if (this.schema !== null) await client.query(`CREATE SCHEMA IF NOT EXISTS ${pg.escapeIdentifier(this.schema)}`);
    await client.query(
      `CREATE TABLE IF NOT EXISTS ${this.quoted} (connector text, cluster_id text, topic_id text, topic text NOT NULL, "partition" int, lane int,
         next_offset bigint NOT NULL, epoch bigint NOT NULL, PRIMARY KEY (connector, cluster_id, topic_id, "partition", lane)) WITH (fillfactor = 20)`,
    );
  }

  /**
   * Takes the rows over: a higher epoch fences whoever had them. Rows that are there keep their number of lanes, because the
   * rows of a lane are told by the hash of their key modulo that number.
   */
  async claim(client: pg.Client, key: OffsetsKey, lanes: number): Promise<LanePosition[]> {
    const id = [key.connector, key.clusterId, key.topicId, key.partition];
    const where = `connector = $1 AND cluster_id = $2 AND topic_id = $3 AND "partition" = $4`;
    const present = await client.query(`SELECT count(*)::int AS n FROM ${this.quoted} WHERE ${where}`, id);
    if (present.rows[0].n === 0)
      await client.query(
        `INSERT INTO ${this.quoted} SELECT $1, $2, $3, $5, $4, lane, -1, 0 FROM generate_series(0, $6::int - 1) AS lane ON CONFLICT DO NOTHING`,
        [...id, key.topic, lanes],
      );
    const { rows } = await client.query(
      `UPDATE ${this.quoted} SET epoch = epoch + 1 WHERE ${where} RETURNING lane, next_offset::text, epoch::text`,
      id,
    );
    return rows.map(position).sort((a, b) => a.lane - b.lane);
  }

  async read(client: pg.Client, key: OffsetsKey, lane: number): Promise<LanePosition | undefined> {
    const { rows } = await client.query(
      `SELECT lane, next_offset::text, epoch::text FROM ${this.quoted} WHERE connector = $1 AND cluster_id = $2 AND topic_id = $3 AND "partition" = $4 AND lane = $5`,
      [key.connector, key.clusterId, key.topicId, key.partition, lane],
    );
    return rows.map(position)[0];
  }

  /** Fails (22012, division by zero) and so undoes its transaction where the row is not at `expected` or not ours any more. */
  move(key: OffsetsKey, at: LanePosition, next: number): pg.QueryConfig {
    return {
      name: "millrace_offsets",
      text: `WITH moved AS (UPDATE ${this.quoted} SET next_offset = $1 WHERE connector = $2 AND cluster_id = $3 AND topic_id = $4 AND "partition" = $5 AND lane = $6
               AND next_offset = $7 AND epoch = $8 RETURNING 1) SELECT 1 / count(*) FROM moved`,
      values: [next, key.connector, key.clusterId, key.topicId, key.partition, at.lane, at.nextOffset, at.epoch],
    };
  }

  /** Moves the rows of a connector that is stopped, as `/offsets` of the REST asks; null forgets them. */
  async alter(client: pg.Client, key: Omit<OffsetsKey, "topic">, offset: number | null): Promise<void> {
    const id = [key.connector, key.clusterId, key.topicId, key.partition];
    const where = `connector = $1 AND cluster_id = $2 AND topic_id = $3 AND "partition" = $4`;
    if (offset === null) await client.query(`DELETE FROM ${this.quoted} WHERE ${where}`, id);
    else await client.query(`UPDATE ${this.quoted} SET next_offset = $5, epoch = epoch + 1 WHERE ${where}`, [...id, offset]);
  }
}

function position(row: { lane: number; next_offset: string; epoch: string }): LanePosition {
  return { lane: row.lane, nextOffset: Number(row.next_offset), epoch: Number(row.epoch) };
}
