import type { SchemaClient } from "../schema-registry/client.js";
import type { DataSource } from "../sql/metastore/data-source.js";
import type { FormatInfo } from "../sql/plan/step.js";
import { windowSize } from "../streams/topology/key-window.js";
import type { StoredRecord } from "./memory-broker.js";
import { type PayloadCodec, payloadCodec } from "./payload.js";
import type { CaseRecord, CaseTopic } from "./test-case.js";

export interface ReportedRecord {
  /** JSON text */
  readonly key: string | null;
  readonly value: string | null;
  readonly timestamp: number;
  readonly headers: readonly { readonly KEY: string; readonly VALUE: string | null }[];
  readonly window: { readonly start: number; readonly end: number | null; readonly type: "TIME" | "SESSION" } | null;
}
export interface ReportedTopic {
  readonly keyFormat: string;
  readonly valueFormat: string;
  readonly records: readonly ReportedRecord[];
}

/** What the codecs of topics are told from: the sources on them and the registry. */
export interface CodecScope {
  /** every source that ever was */
  readonly seen: readonly DataSource[];
  readonly registry: SchemaClient;
}

/** Both sides of a topic's records. */
export class TopicCodecs {
  private readonly known = new Map<string, { key: PayloadCodec; value: PayloadCodec; source: DataSource | undefined }>();

  constructor(
    private readonly topics: readonly CaseTopic[],
    private readonly scope: CodecScope,
  ) {}

  source(topic: string): DataSource | undefined {
    return this.scope.seen.find((s) => s.topic === topic);
  }
  format(topic: string, side: "key" | "value"): FormatInfo {
    const given = this.topics.find((t) => t.name === topic)?.[side].format;
    const otherwise = given ?? (side === "key" ? "KAFKA" : "JSON");
    return this.source(topic)?.formats[side] ?? { format: otherwise };
  }

  of(topic: string) {
    let codecs = this.known.get(topic);
    if (codecs) return codecs;
    const source = this.source(topic);
    const columns = (side: "key" | "value") =>
      (source?.columns ?? []).filter((c) => c.role === side).map(({ name, type }) => ({ name, type }));
    const bind = (side: "key" | "value") =>
      payloadCodec({
        topic,
        isKey: side === "key",
        format: this.format(topic, side),
        columns: columns(side),
        registry: this.scope.registry,
      });
    codecs = { key: bind("key"), value: bind("value"), source };
    this.known.set(topic, codecs);
    return codecs;
  }
}

/** A record as the topic's bytes. @throws DATA_INVALID */
export async function encodeRecord(input: CaseRecord, codecs: TopicCodecs): Promise<StoredRecord> {
  const { key, value } = codecs.of(input.topic);
  const bytes = await key.encode(input.key);
  return {
    key: bytes && input.window ? Buffer.concat([bytes, windowBytes(input.window)]) : bytes,
    value: await value.encode(input.value),
    timestamp: input.timestamp,
    headers: input.headers as StoredRecord["headers"],
  };
}

function windowBytes({ start, end, session }: NonNullable<CaseRecord["window"]>): Buffer {
  const out = Buffer.alloc(session ? 16 : 8);
  if (session) out.writeBigInt64BE(BigInt(end), 0);
  out.writeBigInt64BE(BigInt(start), session ? 8 : 0);
  return out;
}

export async function reportTopic(name: string, stored: readonly StoredRecord[], codecs: TopicCodecs): Promise<ReportedTopic> {
  const { key, value, source } = codecs.of(name);
  const size = windowSize(source?.window);
  const records: ReportedRecord[] = [];
  for (const r of stored) {
    const end = r.key ? r.key.length - size : 0;
    records.push({
      key: r.key && (await key.decode(r.key.subarray(0, end))),
      value: r.value && (await value.decode(r.value)),
      timestamp: r.timestamp,
      headers: r.headers.map((h) => ({ KEY: h.key, VALUE: h.value === null ? null : Buffer.from(h.value).toString("base64") })),
      window: r.key && source?.window ? windowOf(source.window, r.key, end) : null,
    });
  }
  return { keyFormat: codecs.format(name, "key").format, valueFormat: codecs.format(name, "value").format, records };
}

function windowOf(window: NonNullable<DataSource["window"]>, key: Buffer, end: number): ReportedRecord["window"] {
  const start = Number(key.readBigInt64BE(key.length - 8));
  if (window.type === "SESSION") return { start, end: Number(key.readBigInt64BE(end)), type: "SESSION" };
  return { start, end: window.size === undefined ? null : start + window.size, type: "TIME" };
}
