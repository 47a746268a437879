import { primitive, type Schema, type Value } from "../../data/schema.js";
import { parseValue, valueText } from "../../data/value-text.js";
import type { Converter } from "../api/converter.js";

const text = primitive("string");

/** Connect's default for headers: values as text, read back as the narrowest type that the text can be. */
export class SimpleHeaderConverter implements Converter {
  fromConnect(_topic: string, schema: Schema | null, value: Value): Uint8Array | null {
    return value === null ? null : Buffer.from(valueText(value, schema));
  }
  toConnect(_topic: string, bytes: Uint8Array | null): { schema: Schema | null; value: Value } {
    if (bytes === null) return { schema: null, value: null };
    const string = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
    return parseValue(string) ?? { schema: text, value: string };
  }
}
