import type { Broker } from "../../../broker/api/broker.js";
import { restErrors } from "../errors.js";
import { brokerId } from "../v2/topics.js";
import { type Link, notFound, type Route } from "./route.js";
import { replicaOf } from "./topics.js";

type Address = { readonly host: string; readonly port: number };

export function brokerRoutes(route: Route, broker: Broker, kafka: Address): void {
  const path = `brokers/${brokerId}`;
  const brokerOf = (link: Link) =>
    link.resource("KafkaBroker", path, `broker=${brokerId}`, {
      broker_id: brokerId,
      host: kafka.host,
      port: kafka.port,
      rack: null,
      configs: link.related(`${path}/configs`),
      partition_replicas: link.related(`${path}/partition-replicas`),
    });
  const check = (id: string) => {
    if (id !== String(brokerId)) throw notFound(`Broker ${id}`);
  };
  const settings: Readonly<Record<string, string>> = {
    "broker.id": String(brokerId),
    "advertised.listeners": `PLAINTEXT://${kafka.host}:${kafka.port}`,
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
  };
  const configOf = (link: Link, name: string) => {
    const value = settings[name];
    if (value === undefined) throw notFound(`Config ${name} of broker ${brokerId}`);
    return link.resource("KafkaBrokerConfig", `${path}/configs/${name}`, `broker=${brokerId}/config=${name}`, {
      broker_id: brokerId,
      name,
      value,
      is_default: false,
      is_read_only: true,
      is_sensitive: false,
      source: "STATIC_BROKER_CONFIG",
      synonyms: [{ name, value, source: "STATIC_BROKER_CONFIG" }],
    });
  };
  const configs = (link: Link, at: string) =>
    link.list(
      "KafkaBrokerConfig",
      at,
      Object.keys(settings).map((name) => configOf(link, name)),
    );

  route("GET", "/brokers", async ({ link }) => link.list("KafkaBroker", "brokers", [brokerOf(link)]));
  route("GET", "/brokers/-/configs", async ({ link }) => configs(link, "brokers/-/configs"));
  route<{ id: string }>("GET", "/brokers/:id", async ({ link, params }) => {
    check(params.id);
    return brokerOf(link);
  });
  route<{ id: string }>("GET", "/brokers/:id/configs", async ({ link, params }) => {
    check(params.id);
    return configs(link, `${path}/configs`);
  });
  route<{ id: string; name: string }>("GET", "/brokers/:id/configs/:name", async ({ link, params }) => {
    check(params.id);
    return configOf(link, params.name);
  });
  route<{ id: string }>("GET", "/brokers/:id/partition-replicas", async ({ link, params }) => {
    check(params.id);
    const topics = await broker.describeTopics();
    const replicas = topics.flatMap((t) => Array.from({ length: t.partitions }, (_, id) => replicaOf(link, t.name, id)));
    return link.list("KafkaReplica", `${path}/partition-replicas`, replicas);
  });
  route("GET", "/topics/-/partitions/-/replica-status", async () => {
    throw notFound("Replica status: one broker keeps one copy of everything, it");
  });
  route("GET", "/topics/-/partitions/-/reassignment", async ({ link }) =>
    link.list("KafkaReassignment", "topics/-/partitions/-/reassignment", []),
  );

  // Settings that hold for all brokers until changed: there are none, and none can be made.
  route("GET", "/broker-configs", async ({ link }) => link.list("KafkaClusterConfig", "broker-configs", []));
  route<{ name: string }>("GET", "/broker-configs/:name", async ({ params }) => {
    throw notFound(`Config ${params.name} of the cluster`);
  });
  const fixed = async () => {
    throw restErrors.badRequest("The broker's settings are those that millrace start was given; they cannot be changed here.");
  };
  for (const url of ["/broker-configs/:name", "/brokers/:id/configs/:name"]) {
    route("PUT", url, fixed);
    route("DELETE", url, fixed);
  }
  for (const url of ["/broker-configs::alter", "/brokers/:id/configs::alter"]) route("POST", url, fixed);

  const noAcls = async () => {
    throw restErrors.badRequest("Security features are disabled: there are no ACLs here, a listener has users with all rights or none.");
  };
  for (const method of ["GET", "POST", "DELETE"] as const) route(method, "/acls", noAcls);
  route("POST", "/acls::batch", noAcls);
}
