import { type AnyBulkWriteOperation, BSON, type Collection, MongoBulkWriteError, type MongoClient } from "mongodb";
import { asError, describeError, MillraceError } from "../../common/errors.js";
import type { SinkTaskContext } from "../../connect/api/sink.js";
import { classify, DUPLICATE_KEY, kindOfCode } from "./failures.js";
import type { Namespace } from "./namespace.js";
import type { DocumentSource } from "./source.js";
import { ensureTimeSeries } from "./time-series.js";
import type { TopicWrites } from "./topic-writes.js";

/** One record's operation on its way to a collection. */
export interface Write {
  readonly operation: AnyBulkWriteOperation;
  /** a replace or delete by `_id`: of two in one bulk the later is what counts; undefined for others */
  readonly id: unknown;
  /** the `_id` was derived from topic, partition and offset */
  readonly ownId: boolean;
  readonly source: DocumentSource;
  readonly row: number;
}

export interface WriterEnvironment {
  readonly client: MongoClient;
  readonly context: SinkTaskContext;
  readonly maxRetries: number;
  readonly firstPauseMs: number;
  /** Sets a record aside. @throws where that stops the task */
  refuse(write: Write, topic: TopicWrites, error: MillraceError): Promise<void>;
}

const LONGEST_PAUSE_MS = 5000;

/** The writes of one collection, of one topic: a bulk at a time, in order. */
class Lane {
  queue: Write[] = [];
  submitted = 0;
  done = 0;
  running = false;
  bulks = 0;

  constructor(
    readonly collection: Collection,
    readonly topic: TopicWrites,
  ) {}

  /** The first of the queue, so many at the most. */
  take(most: number): readonly Write[] {
    const { queue } = this;
    if (queue.length <= most) {
      this.queue = [];
      return queue;
    }
    this.queue = queue.slice(most);
    return queue.slice(0, most);
  }
}

/** Bulk writes, each sent again until it passes or its document is refused. While one is under way the next ones gather. */
export class Writer {
  private readonly lanes = new Map<TopicWrites, Map<string, Lane>>();
  private waiters: { ready: () => boolean; resolve: () => void; reject: (error: unknown) => void }[] = [];
  private failure: unknown;
  private failed = false;
  private troubled = false;
  /** writes taken and not yet carried out */
  pending = 0;

  constructor(private readonly environment: WriterEnvironment) {}

  submit(topic: TopicWrites, namespace: Namespace, write: Write): void {
    const lane = this.laneOf(topic, namespace);
    lane.queue.push(write);
    lane.submitted++;
    this.pending++;
  }

  /** Starts what was submitted. */
  go(): void {
    for (const lanes of this.lanes.values())
      for (const lane of lanes.values()) {
        if (lane.running || lane.queue.length === 0) continue;
        lane.running = true;
        this.run(lane).catch((error) => this.fail(error));
      }
  }

  /** Resolves once at most so many writes wait. */
  room(writes: number): Promise<void> {
    return this.until(() => this.pending <= writes);
  }

  /** Resolves once everything submitted before is written or set aside. */
  settled(): Promise<void> {
    const marks = [...this.lanes.values()].flatMap((lanes) => [...lanes.values()].map((lane) => [lane, lane.submitted] as const));
    return this.until(() => marks.every(([lane, mark]) => lane.done >= mark));
  }

  stop(): void {
    this.fail(new MillraceError("SHUTTING_DOWN", "the task is stopping"));
  }

  private laneOf(topic: TopicWrites, { database, collection }: Namespace): Lane {
    let lanes = this.lanes.get(topic);
    if (!lanes) this.lanes.set(topic, (lanes = new Map()));
    const name = `${database}.${collection}`;
    let lane = lanes.get(name);
    if (!lane) lanes.set(name, (lane = new Lane(this.environment.client.db(database).collection(collection), topic)));
    return lane;
  }

  private async run(lane: Lane): Promise<void> {
    const { topic } = lane;
    while (lane.queue.length > 0 && !this.failed) {
      const bulk = lane.take(topic.maxBatch);
      if (lane.bulks === 0) await this.passing(lane, () => this.prepare(lane));
      await this.write(lane, latestOfEach(bulk));
      lane.done += bulk.length;
      this.pending -= bulk.length;
      this.wake();
      lane.bulks++;
      if (topic.rate && lane.bulks % topic.rate.every === 0)
        await this.environment.context.clock.sleep(topic.rate.pauseMs, this.environment.context.signal);
    }
    lane.running = false;
  }

