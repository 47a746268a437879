import { isUtf8 } from "node:buffer";
import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import type { Broker } from "../../../broker/api/broker.js";
import { partitionFor } from "../../../broker/api/partitioner.js";
import type { MillraceError } from "../../../common/errors.js";
import type { Clock } from "../../../common/time.js";
import type { RecordHeader } from "../../../data/headers.js";
import type { SchemaClient, SchemaKind } from "../../../schema-registry/client.js";
import { ByteWriter } from "../../../serde/byte-writer.js";
import { topicNameStrategy } from "../../../serde/subject-name.js";
import { binaryCoder, type Coder, jsonCoder, type SchemaChoice, type SchemaCoders, stringCoder } from "../coders.js";
import { errorAnswer, restErrors } from "../errors.js";
import { bodyBytes, type JsonObject, list, object, text, whole } from "../request.js";
import { isNull, malformed, parseSpan, type Span, scanArray, scanObject, skip, skipSpace } from "../request-scanner.js";
import { createWhereMissing, keylessPartition, partitionsOf } from "../target-topic.js";
import type { TopicAppenders } from "../topic-appender.js";
import { jsonDocuments } from "./json-documents.js";
import { notFound } from "./route.js";

const kinds: Readonly<Record<string, SchemaKind>> = { AVRO: "AVRO", JSONSCHEMA: "JSON", PROTOBUF: "PROTOBUF" };
const typeOf = { AVRO: "AVRO", JSON: "JSONSCHEMA", PROTOBUF: "PROTOBUF" } as const;
const documentLimit = 16 * 1024 * 1024;

interface Part {
  readonly type: string;
  readonly coder: Coder;
  readonly data: Span | undefined;
  readonly subject?: string;
  readonly version?: number;
}

/** A record that is ready to be added, or what is wrong with it. */
type Prepared = Ready | { readonly error: unknown };
interface Ready {
  readonly partition: number;
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: RecordHeader[];
  /** what the report says of key and value */
  readonly parts: { key?: object; value?: object };
}

export interface RecordServices {
  readonly broker: Broker;
  readonly registry: SchemaClient;
  readonly coders: SchemaCoders;
  readonly appenders: TopicAppenders;
  readonly clock: Clock;
}

type Params = { Params: { cluster: string; topic: string } };

/** `POST …/records`: records as concatenated JSON, for as long as the connection is open, each with a report of its own; and `records:batch`. */
export function recordRoutes(app: FastifyInstance, services: RecordServices): void {
  const { broker } = services;
  const check = (cluster: string) => {
    if (cluster !== broker.clusterId) throw notFound(`Cluster ${cluster}`);
  };
  // In a scope of its own: here the body is read as it arrives, so that a record is answered before the next is sent.
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
    scope.post<Params>("/v3/clusters/:cluster/topics/:topic/records", async (request, reply) => {
      check(request.params.cluster);
      const writer = new RecordWriter(services, request.params.topic);
      const documents = jsonDocuments((request.body ?? request.raw) as Readable, documentLimit);
      return reply.type("application/json").send(Readable.from(reports(writer, documents)));
    });
  });
  app.post<Params>("/v3/clusters/:cluster/topics/:topic/records::batch", async (request, reply) => {
    check(request.params.cluster);
    const { ids, documents } = batchEntries(bodyBytes(request));
    const reports = await new RecordWriter(services, request.params.topic).write(documents);
    const named = reports.map((report, i): Report => ({ id: ids[i]!, ...report }));
    const successes = named.filter((r) => r["error_code"] === 200);
    const failures = named.filter((r) => r["error_code"] !== 200);
    return reply.code(207).type("application/json").send(JSON.stringify({ successes, failures }));
  });
}

type Report = Record<string, unknown>;

/** A line each; the next records are read once the client has taken the reports of those before. */
async function* reports(writer: RecordWriter, documents: AsyncIterable<Buffer[]>): AsyncGenerator<string> {
  try {
    for await (const some of documents) yield `${(await writer.write(some)).map((r) => JSON.stringify(r)).join("\n")}\n`;
  } catch (error) {
    yield `${JSON.stringify(reportOf(error))}\n`;
  }
}

