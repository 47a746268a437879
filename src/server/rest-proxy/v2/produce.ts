import { isUtf8 } from "node:buffer";
import type { Broker } from "../../../broker/api/broker.js";
import { partitionFor } from "../../../broker/api/partitioner.js";
import type { Clock } from "../../../common/time.js";
import { ByteWriter } from "../../../serde/byte-writer.js";
import { binaryCoder, type Coder, jsonCoder, kindOf, type SchemaChoice, type SchemaCoders } from "../coders.js";
import { restErrors } from "../errors.js";
import type { EmbeddedFormat } from "../media-type.js";
import { isNull, malformed, parseSpan, type Span, scanArray, scanObject, scanRest, skip, skipSpace } from "../request-scanner.js";
import { createWhereMissing, keylessPartition, partitionsOf } from "../target-topic.js";
import type { RequestRecords, TopicAppenders } from "../topic-appender.js";
import { produceAnswer } from "./produce-answer.js";

export interface Producing {
  readonly broker: Broker;
  readonly appenders: TopicAppenders;
  readonly coders: SchemaCoders;
  readonly clock: Clock;
}

const fields = new Set(["key_schema", "key_schema_id", "value_schema", "value_schema_id", "records"]);
const keyBytes = new ByteWriter(4096);
const valueBytes = new ByteWriter(64 * 1024);

/**
 * `POST /topics/:topic` and `/topics/:topic/partitions/:partition`: all records of the body or, where one of them is wrong, none.
 * Returns the answer's JSON.
 */
export async function produce(
  { broker, appenders, coders, clock }: Producing,
  topic: string,
  onlyPartition: number | undefined,
  format: EmbeddedFormat,
  body: Buffer,
): Promise<Buffer> {
  const spans = topLevel(body);
  const records = spans.get("records");
  if (!records || isNull(body, records.start)) throw restErrors.unprocessable("records may not be null");
  let keys = await coderOf(coders, topic, true, format, body, spans);
  let values = await coderOf(coders, topic, false, format, body, spans);
  const { count, missing } = await partitionsOf(broker, topic);
  if (onlyPartition !== undefined && !(onlyPartition < count)) throw restErrors.partitionNotFound();

  const read = () => {
    const added = appenders.of(topic).begin(clock.now(), body.length);
    try {
      readRecords(body, records, { keys, values, onlyPartition, count, added });
      if (added.count === 0) throw restErrors.unprocessable("records may not be empty");
    } catch (error) {
      added.discard();
      throw error;
    }
    return added;
  };
  if (keys?.register || values?.register) {
    // Values that do not fit must not leave their schema behind.
    read().discard();
    keys = (await keys?.register?.()) ?? keys;
    values = (await values?.register?.()) ?? values;
  }
  if (missing) {
    // nor records that cannot be read their topic
    read().discard();
    await createWhereMissing(broker, topic);
  }
  // Nothing waits from reading the records to sending them: batches and writers are shared by all requests.
  const written = await read().send();
  return produceAnswer(written, keys?.schemaId ?? null, values?.schemaId ?? null);
}

function topLevel(body: Buffer): Map<string, Span> {
  if (!isUtf8(body)) throw restErrors.badJson("it is not UTF-8");
  const spans = new Map<string, Span>();
  const start = skipSpace(body, 0);
  if (start === body.length) throw restErrors.unprocessable("Payload error. Request body is empty. Produce request must contain records");
  const end = scanObject(body, start, body.length, (name, p) => {
    if (!fields.has(name)) throw malformed(body, `Unrecognized field: ${name}`);
    const after = (name === "records" && lastListEnd(body, p)) || skip(body, p, body.length);
    spans.set(name, { start: p, end: after });
    return after;
  });
  if (skipSpace(body, end) !== body.length) throw malformed(body, "unexpected text", end);
  return spans;
}

/**
 * Where the list at p ends if it is the body's last member, as the records of most requests are: found from behind, because walking over
 * them twice costs a fifth of reading them. 0 where it is not; whether it is the same list, reading it tells.
 */