  private prepare(lane: Lane): Promise<void> {
    const { dbName: database, collectionName: collection } = lane.collection;
    return ensureTimeSeries(this.environment.client, lane.topic.config, { database, collection });
  }

  private async passing(lane: Lane, work: () => Promise<void>): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (classify(error) !== "passing") throw this.fatal(lane, error);
        await this.pause(lane, attempt, error);
      }
    }
  }

  /** @param repeated whether these writes may have been carried out already */
  private async write(lane: Lane, bulk: readonly Write[], repeated = false): Promise<void> {
    let left = bulk;
    for (let attempt = 0; left.length > 0; attempt++) {
      if (this.failed) throw this.failure;
      try {
        await lane.collection.bulkWrite(
          left.map((w) => w.operation),
          { ordered: inOrder(left, lane.topic.ordered) },
        );
        this.troubled = false;
        return;
      } catch (error) {
        if (error instanceof MongoBulkWriteError && errorsOf(error).length > 0) {
          left = await this.afterErrors(lane, left, error, repeated || attempt > 0);
          // what is left was not tried yet
          attempt = -1;
          continue;
        }
        const kind = error instanceof MongoBulkWriteError && concernFailed(error) ? "passing" : classify(error);
        if (kind === "permanent") throw this.fatal(lane, error);
        if (kind === "passing") {
          await this.pause(lane, attempt, error);
          continue;
        }
        if (left.length === 1) {
          if (kind === "doubtful" && attempt < this.environment.maxRetries) await this.pause(lane, attempt, error);
          else return this.refuse(lane, left[0]!, asError(error).message, error);
          continue;
        }
        // the server or the driver names no document: halves until the one is found
        const half = left.length >> 1;
        await this.write(lane, left.slice(0, half), true);
        left = left.slice(half);
        attempt = -1;
      }
    }
  }

  /** Of a bulk that was carried out but for some documents: sets those aside; returns what was not tried. */
  private async afterErrors(lane: Lane, bulk: readonly Write[], error: MongoBulkWriteError, repeated: boolean): Promise<readonly Write[]> {
    const errors = errorsOf(error);
    const again: Write[] = [];
    const refused: Promise<void>[] = [];
    for (const { index, code, errmsg } of errors) {
      const write = bulk[index]!;
      const kind = kindOfCode(code);
      if (kind === "permanent") throw this.fatal(lane, error);
      if (kind === "refused") refused.push(this.refuse(lane, write, errmsg ?? "", error));
      else if (code === DUPLICATE_KEY && "insertOne" in write.operation && (write.ownId || repeated)) {
        // the insert that came through before its answer was lost
        if (!(await this.isThere(lane, write))) refused.push(this.refuse(lane, write, errmsg ?? "", error));
      } else if (code === DUPLICATE_KEY && "insertOne" in write.operation) refused.push(this.refuse(lane, write, errmsg ?? "", error));
      else again.push(write);
    }
    await Promise.all(refused);
    for (const write of again) await this.alone(lane, write);
    const first = errors[0]!.index;
    return inOrder(bulk, lane.topic.ordered) ? bulk.slice(first + 1) : [];
  }

  private async isThere(lane: Lane, write: Write): Promise<boolean> {
    const { insertOne } = write.operation as { insertOne: { document: { _id?: unknown } } };
    const { _id } = insertOne.document;
    let found = false;
    await this.passing(lane, async () => {
      found = (await lane.collection.findOne({ _id: _id as never }, { projection: { _id: 1 } })) !== null;
    });
    return found;
  }

  /** A write that may pass when it is tried again: two tasks made one document at once, or it waits for another of the same bulk. */
  private async alone(lane: Lane, write: Write): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await lane.collection.bulkWrite([write.operation]);
        return;
      } catch (error) {
        const [own] = error instanceof MongoBulkWriteError ? errorsOf(error) : [];
        const kind = own ? kindOfCode(own.code) : classify(error);
        if (kind === "permanent") throw this.fatal(lane, error);
        if (kind === "refused" || (kind === "doubtful" && attempt >= this.environment.maxRetries))
          return this.refuse(lane, write, own?.errmsg ?? asError(error).message, error);
        await this.pause(lane, attempt, error);
      }
    }
  }

  private async refuse(lane: Lane, write: Write, why: string, cause: unknown): Promise<void> {
    const error = new MillraceError("RECORD_REFUSED", `${lane.collection.namespace} refuses the document: ${why}`, { cause });
    await this.environment.refuse(write, lane.topic, error);
  }

  private async pause(lane: Lane, attempt: number, error: unknown): Promise<void> {
    const { context, firstPauseMs } = this.environment;
    if (this.failed) throw this.failure;
    if (!this.troubled) {
      this.troubled = true;
      context.logger.warn("MongoDB cannot take a write for now; trying again", {
        collection: lane.collection.namespace,
        error: describeError(error),
      });
    }
    const pause = Math.min(firstPauseMs * 2 ** Math.min(attempt, 10), LONGEST_PAUSE_MS);
    // spread, or all tasks that failed together would come back together
    await context.clock.sleep(pause * (0.5 + Math.random() / 2), context.signal);
  }

  private fatal(lane: Lane, error: unknown): MillraceError {
    if (error instanceof MillraceError) return error;
    return new MillraceError("TARGET_FAILED", `${lane.collection.namespace}: ${describeError(error)}`, { cause: error });
  }

  private until(ready: () => boolean): Promise<void> {
    if (this.failed) return Promise.reject(this.failure);
    if (ready()) return Promise.resolve();
    return new Promise((resolve, reject) => this.waiters.push({ ready, resolve, reject }));
  }

  private wake(): void {
    if (this.waiters.length === 0) return;
    const left: typeof this.waiters = [];
    for (const w of this.waiters) {
      if (w.ready()) w.resolve();
      else left.push(w);
    }
    this.waiters = left;
  }

  private fail(error: unknown): void {
    if (this.failed) return;
    this.failed = true;
    this.failure = error instanceof MillraceError ? error : new MillraceError("TARGET_FAILED", describeError(error), { cause: error });
    for (const w of this.waiters.splice(0)) w.reject(this.failure);
  }
}

