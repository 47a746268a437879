import type { FastifyInstance } from "fastify";
import { brokerId } from "../v2/topics.js";
import { brokerRoutes } from "./brokers.js";
import { groupRoutes } from "./groups.js";
import { type RecordServices, recordRoutes } from "./records.js";
import { clusterRoutes, Link } from "./route.js";
import { topicRoutes } from "./topics.js";

export function v3Routes(app: FastifyInstance, services: RecordServices, kafka: { readonly host: string; readonly port: number }): void {
  const { broker } = services;
  const clusterOf = (link: Link) =>
    link.resource("KafkaCluster", "", "", {
      controller: link.related(`brokers/${brokerId}`),
      acls: link.related("acls"),
      brokers: link.related("brokers"),
      broker_configs: link.related("broker-configs"),
      consumer_groups: link.related("consumer-groups"),
      topics: link.related("topics"),
      partition_reassignments: link.related("topics/-/partitions/-/reassignment"),
    });
  app.get("/v3/clusters", async (request, reply) => {
    const origin = `${request.protocol}://${request.headers.host ?? "localhost:8082"}`;
    const link = new Link(origin, broker.clusterId);
    const metadata = { self: `${origin}/v3/clusters`, next: null };
    return reply.type("application/json").send(JSON.stringify({ kind: "KafkaClusterList", metadata, data: [clusterOf(link)] }));
  });
  const route = clusterRoutes(app, broker);
  route("GET", "", async ({ link }) => clusterOf(link));
  brokerRoutes(route, broker, kafka);
  topicRoutes(route, broker);
  groupRoutes(route, broker);
  recordRoutes(app, services);
}
