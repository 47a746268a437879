import type { Broker } from "../broker/api/broker.js";
import { CompactedTopic, type StoredRecord } from "../broker/api/compacted-topic.js";
import { asError, describeError, MillraceError } from "../common/errors.js";
import type { Metrics } from "../common/metrics.js";
import { type Clock, systemClock } from "../common/time.js";
import type { ErrorEntry, ErrorFilter, ErrorOwner, ErrorSummary, Replayer, SetAside } from "./entry.js";

export interface ErrorStoreOptions {
  readonly broker: Broker;
  /** `_millrace_errors` if absent */
  readonly topic?: string;
  readonly clock?: Clock;
  readonly metrics?: Metrics;
}

/** What the topic holds of an entry, as JSON; bytes are base64. The key is the entry's id. */
interface Stored extends Omit<ErrorSummary, "id"> {
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [string, string | null])[];
  readonly timestamp: number;
  readonly trace: string;
}

interface Known {
  readonly summary: ErrorSummary;
  readonly at: { readonly partition: number; readonly offset: number };
}

/**
 * What was set aside anywhere, on a compacted topic: one entry an owner and position, so that a repeat after a crash
 * overwrites instead of doubling. Summaries are in memory, the records' bytes only in the topic.
 */
export class ErrorStore {
  private readonly entries = new Map<string, Known>();
  private readonly replayers = new Map<string, Replayer>();
  private table!: CompactedTopic;
  /** Take secrets out of messages and traces; whoever knows secrets adds one. */
  readonly scrubbers: ((text: string) => string)[] = [];

  private constructor(private readonly options: ErrorStoreOptions) {}

  static async open(options: ErrorStoreOptions): Promise<ErrorStore> {
    const store = new ErrorStore(options);
    store.table = await CompactedTopic.open({
      broker: options.broker,
      topic: options.topic ?? "_millrace_errors",
      configs: { "max.message.bytes": String(16 * 1024 * 1024) },
      onRecord: (record) => store.apply(record),
    });
    options.metrics?.gauge("millrace_errors_set_aside", "Records in the error store", {}, () => store.entries.size);
    return store;
  }

  /** Resolves when all are on disk: only then may the offsets of these records be committed. */
  async setAside(records: readonly SetAside[]): Promise<void> {
    const scrub = (text: string) => this.scrubbers.reduce((t, s) => s(t), text);
    const time = (this.options.clock ?? systemClock).now();
    await this.table.append(
      records.map((r) => {
        const stored: Stored = {
          owner: r.owner,
          stage: r.stage,
          topic: r.topic,
          partition: r.partition,
          offset: r.offset,
          position: r.position ?? null,
          time,
          code: r.error instanceof MillraceError ? r.error.code : "INTERNAL",
          message: scrub(asError(r.error).message),
          trace: scrub(traceOf(r.error)),
          key: base64(r.key),
          value: base64(r.value),
          headers: r.headers.map((h) => [h.key, base64(h.value)] as const),
          timestamp: r.timestamp,
        };
        return { key: Buffer.from(idOf(r)), value: Buffer.from(JSON.stringify(stored)) };
      }),
    );
  }

  /** Newest first. */
  list(filter: ErrorFilter = {}): ErrorSummary[] {
    const out: ErrorSummary[] = [];
    for (const { summary } of this.entries.values()) if (matches(summary, filter)) out.push(summary);
    out.sort((a, b) => b.time - a.time || b.offset - a.offset || (a.id < b.id ? -1 : 1));
    const from = filter.offset ?? 0;
    return out.slice(from, from + (filter.limit ?? 100));
  }

  count(filter: ErrorFilter = {}): number {
    let n = 0;
    for (const { summary } of this.entries.values()) if (matches(summary, filter)) n++;
    return n;
  }

