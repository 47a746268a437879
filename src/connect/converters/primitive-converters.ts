import { MillraceError } from "../../common/errors.js";
import type { Schema, SchemaType, Value } from "../../data/schema.js";
import type { ColumnReader, Converter, NodeWriter } from "../api/converter.js";
import { ValueColumn } from "../api/packed-column.js";
import type { Node } from "../api/shape.js";
import { parseInteger, WriterCode } from "./writer-code.js";

/** One of org.apache.kafka.connect.converters: a value of one type in Kafka's serializer for it, big-endian. */
export interface PrimitiveFormat {
  readonly type: SchemaType;
  readonly size: number;
  readonly check: (value: Value) => boolean;
  readonly write: (out: Buffer, value: Value) => void;
  readonly read: (bytes: Buffer, at: number) => Value;
}

const whole = (least: number, most: number) => (v: Value) => typeof v === "number" && Number.isInteger(v) && v >= least && v <= most;

export const primitiveFormats = {
  Boolean: {
    type: "boolean",
    size: 1,
    check: (v) => typeof v === "boolean",
    write: (out, v) => void (out[0] = v ? 1 : 0),
    read: (b, at) => {
      if (b[at]! > 1) throw new MillraceError("DESERIALIZATION", `Failed to deserialize boolean: ${b[at]} is neither 0 nor 1`);
      return b[at] === 1;
    },
  },
  Short: {
    type: "int16",
    size: 2,
    check: whole(-0x8000, 0x7fff),
    write: (out, v) => void out.writeInt16BE(v as number),
    read: (b, at) => b.readInt16BE(at),
  },
  Integer: {
    type: "int32",
    size: 4,
    check: whole(-0x8000_0000, 0x7fff_ffff),
    write: (out, v) => void out.writeInt32BE(v as number),
    read: (b, at) => b.readInt32BE(at),
  },
  Long: {
    type: "int64",
    size: 8,
    check: (v) => (typeof v === "number" && Number.isInteger(v)) || typeof v === "bigint",
    write: (out, v) => void out.writeBigInt64BE(BigInt(v as number | bigint)),
    read: longAt,
  },
  Float: {
    type: "float32",
    size: 4,
    check: (v) => typeof v === "number",
    write: (out, v) => void out.writeFloatBE(v as number),
    read: (b, at) => b.readFloatBE(at),
  },
  Double: {
    type: "float64",
    size: 8,
    check: (v) => typeof v === "number",
    write: (out, v) => void out.writeDoubleBE(v as number),
    read: (b, at) => b.readDoubleBE(at),
  },
} as const satisfies Record<string, PrimitiveFormat>;

export class PrimitiveConverter implements Converter {
  private readonly schema: Schema;

  constructor(
    private readonly name: string,
    private readonly format: PrimitiveFormat,
  ) {
    this.schema = Object.freeze({ type: format.type, optional: true });
  }

  fromConnect(topic: string, schema: Schema | null, value: Value): Uint8Array | null {
    const { format, name } = this;
    if (value === null) return null;
    if ((schema !== null && schema.type !== format.type) || !format.check(value))
      throw new MillraceError(
        "SERIALIZATION",
        `Failed to serialize to a ${name.toLowerCase()}: topic ${topic} has a value of type ${schema?.type ?? typeof value}`,
      );
    const out = Buffer.allocUnsafe(format.size);
    format.write(out, value);
    return out;
  }

  toConnect(topic: string, bytes: Uint8Array | null): { schema: Schema | null; value: Value } {
    if (bytes === null) return { schema: this.schema, value: null };
    return { schema: this.schema, value: this.read(topic, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length) };
  }

  compileReader(topic: string): ColumnReader {
    return {
      schema: this.schema,
      columns: () => [new ValueColumn()],
      accepts: () => true,
      read: (b, start, end, columns, row) => {
        columns[0]!.set(row, this.read(topic, b, start, end));
      },
    };
  }

  private read(topic: string, b: Buffer, start: number, end: number): Value {
    if (end - start !== this.format.size)
      throw new MillraceError(
        "DESERIALIZATION",
        `Failed to deserialize a ${this.name.toLowerCase()} of topic ${topic}: ${end - start} bytes, not ${this.format.size}`,
      );
    return this.format.read(b, start);
  }

  compileWriter(topic: string, node: Node): NodeWriter | undefined {
    // null is no bytes at all, which a writer cannot say
    if (node.kind !== "column" || node.schema.optional) return undefined;
    const { schema } = node;
    const code = new WriterCode();
    const put = node.text.as === "int" && schema.type === this.format.type ? putCode[schema.type] : undefined;
    const missing = new MillraceError("SERIALIZATION", `Topic ${topic}: null for a value that is required`);
    code.column(
      node,
      node.ifNull == null ? missing : this.fromConnect(topic, schema, node.ifNull)!,
      (b, s, e) => this.fromConnect(topic, schema, node.decode(b, s, e))!,
      put && ((giveUp) => `${parseInteger(giveUp)}\n${put(giveUp)}`),
    );
    return code.build();
  }
}

/** Writes n, of which the text is known to be a whole number of at most 15 digits. */
const putCode: Readonly<Record<string, ((giveUp: string) => string) | undefined>> = {
  int16: (giveUp) => `if (n < -32768 || n > 32767) ${giveUp}\nd.setInt16(p, n); p += 2;`,
  int32: (giveUp) => `if (n < -2147483648 || n > 2147483647) ${giveUp}\nd.setInt32(p, n); p += 4;`,
  int64: () => "d.setInt32(p, Math.floor(n / 4294967296)); d.setInt32(p + 4, n | 0); p += 8;",
};

const optionalBytes: Schema = Object.freeze({ type: "bytes", optional: true });

export class ByteArrayConverter implements Converter {
  fromConnect(_topic: string, schema: Schema | null, value: Value): Uint8Array | null {
    if (schema !== null && schema.type !== "bytes")
      throw new MillraceError("SERIALIZATION", `Invalid schema type for ByteArrayConverter: ${schema.type.toUpperCase()}`);
    if (value !== null && !(value instanceof Uint8Array))
      throw new MillraceError("SERIALIZATION", `ByteArrayConverter is not compatible with objects of type ${typeof value}`);
    return value;
  }
  toConnect(_topic: string, bytes: Uint8Array | null): { schema: Schema | null; value: Value } {
    return { schema: optionalBytes, value: bytes };
  }
  compileReader(): ColumnReader {
    return {
      schema: optionalBytes,
      columns: () => [new ValueColumn()],
      accepts: () => true,
      read(b, start, end, columns, row) {
        // a copy: what is decoded outlives the batch
        columns[0]!.set(row, Buffer.from(b.subarray(start, end)));
      },
    };
  }
}

function longAt(b: Buffer, at: number): number | bigint {
  const n = b.readInt32BE(at) * 0x1_0000_0000 + b.readUInt32BE(at + 4);
  return Number.isSafeInteger(n) ? n : b.readBigInt64BE(at);
}