/** The entries as they lie in the body, so that their numbers keep every digit. @throws 400, 422 */
function batchEntries(body: Buffer): { ids: string[]; documents: Buffer[] } {
  const documents: Buffer[] = [];
  const start = skipSpace(body, 0);
  const end = scanObject(body, start, body.length, (name, p) => {
    if (name !== "entries") throw restErrors.unprocessable(`Unrecognized field: ${name}`);
    return scanArray(body, p, (at) => {
      const after = skip(body, at, body.length);
      documents.push(body.subarray(at, after));
      return after;
    });
  });
  if (skipSpace(body, end) !== body.length) throw malformed(body, "unexpected text", end);
  if (documents.length === 0) throw restErrors.unprocessable("entries must not be empty");
  const ids = documents.map((d) => text(object(parseSpan(d, { start: 0, end: d.length }), "entries[]")["id"], "entries[].id"));
  if (new Set(ids).size !== ids.length) throw restErrors.unprocessable("the ids of entries must differ");
  return { ids, documents };
}

/** Turns records into bytes and produces those that arrived together. */
class RecordWriter {
  private readonly bytes = new ByteWriter(4096);

  constructor(
    private readonly services: RecordServices,
    private readonly topic: string,
  ) {}

  /** A report for each, in order. */
  async write(documents: readonly Buffer[]): Promise<Report[]> {
    const { broker, appenders, clock } = this.services;
    const { topic } = this;
    const prepared: Prepared[] = [];
    const answers: { partition: number; offset: number; error: MillraceError | undefined }[] = [];
    try {
      const { count, missing } = await partitionsOf(broker, topic);
      const keyless = keylessPartition(count);
      for (const document of documents) prepared.push(await this.prepare(document, count, keyless).catch((error) => ({ error })));
      const good = prepared.filter((p): p is Ready => !("error" in p));
      if (good.length > 0) {
        if (missing) await createWhereMissing(broker, topic);
        const added = appenders.of(topic).begin(
          clock.now(),
          documents.reduce((n, d) => n + d.length, 0),
        );
        for (const p of good) added.add(p.partition, p.key, p.value, p.timestamp, p.headers);
        for (const { partition, offset, count: n, error } of await added.send())
          for (let i = 0; i < n; i++) answers.push({ partition, offset: offset + i, error });
      }
    } catch (error) {
      return documents.map(() => reportOf(error));
    }
    let next = 0;
    return prepared.map((p) => {
      if ("error" in p) return reportOf(p.error);
      const { partition, offset, error } = answers[next++]!;
      if (error) return reportOf(error);
      return {
        error_code: 200,
        cluster_id: broker.clusterId,
        topic_name: topic,
        partition_id: partition,
        offset,
        timestamp: new Date(p.timestamp).toISOString(),
        ...p.parts,
      };
    });
  }

  private async prepare(b: Buffer, count: number, keyless: number): Promise<Prepared> {
    if (!isUtf8(b)) throw restErrors.badJson("it is not UTF-8");
    const spans = new Map<string, Span>();
    const end = scanObject(b, skipSpace(b, 0), b.length, (name, p) => {
      const after = skip(b, p, b.length);
      spans.set(name, { start: p, end: after });
      return after;
    });
    if (end !== b.length) throw malformed(b, "unexpected text", end);
    const plain = (name: string) => {
      const span = spans.get(name);
      return span && !isNull(b, span.start) ? parseSpan(b, span) : undefined;
    };
    for (const name of spans.keys())
      if (!["id", "partition_id", "headers", "key", "value", "timestamp", "original_size"].includes(name))
        throw restErrors.unprocessable(`Unrecognized field: ${name}`);
    const given = plain("partition_id");
    const partition = given === undefined ? undefined : whole(given, "partition_id");
    if (partition !== undefined && partition >= count) throw restErrors.unknownTopicV3();
    const headers = list(plain("headers") ?? [], "headers").map((h) => header(object(h, "headers[]")));
    const at = plain("timestamp");
    const timestamp = at === undefined ? this.services.clock.now() : Date.parse(text(at, "timestamp"));
    if (Number.isNaN(timestamp)) throw restErrors.unprocessable("timestamp must be as 2021-02-05T19:14:42Z");
    const parts: { key?: object; value?: object } = {};
    const key = await this.part(b, spans.get("key"), true, (shown) => (parts.key = shown));
    const value = await this.part(b, spans.get("value"), false, (shown) => (parts.value = shown));
    return { partition: partition ?? partitionFor(key, count, keyless), timestamp, key, value, headers, parts };
  }

