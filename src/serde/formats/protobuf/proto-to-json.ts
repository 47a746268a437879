import { javaDouble, javaFloat } from "../../../data/java-number.js";
import type { Value } from "../../../data/schema.js";
import type { ProtoField, ProtoMessage, ProtoScalar } from "../../../schema-registry/protobuf/schema.js";
import { jsonString } from "../json/json-text.js";
import { wireOf } from "./decoder.js";
import { TIMESTAMP_MESSAGE, wrappers } from "./proto-to-connect.js";
import { scalarCodecs } from "./scalars.js";
import { WireReader, wireType } from "./wire.js";

/** Reads from the reader's position to `end`. */
type Read = (reader: WireReader, end: number) => string;
type ReadValue = (reader: WireReader) => string;

/**
 * A function that gives a message as text in Protobuf's JSON mapping: fields by their own names, with the defaults of those that were
 * not written, 64 bit integers as texts, bytes as base64. @throws the function: DESERIALIZATION
 */
export function compileProtoToJson(message: ProtoMessage): (bytes: Buffer, start: number, end: number) => string {
  const read = new Compiler().message(message);
  return (bytes, start, end) => read(new WireReader().set(bytes, start, end), end);
}

class Compiler {
  /** so that a message which holds itself ends */
  private readonly done = new Map<ProtoMessage, Read>();

  message(message: ProtoMessage): Read {
    const known = this.done.get(message);
    if (known) return known;
    const { fields } = message;
    const places = new Map(fields.map((f, i) => [f.number, i]));
    const readers: ReadValue[] = [];
    const heads = fields.map((f) => `${JSON.stringify(f.name)}:`);
    const read: Read = (r, end) => {
      const texts: (string | undefined)[] = new Array(fields.length);
      while (r.position < end) {
        const tag = Number(r.varint());
        const at = places.get(tag >>> 3);
        if (at === undefined) {
          r.skipValue(tag & 7);
          continue;
        }
        const field = fields[at]!;
        if (!field.repeated && !field.mapKey) {
          if (field.oneof !== undefined) for (const [i, f] of fields.entries()) if (f.oneof === field.oneof) texts[i] = undefined;
          texts[at] = readers[at]!(r);
        } else if (!field.mapKey && (tag & 7) === wireType.bytes && wireOf(field) !== wireType.bytes) {
          const n = r.length(); // ahead of the position that it moves
          for (const last = r.position + n; r.position < last; ) texts[at] = join(texts[at], readers[at]!(r));
        } else texts[at] = join(texts[at], readers[at]!(r));
      }
      let out = "";
      for (const [i, field] of fields.entries()) {
        const text = texts[i];
        let shown: string | undefined;
        if (field.mapKey) shown = `{${text ?? ""}}`;
        else if (field.repeated) shown = `[${text ?? ""}]`;
        else shown = text ?? (field.presence ? undefined : zeroOf(field));
        if (shown !== undefined) out += `${out === "" ? "" : ","}${heads[i]}${shown}`;
      }
      return `{${out}}`;
    };
    this.done.set(message, read);
    for (const field of fields) readers.push(field.mapKey ? this.entry(field) : this.value(field));
    return read;
  }

  private value({ type }: ProtoField): ReadValue {
    if (type.kind === "scalar") {
      const codec = scalarCodecs[type.scalar];
      return (r) => scalarText(type.scalar, codec.read(r));
    }
    if (type.kind === "enum") {
      return (r) => {
        const n = Number(BigInt.asIntN(32, BigInt(r.varint())));
        const name = type.names.get(n);
        return name === undefined ? String(n) : `"${name}"`;
      };
    }
    const message = type.message();
    const wrapped = wrappers[message.fullName];
    if (wrapped) return within((r, end) => fieldsOf(r, end).get(1)?.(wrapped) ?? scalarText(wrapped, scalarCodecs[wrapped].zero));
    if (message.fullName === TIMESTAMP_MESSAGE)
      return within((r, end) => {
        const fields = fieldsOf(r, end);
        return timestamp(Number(JSON.parse(fields.get(1)?.("int32") ?? "0")), Number(fields.get(2)?.("int32") ?? 0));
      });
    let read: Read | undefined;
    return within((r, end) => {
      read ??= this.message(message);
      return read(r, end);
    });
  }

  private entry(field: ProtoField): ReadValue {
    const key = scalarCodecs[field.mapKey!];
    const value = this.value(field);
    return within((r, end) => {
      let k = key.zero;
      let v = zeroOf(field);
      while (r.position < end) {
        const tag = Number(r.varint());
        if (tag >>> 3 === 1) k = key.read(r);
        else if (tag >>> 3 === 2) v = value(r);
        else r.skipValue(tag & 7);
      }
      return `${jsonString(String(k))}:${v}`;
    });
  }
}

/** The scalar fields of a small message by number, each as a function that reads it as a type. */
function fieldsOf(r: WireReader, end: number): Map<number, (type: ProtoScalar) => string> {
  const found = new Map<number, (type: ProtoScalar) => string>();
  while (r.position < end) {
    const tag = Number(r.varint());
    const at = r.position;
    found.set(tag >>> 3, (type) => {
      const wide = type === "int32" ? "int64" : type;
      const text = scalarText(wide, scalarCodecs[wide].read(new WireReader().set(r.buffer, at, end)));
      return type === "int32" ? (JSON.parse(text) as string) : text;
    });
    r.skipValue(tag & 7);
  }
  return found;
}

function within(read: Read): ReadValue {
  return (r) => {
    const n = r.length();
    const outer = r.end;
    r.end = r.position + n;
    const text = read(r, r.end);
    r.end = outer;
    return text;
  };
}

function scalarText(type: ProtoScalar, value: Value): string {
  switch (type) {
    case "int64":
    case "sint64":
    case "sfixed64":
      return `"${value}"`;
    case "uint64":
    case "fixed64":
      return `"${BigInt.asUintN(64, BigInt(value as number))}"`;
    case "double":
    case "float": {
      const n = value as number;
      return Number.isFinite(n) ? (type === "float" ? javaFloat(n) : javaDouble(n)) : `"${n}"`;
    }
    case "string":
      return jsonString(value as string);
    case "bytes":
      return `"${(value as Buffer).toString("base64")}"`;
    default:
      return String(value);
  }
}

function zeroOf({ type }: ProtoField): string {
  if (type.kind === "scalar") return scalarText(type.scalar, scalarCodecs[type.scalar].zero);
  if (type.kind === "enum") return JSON.stringify(type.names.get(0) ?? 0);
  return "{}";
}

function join(before: string | undefined, text: string): string {
  return before === undefined ? text : `${before},${text}`;
}

/** With three, six or nine digits of a fraction, as Java writes it. */
function timestamp(seconds: number, nanos: number): string {
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  const digits = String(nanos).padStart(9, "0");
  const fraction = nanos === 0 ? "" : `.${nanos % 1e6 === 0 ? digits.slice(0, 3) : nanos % 1000 === 0 ? digits.slice(0, 6) : digits}`;
  return `"${whole}${fraction}Z"`;
}
