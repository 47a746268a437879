import type { Broker } from "../../broker/api/broker.js";
import { PartitionReader } from "../../broker/api/reader.js";
import { describeError, MillraceError } from "../../common/errors.js";
import type { Logger } from "../../common/logger.js";
import { RecordCursor } from "../../protocol/record-cursor.js";
import { KeyedStore } from "../state/keyed-store.js";
import type { GlobalStoreSpec } from "../topology/topology.js";
import { storeRecord } from "./restore.js";

const POLL_MS = 500;
const RETRY_MS = 500;

/**
 * A topic's table held whole: every partition of it, read from the beginning to the end before the first task runs and followed from
 * then on. It is not part of the query's transactions; whoever joins it sees the row that is newest by then. The topic itself is its
 * changelog, so a kill costs no more than reading it again.
 */
export class GlobalStore {
  readonly store: KeyedStore;
  private readonly reader: PartitionReader;
  private readonly abort = new AbortController();
  private following: Promise<void> = Promise.resolve();

  private constructor(
    readonly spec: GlobalStoreSpec,
    private readonly broker: Broker,
    private readonly logger: Logger,
  ) {
    this.store = new KeyedStore(spec.name, spec.schema);
    this.reader = new PartitionReader({ broker });
  }

  /** Resolves when all that the topic holds now is in the store. @throws NOT_FOUND where the topic does not exist */
  static async open(spec: GlobalStoreSpec, broker: Broker, logger: Logger): Promise<GlobalStore> {
    const global = new GlobalStore(spec, broker, logger);
    await global.load();
    global.following = global.follow();
    return global;
  }

  async close(): Promise<void> {
    this.abort.abort(new MillraceError("SHUTTING_DOWN", "the query is stopping"));
    await this.following;
  }

  private async load(): Promise<void> {
    const { topic } = this.spec.source;
    const [described] = await this.broker.describeTopics([topic]);
    if (!described) throw new MillraceError("NOT_FOUND", `topic ${topic} does not exist`, { context: { topic } });
    const partitions = Array.from({ length: described.partitions }, (_, partition) => ({ topic, partition }));
    const offsets = (timestamp: "earliest" | "latest") =>
      this.broker.listOffsets({ partitions: partitions.map((tp) => ({ ...tp, timestamp })), isolation: "read_committed" });
    const [first, last] = [await offsets("earliest"), await offsets("latest")];
    for (const answer of [...first, ...last]) if (answer.error) throw answer.error;
    for (const { partition, offset } of first) this.reader.seek(topic, partition, offset);
    while (last.some(({ partition, offset }) => this.reader.position(topic, partition)! < offset)) await this.read();
  }

  private async follow(): Promise<void> {
    while (!this.abort.signal.aborted) {
      try {
        await this.read();
      } catch (error) {
        if (this.abort.signal.aborted) return;
        this.logger.warn("a global table could not be read, it is tried again", {
          topic: this.spec.source.topic,
          error: describeError(error),
        });
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  private async read(): Promise<void> {
    const { source } = this.spec;
    const { format } = source;
    const cursor = new RecordCursor();
    for (const { partition, batches, from } of await this.reader.poll(POLL_MS, this.abort.signal))
      for (const batch of batches) {
        cursor.open(batch);
        while (cursor.next()) {
          if (cursor.offset < from) continue;
          const { bytes, keyStart, keyEnd, valueStart, valueEnd } = cursor;
          const pending = format.prepareRead(source.topic, bytes, keyStart, keyEnd, valueStart, valueEnd);
          if (pending !== undefined) await pending;
          const error = storeRecord(this.store, format, source.topic, cursor, source.timestampOf);
          if (error !== undefined)
            this.logger.warn("a global table has left out a bad record", {
              topic: source.topic,
              partition,
              offset: cursor.offset,
              error: describeError(error),
            });
        }
        this.store.applyCommit();
      }
    this.store.tidy(-1, undefined);
  }
}
