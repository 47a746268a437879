/** What a service's author imports as `millrace/streams`. */
export { type ErrorCode, MillraceError } from "../common/errors.js";
export type { RecordHeader } from "../data/headers.js";
export { Decimal } from "../data/schema.js";
export type { AvroSerdeOptions } from "../serde/formats/avro/object-serde.js";
export type { OpenSerde, Serde, SerdeSide } from "../serde/serde.js";
export { serdes } from "../serde/serdes.js";
export type { GlobalKTable } from "../streams/dsl/global-k-table.js";
export type { Serdes } from "../streams/dsl/graph.js";
export type { Aggregator, CogroupedKStream, KGroupedStream, Reducer } from "../streams/dsl/k-grouped-stream.js";
export type { KGroupedTable } from "../streams/dsl/k-grouped-table.js";
export type { GroupOptions, KeyValue, KStream, RepartitionOptions, StreamJoinOptions } from "../streams/dsl/k-stream.js";
export type { KTable, StoreOptions } from "../streams/dsl/k-table.js";
export type {
  KeyValueStore,
  OutputRecord,
  Processor,
  ProcessorContext,
  ProcessorRecord,
  ProcessorSupplier,
  RecordMetadata,
} from "../streams/dsl/processor-api.js";
export { type SourceOptions, StreamsBuilder } from "../streams/dsl/streams-builder.js";
export { Suppressed } from "../streams/dsl/suppress.js";
export type { SessionWindowedKStream, TimeWindowedKStream, WindowStoreOptions } from "../streams/dsl/windowed-k-stream.js";
export {
  JoinWindows,
  SessionWindows,
  sessionWindowedSerde,
  TimeWindows,
  timeWindowedSerde,
  type Windowed,
} from "../streams/dsl/windows.js";
export type { QueryStats as ServiceStats } from "../streams/runtime/query.js";
export { type TestInput, type TestOutput, TopologyTestDriver, type TopologyTestDriverOptions } from "../testing/topology-test-driver.js";
export type { ConnectionConfig } from "./connection.js";
export { Service, type ServiceConfig, type ServiceState } from "./service.js";
export type { ReadOnlyStore } from "./service-store.js";
export { TopicProducer, type TopicProducerConfig } from "./topic-producer.js";
