import { setMaxListeners } from "node:events";
import type { Client } from "cassandra-driver";
import { asError, describeError, MillraceError } from "../../common/errors.js";
import type { SinkTaskContext } from "../../connect/api/sink.js";
import { classify } from "./connection.js";
import { type FrameRequest, Sender } from "./driver.js";
import { int64 } from "./numbers.js";
import type { Write } from "./plan.js";
import type { RowSource } from "./rows.js";
import type { Target } from "./target.js";
import { AttemptTimes } from "./write-time.js";

/** One request: a row's write, or the writes of several rows of one partition as an unlogged batch. */
export interface Request {
  readonly target: Target;
  readonly rows: RowSource;
  readonly writes: Write[];
  /** by write: its row */
  readonly index: number[];
  /** requests with the same one go one after the other; null: in any order */
  readonly order: string | null;
}

export interface WriterEnvironment {
  readonly client: Client;
  readonly context: SinkTaskContext;
  readonly maxInFlight: number;
  /** for the answer to one request */
  readonly timeoutMs: number;
  /** Sets a row aside. @throws where that stops the task */
  refuse(rows: RowSource, row: number, error: unknown, byDriver: boolean): Promise<void>;
  /** The table is read again after the server refused a statement. @throws where the statement's setting is wrong by now */
  recheck(target: Target): Promise<void>;
}

/** What was submitted between two flushes. */
class Epoch {
  open = 0;
}

interface Running extends Request {
  readonly epoch: Epoch;
  frame: FrameRequest | undefined;
  attempts: number;
  /** how many requests had passed when this one failed first */
  passedBefore: number;
  next: Running | undefined;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1500;
/** how often a failure that may be the row's own fault is tried, at the least */
const DOUBTFUL_ATTEMPTS = 5;
/** A request beyond it may be what makes the server drop its connection. */
const LARGE_BYTES = 8 * 1024 * 1024;

/** Requests in flight up to a bound, each sent again until it passes or its row is refused. */
export class Writer {
  private readonly ready: Running[] = [];
  private head = 0;
  private inFlight = 0;
  private readonly chains = new Map<string, Running>();
  private epoch = new Epoch();
  private earlier: Epoch[] = [];
  private waiters: { ready: () => boolean; resolve: () => void; reject: (error: unknown) => void }[] = [];
  private failure: unknown;
  private failed = false;
  private stopped = false;
  private readonly clock = new AttemptTimes();
  private troubled = false;
  private passed = 0;
  private readonly senders = new Map<Target, Sender>();
  /** rows taken and not yet written */
  pending = 0;

  constructor(private readonly environment: WriterEnvironment) {
    // each request that waits to be sent again listens for the task's end
    setMaxListeners(0, environment.context.signal);
  }

  submit(request: Request): void {
    const { target, rows, writes, index, order } = request;
    const running: Running = {
      target,
      rows,
      writes,
      index,
      order,
      epoch: this.epoch,
      frame: undefined,
      attempts: 0,
      passedBefore: 0,
      next: undefined,
    };
    this.epoch.open++;
    this.pending += request.index.length;
    if (request.order !== null) {
      const before = this.chains.get(request.order);
      this.chains.set(request.order, running);
      if (before) {
        before.next = running;
        return;
      }
    }
    this.enqueue(running);
  }

  /** Resolves once at most `rows` wait to be written. */
  room(rows: number): Promise<void> {
    return this.until(() => this.pending <= rows);
  }

  /** Resolves once everything submitted before is written or set aside. */
  settled(): Promise<void> {
    if (this.epoch.open > 0) {
      this.earlier.push(this.epoch);
      this.epoch = new Epoch();
    }
    const mine = this.earlier.filter((e) => e.open > 0);
    this.earlier = mine;
    return this.until(() => mine.every((e) => e.open === 0));
  }

  stop(): void {
    this.stopped = true;
    this.fail(new MillraceError("SHUTTING_DOWN", "the task is stopping"));
  }

  private until(ready: () => boolean): Promise<void> {
    if (this.failed) return Promise.reject(this.failure);
    if (ready()) return Promise.resolve();
    return new Promise((resolve, reject) => this.waiters.push({ ready, resolve, reject }));
  }

  private enqueue(running: Running): void {
    if (this.inFlight < this.environment.maxInFlight && this.head === this.ready.length) this.send(running);
    else this.ready.push(running);
  }