  private async part(b: Buffer, span: Span | undefined, isKey: boolean, show: (shown: object) => void): Promise<Buffer | null> {
    if (!span || isNull(b, span.start)) return null;
    const { type, coder, data, subject, version } = await this.choose(b, span, isKey);
    if (!data || isNull(b, data.start)) {
      show({ type, size: 0 });
      return null;
    }
    let used = coder;
    if (coder.register) {
      this.read(coder, b, data); // a value that does not fit must not leave its schema behind
      used = await coder.register();
    }
    const bytes = this.read(used, b, data);
    const schema =
      used.schemaId === null
        ? {}
        : { subject, schema_id: used.schemaId, schema_version: version ?? (await this.versionOf(subject!, used.schemaId)) };
    show({ type, ...schema, size: bytes.length });
    return bytes;
  }

  private read(coder: Coder, b: Buffer, { start, end }: Span): Buffer {
    this.bytes.position = 0;
    coder.read(b, start, end, this.bytes);
    return this.bytes.take();
  }

  private async choose(b: Buffer, span: Span, isKey: boolean): Promise<Part> {
    const fields: Record<string, unknown> = {};
    let data: Span | undefined;
    const what = isKey ? "key" : "value";
    scanObject(b, span.start, span.end, (name, p) => {
      const after = skip(b, p, span.end);
      const found = { start: p, end: after };
      if (name === "data") data = found;
      else if (["type", "subject", "subject_name_strategy", "schema_id", "schema_version", "schema"].includes(name))
        fields[name] = parseSpan(b, found);
      else throw restErrors.unprocessable(`Unrecognized field: ${what}.${name}`);
      return after;
    });
    const type = fields["type"] === undefined || fields["type"] === null ? undefined : text(fields["type"], `${what}.type`).toUpperCase();
    if (type === "BINARY") return { type, coder: binaryCoder, data };
    if (type === "JSON") return { type, coder: jsonCoder, data };
    if (type === "STRING") return { type, coder: stringCoder, data };
    const kind = type === undefined ? undefined : kinds[type];
    if (type !== undefined && kind === undefined)
      throw restErrors.unprocessable(`${what}.type must be one of BINARY, JSON, STRING, AVRO, JSONSCHEMA, PROTOBUF`);
    return this.withSchema(what, kind, fields, isKey, data);
  }

  private async withSchema(
    what: string,
    kind: SchemaKind | undefined,
    fields: JsonObject,
    isKey: boolean,
    data: Span | undefined,
  ): Promise<Part> {
    const { coders, registry } = this.services;
    const { topic } = this;
    const subject = typeof fields["subject"] === "string" ? fields["subject"] : topicNameStrategy(topic, isKey, undefined);
    const strategy = fields["subject_name_strategy"];
    if (strategy !== undefined && strategy !== null && strategy !== "TOPIC_NAME")
      throw restErrors.unprocessable(`${what}.subject_name_strategy ${String(strategy)} is not supported: name the subject itself`);
    const raw = fields["schema"];
    if (raw !== undefined && raw !== null) {
      const choice: SchemaChoice = { text: text(raw, `${what}.schema`), subject };
      const schemaType = kind ?? "AVRO";
      return { type: typeOf[schemaType], coder: await coders.resolve(topic, isKey, schemaType, choice), data, subject };
    }
    const id = fields["schema_id"];
    if (id !== undefined && id !== null) {
      const schemaId = whole(id, `${what}.schema_id`);
      const schemaType = kind ?? (await coders.kindOf(schemaId));
      return { type: typeOf[schemaType], coder: await coders.resolve(topic, isKey, schemaType, { id: schemaId }), data, subject };
    }
    const version = fields["schema_version"];
    const history = await registry.history(subject);
    const found =
      version === undefined || version === null || version === "latest" || version === -1
        ? history[history.length - 1]
        : history.find((v) => v.version === Number(version));
    if (!found) throw restErrors.schemaLookup(`subject ${subject} has no such schema`);
    if (kind !== undefined && found.schemaType !== kind)
      throw restErrors.invalidSchema(`schema ${found.id} is ${found.schemaType} and not ${kind}`);
    const coder = await coders.resolve(topic, isKey, found.schemaType, { id: found.id });
    return { type: typeOf[found.schemaType], coder, data, subject, version: found.version };
  }

  private async versionOf(subject: string, id: number): Promise<number | null> {
    return (await this.services.registry.history(subject)).find((v) => v.id === id)?.version ?? null;
  }
}

function header({ name, value }: JsonObject): RecordHeader {
  return {
    key: text(name, "headers[].name"),
    value: value === null || value === undefined ? null : Buffer.from(text(value, "headers[].value"), "base64"),
  };
}

function reportOf(error: unknown): Report {
  const { error_code, message } = errorAnswer(error, true);
  return { error_code, message };
}
