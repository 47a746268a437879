// Record batches by hand, so that any field may be wrong while the checksum is right.
import { crc32c } from "../../dist/protocol/crc32c.js";

/** A batch of format 2 whose fields may contradict one another; the checksum is right most times. */
export function encodeRecordBatch({ random, producerId, epoch, sequence, attributes, records }) {
  const list = [];
  for (let i = 0; i < records; i++) {
    const value = Buffer.alloc(Math.floor(random() * 20), 120);
    const body = Buffer.concat([Buffer.from([0, i * 2, i * 2, 2, 107, value.length * 2]), value, Buffer.from([0])]);
    list.push(Buffer.from([body.length * 2]), body);
  }
  const payload = Buffer.concat(list);
  const out = Buffer.alloc(61 + payload.length);
  out.writeInt32BE(out.length - 12 + (random() < 0.02 ? 5 : 0), 8);
  out[16] = random() < 0.02 ? 1 : 2;
  out.writeInt16BE(attributes, 21);
  out.writeInt32BE(records - 1 + (random() < 0.05 ? 3 : 0), 23);
  out.writeBigInt64BE(1_700_000_000_000n, 27);
  out.writeBigInt64BE(1_700_000_000_000n, 35);
  out.writeBigInt64BE(BigInt(producerId), 43);
  out.writeInt16BE(epoch, 51);
  out.writeInt32BE(sequence, 53);
  out.writeInt32BE(records + (random() < 0.05 ? 1 : 0), 57);
  payload.copy(out, 61);
  out.writeUInt32BE(crc32c(out, 21), 17);
  if (random() < 0.05) out[17] ^= 1;
  return out;
}
