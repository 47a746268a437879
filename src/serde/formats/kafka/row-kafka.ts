import { MillraceError } from "../../../common/errors.js";
import type {} from "../../../data/buffer-text.js";
import type { SqlField } from "../../../data/sql-type.js";
import type { Row, RowSerde } from "../../row-serde.js";

interface Codec {
  readonly size: number;
  write(out: Buffer, p: number, value: unknown): void;
  read(b: Buffer, p: number): unknown;
}

/** Kafka's own serializers, big-endian; a size of -1 takes all bytes. */
const codecs: Readonly<Record<string, Codec>> = {
  INTEGER: { size: 4, write: writeInt, read: (b, p) => (b[p]! << 24) | (b[p + 1]! << 16) | (b[p + 2]! << 8) | b[p + 3]! },
  BIGINT: { size: 8, write: writeLong, read: readLong },
  DOUBLE: { size: 8, write: (o, p, v) => void o.writeDoubleBE(v as number, p), read: (b, p) => b.readDoubleBE(p) },
};

function writeInt(out: Buffer, p: number, value: unknown): void {
  const n = value as number;
  out[p] = n >> 24;
  out[p + 1] = n >> 16;
  out[p + 2] = n >> 8;
  out[p + 3] = n;
}
function writeLong(out: Buffer, p: number, value: unknown): void {
  if (typeof value === "bigint") {
    out.writeBigInt64BE(value, p);
    return;
  }
  const n = value as number;
  out.writeInt32BE(Math.floor(n / 0x1_0000_0000), p);
  out.writeUInt32BE(n >>> 0, p + 4);
}
function readLong(b: Buffer, p: number): number | bigint {
  const n = b.readInt32BE(p) * 0x1_0000_0000 + b.readUInt32BE(p + 4);
  return Number.isSafeInteger(n) ? n : b.readBigInt64BE(p);
}

/** ksqlDB's KAFKA format: one bare column of INTEGER, BIGINT, DOUBLE, STRING or BYTES. */
export class KafkaRowSerde implements RowSerde {
  private readonly column: SqlField;
  private readonly codec: Codec | undefined;

  /** @param described the columns as a message names them */
  constructor(columns: readonly SqlField[], described: string) {
    const [column] = columns;
    if (!column || columns.length > 1)
      throw new MillraceError("DATA_INVALID", `The 'KAFKA' format only supports a single field. Got: [${described}]`);
    this.codec = codecs[column.type.base];
    if (!this.codec && column.type.base !== "STRING" && column.type.base !== "BYTES")
      throw new MillraceError("DATA_INVALID", `The 'KAFKA' format does not support type '${column.type.base}', column: \`${column.name}\``);
    this.column = column;
  }

  async prepareWrite(): Promise<void> {}
  prepareRead(): undefined {
    return undefined;
  }

  serialize(topic: string, row: Row | null): Buffer | null {
    const value = row?.[0];
    if (value === null || value === undefined) return null;
    if (this.column.type.base === "STRING") return Buffer.from(value as string);
    const out = Buffer.allocUnsafe(this.codec?.size ?? (value as Uint8Array).length);
    this.serializeInto(topic, row!, out, 0);
    return out;
  }

  serializeInto(topic: string, row: Row, out: Buffer, position: number): number {
    return this.serializeAt(topic, row, 0, out, position);
  }

  serializeAt(_topic: string, row: Row, at: number, out: Buffer, position: number): number {
    const value = row[at];
    const { codec, column } = this;
    if (value === null || value === undefined)
      throw new MillraceError("SERIALIZATION", `Column ${column.name} is null, which is no bytes at all`);
    if (codec) {
      if (position + codec.size > out.length) return -1;
      codec.write(out, position, value);
      return position + codec.size;
    }
    if (typeof value === "string") {
      if (position + value.length * 3 > out.length && position + Buffer.byteLength(value) > out.length) return -1;
      return position + out.utf8Write(value, position);
    }
    const bytes = value as Uint8Array;
    if (position + bytes.length > out.length) return -1;
    out.set(bytes, position);
    return position + bytes.length;
  }

  deserialize(_topic: string, bytes: Buffer, start: number, end: number): Row {
    return [this.read(bytes, start, end)];
  }

  deserializeInto(_topic: string, bytes: Buffer, start: number, end: number, row: Row, at: number): void {
    row[at] = this.read(bytes, start, end);
  }

  private read(bytes: Buffer, start: number, end: number): unknown {
    const { codec, column } = this;
    if (codec) {
      if (end - start !== codec.size)
        throw new MillraceError(
          "DESERIALIZATION",
          `Size of data received by the deserializer is not ${codec.size}: ${end - start} bytes for column ${column.name} ${column.type.base}`,
        );
      return codec.read(bytes, start);
    }
    return column.type.base === "STRING" ? bytes.utf8Slice(start, end) : Buffer.from(bytes.subarray(start, end));
  }
}

/** No columns, no bytes. */
export class NoneRowSerde implements RowSerde {
  async prepareWrite(): Promise<void> {}
  prepareRead(): undefined {
    return undefined;
  }
  serialize(): null {
    return null;
  }
  serializeInto(_topic: string, _row: Row, _out: Buffer, position: number): number {
    return position;
  }
  deserialize(): Row {
    return [];
  }
}
