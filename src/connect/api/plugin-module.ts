import type { ConverterPlugin } from "./converter.js";
import type { SinkConnector } from "./sink.js";
import type { SourceConnector } from "./source.js";
import type { PredicatePlugin, TransformPlugin } from "./transform.js";

/** What a module of a user's own plug-ins has as its default export. */
export interface PluginModule {
  readonly sources?: readonly SourceConnector[];
  readonly sinks?: readonly SinkConnector[];
  readonly transforms?: readonly TransformPlugin[];
  readonly predicates?: readonly PredicatePlugin[];
  readonly converters?: readonly ConverterPlugin[];
}
