import type { Broker } from "../broker/api/broker.js";
import type { Logger } from "../common/logger.js";
import type { Metrics } from "../common/metrics.js";
import type { Clock } from "../common/time.js";
import type { ConnectorAdmin } from "../connect/api/admin.js";
import type { ErrorStore } from "../errors/error-store.js";
import type { SchemaClient } from "../schema-registry/client.js";
import type { FunctionRegistry } from "../sql/functions/registry.js";

/** What the engine stands on; handed in once and shared by its parts. */
export interface EngineServices {
  readonly broker: Broker;
  readonly registry: SchemaClient;
  readonly connectorAdmin?: ConnectorAdmin;
  /** folder of the queries' state */
  readonly stateDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly errors?: ErrorStore;
  /** of the product and of the user; more may come while it runs */
  functions: FunctionRegistry;
  /** `ksql.service.id` */
  readonly serviceId: string;
}

/** Prefix of the engine's own topics, groups and transactional ids. */
export function servicePrefix(services: EngineServices): string {
  return `_confluent-ksql-${services.serviceId}`;
}
