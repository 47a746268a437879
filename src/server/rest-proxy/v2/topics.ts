import type { FastifyInstance } from "fastify";
import type { Broker } from "../../../broker/api/broker.js";
import { restErrors } from "../errors.js";
import { answerType } from "../media-type.js";
import { pathNumber } from "../request.js";

/** This process is the one broker. */
export const brokerId = 1;

export function topicRoutes(app: FastifyInstance, broker: Broker): void {
  const get = <P>(url: string, answer: (params: P) => Promise<unknown>) =>
    app.get(url, async (request, reply) => {
      const type = answerType(request.headers.accept);
      return reply.type(type).send(JSON.stringify(await answer(request.params as P)));
    });
  const partitionsOf = async (topic: string) => {
    const [found] = await broker.describeTopics([topic]);
    if (!found) throw restErrors.topicNotFound();
    return Array.from({ length: found.partitions }, (_, partition) => ({
      partition,
      leader: brokerId,
      replicas: [{ broker: brokerId, leader: true, in_sync: true }],
    }));
  };

  get("/", async () => ({}));
  get("/brokers", async () => ({ brokers: [brokerId] }));
  get("/topics", async () => (await broker.describeTopics()).map((t) => t.name).sort());
  get<{ topic: string }>("/topics/:topic", async ({ topic }) => {
    const partitions = await partitionsOf(topic);
    const configs = Object.fromEntries((await broker.describeTopicConfig(topic)).map((c) => [c.name, c.value]));
    return { name: topic, configs, partitions };
  });
  get<{ topic: string }>("/topics/:topic/partitions", ({ topic }) => partitionsOf(topic));
  const partitionOf = async (topic: string, text: string) => {
    const found = (await partitionsOf(topic))[pathNumber(text)];
    if (!found) throw restErrors.partitionNotFound();
    return found;
  };
  get<{ topic: string; partition: string }>("/topics/:topic/partitions/:partition", ({ topic, partition }) =>
    partitionOf(topic, partition),
  );
  get<{ topic: string; partition: string }>("/topics/:topic/partitions/:partition/offsets", async ({ topic, partition }) => {
    const found = await partitionOf(topic, partition);
    const ask = async (timestamp: "earliest" | "latest") => {
      const [answer] = await broker.listOffsets({ partitions: [{ topic, partition: found.partition, timestamp }] });
      if (answer!.error) throw answer!.error;
      return answer!.offset;
    };
    return { beginning_offset: await ask("earliest"), end_offset: await ask("latest") };
  });
}
