import type { Socket } from "node:net";
import type pg from "pg";
import type { ByteQueue } from "../../cdc/byte-queue.js";
import { socketQueue } from "../../cdc/socket-queue.js";
import { MillraceError } from "../../common/errors.js";

/** What an ErrorResponse says. */
export class ServerError extends Error {
  constructor(
    readonly sqlState: string,
    message: string,
    readonly detail?: string,
  ) {
    super(message);
    this.name = "ServerError";
  }
}

/**
 * A connection whose socket is taken over from `pg` after the handshake. Simple queries only; COPY and replication data stay
 * bytes: chunks of the socket in a queue bounded in bytes, and the socket is paused while it is full.
 */
export class WireSession {
  readonly queue: ByteQueue;
  /** Under load a short read costs more than what is in it: the kernel gathers for a millisecond before the next. */
  gather = false;
  private readonly socket: Socket;
  private failure: Error | null = null;
  private closing = false;

  constructor(private readonly client: pg.Client) {
    const connection = (client as unknown as { connection: { stream: Socket } }).connection;
    this.socket = connection.stream;
    this.queue = socketQueue(this.socket, () => this.gather);
    const fail = (e: Error) => {
      this.failure ??= e;
      this.queue.ring();
    };
    this.socket.on("error", fail);
    this.socket.on("close", () => fail(new Error("the server closed the connection")));
  }

  /** whether it is a unix socket */
  get local(): boolean {
    return this.socket.remoteAddress === undefined;
  }

  get error(): MillraceError | null {
    return this.failure && !this.closing
      ? new MillraceError("SOURCE_RETRIABLE", `Lost the connection to Postgres: ${this.failure.message}`, { cause: this.failure })
      : null;
  }

  sendQuery(sql: string): void {
    const text = Buffer.from(sql, "utf8");
    const out = Buffer.allocUnsafe(6 + text.length);
    out[0] = 81; // Q
    out.writeInt32BE(5 + text.length, 1);
    text.copy(out, 5);
    out[5 + text.length] = 0;
    this.socket.write(out);
  }

  /** A CopyData message. */
  sendCopyData(body: Buffer): void {
    const out = Buffer.allocUnsafe(5 + body.length);
    out[0] = 100; // d
    out.writeInt32BE(4 + body.length, 1);
    body.copy(out, 5);
    this.socket.write(out);
  }

  /** Ends a COPY both ways: CopyDone. */
  sendCopyDone(): void {
    this.socket.write(Buffer.from([99, 0, 0, 0, 4]));
  }

  /**
   * Runs one statement and returns its rows as texts. Not while a COPY runs.
   * @throws ServerError, or SOURCE_RETRIABLE where the connection is lost
   */
  async query(sql: string): Promise<(string | null)[][]> {
    this.sendQuery(sql);
    const rows: (string | null)[][] = [];
    let failed: ServerError | null = null;
    for (;;) {
      const { type, body } = await this.message();
      if (type === 68) rows.push(dataRow(body));
      else if (type === 69) failed = errorOf(body);
      else if (type === 90) {
        if (failed) throw failed;
        return rows;
      }
    }
  }

  private pending: Buffer = Buffer.alloc(0);

  /** The next whole message; only for small answers. */
  async message(): Promise<{ type: number; body: Buffer }> {
    for (;;) {
      const b = this.pending;
      if (b.length >= 5) {
        const end = 1 + b.readInt32BE(1);
        if (b.length >= end) {
          this.pending = b.subarray(end);
          return { type: b[0]!, body: b.subarray(5, end) };
        }
      }
      const chunks = this.queue.take();
      if (chunks.length) this.pending = Buffer.concat([b, ...chunks]);
      else {
        if (this.failure) throw this.error ?? new MillraceError("SHUTTING_DOWN", "the connection is being closed");
        await this.queue.wait(1000);
      }
    }
  }

  /** Bytes that `message` read too far: the first of what follows. */
  takePending(): Buffer {
    const b = this.pending;
    this.pending = Buffer.alloc(0);
    return b;
  }

  close(): void {
    this.closing = true;
    this.socket.destroy();
    this.client.end().catch(() => {});
  }
}

function dataRow(body: Buffer): (string | null)[] {
  const n = body.readInt16BE(0);
  const row: (string | null)[] = [];
  let at = 2;
  for (let i = 0; i < n; i++) {
    const length = body.readInt32BE(at);
    at += 4;
    if (length < 0) row.push(null);
    else {
      row.push(body.toString("utf8", at, at + length));
      at += length;
    }
  }
  return row;
}

export function errorOf(body: Buffer): ServerError {
  const fields: Record<string, string> = {};
  for (let at = 0; at < body.length && body[at] !== 0; ) {
    const end = body.indexOf(0, at + 1);
    fields[String.fromCharCode(body[at]!)] = body.toString("utf8", at + 1, end);
    at = end + 1;
  }
  return new ServerError(fields["C"] ?? "XX000", fields["M"] ?? "unknown error", fields["D"]);
}
