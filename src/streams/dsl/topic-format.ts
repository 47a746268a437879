import { ByteWriter } from "../../serde/byte-writer.js";
import type { OpenSerde, Serde } from "../../serde/serde.js";
import { NULL_KEY, type RecordFormat, TOO_SHORT } from "../topology/record-format.js";
import type { Binding } from "./binding.js";
import { VALUE } from "./rows.js";

/** A topic whose keys and values are written by an application's own serdes. */
export function topicFormat<K, V>(binding: Binding, keySerde: Serde<K>, valueSerde: Serde<V>): RecordFormat {
  const out = new ByteWriter(256);
  // A format is of one topic, whose name on the broker is known once it is used.
  let key!: OpenSerde<K>;
  let value!: OpenSerde<V>;
  let opened = "";
  const open = (topic: string) => {
    if (opened === topic) return;
    opened = topic;
    const { registry } = binding.get().services;
    key = keySerde.open({ topic, isKey: true, registry });
    value = valueSerde.open({ topic, isKey: false, registry });
  };
  const put = (into: Buffer, position: number): number => {
    return position + out.position > into.length ? TOO_SHORT : out.copyTo(into, position);
  };
  return {
    schema: { key: [{ name: "KEY", type: { base: "BYTES" } }], value: [{ name: "VALUE", type: { base: "BYTES" } }] },
    async prepareWrite(topic) {
      open(topic);
      await key.prepareWrite?.();
      await value.prepareWrite?.();
    },
    prepareRead(topic, bytes, keyStart, keyEnd, valueStart, valueEnd) {
      open(topic);
      const forKey = keyStart < 0 ? undefined : key.prepareRead?.(bytes, keyStart, keyEnd);
      const forValue = valueStart < 0 ? undefined : value.prepareRead?.(bytes, valueStart, valueEnd);
      return forKey === undefined ? forValue : forValue === undefined ? forKey : Promise.all([forKey, forValue]).then(() => {});
    },
    readKey: (_topic, bytes, start, end) => [start < 0 ? null : key.deserialize(bytes, start, end), null, null, null, null, null, null],
    readValue(_topic, bytes, start, end, row) {
      row[VALUE] = value.deserialize(bytes, start, end);
    },
    keyInto(_topic, row, into, position) {
      if (row[0] === null || row[0] === undefined) return NULL_KEY;
      out.position = 0;
      key.serialize(row[0] as K, out);
      return put(into, position);
    },
    valueInto(_topic, row, into, position) {
      out.position = 0;
      value.serialize(row[VALUE] as V, out);
      return put(into, position);
    },
  };
}
