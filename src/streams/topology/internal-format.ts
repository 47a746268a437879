import type { RowSerde } from "../../serde/row-serde.js";
import { ByteReader, ByteWriter } from "../state/bytes.js";
import { createRowCodec } from "../state/row-codec.js";
import type { StoreSchema } from "../state/store.js";
import { NULL_KEY, PSEUDO_COLUMNS, type RecordFormat, rowMaker, TOO_SHORT } from "./record-format.js";

/**
 * Repartition topics: the row codec for values (exact for every type, no registry), for keys too unless `key` is given, which
 * a topic needs that must be partitioned like another one.
 */
export function internalFormat(schema: StoreSchema, key?: RowSerde): RecordFormat {
  const keyColumns = schema.key.length;
  const width = keyColumns + schema.value.length + PSEUDO_COLUMNS;
  const emptyRow = rowMaker(width);
  const keyCodec = createRowCodec(schema.key, 0);
  const valueCodec = createRowCodec(schema.value, keyColumns);
  const writer = new ByteWriter();
  const reader = new ByteReader();
  return {
    schema,
    prepareWrite: async (topic) => key?.prepareWrite(topic),
    prepareRead: (topic, bytes, keyStart, keyEnd) => (keyStart < 0 ? undefined : key?.prepareRead(topic, bytes, keyStart, keyEnd)),
    readKey(topic, bytes, start, end) {
      const row = emptyRow();
      if (start < 0) return row;
      if (key !== undefined) {
        const decoded = key.deserialize(topic, bytes, start, end);
        for (let i = 0; i < keyColumns; i++) row[i] = decoded[i];
      } else {
        reader.open(bytes, start);
        keyCodec.read(reader, row);
      }
      return row;
    },
    readValue(_topic, bytes, start, _end, row) {
      reader.open(bytes, start);
      valueCodec.read(reader, row);
    },
    keyInto(topic, row, out, position) {
      let nulls = 0;
      while (nulls < keyColumns && row[nulls] === null) nulls++;
      if (nulls === keyColumns) return NULL_KEY;
      if (key !== undefined) return key.serializeInto(topic, row.slice(0, keyColumns), out, position);
      writer.position = 0;
      keyCodec.write(row, writer);
      return put(writer, out, position);
    },
    valueInto(_topic, row, out, position) {
      writer.position = 0;
      valueCodec.write(row, writer);
      return put(writer, out, position);
    },
  };
}

function put(writer: ByteWriter, out: Buffer, position: number): number {
  const end = position + writer.position;
  if (end > out.length) return TOO_SHORT;
  writer.bytes.copy(out, position, 0, writer.position);
  return end;
}
