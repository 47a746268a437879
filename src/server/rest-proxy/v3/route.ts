import type { FastifyInstance, FastifyReply } from "fastify";
import type { Broker } from "../../../broker/api/broker.js";
import { RestProxyError } from "../errors.js";
import { bodyObject, type JsonObject } from "../request.js";

export interface Asked<P> {
  readonly params: P;
  readonly body: JsonObject;
  readonly query: Readonly<Record<string, string | undefined>>;
  /** Resources below this cluster by their address, as answers refer to them. */
  readonly link: Link;
  readonly reply: FastifyReply;
}

/** The answer's body; undefined is 204, or the status that it has set. */
export type Answer<P> = (asked: Asked<P>) => Promise<unknown>;
export type Route = <P>(method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE", path: string, answer: Answer<P>) => void;

/** Addresses and names of the cluster's resources. */
export class Link {
  constructor(
    private readonly origin: string,
    readonly clusterId: string,
  ) {}

  /** `topics/bets`, each part as it is in the path */
  url(path = ""): string {
    return `${this.origin}/v3/clusters/${this.clusterId}${path === "" ? "" : `/${path}`}`;
  }
  related(path: string): { related: string } {
    return { related: this.url(path) };
  }

  /** @param name pairs of type and name, `topic=bets/partition=0` */
  resource(kind: string, path: string, name: string, content: object): object {
    const resource = `crn:///kafka=${this.clusterId}${name === "" ? "" : `/${name}`}`;
    return { kind, metadata: { self: this.url(path), resource_name: resource }, cluster_id: this.clusterId, ...content };
  }
  list(kind: string, path: string, data: readonly object[]): object {
    return { kind: `${kind}List`, metadata: { self: this.url(path), next: null }, data };
  }
}

export const notFound = (what: string) => new RestProxyError(404, `${what} cannot be found.`);

/** Routes below `/v3/clusters/:cluster`, which must be this one. */
export function clusterRoutes(app: FastifyInstance, broker: Broker): Route {
  return (method, path, answer) => {
    app.route<{ Params: { cluster: string } }>({
      method,
      url: `/v3/clusters/:cluster${path}`,
      handler: async (request, reply) => {
        const { cluster } = request.params;
        if (cluster !== broker.clusterId) throw notFound(`Cluster ${cluster}`);
        const link = new Link(`${request.protocol}://${request.headers.host ?? "localhost:8082"}`, cluster);
        const result = await answer({
          params: request.params as never,
          body: bodyObject(request) ?? {},
          query: request.query as Asked<never>["query"],
          link,
          reply,
        });
        if (result === undefined) return reply.code(reply.statusCode === 200 ? 204 : reply.statusCode).send();
        return reply.type("application/json").send(JSON.stringify(result));
      },
    });
  };
}