function lastListEnd(b: Buffer, p: number): number {
  const back = (at: number) => {
    while (at > p && b[at]! <= 0x20) at--;
    return at;
  };
  if (b[p] !== 0x5b) return 0;
  const brace = back(b.length - 1);
  const bracket = back(brace - 1);
  return b[brace] === 0x7d && b[bracket] === 0x5d && bracket > p ? bracket + 1 : 0;
}

/** undefined where the format needs a schema and the request has none. */
async function coderOf(
  coders: SchemaCoders,
  topic: string,
  isKey: boolean,
  format: EmbeddedFormat,
  body: Buffer,
  spans: ReadonlyMap<string, Span>,
): Promise<Coder | undefined> {
  const kind = kindOf[format];
  if (kind === undefined) return format === "binary" ? binaryCoder : jsonCoder;
  const choice = schemaChoice(body, spans, isKey ? "key" : "value");
  if (!choice) return undefined;
  return coders.known(choice.id, kind) ?? coders.resolve(topic, isKey, kind, choice);
}

function schemaChoice(body: Buffer, spans: ReadonlyMap<string, Span>, part: "key" | "value"): SchemaChoice | undefined {
  const of = (name: string) => {
    const span = spans.get(name);
    return span && !isNull(body, span.start) ? parseSpan(body, span) : undefined;
  };
  const id = of(`${part}_schema_id`);
  if (id !== undefined) {
    if (typeof id !== "number" || !Number.isInteger(id)) throw restErrors.unprocessable(`${part}_schema_id must be a whole number`);
    return { id };
  }
  const text = of(`${part}_schema`);
  if (text === undefined) return undefined;
  if (typeof text !== "string") throw restErrors.unprocessable(`${part}_schema must be a text`);
  return { text };
}

interface Reading {
  readonly keys: Coder | undefined;
  readonly values: Coder | undefined;
  readonly onlyPartition: number | undefined;
  /** of the topic's partitions */
  readonly count: number;
  readonly added: RequestRecords;
}

function readRecords(b: Buffer, records: Span, { keys, values, onlyPartition, count, added }: Reading): void {
  const { end } = records;
  const keyless = keylessPartition(count);
  let hasKey = false;
  let hasValue = false;
  let partition = -1;
  const member = (name: string, p: number): number => {
    switch (name) {
      case "value":
        if (isNull(b, p)) return p + 4;
        if (!values) throw restErrors.valueSchemaMissing();
        hasValue = true;
        valueBytes.position = 0;
        return values.read(b, p, end, valueBytes);
      case "key":
        if (isNull(b, p)) return p + 4;
        if (!keys) throw restErrors.keySchemaMissing();
        hasKey = true;
        keyBytes.position = 0;
        return keys.read(b, p, end, keyBytes);
      case "partition": {
        const after = skip(b, p, end);
        if (isNull(b, p)) return after;
        const n = parseSpan(b, { start: p, end: after });
        if (typeof n !== "number" || !Number.isInteger(n) || n < 0)
          throw restErrors.unprocessable("partition must be a whole number of 0 or more");
        if (n >= count) throw restErrors.partitionNotFound();
        partition = n;
        return after;
      }
      default:
        throw restErrors.unprocessable(`Unrecognized field: ${name}`);
    }
  };
  const last = scanArray(b, records.start, (p) => {
    hasKey = hasValue = false;
    partition = onlyPartition ?? -1;
    // `{"value":` alone, as most records begin, without a name made of it
    const after = valueFirst(b, p) ? scanRest(b, member("value", skipSpace(b, p + 9)), end, member) : scanObject(b, p, end, member);
    if (partition < 0) partition = hasKey ? partitionFor(keyBytes.buffer.subarray(0, keyBytes.position), count) : keyless;
    added.addWritten(partition, hasKey ? keyBytes : undefined, hasValue ? valueBytes : undefined);
    return after;
  });
  if (last !== end) throw malformed(b, "unexpected text", last);
}

const valueName = Buffer.from('{"value":');
/** Whether `{"value":` stands at p. */
function valueFirst(b: Buffer, p: number): boolean {
  for (let i = 0; i < valueName.length; i++) if (b[p + i] !== valueName[i]) return false;
  return true;
}
