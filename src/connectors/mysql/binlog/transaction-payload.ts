import { zstd } from "../../../common/zstd.js";
import { Cursor } from "./cursor.js";

const maxDecompressed = 2 ** 31;

/** The events within a transaction payload event: fields by type and length, then one zstd frame or the events as they are. */
export function readPayload(b: Buffer, start: number, end: number): Buffer {
  const c = new Cursor(b, start, end);
  let size = -1;
  let uncompressed = -1;
  let algorithm = 255;
  for (;;) {
    const field = c.lengthEncoded();
    if (field === 0) break;
    const length = c.lengthEncoded();
    const inner = new Cursor(b, c.p, c.p + length);
    if (field === 1) size = inner.lengthEncoded();
    else if (field === 2) algorithm = inner.lengthEncoded();
    else if (field === 3) uncompressed = inner.lengthEncoded();
    c.skip(length);
  }
  const data = c.bytes(size < 0 ? c.left : size);
  if (algorithm === 255) return data;
  if (algorithm !== 0) throw new RangeError(`a transaction payload's compression is not known: ${algorithm}`);
  if (uncompressed < 0 || uncompressed > maxDecompressed) throw new RangeError("a transaction payload's size is not plausible");
  const events = zstd().decompress(withContentSize(data, uncompressed), uncompressed);
  if (events.length !== uncompressed) throw new RangeError("a transaction payload has another size than it says");
  return events;
}

/** MySQL's frames do not say how large their content is. Saying so in the frame's head makes it one allocation, checked by zstd. */
function withContentSize(frame: Buffer, size: number): Buffer {
  const descriptor = frame[4]!;
  const known = descriptor >> 6 !== 0 || (descriptor & 0x20) !== 0;
  if (known || frame.length < 6 || frame.readUInt32LE(0) !== 0xfd2fb528) return frame;
  const head = 6 + [0, 1, 2, 4][descriptor & 3]!;
  const sized = Buffer.allocUnsafe(frame.length + 4);
  frame.copy(sized, 0, 0, head);
  sized[4] = descriptor | 0x80;
  sized.writeUInt32LE(size, head);
  frame.copy(sized, head + 4, head);
  return sized;
}
