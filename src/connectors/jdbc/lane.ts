import { asError, describeError, MillraceError } from "../../common/errors.js";
import type { SinkRows, SinkTaskContext } from "../../connect/api/sink.js";
import { buildStatements, type Piece, RowRefused } from "./changes.js";
import type { Dialect, Failure, FailureKind, Session, Statement, TablePlan } from "./dialect.js";
import type { LanePosition, OffsetsKey, OffsetsTable } from "./offsets.js";
import type { SinkSettings } from "./settings.js";

/** A partition as this task holds it: by lane, the offset that the target has, and the one after what was sent. */
export interface PartitionState {
  readonly key: OffsetsKey;
  readonly positions: LanePosition[];
  readonly sent: number[];
  /** the offset after everything taken so far */
  through: number;
}

/** A lane's share of some rows, in offset order; `through` is the offset that the lane is at once they are written. */
export interface Segment extends Piece {
  readonly state: PartitionState;
  readonly plan: TablePlan;
  readonly through: number;
}
/** No rows: only the offset moves, after these statements. */
interface Advance {
  readonly state: PartitionState;
  readonly plan: null;
  readonly statements: readonly string[];
  readonly from: 0;
  readonly to: 0;
  readonly through: number;
}
type Step = Segment | Advance;

interface Transaction {
  readonly state: PartitionState;
  readonly segments: readonly Step[];
  readonly next: number;
  readonly count: number;
  outcome: Promise<Failure | undefined>;
}

export interface LaneEnvironment {
  readonly dialect: Dialect;
  readonly settings: SinkSettings;
  readonly context: SinkTaskContext;
  readonly offsets: OffsetsTable;
  /** Reads the table again after it turned out to be another. */
  replan(rows: SinkRows): Promise<TablePlan>;
}

/** Two: one is prepared and sent while the one before runs. A failed one fails those behind it through the offsets row. */
const IN_FLIGHT = 2;

/**
 * One connection whose transactions commit in offset order. Each moves its offsets row first, from where it is expected to be:
 * so nothing is written twice, whoever else has written and whatever became of a transaction whose answer was lost.
 */
export class Lane {
  private queue: Step[] = [];
  private head = 0;
  private readonly flying: Transaction[] = [];
  private session: Session | undefined;
  private recovering = false;
  private attempts = 0;
  private stopped = false;
  private failure: MillraceError | undefined;
  private enqueued = 0;
  private done = 0;
  private waiters: { ready: () => boolean; resolve: () => void; reject: (e: unknown) => void }[] = [];
  /** rows taken and not yet in the target */
  pending = 0;

  constructor(
    private readonly environment: LaneEnvironment,
    readonly index: number,
  ) {}

  enqueue(segment: Segment): void {
    this.queue.push(segment);
    this.enqueued++;
    this.pending += segment.to - segment.from;
    this.pump();
  }

  /** Resolves once everything enqueued before is durable; rejects with the lane's failure. */
  settled(): Promise<void> {
    const at = this.enqueued;
    return this.until(() => this.done >= at);
  }

  /** Resolves once at most `rows` wait to be written. */
  room(rows: number): Promise<void> {
    return this.until(() => this.pending <= rows);
  }

  private until(ready: () => boolean): Promise<void> {
    if (this.failure) return Promise.reject(this.failure);
    if (ready()) return Promise.resolve();
    return new Promise((resolve, reject) => this.waiters.push({ ready, resolve, reject }));
  }

  /** Moves the offsets row alone, after these statements. */
  advance(state: PartitionState, next: number, statements: readonly string[] = []): Promise<void> {
    this.queue.push({ state, plan: null, statements, from: 0, to: 0, through: next });
    this.enqueued++;
    this.pump();
    return this.settled();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    const session = this.session;
    this.session = undefined;
    await session?.end().catch(() => {});
  }

  private pump(): void {
    if (this.recovering || this.stopped || this.failure || this.head >= this.queue.length) return;
    if (!this.session) {
      void this.recover(undefined);
      return;
    }
    if (this.flying.length >= IN_FLIGHT) return;
    this.send(this.take());
    // one a turn: the statements of a full batch take tens of milliseconds to make
    if (this.flying.length < IN_FLIGHT && this.head < this.queue.length) setImmediate(() => this.pump());
  }

  /** The next segments of one partition and plan, up to the batch's size. */
  private take(): Transaction {
    const first = this.queue[this.head]!;
    const limit = this.environment.settings.batchSize;
    const segments: Step[] = [];
    let count = 0;
    if (first.plan === null) {
      segments.push(first);
      this.head++;
    }
    while (first.plan !== null && this.head < this.queue.length && count < limit) {
      const segment = this.queue[this.head]!;
      if (segment.plan === null || segment.state !== first.state || segment.plan !== first.plan) break;
      const size = segment.to - segment.from;
      if (count + size > limit) {
        const middle = segment.from + limit - count;
        const [front, back] = split(segment, middle);
        segments.push(front);
        count += front.to - front.from;
        this.queue[this.head] = back;
        this.enqueued++;
        break;
      }
      segments.push(segment);
      count += size;
      this.head++;
    }
    if (this.head > 1024 || this.head === this.queue.length) {
      this.queue = this.queue.slice(this.head);
      this.head = 0;
    }
    return { state: first.state, segments, next: segments[segments.length - 1]!.through, count, outcome: Promise.resolve(undefined) };
  }