interface OneError {
  readonly index: number;
  readonly code: number;
  readonly errmsg: string | undefined;
}

/** By index, ascending. */
function errorsOf(error: MongoBulkWriteError): OneError[] {
  const list = Array.isArray(error.writeErrors) ? error.writeErrors : [error.writeErrors];
  return list.map(({ index, code, errmsg }) => ({ index, code, errmsg })).sort((a, b) => a.index - b.index);
}

function concernFailed(error: MongoBulkWriteError): boolean {
  return error.result?.getWriteConcernError() !== undefined;
}

/**
 * A bulk of one kind of operation goes as the setting says. One of several kinds, each with an `_id` of its own, needs no order,
 * and in order it would be cut into a command for every run of one kind.
 */
function inOrder(bulk: readonly Write[], ordered: boolean): boolean {
  const byId = bulk.every((w) => w.id !== undefined);
  if (!byId) return ordered || !bulk.every((w) => "insertOne" in w.operation);
  if (!ordered) return false;
  const first = kindOf(bulk[0]!);
  return bulk.every((w) => kindOf(w) === first);
}

const kindOf = (write: Write) => ("replaceOne" in write.operation ? "replace" : "delete");

/** Without the replaces and deletes that a later one of the same `_id` makes undone, where the whole bulk is of those. */
function latestOfEach(bulk: readonly Write[]): readonly Write[] {
  const last = new Map<string, number>();
  for (let i = 0; i < bulk.length; i++) {
    const { id, ownId } = bulk[i]!;
    if (id === undefined) return bulk;
    if (!ownId) last.set(idText(id), i);
  }
  if (last.size === 0 || last.size === bulk.length) return bulk;
  return bulk.filter((w, i) => w.ownId || last.get(idText(w.id)) === i);
}

/** Equal for ids that MongoDB takes for equal: numbers of all types are. */
function idText(id: unknown): string {
  switch (typeof id) {
    case "string":
      return `s${id}`;
    case "number":
    case "bigint":
      return `n${id}`;
    default:
  }
  const type = (id as { _bsontype?: string } | null)?._bsontype;
  if (type === "Long" || type === "Int32" || type === "Double") return `n${String(id)}`;
  return `b${Buffer.from(BSON.serialize({ id })).toString("latin1")}`;
}
