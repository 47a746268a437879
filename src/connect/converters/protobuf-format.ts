import { MillraceError } from "../../common/errors.js";
import type { Schema, Struct, Value } from "../../data/schema.js";
import { parseProtobuf } from "../../schema-registry/protobuf/parse.js";
import { messageAt, messagePath } from "../../schema-registry/protobuf/schema.js";
import { connectToProto, type NullableRepresentation } from "../../serde/formats/protobuf/connect-to-proto.js";
import { compileProtoDecoder, type ProtoDecoder } from "../../serde/formats/protobuf/decoder.js";
import { compileProtoEncoder } from "../../serde/formats/protobuf/encoder.js";
import { readMessageIndex, writeMessageIndex } from "../../serde/formats/protobuf/message-index.js";
import { protoToConnect } from "../../serde/formats/protobuf/proto-to-connect.js";
import type { ConnectorConfig } from "../api/source.js";
import type { RegistryFormat } from "./registry-converter.js";
import { registryConfig } from "./registry-settings.js";

const flag = (name: string, doc: string) => ({ name, type: "BOOLEAN", default: false, doc }) as const;

export const protobufConverterConfig = registryConfig.with([
  flag("optional.for.nullables", "Write fields that may be null as `optional`"),
  flag("wrapper.for.nullables", "Write fields that may be null as wrapper messages"),
]);

/** @throws CONFIG_INVALID */
export function protobufFormat(config: ConnectorConfig): RegistryFormat {
  const c = protobufConverterConfig.parse(config);
  const nullable: NullableRepresentation = c.boolean("wrapper.for.nullables")
    ? "wrapper"
    : c.boolean("optional.for.nullables")
      ? "optional"
      : "none";
  return {
    kind: "PROTOBUF",
    converter: "ProtobufConverter",
    textOf: (schema) => {
      if (schema.type !== "struct")
        throw new MillraceError("SCHEMA_INVALID", `ProtobufConverter writes structs, and this is ${schema.name ?? schema.type}`);
      const name = messageName(schema);
      return { text: connectToProto(schema, { nullable, ...(name === undefined ? {} : { name }) }), name };
    },
    writer: (schema, text, references) => {
      const name = messageName(schema);
      const file = parseProtobuf(text, references);
      const found = messagePath(file, (m) => m.fullName === name) ?? messagePath(file, () => true);
      if (!found) throw new MillraceError("SCHEMA_INVALID", "The registered schema has no message");
      const encode = compileProtoEncoder(found.message, schema);
      return (out, value) => {
        writeMessageIndex(out, found.path);
        encode(out, (value as Struct).values as Value[]);
      };
    },
    reader: (text, references) => {
      const file = parseProtobuf(text, references);
      const decoders = new Map<string, { readonly schema: Schema; readonly decode: ProtoDecoder }>();
      return (bytes, start, end) => {
        const { path, position } = readMessageIndex(bytes, start, end);
        const key = path.join();
        let decoder = decoders.get(key);
        if (!decoder) {
          const message = messageAt(file, path);
          if (!message) throw new MillraceError("DESERIALIZATION", `The schema has no message at index ${key}`);
          const schema = protoToConnect(message);
          decoders.set(key, (decoder = { schema, decode: compileProtoDecoder(message, schema) }));
        }
        return { schema: decoder.schema, value: decoder.decode(bytes, position, end) };
      };
    },
  };
}

/** Connect's names are names of messages where they can be: letters, digits, underscores and dots. */
function messageName({ name }: Schema): string | undefined {
  return name !== undefined && /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/.test(name) ? name : undefined;
}