  private send(tx: Transaction): void {
    const at: LanePosition = { ...tx.state.positions[this.index]!, nextOffset: tx.state.sent[this.index]! };
    tx.state.sent[this.index] = tx.next;
    this.flying.push(tx);
    tx.outcome = this.attempt(tx.state, at, tx.segments, tx.next);
    void tx.outcome.then((failed) => {
      if (this.recovering || this.stopped) return; // `recover` looks at every transaction's outcome itself
      if (failed) void this.recover(tx);
      else {
        // outcomes arrive in the order of sending, so this one is the first in flight
        this.flying.splice(this.flying.indexOf(tx), 1);
        this.finish(tx);
        this.pump();
      }
    });
  }

  private async attempt(state: PartitionState, at: LanePosition, segments: readonly Step[], next: number): Promise<Failure | undefined> {
    const mode = this.environment.settings.insertMode;
    let statements: readonly Statement[] = [];
    try {
      const first = segments[0];
      if (first?.plan === null) statements = first.statements.map((text) => ({ text }));
      else if (first) statements = buildStatements(first.plan, segments as readonly Segment[], mode !== "insert");
    } catch (error) {
      return { error, moved: false };
    }
    return this.session!.transact({ key: state.key, at, next }, statements);
  }

  private finish(tx: Transaction): void {
    this.attempts = 0;
    this.reached(tx.state, tx.next);
    this.pending -= tx.count;
    this.done += tx.segments.length;
    if (this.waiters.length === 0) return;
    const ready = this.waiters.filter((w) => w.ready());
    this.waiters = this.waiters.filter((w) => !ready.includes(w));
    for (const w of ready) w.resolve();
  }

  private reached(state: PartitionState, next: number): void {
    state.positions[this.index] = { ...state.positions[this.index]!, nextOffset: next };
  }

  /** From a failure, or from no connection yet, to a state from which sending goes on. */
  private async recover(first: Transaction | undefined): Promise<void> {
    this.recovering = true;
    await Promise.all(this.flying.map((tx) => tx.outcome));
    const rest = this.flying.splice(0);
    let failed = first && (await first.outcome);
    for (;;) {
      try {
        const kind = failed ? this.kindOf(failed) : "connection";
        if (kind !== "data") this.drop();
        await this.reconnect(failed);
        for (const tx of rest) await this.readPosition(tx.state);
        // what had committed, although the answer was lost
        while (rest[0] && rest[0].state.positions[this.index]!.nextOffset >= rest[0].next) this.finish(rest.shift()!);
        if (failed && first && rest[0] === first && (await this.settle(first, kind, failed.error))) this.finish(rest.shift()!);
        this.requeue(rest);
        this.recovering = false;
        this.pump();
        return;
      } catch (error) {
        if (this.stopped || error instanceof MillraceError || this.environment.dialect.classify(error) !== "connection") {
          this.recovering = false;
          this.fail(error);
          return;
        }
        failed = { error, moved: false };
        first = undefined; // what it failed with comes up again when it is sent again
      }
    }
  }

  private kindOf(failed: Failure): FailureKind {
    if (failed.moved) return "connection"; // the position that the target has is read again, as after a lost answer
    return failed.error instanceof RowRefused ? "data" : this.environment.dialect.classify(failed.error);
  }

  private async readPosition(state: PartitionState): Promise<void> {
    const { epoch } = state.positions[this.index]!;
    const now = await this.environment.offsets.read(this.session!, state.key, this.index);
    if (!now || now.epoch !== epoch)
      throw new MillraceError(
        "FENCED",
        `another task has taken over ${state.key.topic}-${state.key.partition} of connector ${state.key.connector}`,
      );
    state.positions[this.index] = now;
    state.sent[this.index] = now.nextOffset;
  }

