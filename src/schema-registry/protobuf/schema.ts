/** A .proto file as serdes need it: types are resolved, options of the language that do not change the bytes are left out. */
export interface ProtoFile {
  /** as written; null where there is none */
  readonly package: string | null;
  readonly imports: readonly string[];
  /** of the file's top level, in order: their place is the index on the wire */
  readonly messages: readonly ProtoMessage[];
}

export interface ProtoMessage {
  /** without a package */
  readonly name: string;
  /** with the package and the messages around it, no leading dot */
  readonly fullName: string;
  readonly fields: readonly ProtoField[];
  /** messages within it, in order, those of maps left out */
  readonly messages: readonly ProtoMessage[];
}

export type ProtoScalar =
  | "double"
  | "float"
  | "int32"
  | "int64"
  | "uint32"
  | "uint64"
  | "sint32"
  | "sint64"
  | "fixed32"
  | "fixed64"
  | "sfixed32"
  | "sfixed64"
  | "bool"
  | "string"
  | "bytes";

export type ProtoType =
  | { readonly kind: "scalar"; readonly scalar: ProtoScalar }
  /** names by number, and numbers by name */
  | { readonly kind: "enum"; readonly names: ReadonlyMap<number, string>; readonly numbers: ReadonlyMap<string, number> }
  /** a function, because messages may hold themselves */
  | { readonly kind: "message"; readonly message: () => ProtoMessage };

export interface ProtoField {
  readonly name: string;
  readonly number: number;
  readonly type: ProtoType;
  readonly repeated: boolean;
  /** on the wire: all values in one length-delimited field */
  readonly packed: boolean;
  /** of a map: its keys' type; `type` is that of its values */
  readonly mapKey?: ProtoScalar;
  /** whether an absent value differs from the default: messages, `optional`, members of a oneof, all of proto2 */
  readonly presence: boolean;
  /** proto2's `required` */
  readonly required?: true;
  /** the oneof that it is a member of, the unwritten one of `optional` left out */
  readonly oneof?: string;
  /** `(confluent.field_meta).params`: precision and scale of a decimal */
  readonly params: Readonly<Record<string, string>>;
}

/** A message by its full name or its last part, at any depth; undefined where the file has none. */
export function findMessage(file: ProtoFile, name: string): ProtoMessage | undefined {
  return messagePath(file, (m) => m.fullName === name || m.name === name)?.message;
}

/** The way to a message on the wire: its index on each level. */
export function messagePath(
  file: ProtoFile,
  wanted: (message: ProtoMessage) => boolean,
): { readonly message: ProtoMessage; readonly path: readonly number[] } | undefined {
  const within = (messages: readonly ProtoMessage[], above: readonly number[]): ReturnType<typeof messagePath> => {
    for (const [i, message] of messages.entries()) {
      const path = [...above, i];
      if (wanted(message)) return { message, path };
      const inner = within(message.messages, path);
      if (inner) return inner;
    }
    return undefined;
  };
  return within(file.messages, []);
}

/** @returns undefined where the path leads nowhere */
export function messageAt(file: ProtoFile, path: readonly number[]): ProtoMessage | undefined {
  let messages = file.messages;
  let message: ProtoMessage | undefined;
  for (const index of path) {
    message = messages[index];
    if (!message) return undefined;
    messages = message.messages;
  }
  return message;
}
