import type { Socket } from "node:net";
import { giveMemory } from "../../protocol/batch-memory.js";
import { fetch } from "../../protocol/messages/fetch.js";
import { apiVersions } from "../../protocol/messages/metadata.js";
import { produce } from "../../protocol/messages/produce.js";
import { saslAuthenticate, saslHandshake } from "../../protocol/messages/sasl.js";
import type { Api } from "../../protocol/wire/api.js";
import { MalformedMessage, skipTag, WireReader } from "../../protocol/wire/wire-reader.js";
import { WireWriter } from "../../protocol/wire/wire-writer.js";
import type { Credentials } from "../auth/credentials.js";
import { SaslExchange } from "../auth/sasl.js";
import { handlers, unknownVersion } from "./apis.js";
import type { ConnectionState, ListenerContext } from "./context.js";
import { FrameReader, giveFrame } from "./frame-reader.js";
import type { Handler } from "./handler.js";
import { UnansweredFailure } from "./handlers/produce.js";

/** What a client may do before it has authenticated. */
const beforeAuthentication = new Set([saslHandshake.key, apiVersions.key, saslAuthenticate.key]);
/** Bytes of a request of somebody who has not, as Kafka's `sasl.server.max.receive.size`. */
const mostBeforeAuthentication = 512 * 1024;
/** Bytes of requests and answers under way beyond which nothing more is read from the socket. */
const mostUnderWay = 32 * 1024 * 1024;
/** What a request weighs beside its bytes: its objects and its place in the queue. */
const requestWeight = 8 * 1024;
/** Elements of all arrays of a request; a cluster's largest have some ten thousand partitions. */
const mostElements = 100_000;
/** Bytes of answers that a client has not read beyond which its next request waits. */
const mostUnread = 1024 * 1024;

interface Request {
  readonly handler: Handler;
  readonly version: number;
  readonly correlationId: number;
  readonly clientId: string;
  readonly message: unknown;
}

/**
 * One client. Its requests are answered in their order. Produce requests that follow one another run side by side, since each waits
 * for the disk and the broker appends them in the order of the calls; any other waits until those before it are answered.
 */
export class Connection {
  private readonly gone = new AbortController();
  private readonly state: ConnectionState;
  private readonly frames: FrameReader;
  private last: Promise<void> = Promise.resolve();
  private lastProduce = false;
  /** What the last produce request waits for before it begins. */
  private produceWaits: Promise<void> | undefined;
  private underWay = 0;
  private readonly clientHost: string;
  private readonly maxRequestBytes: number;

  constructor(
    private readonly socket: Socket,
    private readonly context: ListenerContext,
    options: { readonly credentials: Credentials | undefined; readonly maxRequestBytes: number },
  ) {
    this.clientHost = `/${(socket.remoteAddress ?? "127.0.0.1").replace(/^::ffff:/, "")}`;
    this.state = {
      principal: options.credentials ? null : "User:ANONYMOUS",
      sasl: options.credentials ? new SaslExchange(options.credentials) : undefined,
      refused: false,
      fetchSessions: new Map(),
    };
    const { maxRequestBytes } = options;
    const most = this.state.principal === null ? Math.min(maxRequestBytes, mostBeforeAuthentication) : maxRequestBytes;
    this.frames = new FrameReader(most, (frame) => this.request(frame));
    this.maxRequestBytes = maxRequestBytes;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => {
      try {
        this.frames.push(chunk);
      } catch (error) {
        this.drop(error);
      }
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.gone.abort());
  }

  close(): void {
    this.socket.destroy();
  }

