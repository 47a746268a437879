import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { TopicPartition } from "../../../data/topic-partition.js";
import { RestProxyError, restErrors } from "../errors.js";
import { answerType, recordsType } from "../media-type.js";
import { bodyObject, type JsonObject, list, object, text, whole } from "../request.js";
import type { Consumer } from "./consumer.js";
import type { Consumers } from "./consumers.js";

type Params = { Params: { group: string; instance: string } };
type Answer = (consumer: Consumer, body: JsonObject | undefined, request: FastifyRequest) => Promise<unknown>;

/** At most what one answer holds, where the client does not ask for less; `consumer.request.max.bytes` is that by default. */
const mostBytes = 64 * 1024 * 1024;
const at = "/consumers/:group/instances/:instance";

export function consumerRoutes(app: FastifyInstance, consumers: Consumers): void {
  app.post<{ Params: { group: string } }>("/consumers/:group", async (request, reply) => {
    const type = answerType(request.headers.accept);
    const { group } = request.params;
    const { config } = consumers.create(group, bodyObject(request) ?? {});
    const host = request.headers.host ?? "localhost:8082";
    return reply.type(type).send(
      JSON.stringify({
        instance_id: config.name,
        base_uri: `${request.protocol}://${host}/consumers/${encodeURIComponent(group)}/instances/${encodeURIComponent(config.name)}`,
      }),
    );
  });
  app.delete<Params>(at, async (request, reply) => {
    await consumers.remove(request.params.group, request.params.instance);
    return reply.code(204).send();
  });

  const route = (method: "GET" | "POST" | "DELETE", path: string, answer: Answer) =>
    app.route<Params>({
      method,
      url: `${at}${path}`,
      handler: async (request, reply: FastifyReply) => {
        const type = answerType(request.headers.accept);
        const consumer = consumers.get(request.params.group, request.params.instance);
        const body = bodyObject(request);
        const result = await consumer.run(() => answer(consumer, body, request));
        return result === undefined ? reply.code(204).send() : reply.type(type).send(JSON.stringify(result));
      },
    });

  route("POST", "/subscription", (consumer, body) => {
    const { topics, topic_pattern: pattern } = body ?? {};
    if ((topics === undefined || topics === null) === (pattern === undefined || pattern === null))
      throw restErrors.illegalState("Subscription to topics, partitions and pattern are mutually exclusive: give topics or topic_pattern");
    if (pattern !== undefined && pattern !== null) return consumer.subscribePattern(regex(text(pattern, "topic_pattern")));
    return consumer.subscribe(list(topics, "topics").map((t) => text(t, "topics[]")));
  });
  route("GET", "/subscription", async (consumer) => ({ topics: consumer.subscribed() }));
  route("DELETE", "/subscription", (consumer) => consumer.unsubscribe());
  route("POST", "/assignments", (consumer, body) => consumer.assign(partitions(body)));
  route("GET", "/assignments", async (consumer) => ({
    partitions: consumer.assigned().map(({ topic, partition }) => ({ topic, partition })),
  }));
  route("POST", "/positions", (consumer, body) => consumer.seek(offsets(body)));
  route("POST", "/positions/beginning", (consumer, body) => consumer.seekTo("earliest", partitions(body)));
  route("POST", "/positions/end", (consumer, body) => consumer.seekTo("latest", partitions(body)));
  route("POST", "/offsets", (consumer, body) =>
    consumer.commit(body === undefined || body["offsets"] === undefined ? undefined : offsets(body)),
  );
  // clients send the partitions as the body of a GET, as the documentation has it; those that cannot give them in the query
  route("GET", "/offsets", async (consumer, body, request) => {
    const asked = body === undefined ? queryPartitions(request.query as JsonObject) : partitions(body);
    const found = await consumer.committed(asked);
    return {
      offsets: found
        .filter((o) => o.offset >= 0)
        .map(({ topic, partition, offset, metadata }) => ({ topic, partition, offset, metadata: metadata ?? "" })),
    };
  });

  app.get<Params & { Querystring: { timeout?: string; max_bytes?: string } }>(`${at}/records`, async (request, reply) => {
    const { type, format } = recordsType(request.headers.accept);
    const consumer = consumers.get(request.params.group, request.params.instance);
    const { config } = consumer;
    if (format !== undefined && format !== config.format) throw restErrors.formatMismatch();
    const { timeout, max_bytes: limit } = request.query;
    const wait = timeout === undefined ? config.requestTimeoutMs : queryNumber(timeout, "timeout");
    const bytes = limit === undefined ? -1 : queryNumber(limit, "max_bytes");
    const body = await consumer.run(() => consumer.records(Math.min(wait, 60_000), bytes < 0 ? mostBytes : Math.min(bytes, mostBytes)));
    return reply.type(type ?? `application/vnd.kafka.${config.format}.v2+json`).send(body);
  });
}

function partitions(body: JsonObject | undefined): TopicPartition[] {
  return list(body?.["partitions"], "partitions").map((p) => partition(object(p, "partitions[]")));
}
function partition({ topic, partition }: JsonObject): TopicPartition {
  return { topic: text(topic, "topic"), partition: whole(partition, "partition") };
}
function offsets(body: JsonObject | undefined) {
  return list(body?.["offsets"], "offsets").map((entry) => {
    const { offset, metadata, ...where } = object(entry, "offsets[]");
    return { ...partition(where), offset: whole(offset, "offset"), ...(typeof metadata === "string" ? { metadata } : {}) };
  });
}

/** `?topic=t&partition=0` */
function queryPartitions({ topic, partition }: JsonObject): TopicPartition[] {
  if (topic === undefined || partition === undefined) throw restErrors.unprocessable("partitions must be a list");
  return [{ topic: text(topic, "topic"), partition: queryNumber(String(partition), "partition") }];
}
function queryNumber(value: string, name: string): number {
  const n = Number(value);
  if (!Number.isInteger(n) || n < -1) throw restErrors.unprocessable(`${name} must be a whole number`);
  return n;
}

/** A Java pattern that must match the whole name. */
function regex(pattern: string): RegExp {
  try {
    return new RegExp(`^(?:${pattern})$`);
  } catch (error) {
    throw new RestProxyError(422, `topic_pattern is not a regular expression: ${(error as Error).message}`);
  }
}
