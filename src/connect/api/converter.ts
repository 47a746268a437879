import type { ConfigDef } from "../../common/config-def.js";
import type { RecordHeader } from "../../data/headers.js";
import type { Schema, Value } from "../../data/schema.js";
import type { PackedColumn } from "./packed-column.js";
import type { Node } from "./shape.js";
import type { ConnectorConfig } from "./source.js";

export interface ConverterPlugin {
  readonly classes: readonly string[];
  readonly version: string;
  readonly config: ConfigDef;
  create(config: ConnectorConfig, isKey: boolean): Converter;
}

/** Between Connect's data model and a topic's bytes. Synchronous: what must be looked up is resolved ahead by `prepare…`. */
export interface Converter {
  /** Registers or looks up what `fromConnect` will need for these schemas. */
  prepareWrite?(topic: string, schema: Schema | null): Promise<void>;
  /** Fetches what `toConnect` will need for these payloads (schema ids). */
  prepareRead?(topic: string, payloads: Iterable<Uint8Array>): Promise<void>;
  fromConnect(topic: string, schema: Schema | null, value: Value, headers?: RecordHeader[]): Uint8Array | null;
  toConnect(topic: string, bytes: Uint8Array | null, headers?: readonly RecordHeader[]): { schema: Schema | null; value: Value };
  /** An encoder generated for the shape's tree, or undefined where only `fromConnect` will do. After prepareWrite. */
  compileWriter?(topic: string, node: Node): NodeWriter | undefined;
  /**
   * A decoder generated for one writer's schema that fills columns, one a field of the struct (or one for a primitive);
   * undefined where only `toConnect` will do. After prepareRead; `sample` is a payload of that schema.
   */
  compileReader?(topic: string, sample: Uint8Array): ColumnReader | undefined;
}

/**
 * Writes one row's node to `out` at `position` and returns the end, or -1 where `out` is too short (nothing is lost: the
 * caller grows it and calls again). `offsets` and `slots` are the chunk's, `o` and `s` the row's first index in them.
 */
export type NodeWriter = (
  out: Buffer,
  position: number,
  buffer: Buffer,
  offsets: Int32Array,
  o: number,
  slots: Float64Array,
  s: number,
) => number;

export interface ColumnReader {
  readonly schema: Schema;
  /** New columns for `read` to fill, one a field; `buffers` will hold each row's buffer. */
  columns(capacity: number, buffers: readonly Buffer[]): PackedColumn[];
  /** true while a payload has this reader's schema (same schema id; JSON: same field order, else it returns false) */
  accepts(bytes: Buffer, start: number, end: number): boolean;
  /** Puts the row's values into the columns. @throws DESERIALIZATION */
  read(bytes: Buffer, start: number, end: number, columns: readonly PackedColumn[], row: number): void;
}
