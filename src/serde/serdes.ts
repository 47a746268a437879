import { MillraceError } from "../common/errors.js";
import type {} from "../data/buffer-text.js";
import type { ByteWriter } from "./byte-writer.js";
import { avroSerde } from "./formats/avro/object-serde.js";
import type { OpenSerde, Serde } from "./serde.js";

/** A format that needs no preparation and is the same for every topic. */
function plain<T>(name: string, open: OpenSerde<T>): Serde<T> {
  return { name, open: () => open };
}

/** A number of fixed width, big-endian as Kafka's own serializers write it. */
function fixed<T>(
  name: string,
  size: number,
  write: (buffer: Buffer, value: T) => void,
  read: (bytes: Buffer, start: number) => T,
): Serde<T> {
  const buffer = Buffer.alloc(size);
  return plain(name, {
    serialize(value, out) {
      try {
        write(buffer, value);
      } catch (cause) {
        throw new MillraceError("SERIALIZATION", `expected ${name}, found ${String(value).slice(0, 40)}`, { cause });
      }
      out.bytes(buffer);
    },
    deserialize(bytes, start, end) {
      if (end - start !== size) throw new MillraceError("DESERIALIZATION", `Size of data received by ${name} is not ${size}`);
      return read(bytes, start);
    },
  });
}

const string = plain<string>("string", {
  serialize(value, out) {
    if (typeof value !== "string") throw new MillraceError("SERIALIZATION", `expected string, found ${typeof value}`);
    out.utf8(value);
  },
  deserialize: (bytes, start, end) => bytes.utf8Slice(start, end),
});

const long = fixed<number>(
  "long",
  8,
  (buffer, value) => buffer.writeBigInt64BE(BigInt(value)),
  (bytes, start) => {
    const value = bytes.readBigInt64BE(start);
    if (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER)
      throw new MillraceError("DESERIALIZATION", `${value} is no safe integer of JavaScript; serdes.bigint reads it`);
    return Number(value);
  },
);

function json<T>(): Serde<T> {
  return plain<T>("json", {
    serialize(value, out) {
      const text = JSON.stringify(value);
      if (text === undefined) throw new MillraceError("SERIALIZATION", `a ${typeof value} is no JSON`);
      out.utf8(text);
    },
    deserialize(bytes, start, end) {
      try {
        return JSON.parse(bytes.utf8Slice(start, end)) as T;
      } catch (cause) {
        throw new MillraceError("DESERIALIZATION", `not JSON: ${(cause as Error).message}`, { cause });
      }
    },
  });
}

/** A format of one's own, from functions between values and bytes. */
function of<T>(name: string, serialize: (value: T) => Uint8Array, deserialize: (bytes: Buffer) => T): Serde<T> {
  const writeTo = (value: T, out: ByteWriter) => out.bytes(serialize(value));
  // A copy: what is decoded outlives the batch.
  return plain(name, { serialize: writeTo, deserialize: (bytes, start, end) => deserialize(Buffer.from(bytes.subarray(start, end))) });
}

/** The formats of keys and values. A null value is a record without one, whatever its format. */
export const serdes = {
  /** UTF-8 */
  string,
  /** 32 bits */
  int: fixed<number>(
    "int",
    4,
    (buffer, value) => buffer.writeInt32BE(value),
    (bytes, start) => bytes.readInt32BE(start),
  ),
  /** 64 bits, of which a number holds 53: one beyond is an error of its record */
  long,
  /** 64 bits */
  bigint: fixed<bigint>(
    "bigint",
    8,
    (buffer, value) => buffer.writeBigInt64BE(value),
    (bytes, start) => bytes.readBigInt64BE(start),
  ),
  double: fixed<number>(
    "double",
    8,
    (buffer, value) => buffer.writeDoubleBE(value),
    (bytes, start) => bytes.readDoubleBE(start),
  ),
  float: fixed<number>(
    "float",
    4,
    (buffer, value) => buffer.writeFloatBE(value),
    (bytes, start) => bytes.readFloatBE(start),
  ),
  boolean: fixed<boolean>(
    "boolean",
    1,
    (buffer, value) => buffer.writeUInt8(value ? 1 : 0),
    (bytes, start) => bytes[start] !== 0,
  ),
  bytes: of<Uint8Array>(
    "bytes",
    (value) => value,
    (bytes) => bytes,
  ),
  json,
  avro: avroSerde,
  of,
} as const;
