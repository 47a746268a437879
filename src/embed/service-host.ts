import type { Logger } from "../common/logger.js";
import type { Metrics } from "../common/metrics.js";
import type { BadRecord } from "../streams/runtime/query.js";
import type { Connection } from "./connection.js";
import type { Service } from "./service.js";

/** What a process that runs services inside gives them. */
export interface ServiceHost extends Omit<Connection, "close"> {
  readonly stateDir: string;
  readonly logger: Logger;
  readonly metrics?: Metrics;
  readonly setAside: (applicationId: string, records: readonly BadRecord[]) => Promise<void>;
  /** A service has begun to start: the host closes it at the end. */
  readonly started: (service: Service) => void;
}

let host: ServiceHost | undefined;

/** The process that services start inside of; undefined where each is a process of its own. */
export function serviceHost(): ServiceHost | undefined {
  return host;
}

export function setServiceHost(next: ServiceHost | undefined): void {
  host = next;
}
