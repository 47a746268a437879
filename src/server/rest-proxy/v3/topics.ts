import type { Broker, TopicConfigEntry, TopicDescription } from "../../../broker/api/broker.js";
import { restErrors } from "../errors.js";
import { list, object, pathNumber, text, whole } from "../request.js";
import { brokerId } from "../v2/topics.js";
import { type Link, notFound, type Route } from "./route.js";

type Topic = { topic: string };
type Partition = Topic & { partition: string };
const enc = encodeURIComponent;

export function topicRoutes(route: Route, broker: Broker): void {
  const find = async (topic: string): Promise<TopicDescription> => {
    const [found] = await broker.describeTopics([topic]);
    if (!found) throw restErrors.unknownTopicV3();
    return found;
  };

  route("GET", "/topics", async ({ link }) => {
    const topics = (await broker.describeTopics()).sort((a, b) => (a.name < b.name ? -1 : 1));
    return link.list(
      "KafkaTopic",
      "topics",
      topics.map((t) => topicOf(link, t)),
    );
  });
  route("POST", "/topics", async ({ link, body, reply }) => {
    const name = text(body["topic_name"], "topic_name");
    const partitions = body["partitions_count"] ?? null;
    const replication = body["replication_factor"] ?? null;
    const configs = body["configs"] ?? [];
    const validateOnly = body["validate_only"] === true;
    const assignments = body["replicas_assignments"] ?? null;
    const topic = {
      name,
      partitions:
        assignments !== null
          ? list(assignments, "replicas_assignments").length
          : partitions === null
            ? -1
            : whole(partitions, "partitions_count", 1),
      ...(replication === null ? {} : { replicationFactor: whole(replication, "replication_factor", 1) }),
      configs: Object.fromEntries(
        list(configs, "configs").map((entry) => {
          const { name, value } = object(entry, "configs[]");
          return [text(name, "configs[].name"), value === null || value === undefined ? "" : String(value)];
        }),
      ),
    };
    const [made] = await broker.createTopics([topic], { validateOnly });
    if (made!.error) throw made!.error;
    reply.code(validateOnly ? 200 : 201);
    if (!validateOnly) reply.header("location", link.url(`topics/${enc(name)}`));
    return topicOf(link, { name, topicId: "", internal: false, partitions: made!.partitions ?? 1 });
  });
  route<Topic>("GET", "/topics/:topic", async ({ link, params }) => topicOf(link, await find(params.topic)));
  route<Topic>("PATCH", "/topics/:topic", async ({ link, params, body }) => {
    await find(params.topic);
    await broker.createPartitions(params.topic, whole(body["partitions_count"], "partitions_count", 1));
    return topicOf(link, await find(params.topic));
  });
  route<Topic>("DELETE", "/topics/:topic", async ({ params }) => {
    const [gone] = await broker.deleteTopics([params.topic]);
    if (gone!.error) throw gone!.error;
  });

  partitionRoutes(route, find);
  configRoutes(route, broker, find);
}

function topicOf(link: Link, { name, internal, partitions }: TopicDescription): object {
  const path = `topics/${enc(name)}`;
  return link.resource("KafkaTopic", path, `topic=${name}`, {
    topic_name: name,
    is_internal: internal,
    replication_factor: 1,
    partitions_count: partitions,
    partitions: link.related(`${path}/partitions`),
    configs: link.related(`${path}/configs`),
    partition_reassignments: link.related(`${path}/partitions/-/reassignment`),
  });
}

function partitionRoutes(route: Route, find: (topic: string) => Promise<TopicDescription>): void {
  const check = async ({ topic, partition }: Partition): Promise<number> => {
    const n = pathNumber(partition);
    if (n >= (await find(topic)).partitions) throw notFound(`Partition ${partition} of topic ${topic}`);
    return n;
  };
  const partitionOf = (link: Link, topic: string, id: number) => {
    const path = `topics/${enc(topic)}/partitions/${id}`;
    return link.resource("KafkaPartition", path, `topic=${topic}/partition=${id}`, {
      topic_name: topic,
      partition_id: id,
      leader: link.related(`${path}/replicas/${brokerId}`),
      replicas: link.related(`${path}/replicas`),
      reassignment: link.related(`${path}/reassignment`),
    });
  };

  route<Topic>("GET", "/topics/:topic/partitions", async ({ link, params: { topic } }) => {
    const { partitions } = await find(topic);
    return link.list(
      "KafkaPartition",
      `topics/${enc(topic)}/partitions`,
      Array.from({ length: partitions }, (_, id) => partitionOf(link, topic, id)),
    );
  });
  route<Partition>("GET", "/topics/:topic/partitions/:partition", async ({ link, params }) =>
    partitionOf(link, params.topic, await check(params)),
  );
  route<Partition>("GET", "/topics/:topic/partitions/:partition/replicas", async ({ link, params }) => {
    const id = await check(params);
    return link.list("KafkaReplica", `topics/${enc(params.topic)}/partitions/${id}/replicas`, [replicaOf(link, params.topic, id)]);
  });
  route<Partition & { broker: string }>("GET", "/topics/:topic/partitions/:partition/replicas/:broker", async ({ link, params }) => {
    const id = await check(params);
    if (params.broker !== String(brokerId)) throw notFound(`Replica ${params.broker} of partition ${id} of topic ${params.topic}`);
    return replicaOf(link, params.topic, id);
  });
  // nothing is ever moved: there is one broker
  route<Topic>("GET", "/topics/:topic/partitions/-/reassignment", async ({ link, params }) =>
    link.list("KafkaReassignment", `topics/${enc(params.topic)}/partitions/-/reassignment`, []),
  );
  route<Partition>("GET", "/topics/:topic/partitions/:partition/reassignment", async ({ params }) => {
    throw notFound(`Reassignment of partition ${await check(params)} of topic ${params.topic}`);
  });
}

