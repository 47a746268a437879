import type { Socket } from "node:net";
import type { ByteQueue } from "../../../cdc/byte-queue.js";
import { socketQueue } from "../../../cdc/socket-queue.js";
import { MillraceError } from "../../../common/errors.js";
import { PacketReader } from "./packet-reader.js";
import { lengthEncoded, type ResultColumn, readColumn } from "./result-column.js";
import { errorOf, ServerError } from "./server-error.js";

/** What of mysql2's connection lives on. */
export interface HandedOver {
  readonly stream: Socket;
  readonly threadId: number | null;
  readonly _handshakePacket: { readonly serverVersion: string };
  readonly _mariadbExtendedMetadata: boolean;
  on(event: "error", listener: () => void): unknown;
  destroy(): void;
}

/** A result with its values as the server prints them. */
export interface Result {
  readonly columns: readonly string[];
  readonly rows: readonly (string | null)[][];
}

/**
 * A connection whose socket is taken over from mysql2 after the handshake. One command at a time; what comes back stays bytes:
 * chunks of the socket in a queue bounded in bytes, and the socket is paused while it is full.
 */
export class WireSession {
  readonly queue: ByteQueue;
  readonly packets: PacketReader;
  /** Under load a short read costs more than what is in it: the kernel gathers for a millisecond before the next. */
  gather = false;
  /** as the server says it: `9.1.0`, `10.11.6-MariaDB-log` */
  readonly serverVersion: string;
  readonly flavor: "mysql" | "mariadb";
  readonly threadId: number;
  private readonly socket: Socket;
  private failure: Error | null = null;
  private closing = false;

  constructor(private readonly connection: HandedOver) {
    this.serverVersion = connection._handshakePacket.serverVersion;
    this.flavor = /mariadb/i.test(this.serverVersion) ? "mariadb" : "mysql";
    this.threadId = connection.threadId ?? 0;
    connection.on("error", () => {});
    this.socket = connection.stream;
    this.queue = socketQueue(this.socket, () => this.gather);
    const fail = (e: Error) => {
      this.failure ??= e;
      this.queue.ring();
    };
    this.socket.on("error", fail);
    this.socket.on("close", () => fail(new Error("the server closed the connection")));
    this.packets = new PacketReader(this);
  }

  get secure(): boolean {
    return "encrypted" in this.socket;
  }

  /** Why nothing more comes; null while the connection stands. */
  get error(): MillraceError | null {
    if (!this.failure) return null;
    return this.closing
      ? new MillraceError("SHUTTING_DOWN", "the connection is being closed")
      : new MillraceError("SOURCE_RETRIABLE", `Lost the connection to the server: ${this.failure.message}`, { cause: this.failure });
  }

  /** Sends one command: its code and what follows. The answer is read from `packets`. */
  send(command: number, body: Buffer): void {
    const out = Buffer.allocUnsafe(5 + body.length);
    out.writeUIntLE(1 + body.length, 0, 3);
    out[3] = 0;
    out[4] = command;
    body.copy(out, 5);
    this.socket.write(out);
  }

  sendQuery(sql: string): void {
    this.send(3, Buffer.from(sql, "utf8"));
  }

  /**
   * Runs one statement.
   * @throws ServerError, or SOURCE_RETRIABLE where the connection is lost
   */
  query(sql: string): Promise<Result> {
    this.sendQuery(sql);
    return this.result();
  }

  /**
   * Runs statements one right after another: all are sent before the first is answered.
   * @throws as `query`, the first ServerError, once all are answered
   */
  async queries(statements: readonly string[]): Promise<Result[]> {
    for (const sql of statements) this.sendQuery(sql);
    const results: Result[] = [];
    let refused: ServerError | undefined;
    for (const _ of statements)
      try {
        results.push(await this.result());
      } catch (error) {
        if (!(error instanceof ServerError)) throw error;
        refused ??= error;
      }
    if (refused) throw refused;
    return results;
  }

  private async result(): Promise<Result> {
    const columns = await this.columns();
    const rows: (string | null)[][] = [];
    if (!columns) return { columns: [], rows };
    const { packets } = this;
    for (;;) {
      await this.packet();
      const { buffer: b, end } = packets;
      let p = packets.start;
      if (b[p] === 0xfe && end - p < 9) return { columns: columns.map((c) => c.name), rows };
      if (b[p] === 0xff) throw errorOf(b, p, end);
      const row: (string | null)[] = [];
      for (let i = 0; i < columns.length; i++) {
        if (b[p] === 0xfb) {
          row.push(null);
          p++;
          continue;
        }
        const { value: length, next } = lengthEncoded(b, p);
        row.push(b.toString("utf8", next, next + length));
        p = next + length;
      }
      rows.push(row);
    }
  }

  /** Reads the head of a statement's answer: its columns, with the rows to come; null: a statement without a result. */
  async columns(): Promise<ResultColumn[] | null> {
    const { packets } = this;
    await this.packet();
    const first = packets.buffer[packets.start]!;
    if (first === 0xff) throw this.failed();
    if (first === 0) return null;
    const { value: n } = lengthEncoded(packets.buffer, packets.start);
    const columns: ResultColumn[] = [];
    for (let i = 0; i < n; i++) {
      await this.packet();
      columns.push(readColumn(packets.buffer, packets.start, this.connection._mariadbExtendedMetadata));
    }
    await this.packet(); // EOF
    return columns;
  }

  /** Moves `packets` to the next packet, however long that takes. */
  async packet(): Promise<void> {
    while (!this.packets.next()) await this.packets.fill(60_000);
  }

  /** The ERR packet that `packets` stands at. */
  failed(): ServerError {
    return errorOf(this.packets.buffer, this.packets.start, this.packets.end);
  }

  close(): void {
    this.closing = true;
    this.failure ??= new Error("closed");
    this.socket.destroy();
    this.connection.destroy();
    this.queue.ring();
  }
}
