import { MillraceError } from "../../common/errors.js";
import { readInt64, writeInt64 } from "../../protocol/record-batch.js";
import type { Row } from "../../serde/row-serde.js";
import type { KeyWindow } from "./record-format.js";

/** Behind a windowed key's bytes, as Kafka Streams writes it: the start of a time window; the end and the start of a session. ms, 8 bytes each. */
export function windowSize(window: KeyWindow | undefined): number {
  return window === undefined ? 0 : window.type === "SESSION" ? 16 : 8;
}

/** @param columns number of key and value columns: WINDOWSTART is the fourth pseudo column behind them */
export function readWindow(window: KeyWindow, bytes: Buffer, end: number, row: Row, columns: number): void {
  if (end - windowSize(window) < 0) throw new MillraceError("DESERIALIZATION", "the key is too short to hold its window");
  const start = readInt64(bytes, end - 8);
  row[columns + 3] = start;
  row[columns + 4] = window.type === "SESSION" ? readInt64(bytes, end - 16) : window.size === undefined ? null : start + window.size;
}

export function writeWindow(window: KeyWindow, row: Row, columns: number, out: Buffer, position: number): number {
  let at = position;
  if (window.type === "SESSION") {
    writeInt64(out, row[columns + 4] as number, at);
    at += 8;
  }
  writeInt64(out, row[columns + 3] as number, at);
  return at + 8;
}
