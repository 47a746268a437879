import { MillraceError } from "../../../common/errors.js";
import { type Schema, structOf } from "../../../data/schema.js";
import { DATE, DECIMAL, PRECISION_PARAMETER, TIME, TIMESTAMP } from "../avro/connect-names.js";

/** How a value that may be null is told from its type's default: not at all, as an `optional` field, or in a wrapper message. */
export type NullableRepresentation = "none" | "optional" | "wrapper";

export interface ProtoTextOptions {
  /** full name of the outer message; ConnectDefault1 by default */
  readonly name?: string;
  readonly nullable: NullableRepresentation;
  /** maps as the repeated messages that they are on the wire, as ksqlDB shows them in answers */
  readonly mapsAsEntries?: boolean;
}

interface TypeText {
  readonly type: string;
  readonly import?: string;
  /** written behind the number */
  readonly options?: string;
  /** of a scalar: the wrapper message's name */
  readonly wrapper?: string;
}

/** The text of a .proto file for a struct, with the names that Confluent's converter gives. @throws SCHEMA_INVALID */
export function connectToProto(schema: Schema, { name, nullable, mapsAsEntries = false }: ProtoTextOptions): string {
  const writer = new Writer(nullable, mapsAsEntries);
  const full = name ?? writer.nextName();
  const at = full.lastIndexOf(".");
  const body = writer.message(schema, full.slice(at + 1), "");
  const parts = [`syntax = "proto3";`, at < 0 ? "" : `package ${full.slice(0, at)};`];
  const imports = [...writer.imports].sort().map((path) => `import "${path}";`);
  return `${[...parts, imports.join("\n"), body].filter((p) => p !== "").join("\n\n")}\n`;
}

class Writer {
  readonly imports = new Set<string>();
  private names = 0;

  constructor(
    private readonly nullable: NullableRepresentation,
    private readonly mapsAsEntries: boolean,
  ) {}

  nextName(): string {
    return `ConnectDefault${++this.names}`;
  }

  message(schema: Schema, name: string, indent: string): string {
    const inner = `${indent}  `;
    const nested: string[] = [];
    const lines = schema.fields!.map((f, i) => {
      if (!/^[A-Za-z]\w*$/.test(f.name))
        throw new MillraceError("SCHEMA_INVALID", `${f.name} is no name of a Protobuf field: letters, digits and underscores`);
      return `${inner}${this.field(f.schema, f.name, i + 1, nested, inner)}`;
    });
    return `${indent}message ${name} {\n${lines.join("\n")}${lines.length ? "\n" : ""}${nested.map((n) => `\n${n}\n`).join("")}${indent}}`;
  }

  private field(schema: Schema, name: string, number: number, nested: string[], indent: string): string {
    const label = (): string => (this.nullable === "optional" && schema.optional && isScalar(schema) ? "optional " : "");
    if (schema.type === "array") {
      const item = schema.valueSchema!;
      if (item.type === "array" || item.type === "map")
        throw new MillraceError("SCHEMA_INVALID", `${name}: Protobuf has no array of ${item.type}s`);
      const { type, options = "" } = this.type(item, nested, indent);
      return `repeated ${type} ${name} = ${number}${options};`;
    }
    if (schema.type === "map" && this.mapsAsEntries) {
      const type = `${this.nextName()}Entry`;
      const entry = structOf([
        ["key", schema.keySchema!],
        ["value", schema.valueSchema!],
      ]);
      nested.push(this.message(entry, type, indent));
      return `repeated ${type} ${name} = ${number};`;
    }
    if (schema.type === "map") {
      const key = this.type({ ...schema.keySchema!, optional: false }, nested, indent).type;
      if (schema.valueSchema!.type === "array" || schema.valueSchema!.type === "map")
        throw new MillraceError("SCHEMA_INVALID", `${name}: Protobuf has no map of ${schema.valueSchema!.type}s`);
      const { type, options = "" } = this.type(schema.valueSchema!, nested, indent);
      return `map<${key}, ${type}> ${name} = ${number}${options};`;
    }
    const { type, options = "" } = this.type(schema, nested, indent);
    return `${label()}${type} ${name} = ${number}${options};`;
  }

  private type(schema: Schema, nested: string[], indent: string): TypeText {
    if (schema.type === "struct") {
      const name = this.nextName();
      nested.push(this.message(schema, name, indent));
      return { type: name };
    }
    const text = typeText(schema);
    if (this.nullable === "wrapper" && schema.optional && text.wrapper) {
      this.imports.add("google/protobuf/wrappers.proto");
      return { type: text.wrapper };
    }
    if (text.import) this.imports.add(text.import);
    if (text.options) this.imports.add("confluent/meta.proto");
    return text;
  }
}

function isScalar(schema: Schema): boolean {
  return schema.type !== "struct" && typeText(schema).import === undefined;
}

function typeText(schema: Schema): TypeText {
  const wrapper = (name: string) => `google.protobuf.${name}Value`;
  switch (schema.name) {
    case DECIMAL: {
      const params = Object.entries({ precision: schema.parameters?.[PRECISION_PARAMETER], scale: schema.parameters?.["scale"] }).filter(
        ([, value]) => value !== undefined,
      );
      const shown = params.map(([key, value]) => `{ key: "${key}", value: "${value}" }`).join(", ");
      return {
        type: "confluent.type.Decimal",
        import: "confluent/type/decimal.proto",
        options: ` [(confluent.field_meta) = { params: [${shown}] }]`,
      };
    }
    case TIMESTAMP:
      return { type: "google.protobuf.Timestamp", import: "google/protobuf/timestamp.proto" };
    case DATE:
      return { type: "google.type.Date", import: "google/type/date.proto" };
    case TIME:
      return { type: "google.type.TimeOfDay", import: "google/type/timeofday.proto" };
  }
  switch (schema.type) {
    case "boolean":
      return { type: "bool", wrapper: wrapper("Bool") };
    case "int8":
    case "int16":
    case "int32":
      return { type: "int32", wrapper: wrapper("Int32") };
    case "int64":
      return { type: "int64", wrapper: wrapper("Int64") };
    case "float32":
      return { type: "float", wrapper: wrapper("Float") };
    case "float64":
      return { type: "double", wrapper: wrapper("Double") };
    case "string":
      return { type: "string", wrapper: wrapper("String") };
    case "bytes":
      return { type: "bytes", wrapper: wrapper("Bytes") };
    default:
      throw new MillraceError("SCHEMA_INVALID", `Protobuf has no ${schema.type} here`);
  }
}
