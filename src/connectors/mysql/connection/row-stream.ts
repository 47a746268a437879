import { MillraceError } from "../../../common/errors.js";
import type { ResultColumn } from "./result-column.js";
import { errorOf } from "./server-error.js";
import type { WireSession } from "./wire-session.js";

/** Rows of a text result, as places in one buffer. Its first `headroom` bytes (see packet-reader.ts) are the caller's. */
export interface RowBatch {
  readonly buffer: Buffer;
  readonly count: number;
  /** 2 × stride a row: the bytes [offsets[2 i], offsets[2 i + 1]) of column i, both -1 for NULL; places beyond the columns are 0 */
  readonly offsets: Int32Array;
  /** whether these are the result's last rows: a batch holds its last row back until it is known whether another follows */
  readonly last: boolean;
}

/**
 * The rows of one SELECT, straight from the socket's bytes and without an object a row. Values are as the server prints them
 * in the text protocol, text in the connection's character set (utf8mb4). Reading stops where the caller does not go on.
 */
export class RowStream {
  private room = 0.1;
  private done = false;

  private constructor(
    private readonly session: WireSession,
    readonly columns: readonly ResultColumn[],
    private readonly stride: number,
  ) {}

  /**
   * Sends the statement. The session is taken until `next` has returned its last batch.
   * @param stride places a row has in `offsets`: the columns by default, more for a caller with columns of its own behind them
   * @throws ServerError, or SOURCE_RETRIABLE where the connection is lost
   */
  static async open(session: WireSession, sql: string, stride?: number): Promise<RowStream> {
    session.sendQuery(sql);
    const columns = await session.columns();
    if (!columns) throw new MillraceError("INTERNAL", `not a query: ${sql}`);
    return new RowStream(session, columns, stride ?? columns.length);
  }

  /**
   * What has arrived, waiting for some; null after the last batch. An empty result gives one batch without rows.
   * @throws ServerError, or SOURCE_RETRIABLE where the connection is lost
   */
  async next(): Promise<RowBatch | null> {
    if (this.done) return null;
    const { packets } = this.session;
    const { stride } = this;
    const n = this.columns.length;
    for (;;) {
      let offsets = new Int32Array(stride * 2 * 16 + Math.ceil(packets.remaining * this.room));
      let count = 0;
      let o = 0;
      while (packets.nextRow()) {
        const { buffer: b, start, end } = packets;
        if (b[start] === 0xfe && end - start < 9) {
          this.done = true;
          return { buffer: b, count, offsets: offsets.subarray(0, o), last: true };
        }
        if (b[start] === 0xff) throw errorOf(b, start, end);
        if (o + stride * 2 > offsets.length) {
          const grown = new Int32Array(offsets.length * 2);
          grown.set(offsets);
          offsets = grown;
        }
        split(b, start, end, offsets, o, n);
        o += stride * 2;
        count++;
      }
      if (count > 0) {
        this.room = (o * 1.1) / packets.buffer.length;
        return { buffer: packets.buffer, count, offsets: offsets.subarray(0, o), last: false };
      }
      await packets.fill(60_000);
    }
  }
}

/** Notes where the row's values are. */
function split(b: Buffer, from: number, end: number, offsets: Int32Array, o0: number, n: number): void {
  let p = from;
  let o = o0;
  for (let i = 0; i < n; i++, o += 2) {
    let length = b[p++]!;
    if (length >= 0xfb) {
      if (length === 0xfb) {
        offsets[o] = -1;
        offsets[o + 1] = -1;
        continue;
      }
      if (length === 0xfc) {
        length = b[p]! | (b[p + 1]! << 8);
        p += 2;
      } else if (length === 0xfd) {
        length = b[p]! | (b[p + 1]! << 8) | (b[p + 2]! << 16);
        p += 3;
      } else {
        length = b.readUInt32LE(p) + b.readUInt32LE(p + 4) * 4294967296;
        p += 8;
      }
    }
    offsets[o] = p;
    p += length;
    offsets[o + 1] = p;
  }
  if (p !== end) throw new MillraceError("SOURCE_FAILED", "a row of the server's answer does not have the length of its values");
}
