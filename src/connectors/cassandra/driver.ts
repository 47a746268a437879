import { createRequire } from "node:module";
import type { Client, QueryOptions } from "cassandra-driver";
import type { DriverType } from "./cql-type.js";

/*
 * The parts of the driver that it keeps to itself: its version is pinned. It prepares a statement at the first execution only,
 * does not tell the statement's variables, and makes a frame of a dozen small buffers, which took more of the processor than all
 * that the sink does. Here a request is the frame's bytes, and everything after them (hosts, connections, streams, preparing
 * again) is the driver's.
 */
interface ExecutionOptions {
  setRoutingKey(key: Buffer | null): void;
  setKeyspace(keyspace: string): void;
}
interface PrepareHandler {
  getPrepared(
    client: Client,
    policy: unknown,
    query: string,
    keyspace: string | undefined,
  ): Promise<{ queryId: Buffer; meta: PreparedMeta }>;
}
interface RequestHandler {
  send(request: FrameRequest, options: ExecutionOptions, client: Client): Promise<unknown>;
}
const load = createRequire(import.meta.url);
const prepareHandler = load("cassandra-driver/lib/prepare-handler.js") as PrepareHandler;
const requestHandler = load("cassandra-driver/lib/request-handler.js") as RequestHandler;
const { DefaultExecutionOptions } = load("cassandra-driver/lib/execution-options.js") as {
  DefaultExecutionOptions: { create(options: QueryOptions, client: Client): ExecutionOptions };
};

/** What the server says of a statement: its variables in order, and which of them are the partition key. */
export interface PreparedMeta {
  readonly keyspace?: string;
  readonly columns: readonly { readonly name: string; readonly type: DriverType }[];
  readonly partitionKeys?: readonly number[];
  /** of the protocol's DSE versions */
  readonly resultId?: Buffer;
}

export interface Statement {
  readonly query: string;
  readonly id: Buffer;
  readonly meta: PreparedMeta;
}

/** Prepares a statement ahead of its first row. @throws the server's error on a statement that is none */
export async function prepare(client: Client, query: string): Promise<Statement> {
  const { profileManager } = client as unknown as { profileManager: { getDefaultLoadBalancing(): unknown } };
  const policy = profileManager.getDefaultLoadBalancing();
  const { queryId, meta } = await prepareHandler.getPrepared(client, policy, query, client.keyspace ?? undefined);
  return { query, id: queryId, meta };
}

/** The values of one row for a statement: `<n>` and n times `<length><bytes>` (CQL binary protocol v4, section 4.1.4). */
export interface BoundValues {
  readonly statement: Statement;
  readonly values: Buffer;
}

const HEADER = 9;
const EXECUTE = 0x0a;
const BATCH = 0x0d;
const UNLOGGED = 1;
const WITH_VALUES = 0x01;
const WITH_TIMESTAMP = 0x20;
const DSE_V1 = 0x41;
const DSE_V2 = 0x42;

/** A request as the driver sends it; one stream at a time. */
export class FrameRequest {
  readonly length: number;
  /** set by the driver where it has prepared the statement again */
  meta: unknown;

  constructor(
    private readonly frame: Buffer,
    readonly query: string,
    readonly consistency: number,
  ) {
    this.length = frame.length - HEADER;
  }

  write(encoder: { protocolVersion: number }, stream: number): Buffer {
    this.frame[0] = encoder.protocolVersion;
    this.frame.writeInt16BE(stream, 2);
    return this.frame;
  }

  clone(): this {
    return this;
  }
}

/** How requests to one table are sent. */
export class Sender {
  private readonly options: ExecutionOptions;
  private readonly version: number;

  constructor(
    private readonly client: Client,
    readonly consistency: number,
    keyspace: string,
    timeoutMs: number,
  ) {
    this.options = DefaultExecutionOptions.create({ prepare: true, consistency, readTimeout: timeoutMs }, client);
    // token-aware routing asks the keyspace's replicas
    this.options.setKeyspace(keyspace);
    this.version = (client as unknown as { controlConnection: { protocolVersion: number } }).controlConnection.protocolVersion;
  }

  /** Whether there is more than one node to choose from. */
  get routes(): boolean {
    return this.client.hosts.length > 1;
  }

  /**
   * `<id>[<result id>]<consistency><flags><values>[<timestamp>]`
   * @param timestamp the write time in µs of a statement that sets none itself; null: the server's
   */
  execute({ statement, values }: BoundValues, timestamp: Buffer | null = null): FrameRequest {
    const { id, meta } = statement;
    const resultId = this.version === DSE_V2 ? (meta.resultId ?? Buffer.alloc(0)) : null;
    const flags = this.version >= DSE_V1 ? 4 : 1;
    const ends = timestamp === null ? 0 : timestamp.length;
    const frame = Buffer.allocUnsafe(HEADER + 2 + id.length + (resultId ? 2 + resultId.length : 0) + 2 + flags + values.length + ends);
    const given = timestamp === null ? WITH_VALUES : WITH_VALUES | WITH_TIMESTAMP;
    let at = header(frame, EXECUTE);
    at = shortBytes(frame, at, id);
    if (resultId) at = shortBytes(frame, at, resultId);
    at = frame.writeUInt16BE(this.consistency, at);
    at = flags === 4 ? frame.writeInt32BE(given, at) : frame.writeUInt8(given, at);
    at += values.copy(frame, at);
    timestamp?.copy(frame, at);
    return new FrameRequest(frame, statement.query, this.consistency);
  }

  /** `<type><n>` n times `<kind><id><values>`, `<consistency><flags>`; unlogged */
  batch(rows: readonly BoundValues[]): FrameRequest {
    const flags = this.version >= DSE_V1 ? 4 : 1;
    let length = HEADER + 3 + 2 + flags;
    for (const { statement, values } of rows) length += 3 + statement.id.length + values.length;
    const frame = Buffer.allocUnsafe(length);
    let at = header(frame, BATCH);
    frame[at++] = UNLOGGED;
    at = frame.writeUInt16BE(rows.length, at);
    for (const { statement, values } of rows) {
      frame[at++] = 1; // a prepared statement's id follows
      at = shortBytes(frame, at, statement.id);
      at += values.copy(frame, at);
    }
    at = frame.writeUInt16BE(this.consistency, at);
    if (flags === 4) frame.writeInt32BE(0, at);
    else frame[at] = 0;
    return new FrameRequest(frame, rows[0]!.statement.query, this.consistency);
  }

  /** @param routingKey of the partition, where it is known and `routes` */
  send(request: FrameRequest, routingKey: Buffer | null): Promise<unknown> {
    // read while the request's hosts are chosen, which is before this call returns: so one object does for all requests
    this.options.setRoutingKey(routingKey);
    return requestHandler.send(request, this.options, this.client);
  }
}

function header(frame: Buffer, opcode: number): number {
  frame[1] = 0;
  frame[4] = opcode;
  frame.writeInt32BE(frame.length - HEADER, 5);
  return HEADER;
}

function shortBytes(frame: Buffer, at: number, bytes: Buffer): number {
  const from = frame.writeUInt16BE(bytes.length, at);
  return from + bytes.copy(frame, from);
}
