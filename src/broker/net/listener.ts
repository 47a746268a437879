import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { bind } from "../../common/bind.js";
import type { Logger } from "../../common/logger.js";
import type { Broker } from "../api/broker.js";
import { Credentials } from "../auth/credentials.js";
import { Connection } from "./connection.js";
import type { ListenerContext } from "./context.js";
import { TopicNames } from "./topic-names.js";

export interface KafkaListenerOptions {
  readonly broker: Broker;
  readonly logger: Logger;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Where clients are told to find it; by default where it listens. */
  readonly advertised?: { readonly host: string; readonly port?: number };
  /** name → password: SASL PLAIN and SCRAM are then asked for. */
  readonly users?: ReadonlyMap<string, string>;
  /** PEM; the port then speaks TLS alone. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** default true */
  readonly autoCreateTopics?: boolean;
  /** bytes; default 100 MiB, as Kafka's `socket.request.max.bytes` */
  readonly maxRequestBytes?: number;
}

/** The Kafka protocol over TCP. */
export class KafkaListener {
  private constructor(
    private readonly server: Server,
    private readonly connections: ReadonlySet<Connection>,
    readonly port: number,
  ) {}

  /** @throws MillraceError PORT_IN_USE, CONFIG_INVALID */
  static async open(options: KafkaListenerOptions): Promise<KafkaListener> {
    const connections = new Set<Connection>();
    const credentials = options.users?.size ? new Credentials(options.users) : undefined;
    const { maxRequestBytes = 100 * 1024 * 1024 } = options;
    let context: ListenerContext | undefined;
    const accept = (socket: Socket) => {
      const connection = new Connection(socket, context!, { credentials, maxRequestBytes });
      connections.add(connection);
      socket.once("close", () => connections.delete(connection));
    };
    const server = options.tls ? createTlsServer(options.tls, accept) : createServer(accept);
    // a handshake that fails is the client's: without a listener it would end the process
    server.on("tlsClientError", (error: Error) => options.logger.warn("a TLS handshake failed", { why: error.message }));
    await bind(server, options.host, options.port);
    const { port } = server.address() as { port: number };
    server.on("error", (error) => options.logger.error("the Kafka listener failed", { error }));
    const { broker, logger, advertised } = options;
    context = {
      broker,
      logger,
      topicNames: new TopicNames(broker),
      advertised: { host: advertised?.host ?? options.host, port: advertised?.port ?? port },
      autoCreateTopics: options.autoCreateTopics ?? true,
    };
    return new KafkaListener(server, connections, port);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const connection of this.connections) connection.close();
    await closed;
  }
}