  private send(running: Running): void {
    this.inFlight++;
    this.attempt(running);
  }

  private attempt(running: Running): void {
    if (this.failed) return;
    const { target, writes } = running;
    const sender = this.senderOf(target);
    if (target.ordered) {
      // a late first attempt must not undo what was written after it
      const time = int64(this.clock.next(this.environment.context.clock.now()));
      const write = writes[0]!;
      if (write.timeAt >= 0) time.copy(write.values, write.timeAt);
      running.frame = sender.execute(write, write.timeAt >= 0 ? null : time);
    }
    running.frame ??= writes.length === 1 ? sender.execute(writes[0]!) : sender.batch(writes);
    sender.send(running.frame, writes[0]!.routingKey).then(
      () => {
        this.passed++;
        this.troubled = false;
        this.finish(running);
      },
      (error: unknown) => {
        this.recover(running, error).catch((fatal) => this.fail(fatal));
      },
    );
  }

  senderOf(target: Target): Sender {
    let sender = this.senders.get(target);
    const { client, timeoutMs } = this.environment;
    if (!sender) this.senders.set(target, (sender = new Sender(client, target.consistency, target.keyspace, timeoutMs)));
    return sender;
  }

  private finish(running: Running): void {
    this.inFlight--;
    this.pending -= running.index.length;
    running.epoch.open--;
    if (running.order !== null) {
      if (running.next) this.ready.push(running.next);
      else if (this.chains.get(running.order) === running) this.chains.delete(running.order);
    }
    while (this.inFlight < this.environment.maxInFlight && this.head < this.ready.length) {
      const next = this.ready[this.head]!;
      this.ready[this.head++] = undefined as unknown as Running;
      this.send(next);
    }
    if (this.head === this.ready.length) {
      this.ready.length = 0;
      this.head = 0;
    } else if (this.head > 4096) {
      this.ready.splice(0, this.head);
      this.head = 0;
    }
    this.wake();
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

  private async recover(running: Running, error: unknown): Promise<void> {
    if (this.stopped) return;
    const { context } = this.environment;
    const classified = classify(error);
    const large = (running.frame?.length ?? 0) > LARGE_BYTES;
    const kind = classified === "passing" && large ? "doubtful" : classified;
    if (running.attempts++ === 0) running.passedBefore = this.passed;
    // a cluster that fails all rows is waited for; a row that fails while others pass is its own fault
    const again = running.attempts < DOUBTFUL_ATTEMPTS || this.passed === running.passedBefore;
    if (kind === "permanent") throw new MillraceError("TARGET_FAILED", `${running.target.name}: ${describeError(error)}`, { cause: error });
    if (kind === "stale") await this.environment.recheck(running.target);
    if (kind === "passing" || kind === "stale" || (kind === "doubtful" && again)) {
      if (!this.troubled) {
        this.troubled = true;
        context.logger.warn("Cassandra cannot take a write for now; trying again", {
          table: running.target.name,
          error: describeError(error),
        });
      }
      const pause = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(running.attempts - 1, 10), LONGEST_PAUSE_MS);
      // spread, or all that failed together would come back together
      await context.clock.sleep(pause * (0.5 + Math.random() / 2), context.signal);
      this.attempt(running);
      return;
    }
    if (running.writes.length > 1) {
      this.split(running);
      return;
    }
    if (kind === "refused") await this.environment.recheck(running.target);
    const why = new MillraceError("RECORD_REFUSED", `${running.target.name} refuses the row: ${asError(error).message}`, { cause: error });
    await this.environment.refuse(running.rows, running.index[0]!, why, true);
    this.finish(running);
  }

  /** Each row by itself, so that the others arrive. */
  private split(running: Running): void {
    const { target, rows, epoch } = running;
    running.writes.forEach((write, i) => {
      const single: Running = {
        target,
        rows,
        writes: [write],
        index: [running.index[i]!],
        order: null,
        epoch,
        frame: undefined,
        attempts: 0,
        passedBefore: 0,
        next: undefined,
      };
      epoch.open++;
      this.pending++;
      this.ready.push(single);
    });
    this.finish(running);
  }

  private fail(error: unknown): void {
    if (this.failed) return;
    this.failed = true;
    this.failure = error instanceof MillraceError ? error : new MillraceError("TARGET_FAILED", describeError(error), { cause: error });
    for (const w of this.waiters.splice(0)) w.reject(this.failure);
  }
}
