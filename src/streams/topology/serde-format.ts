import type { Row, RowSerde } from "../../serde/row-serde.js";
import type { StoreSchema } from "../state/store.js";
import { readWindow, windowSize, writeWindow } from "./key-window.js";
import { type KeyWindow, NULL_KEY, PSEUDO_COLUMNS, type RecordFormat, rowMaker, TOO_SHORT } from "./record-format.js";

export interface SerdeFormatOptions {
  readonly schema: StoreSchema;
  readonly key: RowSerde;
  /** of the value columns; with `keyInValue` of the key columns and the value columns */
  readonly value: RowSerde;
  readonly keyInValue?: boolean;
  readonly window?: KeyWindow;
  /** Several key columns are a record, which is there even where all of them are null: PARTITION BY made it. */
  readonly keyIsRecord?: boolean;
  /** The only value column stands bare: where it is null, so is the record's value. */
  readonly bareValue?: boolean;
  /** Positions in the row of the value serde's columns, where not all value columns are in the serialized value. */
  readonly positions?: readonly number[];
}

/** A topic in the formats that its owner chose. */
export function serdeFormat(options: SerdeFormatOptions): RecordFormat {
  const { schema, key, value, window, positions } = options;
  const keyColumns = schema.key.length;
  const columns = keyColumns + schema.value.length;
  const width = columns + PSEUDO_COLUMNS;
  const emptyRow = rowMaker(width);
  const skip = options.keyInValue ? keyColumns : 0;
  const suffix = windowSize(window);
  return {
    schema,
    ...(window ? { window } : {}),
    async prepareWrite(topic) {
      await key.prepareWrite(topic);
      await value.prepareWrite(topic);
    },
    prepareRead(topic, bytes, keyStart, keyEnd, valueStart, valueEnd) {
      const forKey = keyStart < 0 || keyColumns === 0 ? undefined : key.prepareRead(topic, bytes, keyStart, keyEnd - suffix);
      const forValue = valueStart < 0 ? undefined : value.prepareRead(topic, bytes, valueStart, valueEnd);
      return forKey === undefined ? forValue : forValue === undefined ? forKey : Promise.all([forKey, forValue]).then(() => {});
    },
    readKey(topic, bytes, start, end) {
      const row = emptyRow();
      if (start < 0) return row;
      if (window) readWindow(window, bytes, end, row, columns);
      if (keyColumns === 0) return row;
      if (key.deserializeInto !== undefined) {
        key.deserializeInto(topic, bytes, start, end - suffix, row, 0);
        return row;
      }
      const decoded = key.deserialize(topic, bytes, start, end - suffix);
      for (let i = 0; i < keyColumns; i++) row[i] = decoded[i];
      return row;
    },
    readValue(topic, bytes, start, end, row) {
      if (skip === 0 && positions === undefined && value.deserializeInto !== undefined) {
        value.deserializeInto(topic, bytes, start, end, row, keyColumns);
        return;
      }
      const decoded = value.deserialize(topic, bytes, start, end);
      if (positions !== undefined) {
        for (let i = 0; i < positions.length; i++) row[positions[i]!] = decoded[i + skip];
        return;
      }
      for (let i = keyColumns; i < columns; i++) row[i] = decoded[i - keyColumns + skip];
    },
    keyInto(topic, row, out, position) {
      let nulls = 0;
      while (nulls < keyColumns && row[nulls] === null) nulls++;
      if (nulls === keyColumns && !(keyColumns > 1 && options.keyIsRecord)) return NULL_KEY;
      const end =
        key.serializeAt !== undefined
          ? key.serializeAt(topic, row, 0, out, position)
          : key.serializeInto(topic, row.length === keyColumns ? row : row.slice(0, keyColumns), out, position);
      if (end < 0 || !window) return end;
      return end + suffix > out.length ? TOO_SHORT : writeWindow(window, row, columns, out, end);
    },
    ...(options.bareValue ? { isNullValue: (row: Row) => row[keyColumns] === null } : {}),
    valueInto(topic, row, out, position) {
      if (value.serializeAt !== undefined) return value.serializeAt(topic, row, keyColumns - skip, out, position);
      return value.serializeInto(topic, row.slice(keyColumns - skip, columns), out, position);
    },
  };
}