  private request(frame: Buffer): void {
    const request = this.parse(frame);
    if (!request) return;
    const weight = frame.length + requestWeight;
    this.underWay += weight;
    if (this.underWay > mostUnderWay) this.socket.pause();
    const produces = request.handler.api === produce;
    const before = this.last;
    // Run ahead of the earlier ones' answers only where both are produce requests: a commit that overtook its records would lose them.
    // Behind a produce request that itself still waits for others: its records come first.
    const after = produces && this.lastProduce ? this.produceWaits : before;
    const run = after ? after.then(() => this.handle(request)) : this.handle(request);
    if (produces && after === before) {
      this.produceWaits = before;
      void before.then(() => {
        if (this.produceWaits === before) this.produceWaits = undefined;
      });
    }
    run.catch(() => {});
    this.lastProduce = produces;
    this.last = Promise.all([run, before])
      .then(([answer]) => this.answer(request, answer))
      .catch((error) => this.drop(error))
      .finally(() => {
        // only of produce is nothing kept: a group keeps views of its members' metadata
        if (produces) giveFrame(frame);
        this.underWay -= weight;
        if (this.underWay <= mostUnderWay / 2 && this.socket.isPaused()) this.socket.resume();
      });
  }

  /** undefined where the answer was given already. @throws MalformedMessage */
  private parse(frame: Buffer): Request | undefined {
    const from = new WireReader(frame, 0, frame.length, mostElements);
    const key = from.int16();
    const version = from.int16();
    const correlationId = from.int32();
    const handler = handlers.get(key);
    if (!handler) throw new MalformedMessage(`API ${key} is not spoken here`);
    const { api } = handler;
    if (version < api.versions[0] || version > api.versions[1]) {
      if (key !== apiVersions.key) throw new MalformedMessage(`version ${version} of ${api.name} is not spoken here`);
      this.last = this.last.then(() => this.send(apiVersions, 0, correlationId, unknownVersion()));
      return undefined;
    }
    if (this.state.principal !== null) this.frames.maxBytes = this.maxRequestBytes;
    else if (!beforeAuthentication.has(key)) throw new MalformedMessage(`${api.name} before authentication`);
    const length = from.int16();
    const clientId = length < 0 ? "" : from.text(length);
    if (version >= api.flexibleSince) for (let n = from.uvarint(); n > 0; n--) skipTag(from);
    // bytes behind it are passed over, as Kafka does: librdkafka 2.16 sends three too many in Metadata 13
    return { handler, version, correlationId, clientId, message: api.request(version).read(from) };
  }

  private handle({ handler, version, clientId, message }: Request): Promise<unknown> {
    const { clientHost, state } = this;
    return handler.handle(message, { ...this.context, version, clientId, clientHost, signal: this.gone.signal, connection: state });
  }

  private async answer({ handler, version, correlationId }: Request, message: unknown): Promise<void> {
    if (message === null) return;
    this.send(handler.api, version, correlationId, message);
    // who could not say who he is has to connect for another try
    if (this.state.refused) this.socket.end();
    // a client that asks on without reading would have its answers pile up here
    if (this.socket.writableLength > mostUnread) await this.drained();
  }

  private drained(): Promise<void> {
    if (this.gone.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        this.socket.off("drain", done);
        this.gone.signal.removeEventListener("abort", done);
        resolve();
      };
      this.socket.on("drain", done);
      this.gone.signal.addEventListener("abort", done);
    });
  }

  private send(api: Api, version: number, correlationId: number, message: unknown): void {
    if (this.socket.destroyed) return;
    const to = new WireWriter();
    to.int32(0);
    to.int32(correlationId);
    if (version >= api.flexibleSince && api.key !== apiVersions.key) to.uvarint(0);
    api.response(version).write(to, message);
    const parts = to.parts();
    parts[0]!.writeInt32BE(to.length - 4, 0);
    if (parts.length === 1) {
      this.socket.write(parts[0]!);
      return;
    }
    this.socket.cork();
    // records were read for this answer alone where they begin their memory; a part of something larger is not ours to give
    for (const part of parts)
      if (api === fetch && part.byteOffset === 0) this.socket.write(part, () => giveMemory(part));
      else this.socket.write(part);
    this.socket.uncork();
  }

  private drop(error: unknown): void {
    if (!this.gone.signal.aborted) {
      const { logger } = this.context;
      const client = this.clientHost;
      if (error instanceof MalformedMessage || error instanceof UnansweredFailure)
        logger.warn("a client's connection is closed", { client, why: error.message });
      else logger.error("a client's connection is closed", { client, error });
    }
    this.socket.destroy();
  }
}
