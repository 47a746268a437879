import type { ConfigDef } from "../../common/config-def.js";
import type { ConnectRecord } from "./record.js";
import type { RecordShape } from "./shape.js";
import type { ConnectorConfig } from "./source.js";

export interface TransformPlugin {
  readonly classes: readonly string[];
  readonly version: string;
  readonly config: ConfigDef;
  create(config: ConnectorConfig): Transformation;
}

export interface Transformation {
  /** The record changed, or null to drop it. Keeps every other field of the record (offsets included). */
  apply<R extends ConnectRecord>(record: R): R | null;
  /**
   * The effect on records of this shape, if it is the same for all of them: a new shape, "drop", or undefined where it
   * depends on the row (then `apply` runs on each).
   */
  compile?(shape: RecordShape): RecordShape | "drop" | undefined;
  close?(): void;
}

export interface PredicatePlugin {
  readonly classes: readonly string[];
  readonly version: string;
  readonly config: ConfigDef;
  create(config: ConnectorConfig): Predicate;
}

export interface Predicate {
  test(record: ConnectRecord): boolean;
  /** The answer for all records of this shape, or undefined where it depends on the row. */
  compile?(shape: RecordShape): boolean | undefined;
}
