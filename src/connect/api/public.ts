/** What a plug-in author imports as `millrace/connect`. */
export { Config, ConfigDef, type Setting } from "../../common/config-def.js";
export { type ErrorCode, MillraceError } from "../../common/errors.js";
export type { Logger } from "../../common/logger.js";
export type { Metrics } from "../../common/metrics.js";
export type { Clock } from "../../common/time.js";
export type { RecordHeader } from "../../data/headers.js";
export {
  arrayOf,
  Decimal,
  type Field,
  fieldNamed,
  logical,
  mapOf,
  optional,
  primitive,
  type Schema,
  type SchemaType,
  Struct,
  structOf,
  type Value,
} from "../../data/schema.js";
export type { TopicPartition } from "../../data/topic-partition.js";
export type * from "./converter.js";
export type * from "./plugin-module.js";
export type * from "./record.js";
export type * from "./shape.js";
export type * from "./sink.js";
export type * from "./source.js";
export type * from "./transform.js";
