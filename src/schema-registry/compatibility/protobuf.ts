import type { ProtoField, ProtoFile, ProtoMessage, ProtoType } from "../protobuf/schema.js";
import type { Incompatibility } from "./incompatibility.js";

/** Scalars of one group have the same bytes for the values that both hold (Protobuf's language guide, "Updating A Message Type"). */
const groups: Readonly<Record<string, string>> = {
  int32: "varint",
  uint32: "varint",
  int64: "varint",
  uint64: "varint",
  bool: "varint",
  enum: "varint",
  sint32: "zigzag",
  sint64: "zigzag",
  string: "text",
  bytes: "text",
  fixed32: "fixed32",
  sfixed32: "fixed32",
  fixed64: "fixed64",
  sfixed64: "fixed64",
};

/**
 * Why data of `writer` could not be read as `reader`; empty where it can. Messages are compared by name and fields by number, as
 * Confluent's registry does: names may change, fields come and go.
 * @param readerIs how messages call the reader's schema, @param writerIs the writer's
 */
export function protobufProblems(reader: ProtoFile, writer: ProtoFile, readerIs: string, writerIs: string): Incompatibility[] {
  const check = new Check(readerIs, writerIs);
  check.messages(reader.messages, writer.messages, "#");
  return check.problems;
}

class Check {
  readonly problems: Incompatibility[] = [];
  /** Pairs that are being compared or were: messages may hold themselves. */
  private readonly seen = new Set<string>();

  constructor(
    private readonly readerIs: string,
    private readonly writerIs: string,
  ) {}

  messages(reader: readonly ProtoMessage[], writer: readonly ProtoMessage[], path: string): void {
    for (const written of writer) {
      const read = reader.find((m) => m.name === written.name);
      if (!read)
        this.add(
          "MESSAGE_REMOVED",
          `${path}/${written.name}`,
          `The ${this.readerIs} schema is missing a type or message that the ${this.writerIs} schema has`,
        );
      else this.message(read, written, `${path}/${written.name}`);
    }
  }

  private message(reader: ProtoMessage, writer: ProtoMessage, path: string): void {
    const pair = `${reader.fullName} ${writer.fullName}`;
    if (this.seen.has(pair)) return;
    this.seen.add(pair);
    this.messages(reader.messages, writer.messages, path);
    const byNumber = new Map(writer.fields.map((f) => [f.number, f]));
    for (const field of reader.fields) {
      const written = byNumber.get(field.number);
      if (written) this.field(field, written, `${path}/${field.number}`);
      else if (field.required)
        this.add(
          "REQUIRED_FIELD_ADDED",
          `${path}/${field.number}`,
          `The ${this.readerIs} schema requires a field that the ${this.writerIs} schema does not have`,
        );
    }
    const kept = new Set(reader.fields.map((f) => f.number));
    for (const written of writer.fields) {
      if (kept.has(written.number)) continue;
      const at = `${path}/${written.number}`;
      if (written.required)
        this.add("REQUIRED_FIELD_REMOVED", at, `The ${this.readerIs} schema is missing a required field of the ${this.writerIs} schema`);
      else if (written.oneof !== undefined && reader.fields.some((f) => f.oneof === written.oneof))
        this.add(
          "ONEOF_FIELD_REMOVED",
          at,
          `The ${this.readerIs} schema is missing a field of the oneof ${written.oneof} of the ${this.writerIs} schema`,
        );
    }
    this.oneofs(reader, writer, path);
  }

  /** A field may move into a oneof of its own, alone: with others, data that has two of them would lose one. */
  private oneofs(reader: ProtoMessage, writer: ProtoMessage, path: string): void {
    const before = new Map(writer.fields.map((f) => [f.number, f.oneof]));
    const known = new Set(writer.fields.flatMap((f) => f.oneof ?? []));
    const moved = new Map<string, number>();
    for (const f of reader.fields)
      if (f.oneof !== undefined && before.has(f.number) && before.get(f.number) === undefined) {
        moved.set(f.oneof, (moved.get(f.oneof) ?? 0) + 1);
        if (known.has(f.oneof))
          this.add(
            "FIELD_MOVED_TO_EXISTING_ONEOF",
            `${path}/${f.number}`,
            `A field of the ${this.writerIs} schema is a member of an existing oneof in the ${this.readerIs} schema`,
          );
      }
    for (const [name, count] of moved)
      if (count > 1)
        this.add(
          "MULTIPLE_FIELDS_MOVED_TO_ONEOF",
          `${path}/${name}`,
          `Several fields of the ${this.writerIs} schema are members of one oneof in the ${this.readerIs} schema`,
        );
  }

  private field(reader: ProtoField, writer: ProtoField, path: string): void {
    if (Boolean(reader.required) !== Boolean(writer.required))
      this.add(
        reader.required ? "REQUIRED_FIELD_ADDED" : "REQUIRED_FIELD_REMOVED",
        path,
        `The field is required in one of the ${this.readerIs} and the ${this.writerIs} schema`,
      );
    if ((reader.mapKey === undefined) !== (writer.mapKey === undefined)) {
      this.add("FIELD_KIND_CHANGED", path, `The field is a map in one of the ${this.readerIs} and the ${this.writerIs} schema`);
      return;
    }
    const { type: r } = reader;
    const { type: w } = writer;
    if (reader.repeated !== writer.repeated && isNumeric(r))
      this.add(
        "FIELD_NUMERIC_LABEL_CHANGED",
        path,
        `The label of a numeric field in the ${this.readerIs} schema does not match that in the ${this.writerIs} schema`,
      );
    if (reader.mapKey !== undefined && !fits(reader.mapKey, writer.mapKey!))
      this.add(
        "FIELD_SCALAR_KIND_CHANGED",
        path,
        `The kind of a map's keys in the ${this.readerIs} schema does not match that in the ${this.writerIs} schema`,
      );
    if (r.kind === "message" && w.kind === "message") {
      const [read, written] = [r.message(), w.message()];
      if (read.name !== written.name)
        this.add(
          "FIELD_NAMED_TYPE_CHANGED",
          path,
          `The type of the field in the ${this.readerIs} schema is ${read.fullName}, not ${written.fullName} as in the ${this.writerIs} schema`,
        );
      else this.message(read, written, path);
      return;
    }
    if (r.kind === "message" || w.kind === "message") {
      this.add(
        "FIELD_KIND_CHANGED",
        path,
        `The kind of the field in the ${this.readerIs} schema (${kindOf(r)}) does not match its kind in the ${this.writerIs} schema (${kindOf(w)})`,
      );
      return;
    }
    if (!fits(kindOf(r), kindOf(w)))
      this.add(
        "FIELD_SCALAR_KIND_CHANGED",
        path,
        `The kind of a SCALAR field in the ${this.readerIs} schema (${kindOf(r)}) does not match its kind in the ${this.writerIs} schema (${kindOf(w)})`,
      );
  }

  private add(errorType: string, path: string, what: string): void {
    this.problems.push({ errorType, description: `${what} at path '${path}'`, additionalInfo: "" });
  }
}

function kindOf(type: ProtoType): string {
  return type.kind === "scalar" ? type.scalar : type.kind;
}
function isNumeric(type: ProtoType): boolean {
  return type.kind === "enum" || (type.kind === "scalar" && type.scalar !== "string" && type.scalar !== "bytes");
}
function fits(reader: string, writer: string): boolean {
  return reader === writer || (groups[reader] !== undefined && groups[reader] === groups[writer]);
}
