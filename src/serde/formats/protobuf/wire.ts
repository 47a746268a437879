import { MillraceError } from "../../../common/errors.js";
import { ByteReader } from "../../byte-reader.js";
import type { ByteWriter } from "../../byte-writer.js";

/** The low three bits of a field's tag. */
export const wireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** Base 128, without zigzag: a negative number takes ten bytes, as its two's complement of 64 bits. */
export function writeVarint(out: ByteWriter, value: number | bigint): void {
  out.ensure(10);
  const { buffer } = out;
  let p = out.position;
  if (typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER) {
    let n = value;
    while (n > 0x7f) {
      buffer[p++] = (n % 128) | 0x80;
      n = Math.floor(n / 128);
    }
    buffer[p++] = n;
  } else {
    let n = BigInt.asUintN(64, BigInt(value));
    while (n > 0x7fn) {
      buffer[p++] = Number(n & 0x7fn) | 0x80;
      n >>= 7n;
    }
    buffer[p++] = Number(n);
  }
  out.position = p;
}

/** What stands on Protobuf's wire beside the fixed widths. @throws DESERIALIZATION where the bytes end too early */
export class WireReader extends ByteReader {
  /** Unsigned: a number while it is safe, else a bigint. */
  varint(): number | bigint {
    let value = 0;
    let scale = 1;
    for (let p = this.position; p < this.end; ) {
      const byte = this.buffer[p++]!;
      // from here on the bits are beyond 2^53
      if (scale === 2 ** 49 && byte > 15) return this.bigVarint();
      value += (byte & 0x7f) * scale;
      if (byte <= 0x7f) {
        this.position = p;
        return value;
      }
      scale *= 128;
    }
    throw this.short();
  }

  private bigVarint(): number | bigint {
    let value = 0n;
    let shift = 0n;
    for (let p = this.position; p < this.end && shift <= 63n; shift += 7n) {
      const byte = this.buffer[p++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte > 0x7f) continue;
      this.position = p;
      return value;
    }
    throw this.short();
  }

  length(): number {
    const n = Number(this.varint());
    if (n > this.end - this.position) throw this.short();
    return n;
  }

  /** Moves past a value of the wire type. @throws DESERIALIZATION */
  skipValue(type: number): void {
    if (type === wireType.varint) this.varint();
    else if (type === wireType.fixed64) this.skip(8);
    else if (type === wireType.bytes) this.skip(this.length());
    else if (type === wireType.fixed32) this.skip(4);
    else throw new MillraceError("DESERIALIZATION", `Protobuf data has wire type ${type} at byte ${this.position}`);
  }
}
