import { MillraceError } from "../../../common/errors.js";
import { classify } from "../connection/server-error.js";
import type { WireSession } from "../connection/wire-session.js";
import { EventDecoder } from "./event-decoder.js";
import type { BinlogEvent, BinlogPosition } from "./events.js";
import { GtidSet } from "./gtid-set.js";

export interface ReaderOptions {
  /** unique among the server's replicas: of two readers with one id the server drops the older */
  readonly serverId: number;
  /** ms; the server says so after this time without an event */
  readonly heartbeatMs: number;
  /**
   * Tables whose rows are wanted. Those of others come too, but partial updates as they are: it may not even be possible to complete
   * them. By default all are wanted.
   */
  readonly captured?: (database: string, table: string) => boolean;
}

const command = { binlogDump: 0x12, registerReplica: 0x15, binlogDumpGtid: 0x1e };

/** Reads the binlog as a replica does. The session is the reader's from then on. */
export class BinlogReader {
  private readonly decoder: EventDecoder;
  private lastBytes = Date.now();
  private failed: MillraceError | null = null;

  private constructor(
    private readonly session: WireSession,
    from: BinlogPosition,
    private readonly options: ReaderOptions,
  ) {
    this.decoder = new EventDecoder(from.file, from.gtidSet === null ? from.position : 4, options.captured);
  }

  /**
   * Asks for the binlog from a position on: by GTID set where it has one (everything that is not in the set), else by file and
   * position. Where the server cannot send it, the first `next` throws.
   * @throws MillraceError SOURCE_FAILED, SOURCE_RETRIABLE
   */
  static async open(session: WireSession, from: BinlogPosition, options: ReaderOptions): Promise<BinlogReader> {
    try {
      const maria = session.flavor === "mariadb";
      // the server sends checksums only to those who say that they know them; the newer names came with 8.0.26
      const settings = [
        "@master_binlog_checksum = @@global.binlog_checksum",
        `@master_heartbeat_period = ${options.heartbeatMs * 1_000_000}`,
      ];
      if (maria) {
        // 4: GTIDs are understood
        settings.push("@mariadb_slave_capability = 4");
        if (from.gtidSet !== null)
          settings.push(
            `@slave_connect_state = '${from.gtidSet.replace(/[^0-9,-]/g, "")}'`,
            "@slave_gtid_strict_mode = 0",
            "@slave_gtid_ignore_duplicates = 0",
          );
      } else
        settings.push(
          "@source_binlog_checksum = @@global.binlog_checksum",
          `@source_heartbeat_period = ${options.heartbeatMs * 1_000_000}`,
        );
      await session.query(`SET ${settings.join(", ")}`);
      const register = Buffer.alloc(17);
      register.writeUInt32LE(options.serverId, 0);
      session.send(command.registerReplica, register);
      await session.packet();
      if (session.packets.buffer[session.packets.start] === 0xff) throw session.failed();
      if (from.gtidSet !== null && !maria) session.send(command.binlogDumpGtid, gtidRequest(from.gtidSet, options.serverId));
      else session.send(command.binlogDump, dumpRequest(from, options.serverId, maria));
    } catch (e) {
      throw classify(e);
    }
    session.gather = true;
    session.packets.reuse = true;
    return new BinlogReader(session, from, options);
  }

  /** Where the reader is: the file and position behind the last event handed over. */
  get file(): string {
    return this.decoder.file;
  }

  get position(): number {
    return this.decoder.position;
  }

  /**
   * The events that have arrived, waiting up to `ms` for some; empty: none came. The bytes of rows are valid until the next call.
   * @throws MillraceError SOURCE_RETRIABLE where the connection is lost or silent, SOURCE_FAILED where the binlog is damaged or gone;
   * after an event that cannot be read the next call goes on behind it
   */
  async next(ms: number): Promise<BinlogEvent[]> {
    const out: BinlogEvent[] = [];
    const { packets } = this.session;
    if (this.failed) {
      // once: behind an event that cannot be read, the next one may be
      const { failed } = this;
      this.failed = null;
      throw failed;
    }
    try {
      while (!packets.next()) {
        if (!(await packets.fill(ms))) {
          const silent = Date.now() - this.lastBytes;
          if (silent > Math.max(60_000, this.options.heartbeatMs * 3))
            throw new MillraceError(
              "SOURCE_RETRIABLE",
              `The server has sent nothing for ${Math.round(silent / 1000)} s, not even a heartbeat`,
            );
          return out;
        }
        this.lastBytes = Date.now();
      }
      do {
        const { buffer, start, end } = packets;
        const status = buffer[start]!;
        if (status === 0xff) throw this.session.failed();
        if (status === 0xfe && end - start < 9)
          throw new MillraceError("SOURCE_RETRIABLE", "The server ended the binlog stream: it shuts down or its log was reset");
        if (status !== 0) throw new MillraceError("SOURCE_FAILED", `The server's binlog stream has a packet that starts with ${status}`);
        this.decoder.decode(buffer, start + 1, end, out);
      } while (packets.next());
    } catch (e) {
      // what was read whole comes first; the error comes with the next call
      if (out.length > 0) {
        this.failed = classify(e);
        return out;
      }
      throw classify(e);
    }
    return out;
  }

  close(): void {
    this.session.close();
  }
}

function dumpRequest(from: BinlogPosition, serverId: number, maria: boolean): Buffer {
  const byGtid = from.gtidSet !== null;
  const file = Buffer.from(byGtid ? "" : from.file, "utf8");
  const body = Buffer.alloc(10 + file.length);
  body.writeUInt32LE(byGtid ? 4 : from.position, 0);
  // 2: MariaDB is to send the statements' texts too
  body.writeUInt16LE(maria ? 2 : 0, 4);
  body.writeUInt32LE(serverId, 6);
  file.copy(body, 10);
  return body;
}

/** flags (4: by GTID), server id, no file, position 4, the set */
function gtidRequest(gtidSet: string, serverId: number): Buffer {
  const set = GtidSet.parse(gtidSet).encode();
  const head = Buffer.alloc(22);
  head.writeUInt16LE(4, 0);
  head.writeUInt32LE(serverId, 2);
  head.writeUInt32LE(4, 10);
  head.writeUInt32LE(set.length, 18);
  return Buffer.concat([head, set]);
}
