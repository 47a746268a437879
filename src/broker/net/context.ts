import type { Logger } from "../../common/logger.js";
import type { Broker } from "../api/broker.js";
import type { SaslExchange } from "../auth/sasl.js";
import type { TopicNames } from "./topic-names.js";

/** The one node of this cluster: id, leader of every partition, controller and coordinator. */
export const nodeId = 1;

/** What the handlers of a listener share. */
export interface ListenerContext {
  readonly broker: Broker;
  readonly logger: Logger;
  readonly topicNames: TopicNames;
  /** Where clients find this listener, as Metadata says it. */
  readonly advertised: { readonly host: string; readonly port: number };
  /** Metadata and produce create a topic that is missing, as `auto.create.topics.enable` does. */
  readonly autoCreateTopics: boolean;
}

/** What is known of a request beside its message. */
export interface RequestContext extends ListenerContext {
  readonly version: number;
  readonly clientId: string;
  /** `/127.0.0.1`, as Kafka writes it. */
  readonly clientHost: string;
  /** Aborted when the connection is gone: a long poll then ends. */
  readonly signal: AbortSignal;
  /** State of this connection alone. */
  readonly connection: ConnectionState;
}

export interface ConnectionState {
  /** Who speaks: `User:name`, or null as long as nobody has authenticated where that is asked for. */
  principal: string | null;
  /** An authentication has failed: the connection ends with the answer. */
  refused: boolean;
  /** undefined: the listener asks for no authentication */
  readonly sasl: SaslExchange | undefined;
  /** @internal of the fetch handler */
  fetchSessions: Map<number, unknown>;
}