export function replicaOf(link: Link, topic: string, partition: number): object {
  return link.resource(
    "KafkaReplica",
    `topics/${enc(topic)}/partitions/${partition}/replicas/${brokerId}`,
    `topic=${topic}/partition=${partition}/replica=${brokerId}`,
    {
      topic_name: topic,
      partition_id: partition,
      broker_id: brokerId,
      is_leader: true,
      is_in_sync: true,
      broker: link.related(`brokers/${brokerId}`),
    },
  );
}

function configRoutes(route: Route, broker: Broker, find: (topic: string) => Promise<TopicDescription>): void {
  const configOf = (link: Link, topic: string, { name, value, source }: TopicConfigEntry) => {
    const origin = source === "topic" ? "DYNAMIC_TOPIC_CONFIG" : "DEFAULT_CONFIG";
    return link.resource("KafkaTopicConfig", `topics/${enc(topic)}/configs/${name}`, `topic=${topic}/config=${name}`, {
      topic_name: topic,
      name,
      value,
      is_default: source === "default",
      is_read_only: false,
      is_sensitive: false,
      source: origin,
      synonyms: [{ name, value, source: origin }],
    });
  };
  const entries = async (topic: string) => {
    await find(topic);
    return broker.describeTopicConfig(topic);
  };
  /** @throws 404 */
  const entry = async (topic: string, name: string) => {
    const found = (await entries(topic)).find((e) => e.name === name);
    if (!found) throw notFound(`Config ${name} of topic ${topic}`);
    return found;
  };

  route("GET", "/topics/-/configs", async ({ link }) => {
    const all: object[] = [];
    for (const { name } of await broker.describeTopics())
      for (const e of await broker.describeTopicConfig(name)) all.push(configOf(link, name, e));
    return link.list("KafkaTopicConfig", "topics/-/configs", all);
  });
  route<Topic>("GET", "/topics/:topic/configs", async ({ link, params: { topic } }) =>
    link.list(
      "KafkaTopicConfig",
      `topics/${enc(topic)}/configs`,
      (await entries(topic)).map((e) => configOf(link, topic, e)),
    ),
  );
  route<Topic & { name: string }>("GET", "/topics/:topic/configs/:name", async ({ link, params: { topic, name } }) =>
    configOf(link, topic, await entry(topic, name)),
  );
  route<Topic & { name: string }>("PUT", "/topics/:topic/configs/:name", async ({ params: { topic, name }, body }) => {
    await entry(topic, name);
    const { value } = body;
    if (value === undefined || value === null) throw restErrors.unprocessable("value must be a text");
    await broker.alterTopicConfig(topic, { [name]: String(value) });
  });
  route<Topic & { name: string }>("DELETE", "/topics/:topic/configs/:name", async ({ params: { topic, name } }) => {
    await entry(topic, name);
    await broker.alterTopicConfig(topic, { [name]: null });
  });
  route<Topic>("POST", "/topics/:topic/configs::alter", async ({ params: { topic }, body }) => {
    const known = new Set((await entries(topic)).map((e) => e.name));
    const changes: Record<string, string | null> = {};
    for (const each of list(body["data"], "data")) {
      const { name, value, operation = "SET" } = object(each, "data[]");
      const setting = text(name, "data[].name");
      if (!known.has(setting)) throw notFound(`Config ${setting} of topic ${topic}`);
      if (operation !== "SET" && operation !== "DELETE") throw restErrors.badRequest(`operation ${String(operation)} is not SET or DELETE`);
      if (operation === "SET" && (value === undefined || value === null))
        throw restErrors.unprocessable(`data[].value of ${setting} must be a text`);
      changes[setting] = operation === "SET" ? String(value) : null;
    }
    if (body["validate_only"] === true) {
      const configs = Object.fromEntries(Object.entries(changes).filter((c): c is [string, string] => c[1] !== null));
      const [checked] = await broker.createTopics([{ name: `${topic}-validated`.slice(-200), partitions: 1, configs }], {
        validateOnly: true,
      });
      if (checked!.error && checked!.error.code === "CONFIG_INVALID") throw checked!.error;
      return;
    }
    await broker.alterTopicConfig(topic, changes);
  });
}
