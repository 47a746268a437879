import type { RecordHeader } from "../data/headers.js";

/** Where a record failed. */
export type ErrorStage = "source" | "deserialize" | "transform" | "convert" | "sink" | "query";

/** Whose record it was. */
export interface ErrorOwner {
  readonly kind: "connector" | "query";
  readonly name: string;
  readonly task?: number;
}

/** What was set aside. Its identity is the owner and the position: a repeat overwrites the entry. */
export interface SetAside {
  readonly owner: ErrorOwner;
  readonly stage: ErrorStage;
  readonly topic: string;
  /** -1 for a record that never was in a topic */
  readonly partition: number;
  /** -1 likewise; `position` then says where the record was */
  readonly offset: number;
  /** Where in the source a record was, for stage `source` and for source records that were not written. */
  readonly position?: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
  /** of the record, ms; -1 where unknown */
  readonly timestamp: number;
  readonly error: unknown;
}

export interface ErrorSummary {
  readonly id: string;
  readonly owner: ErrorOwner;
  readonly stage: ErrorStage;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly position: string | null;
  /** when it was set aside, ms */
  readonly time: number;
  readonly code: string;
  readonly message: string;
}

export interface ErrorEntry extends ErrorSummary {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly RecordHeader[];
  readonly timestamp: number;
  /** The messages of the error and its causes, and the stack where it was not the user's doing. */
  readonly trace: string;
}

export interface ErrorFilter {
  readonly connector?: string | undefined;
  readonly query?: string | undefined;
  readonly topic?: string | undefined;
  readonly stage?: ErrorStage | undefined;
  /** at most this many, newest first; 100 if absent */
  readonly limit?: number | undefined;
  readonly offset?: number | undefined;
}

/** What an owner does with an entry that is sent back. Resolves once the record is where it belonged, durably. */
export interface Replayer {
  /** @throws CONFLICT where a later offset of the key was delivered and `force` is false; whatever the stage throws again */
  replay(entry: ErrorEntry, options: { readonly force: boolean }): Promise<void>;
}
