import type { Broker } from "../broker/api/broker.js";
import { PartitionReader } from "../broker/api/reader.js";
import { MillraceError } from "../common/errors.js";
import { RecordCursor } from "../protocol/record-cursor.js";
import type { SchemaClient } from "../schema-registry/client.js";
import { createRowSerde } from "../serde/create.js";
import { inferColumns } from "../serde/infer-columns.js";
import { jsonWriter } from "./json-values.js";
import type { PrintResult } from "./query-result.js";

export interface PrintOptions {
  readonly topic: string;
  readonly fromBeginning: boolean;
  /** every n-th record of what comes */
  readonly interval: number;
  readonly limit: number | null;
}

type Decoder = { readonly name: string; readonly read: (bytes: Buffer, start: number, end: number) => string };

/** PRINT: each record as a line, in the format that its bytes look like. @throws SQL_STATEMENT where there is no such topic */
export async function printTopic(options: PrintOptions, broker: Broker, registry: SchemaClient): Promise<PrintResult> {
  const { topic } = options;
  const [description] = await broker.describeTopics([topic]);
  if (!description) {
    const alike = (await broker.describeTopics()).map((t) => t.name).filter((n) => n.toLowerCase() === topic.toLowerCase());
    throw new MillraceError(
      "SQL_STATEMENT",
      `Could not find topic '${topic}', or the KSQL user does not have permissions to list the topic. Topic names are case-sensitive.${alike.length ? `\nDid you mean:\n${alike.map((n) => `\tprint ${n};`).join("\n")}` : ""}`,
      { context: { topic } },
    );
  }
  const partitions = Array.from({ length: description.partitions }, (_, partition) => ({ topic, partition }));
  const timestamp = options.fromBeginning ? ("earliest" as const) : ("latest" as const);
  const starts = await broker.listOffsets({ partitions: partitions.map((p) => ({ ...p, timestamp })), isolation: "read_committed" });
  const reader = new PartitionReader({ broker, isolation: "read_committed" });
  for (const s of starts) {
    if (s.error) throw s.error;
    reader.seek(topic, s.partition, s.offset);
  }
  const abort = new AbortController();
  return { kind: "print", lines: lines(options, reader, registry, abort.signal), close: async () => abort.abort() };
}

async function* lines(options: PrintOptions, reader: PartitionReader, registry: SchemaClient, signal: AbortSignal): AsyncGenerator<string> {
  const key = new Side("Key", registry);
  const value = new Side("Value", registry);
  const cursor = new RecordCursor();
  let seen = 0;
  let printed = 0;
  while (!signal.aborted && (options.limit === null || printed < options.limit)) {
    let polled: Awaited<ReturnType<PartitionReader["poll"]>>;
    try {
      polled = await reader.poll(1000, signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    for (const { batches, partition, from } of polled)
      for (const batch of batches) {
        cursor.open(batch);
        while (cursor.next()) {
          if (cursor.offset < from || seen++ % options.interval !== 0) continue;
          const { bytes } = cursor;
          const keyText = await key.text(bytes, cursor.keyStart, cursor.keyEnd);
          const valueText = await value.text(bytes, cursor.valueStart, cursor.valueEnd);
          const heads = key.header() + value.header();
          yield `${heads}rowtime: ${rowtime(cursor.timestamp)}, key: ${keyText}, value: ${valueText}, partition: ${partition}\n`;
          if (options.limit !== null && ++printed >= options.limit) return;
        }
      }
  }
}

function rowtime(ms: number): string {
  return ms < 0 ? "N/A" : `${new Date(ms).toISOString().replace("T", " ").replace(/-/g, "/").replace("Z", " Z")}`;
}

/** Key or value: the formats that all its bytes so far could have been. */
class Side {
  private candidates: Decoder[] | undefined;
  private announced = "";
  private readonly bySchema = new Map<number, Decoder>();

  constructor(
    private readonly title: string,
    private readonly registry: SchemaClient,
  ) {}

  /** `Key format: JSON or KAFKA_STRING`, once and again where it changes. */
  header(): string {
    const names = this.candidates?.map((c) => c.name).join(" or ") ?? "¯\\_(ツ)_/¯ - no data processed";
    if (names === this.announced) return "";
    this.announced = names;
    return `${this.title} format: ${names}\n`;
  }

  async text(bytes: Buffer, start: number, end: number): Promise<string> {
    if (start < 0) return "<null>";
    const possible = await this.possible(bytes, start, end);
    const still = this.candidates?.filter((c) => possible.some((p) => p.name === c.name));
    if (this.candidates === undefined || still!.length === 0) this.candidates = possible;
    else this.candidates = still!.map((c) => possible.find((p) => p.name === c.name)!);
    return this.candidates[0]!.read(bytes, start, end);
  }

  private async possible(bytes: Buffer, start: number, end: number): Promise<Decoder[]> {
    const length = end - start;
    if (length >= 5 && bytes[start] === 0) {
      const id = bytes.readInt32BE(start + 1);
      const known = this.bySchema.get(id) ?? (await this.registered(id));
      if (known) return [known];
    }
    if (length === 4 && !isText(bytes, start, end)) return [{ name: "KAFKA_INT", read: (b, s) => String(b.readInt32BE(s)) }];
    if (length === 8 && !isText(bytes, start, end))
      return [
        { name: "KAFKA_BIGINT", read: (b, s) => String(b.readBigInt64BE(s)) },
        { name: "KAFKA_DOUBLE", read: (b, s) => String(b.readDoubleBE(s)) },
      ];
    if (!isText(bytes, start, end)) return [{ name: "KAFKA_BYTES", read: (b, s, e) => `0x${b.toString("hex", s, e)}` }];
    const text: Decoder = { name: "KAFKA_STRING", read: (b, s, e) => b.toString("utf8", s, e) };
    return isJson(bytes.toString("utf8", start, end)) ? [{ ...text, name: "JSON" }, text] : [text];
  }

  private async registered(id: number): Promise<Decoder | undefined> {
    try {
      const stored = await this.registry.getById(id);
      const format = stored.schemaType === "JSON" ? "JSON_SR" : stored.schemaType;
      const references = stored.references.length > 0 ? await this.registry.resolveReferences(stored.references) : [];
      const columns = inferColumns(format, stored.schema, { references });
      const single = columns.length === 1 && (columns[0]!.name === "ROWVAL" || columns[0]!.name === "ROWKEY");
      const serde = createRowSerde(
        { format, isKey: false, columns, ...(single ? { features: ["UNWRAP_SINGLES"] } : {}) },
        { registry: this.registry },
      );
      const writers = columns.map((c) => ({ name: JSON.stringify(c.name), write: jsonWriter(c.type) }));
      const probe = async (b: Buffer, s: number, e: number) => serde.prepareRead("", b, s, e);
      const head = Buffer.alloc(5);
      head.writeInt32BE(id, 1);
      await probe(head, 0, 5);
      const decoder: Decoder = {
        name: format,
        read: (b, s, e) => {
          const row = serde.deserialize("", b, s, e);
          if (single) return writers[0]!.write(row[0]);
          return `{${writers.map((w, i) => `${w.name}: ${w.write(row[i])}`).join(", ")}}`;
        },
      };
      this.bySchema.set(id, decoder);
      return decoder;
    } catch {
      return undefined;
    }
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function isText(bytes: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i]! < 9) return false;
  try {
    utf8.decode(bytes.subarray(start, end));
    return true;
  } catch {
    return false;
  }
}

function isJson(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