  /** What the kind of a failure asks for before the transaction is sent again; true where nothing of it is left to send. */
  private async settle(tx: Transaction, kind: FailureKind, error: unknown): Promise<boolean> {
    const { settings, context } = this.environment;
    const rows = tx.segments.filter((s) => s.plan !== null);
    if (kind === "data" && rows.length) {
      await this.isolate(tx.state, rows);
      if (tx.state.positions[this.index]!.nextOffset < tx.next) await this.must(tx.state, tx.next);
      return true;
    }
    this.attempts++;
    if (kind === "permanent" || kind === "data" || (kind !== "connection" && this.attempts > Math.max(settings.maxRetries, 3)))
      throw new MillraceError(
        "TARGET_FAILED",
        `the target refuses to write to ${rows[0]?.plan.quotedTable ?? tx.state.key.topic}: ${describeError(error)}`,
        {
          cause: error,
        },
      );
    if (kind === "passing") {
      context.logger.warn("the target failed for now; trying again", { error: describeError(error), attempt: this.attempts });
      await context.clock.sleep(settings.retryBackoffMs, context.signal);
    }
    if (kind === "structure")
      for (const [i, s] of tx.segments.entries())
        if (s.plan !== null) (tx.segments as Step[])[i] = { ...s, plan: await this.environment.replan(s.rows) };
    return false;
  }

  /** Halves until the refused rows stand alone; those are set aside and all others arrive. */
  private async isolate(state: PartitionState, segments: readonly Segment[]): Promise<void> {
    const count = segments.reduce((n, s) => n + s.to - s.from, 0);
    const next = segments[segments.length - 1]!.through;
    const failed = await this.attempt(state, state.positions[this.index]!, segments, next);
    if (!failed) {
      this.reached(state, next);
      state.sent[this.index] = next;
      return;
    }
    if (!(failed.error instanceof RowRefused) && (failed.moved || this.environment.dialect.classify(failed.error) !== "data"))
      throw failed.error;
    if (count === 1) {
      const only = segments.find((s) => s.to > s.from)!;
      const cause = failed.error instanceof RowRefused ? failed.error.cause : failed.error;
      // durable before the offset moves past it: otherwise a crash in between would lose the record
      await this.environment.context.reportError(
        only.rows.record(only.index[only.from]!),
        new MillraceError("RECORD_REFUSED", `the target refused the row: ${asError(cause).message}`, { cause }),
      );
      return;
    }
    const [front, back] = halve(segments, count >> 1);
    await this.isolate(state, front);
    await this.isolate(state, back);
  }

  private async must(state: PartitionState, next: number): Promise<void> {
    const failed = await this.attempt(state, state.positions[this.index]!, [], next);
    if (failed) throw failed.error;
    this.reached(state, next);
    state.sent[this.index] = next;
  }

  /** A target that is away is waited for: it stops the pipeline but loses nothing. */
  private async reconnect(failed: Failure | undefined): Promise<void> {
    const { dialect, settings, context } = this.environment;
    for (let attempt = 0; !this.session; attempt++) {
      if (this.stopped) throw new MillraceError("SHUTTING_DOWN", "the task is stopping");
      try {
        this.session = await dialect.connect(settings, context);
      } catch (error) {
        if (dialect.refusesUs((error as Error).cause)) throw error; // wrong rights do not pass by waiting
        if (attempt === 0)
          context.logger.warn("the target is away; waiting for it", {
            error: describeError(error),
            ...(failed ? { after: describeError(failed.error) } : {}),
          });
        await context.clock.sleep(Math.min(250 * 2 ** attempt, 5000), context.signal);
      }
    }
  }

  private requeue(transactions: readonly Transaction[]): void {
    if (transactions.length === 0) return;
    const segments = transactions.flatMap((tx) => tx.segments.map((s) => this.trim(s)));
    this.queue = [...segments, ...this.queue.slice(this.head)];
    this.head = 0;
  }

  /** Without the rows that the target has: of a batch that was taken apart, the first parts may have committed. */
  private trim(step: Step): Step {
    if (step.plan === null) return step;
    const { nextOffset } = step.state.positions[this.index]!;
    let from = step.from;
    while (from < step.to && step.rows.offsets[step.index[from]!]! < nextOffset) from++;
    this.pending -= from - step.from;
    return from === step.from ? step : { ...step, from };
  }

  private drop(): void {
    const session = this.session;
    this.session = undefined;
    session?.end().catch(() => {});
  }

  private fail(error: unknown): void {
    this.failure = error instanceof MillraceError ? error : new MillraceError("TARGET_FAILED", describeError(error), { cause: error });
    for (const w of this.waiters.splice(0)) w.reject(this.failure);
  }
}

function split(segment: Segment, middle: number): [Segment, Segment] {
  const through = segment.rows.offsets[segment.index[middle - 1]!]! + 1;
  return [
    { ...segment, to: middle, through },
    { ...segment, from: middle },
  ];
}

/** The first `count` rows, and the others. */
function halve(segments: readonly Segment[], count: number): [Segment[], Segment[]] {
  const front: Segment[] = [];
  let left = count;
  for (const [i, segment] of segments.entries()) {
    const size = segment.to - segment.from;
    if (size >= left) {
      if (size === left) return [[...front, segment], segments.slice(i + 1)];
      const [a, b] = split(segment, segment.from + left);
      return [
        [...front, a],
        [b, ...segments.slice(i + 1)],
      ];
    }
    front.push(segment);
    left -= size;
  }
  return [front, []];
}
