import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Broker } from "../../broker/api/broker.js";
import type { Logger } from "../../common/logger.js";
import type { Clock } from "../../common/time.js";
import type { SchemaClient } from "../../schema-registry/client.js";
import { SchemaCoders } from "./coders.js";
import { errorAnswer, restErrors } from "./errors.js";
import { answerType, formatOfContent } from "./media-type.js";
import { bodyBytes, pathNumber } from "./request.js";
import { TopicAppenders } from "./topic-appender.js";
import { consumerRoutes } from "./v2/consumer-routes.js";
import { Consumers } from "./v2/consumers.js";
import { produce } from "./v2/produce.js";
import { topicRoutes } from "./v2/topics.js";
import { v3Routes } from "./v3/routes.js";

export interface RestProxyServices {
  readonly broker: Broker;
  readonly registry: SchemaClient;
  /** Where Kafka clients find the broker, as API v3 tells it. */
  readonly kafka: { readonly host: string; readonly port: number };
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Confluent's REST Proxy, API v2 and v3: https://docs.confluent.io/platform/current/kafka-rest/api.html */
export function registerRestProxyRoutes(app: FastifyInstance, { broker, registry, kafka, logger, clock }: RestProxyServices): void {
  // `GET …/offsets` names its partitions in a body.
  app.addHttpMethod("GET", { hasBody: true, overrideExisting: true });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error, request, reply) => fail(error, request, reply));
  app.setNotFoundHandler((request, reply) => fail(restErrors.notFound(), request, reply));

  const services = { broker, registry, clock, coders: new SchemaCoders(registry), appenders: new TopicAppenders(broker) };
  const answerProduce = async (request: FastifyRequest, reply: FastifyReply, topic: string, partition?: number) => {
    const type = answerType(request.headers.accept);
    const format = formatOfContent(request.headers["content-type"]);
    return reply.type(type).send(await produce(services, topic, partition, format, bodyBytes(request)));
  };
  app.post<{ Params: { topic: string } }>("/topics/:topic", (request, reply) => answerProduce(request, reply, request.params.topic));
  app.post<{ Params: { topic: string; partition: string } }>("/topics/:topic/partitions/:partition", (request, reply) =>
    answerProduce(request, reply, request.params.topic, pathNumber(request.params.partition)),
  );
  topicRoutes(app, broker);
  const consumers = new Consumers(broker, registry, logger);
  app.addHook("onClose", () => consumers.close());
  consumerRoutes(app, consumers);
  v3Routes(app, services, kafka);
}

function fail(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const v3 = request.url.startsWith("/v3");
  const { status, ...body } = errorAnswer(error, v3);
  return reply
    .code(status)
    .type(v3 || (request.headers.accept ?? "").includes("application/json") ? "application/json" : "application/vnd.kafka.v2+json")
    .send(JSON.stringify(body));
}
