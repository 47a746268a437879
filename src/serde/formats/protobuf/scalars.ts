import type { Value } from "../../../data/schema.js";
import type { ProtoScalar } from "../../../schema-registry/protobuf/schema.js";
import type { ByteWriter } from "../../byte-writer.js";
import { type WireReader, wireType, writeVarint } from "./wire.js";

/** How one of the language's scalar types stands on the wire. */
export interface ScalarCodec {
  readonly wire: number;
  readonly zero: Value;
  write(out: ByteWriter, value: Value): void;
  read(reader: WireReader): Value;
}

const signed = (bits: number) => (r: WireReader) => {
  const v = r.varint();
  if (typeof v === "number" && v < 2 ** (bits - 1)) return v;
  return narrow(BigInt.asIntN(bits, BigInt(v)));
};
const zigzag = (r: WireReader) => {
  const v = r.varint();
  if (typeof v === "number") return v % 2 === 0 ? v / 2 : -(v + 1) / 2;
  return narrow((v >> 1n) ^ -(v & 1n));
};
const narrow = (v: bigint): number | bigint => (Number.isSafeInteger(Number(v)) ? Number(v) : v);
const big = (v: Value) => BigInt(v as number | bigint);
const number = (v: Value) => v as number;

const varint = { wire: wireType.varint, zero: 0, write: (out: ByteWriter, v: Value) => writeVarint(out, v as number | bigint) };
const zigzagWrite = (out: ByteWriter, v: Value) => out.varint(v as number | bigint); // Avro's numbers are the same
const fixed = (bytes: 4 | 8, put: (b: Buffer, at: number, v: Value) => void, get: (b: Buffer, at: number) => Value): ScalarCodec => ({
  wire: bytes === 4 ? wireType.fixed32 : wireType.fixed64,
  zero: 0,
  write: (out, v) => {
    out.ensure(bytes);
    put(out.buffer, out.position, v);
    out.position += bytes;
  },
  read: (r) => get(r.buffer, r.skip(bytes)),
});

export const scalarCodecs: Readonly<Record<ProtoScalar, ScalarCodec>> = {
  double: fixed(
    8,
    (b, at, v) => b.writeDoubleLE(Number(v), at),
    (b, at) => b.readDoubleLE(at),
  ),
  float: fixed(
    4,
    (b, at, v) => b.writeFloatLE(Number(v), at),
    (b, at) => b.readFloatLE(at),
  ),
  int32: { ...varint, read: signed(32) },
  int64: { ...varint, read: signed(64) },
  uint32: { ...varint, read: (r) => Number(BigInt.asUintN(32, BigInt(r.varint()))) },
  uint64: { ...varint, read: signed(64) },
  sint32: { ...varint, write: zigzagWrite, read: zigzag },
  sint64: { ...varint, write: zigzagWrite, read: zigzag },
  fixed32: fixed(
    4,
    (b, at, v) => b.writeUInt32LE(number(v), at),
    (b, at) => b.readUInt32LE(at),
  ),
  sfixed32: fixed(
    4,
    (b, at, v) => b.writeInt32LE(number(v), at),
    (b, at) => b.readInt32LE(at),
  ),
  fixed64: fixed(
    8,
    (b, at, v) => b.writeBigInt64LE(big(v), at),
    (b, at) => narrow(b.readBigInt64LE(at)),
  ),
  sfixed64: fixed(
    8,
    (b, at, v) => b.writeBigInt64LE(big(v), at),
    (b, at) => narrow(b.readBigInt64LE(at)),
  ),
  bool: { wire: wireType.varint, zero: false, write: (out, v) => out.byte(v ? 1 : 0), read: (r) => r.varint() !== 0 },
  string: {
    wire: wireType.bytes,
    zero: "",
    write: (out, v) => {
      const text = String(v);
      writeVarint(out, Buffer.byteLength(text));
      out.utf8(text);
    },
    read: (r) => {
      const n = r.length();
      const at = r.skip(n);
      return r.buffer.utf8Slice(at, at + n);
    },
  },
  bytes: {
    wire: wireType.bytes,
    zero: Buffer.alloc(0),
    write: (out, v) => {
      const bytes = v as Uint8Array;
      writeVarint(out, bytes.length);
      out.bytes(bytes);
    },
    read: (r) => {
      const n = r.length();
      const at = r.skip(n);
      return Buffer.from(r.buffer.subarray(at, at + n)); // a copy: what is decoded outlives the batch
    },
  },
};
