import type { ByteWriter } from "./byte-writer.js";
import type { SerdeServices } from "./create.js";

/** How an application's values become the bytes of keys or values, of any topic. Immutable: make it once and share it. */
export interface Serde<T> {
  /** The format with all that its bytes depend on: stored state under another name is not read with this serde. */
  readonly name: string;
  /** The serde of one side of one topic. */
  readonly open: (side: SerdeSide) => OpenSerde<T>;
  /** For bytes that only a serde of this very name reads back: needs no registry. Absent: `open` needs none either. */
  readonly local?: OpenSerde<T>;
}

export interface SerdeSide extends SerdeServices {
  readonly topic: string;
  readonly isKey: boolean;
}

/** Synchronous; what must be looked up (a schema's id) is, ahead of it. */
export interface OpenSerde<T> {
  /** Ahead of the first `serialize`: registers what must be. */
  readonly prepareWrite?: () => Promise<void>;
  /** Ahead of `deserialize`; undefined where all that the bytes refer to is known. */
  readonly prepareRead?: (bytes: Buffer, start: number, end: number) => Promise<void> | undefined;
  /** Ahead of a store's use: afterwards everything that was ever written for this topic can be read at once. */
  readonly prepareStored?: () => Promise<void>;
  /** @throws SERIALIZATION */
  readonly serialize: (value: T, out: ByteWriter) => void;
  /** @throws DESERIALIZATION */
  readonly deserialize: (bytes: Buffer, start: number, end: number) => T;
}
