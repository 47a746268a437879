import type { Broker } from "../../broker/api/broker.js";
import type { Logger } from "../../common/logger.js";
import type { Metrics } from "../../common/metrics.js";
import type { Clock } from "../../common/time.js";
import type { ErrorStore } from "../../errors/error-store.js";
import type { ConverterPlugin } from "../api/converter.js";
import type { SinkConnector } from "../api/sink.js";
import type { SourceConnector } from "../api/source.js";
import type { PredicatePlugin, TransformPlugin } from "../api/transform.js";
import type { HostMap } from "./hosts.js";
import type { BrokenPlugin } from "./plugins.js";

export interface ConnectWorkerOptions {
  readonly broker: Broker;
  readonly sources: readonly SourceConnector[];
  readonly sinks: readonly SinkConnector[];
  readonly converters: readonly ConverterPlugin[];
  /** The built-in ones are always there; these come besides. */
  readonly transforms?: readonly TransformPlugin[];
  readonly predicates?: readonly PredicatePlugin[];
  /** Files of the user's plug-ins that could not be loaded: named where a class is missing. */
  readonly brokenPlugins?: readonly BrokenPlugin[];
  /** Where bad records go; without one a bad record fails its task. */
  readonly errorStore?: ErrorStore;
  /** Encrypts PASSWORD settings; else the key file in `dataDir`; else a key of this process alone. */
  readonly secretKey?: string | undefined;
  readonly dataDir?: string | undefined;
  readonly hosts?: HostMap;
  /**
   * A Connect worker's own settings as far as they hold here: key.converter, value.converter, header.converter and theirs,
   * config.providers, client settings. A connector's own come first.
   */
  readonly workerConfig?: Readonly<Record<string, string>>;
  readonly logger?: Logger;
  readonly metrics?: Metrics;
  readonly clock?: Clock;
  /** What status shows as worker_id, unless `start` says otherwise; `127.0.0.1:8083` if absent. */
  readonly workerId?: string;
}