  /** The whole entry with the record's bytes. @throws NOT_FOUND */
  async show(id: string): Promise<ErrorEntry> {
    const known = this.entries.get(id);
    const record = known && (await this.table.readAt(known.at.partition, known.at.offset));
    if (!known || !record?.value) throw new MillraceError("NOT_FOUND", `there is no entry ${id} in the error store`);
    const stored = JSON.parse(record.value.toString()) as Stored;
    return {
      ...known.summary,
      key: bytesOf(stored.key),
      value: bytesOf(stored.value),
      headers: stored.headers.map(([key, value]) => ({ key, value: bytesOf(value) })),
      timestamp: stored.timestamp,
      trace: stored.trace,
    };
  }

  /** @throws NOT_FOUND */
  async delete(ids: readonly string[]): Promise<void> {
    for (const id of ids) if (!this.entries.has(id)) throw new MillraceError("NOT_FOUND", `there is no entry ${id} in the error store`);
    await this.table.append(ids.map((id) => ({ key: Buffer.from(id), value: null })));
  }

  /**
   * Sends an entry back through the stage where it failed and, once it is where it belongs, takes it off the store.
   * @throws NOT_FOUND; CONFLICT where its owner does not run, or where a later record of its key was delivered and `force` is not given
   */
  async replay(id: string, options: { readonly force?: boolean } = {}): Promise<void> {
    const entry = await this.show(id);
    const replayer = this.replayers.get(ownerKey(entry.owner));
    if (!replayer)
      throw new MillraceError("CONFLICT", `${entry.owner.kind} ${entry.owner.name} does not run, so the record cannot be sent back to it`);
    await replayer.replay(entry, { force: options.force ?? false });
    // Between the replay and this line a crash leaves the entry: a second replay is an upsert of the same row.
    if (this.entries.has(id)) await this.delete([id]);
  }

  /** What `replay` hands this owner's entries to. Returns what takes it off again. */
  attach(owner: ErrorOwner, replayer: Replayer): () => void {
    const key = ownerKey(owner);
    this.replayers.set(key, replayer);
    return () => {
      if (this.replayers.get(key) === replayer) this.replayers.delete(key);
    };
  }

  private apply(record: StoredRecord): void {
    if (!record.key) return;
    const id = record.key.toString();
    if (record.value === null) {
      this.entries.delete(id);
      return;
    }
    const s = JSON.parse(record.value.toString()) as Stored;
    const summary: ErrorSummary = {
      id,
      owner: s.owner,
      stage: s.stage,
      topic: s.topic,
      partition: s.partition,
      offset: s.offset,
      position: s.position,
      time: s.time,
      code: s.code,
      message: s.message,
    };
    this.entries.set(id, { summary, at: { partition: record.partition, offset: record.offset } });
  }
}

/** `connector.NAME.TOPIC-PARTITION@OFFSET`, or the source's position in place of the offset. */
export function idOf(r: Pick<SetAside, "owner" | "topic" | "partition" | "offset" | "position">): string {
  const where = r.offset >= 0 ? `${r.topic}-${r.partition}@${r.offset}` : `${r.topic}@${r.position ?? "?"}`;
  return `${r.owner.kind}.${r.owner.name}.${where}`;
}

function ownerKey(owner: ErrorOwner): string {
  return `${owner.kind}.${owner.name}`;
}

function matches(s: ErrorSummary, f: ErrorFilter): boolean {
  return (
    (f.connector === undefined || (s.owner.kind === "connector" && s.owner.name === f.connector)) &&
    (f.query === undefined || (s.owner.kind === "query" && s.owner.name === f.query)) &&
    (f.topic === undefined || s.topic === f.topic) &&
    (f.stage === undefined || s.stage === f.stage)
  );
}

function traceOf(error: unknown): string {
  const e = asError(error);
  return e instanceof MillraceError && e.domain === "user" ? describeError(e) : `${describeError(e)}\n${e.stack ?? ""}`;
}

function base64(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}

function bytesOf(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text, "base64");
}
