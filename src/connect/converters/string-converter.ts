import { MillraceError } from "../../common/errors.js";
import { javaText } from "../../data/java-text.js";
import type { Schema, Value } from "../../data/schema.js";
import { utf8Text } from "../../serde/text-cache.js";
import type { ColumnReader, Converter, NodeWriter } from "../api/converter.js";
import { SpanColumn } from "../api/packed-column.js";
import type { Node } from "../api/shape.js";
import { parseInteger, WriterCode } from "./writer-code.js";

const optionalString: Schema = Object.freeze({ type: "string", optional: true });

/** Connect's StringConverter: a value's `toString` as UTF-8. */
export class StringConverter implements Converter {
  fromConnect(_topic: string, schema: Schema | null, value: Value): Uint8Array | null {
    if (value === null) return null;
    return Buffer.from(typeof value === "string" ? value : javaText(value, schema));
  }

  toConnect(_topic: string, bytes: Uint8Array | null): { schema: Schema | null; value: Value } {
    if (bytes === null) return { schema: optionalString, value: null };
    return { schema: optionalString, value: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8") };
  }

  compileReader(): ColumnReader {
    return {
      schema: optionalString,
      columns: (capacity, buffers) => [new SpanColumn(capacity, buffers, utf8Text)],
      accepts: () => true,
      read(_b, start, end, columns, row) {
        const column = columns[0] as SpanColumn;
        column.starts[row] = start;
        column.ends[row] = end;
      },
    };
  }

  compileWriter(topic: string, node: Node): NodeWriter | undefined {
    // null is no bytes at all, which a writer cannot say
    if (node.kind !== "column" || node.schema.optional) return undefined;
    const { schema, text } = node;
    const code = new WriterCode();
    const copy = "for (i = s; i < e; i++) out[p++] = b[i];";
    const fast =
      text.as === "utf8" && schema.type === "string"
        ? () => "p = copyText(out, p, b, s, e);"
        : text.as === "int" && schema.type.startsWith("int") && schema.name === undefined
          ? (giveUp: string) => `${parseInteger(giveUp)}\nif (b[q] === 48 && (e - q > 1 || q > s)) ${giveUp}\n${copy}`
          : undefined;
    const missing = new MillraceError("SERIALIZATION", `Topic ${topic}: null for a value that is required`);
    const onNull = node.ifNull == null ? missing : this.fromConnect(topic, schema, node.ifNull)!;
    code.column(node, onNull, (b, s, e) => this.fromConnect(topic, schema, node.decode(b, s, e))!, fast);
    return code.build();
  }
}
