import { connect as connectTcp, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { BrokerError } from "../broker/api/errors.js";
import { apiVersions } from "../protocol/messages/metadata.js";
import { saslAuthenticate, saslHandshake } from "../protocol/messages/sasl.js";
import type { Api, Spoken } from "../protocol/wire/api.js";
import { skipTag, WireReader } from "../protocol/wire/wire-reader.js";
import { WireWriter } from "../protocol/wire/wire-writer.js";
import { check } from "./response-errors.js";
import { ScramClient, type ScramMechanism } from "./scram-client.js";

export interface ConnectionSettings {
  readonly clientId: string;
  /** TLS where it is set; its host name is checked as Node does */
  readonly tls?: ConnectionOptions;
  /** `mechanism` is PLAIN if absent, which needs TLS to be a secret */
  readonly sasl?: { readonly mechanism?: "PLAIN" | ScramMechanism; readonly username: string; readonly password: string };
  /** After so long without an answer a request has failed. */
  readonly requestTimeoutMs: number;
}

export interface Node {
  readonly host: string;
  readonly port: number;
}

interface Pending {
  readonly api: Api;
  readonly version: number;
  resolve(value: unknown): void;
  reject(error: Error): void;
  readonly timer: NodeJS.Timeout;
}

/** One connection to one broker: requests go out as they are called, answers come in their order. */
export class NodeConnection {
  private readonly pending = new Map<number, Pending>();
  private next = 1;
  private versions = new Map<number, readonly [number, number]>();
  private rest: Buffer = Buffer.alloc(0);
  private failure: BrokerError | undefined;

  private constructor(
    readonly node: Node,
    private readonly socket: Socket,
    private readonly settings: ConnectionSettings,
  ) {
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.read(chunk));
    socket.on("error", (error) => this.fail(error.message));
    socket.on("close", () => this.fail("the connection was closed"));
  }

  /** @throws BrokerError COORDINATOR_NOT_AVAILABLE (retriable) where it cannot be reached, UNKNOWN_SERVER_ERROR where it refuses */
  static async open(node: Node, settings: ConnectionSettings): Promise<NodeConnection> {
    const socket = await new Promise<Socket>((resolve, reject) => {
      const at = { host: node.host, port: node.port };
      // a name alone may stand there: an address is checked against the certificate all the same
      const name = isIP(node.host) ? {} : { servername: node.host };
      const made = settings.tls ? connectTls({ ...name, ...settings.tls, ...at }) : connectTcp(at);
      const timer = setTimeout(() => made.destroy(new Error("no connection in time")), Math.min(10_000, settings.requestTimeoutMs));
      made.once(settings.tls ? "secureConnect" : "connect", () => {
        clearTimeout(timer);
        made.removeAllListeners("error");
        resolve(made);
      });
      made.once("error", (error) => {
        clearTimeout(timer);
        reject(unreachable(node, error.message, error));
      });
    });
    const connection = new NodeConnection(node, socket, settings);
    try {
      await connection.begin();
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  private async begin(): Promise<void> {
    const answer = await this.call(apiVersions, { clientSoftwareName: "millrace", clientSoftwareVersion: "1" }, 3);
    check(answer.errorCode, `${this.at} answers ApiVersions`);
    for (const { apiKey, minVersion, maxVersion } of answer.apiKeys) this.versions.set(apiKey, [minVersion, maxVersion]);
    if (this.settings.sasl) await this.authenticate(this.settings.sasl);
  }

  private async authenticate({ mechanism = "PLAIN", username, password }: NonNullable<ConnectionSettings["sasl"]>): Promise<void> {
    const { errorCode, mechanisms } = await this.call(saslHandshake, { mechanism });
    check(errorCode, `${this.at} takes SASL ${mechanism}`, `it takes ${mechanisms.join(", ")}`);
    const say = async (authBytes: Buffer) => {
      const { errorCode, errorMessage, authBytes: answer } = await this.call(saslAuthenticate, { authBytes });
      check(errorCode, `${this.at} authenticates ${username}`, errorMessage);
      return answer;
    };
    if (mechanism === "PLAIN") await say(Buffer.from(`\0${username}\0${password}`));
    else {
      const scram = new ScramClient(mechanism, username, password);
      scram.verify(await say(await scram.final(await say(scram.first()))));
    }
  }

  /** Another connection to the same broker; the caller's to close. */
  again(clientId = this.settings.clientId): Promise<NodeConnection> {
    return NodeConnection.open(this.node, { ...this.settings, clientId });
  }

  private get at(): string {
    return `${this.node.host}:${this.node.port}`;
  }

  get closed(): boolean {
    return this.failure !== undefined;
  }

  /** The highest version that both sides have. @throws BrokerError INVALID_REQUEST where there is none */
  versionOf(api: Api): number {
    const range = this.versions.get(api.key);
    const version = range ? Math.min(range[1], api.versions[1]) : -1;
    if (!range || version < range[0] || version < api.versions[0])
      throw new BrokerError("INVALID_REQUEST", `${this.at} has no version of ${api.name} from ${api.versions[0]} to ${api.versions[1]}`);
    return version;
  }

  /**
   * @param waitMs how long the broker itself may wait before it answers, beside the time-out
   * @throws BrokerError COORDINATOR_NOT_AVAILABLE (retriable) where the connection is lost: the request may have been carried out
   */
  call<Q, S>(api: Api & Spoken<Q, S>, request: Q, version = this.versionOf(api), waitMs = 0): Promise<S> {
    if (this.failure) return Promise.reject(this.failure);
    const id = this.next++ & 0x7fff_ffff;
    const to = new WireWriter();
    to.int32(0);
    to.int16(api.key);
    to.int16(version);
    to.int32(id);
    const client = this.settings.clientId;
    to.int16(Buffer.byteLength(client));
    to.text(client, Buffer.byteLength(client));
    if (version >= api.flexibleSince) to.uvarint(0);
    api.request(version).write(to, request);
    const parts = to.parts();
    parts[0]!.writeInt32BE(to.length - 4, 0);
    return new Promise<S>((resolve, reject) => {
      const timer = setTimeout(() => this.fail(`${api.name} was not answered in time`), this.settings.requestTimeoutMs + waitMs);
      this.pending.set(id, { api, version, resolve: resolve as (value: unknown) => void, reject, timer });
      this.socket.cork();
      for (const part of parts) this.socket.write(part);
      this.socket.uncork();
    });
  }

  private read(chunk: Buffer): void {
    this.rest = this.rest.length ? Buffer.concat([this.rest, chunk]) : chunk;
    try {
      while (this.rest.length >= 4) {
        const end = 4 + this.rest.readInt32BE(0);
        if (this.rest.length < end) return;
        const frame = this.rest.subarray(4, end);
        this.rest = this.rest.subarray(end);
        this.answer(frame);
      }
    } catch (error) {
      this.fail(`an answer could not be read: ${(error as Error).message}`);
    }
  }

  private answer(frame: Buffer): void {
    const from = new WireReader(frame);
    const id = from.int32();
    const pending = this.pending.get(id);
    if (!pending) throw new Error(`no request has the id ${id}`);
    this.pending.delete(id);
    clearTimeout(pending.timer);
    const { api, version } = pending;
    if (version >= api.flexibleSince && api.key !== apiVersions.key) for (let n = from.uvarint(); n > 0; n--) skipTag(from);
    try {
      pending.resolve(api.response(version).read(from));
    } catch (error) {
      pending.reject(error as Error);
      throw error;
    }
  }

  private fail(why: string): void {
    if (!this.failure) this.failure = unreachable(this.node, why);
    this.socket.destroy();
    for (const { reject, timer } of this.pending.values()) {
      clearTimeout(timer);
      reject(this.failure);
    }
    this.pending.clear();
  }

  close(): void {
    this.fail("this side closed the connection");
  }
}

function unreachable({ host, port }: Node, why: string, cause?: unknown): BrokerError {
  return new BrokerError("COORDINATOR_NOT_AVAILABLE", `the Kafka broker ${host}:${port} cannot be reached: ${why}`, { cause });
}
