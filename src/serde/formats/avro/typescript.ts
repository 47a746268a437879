import { MillraceError } from "../../../common/errors.js";
import { parseAvro } from "../../../schema-registry/avro/parse.js";
import {
  type AvroNamed,
  type AvroSchema,
  branchName,
  formatAvro,
  isNamed,
  namespaceOf,
  simpleName,
} from "../../../schema-registry/avro/schema.js";
import { isDecimal, isWrapped } from "./object-unions.js";

export interface TypescriptInput {
  /** names a schema that has no name of its own, and what is wrong: a file's name or a subject */
  readonly name: string;
  readonly schema: string;
  /** texts of the schemas that it refers to */
  readonly references?: readonly string[];
}

export interface TypescriptOptions {
  /** How a long is shown; "number" if absent, as the serde has it. */
  readonly longs?: "number" | "bigint";
}

/**
 * A module with a type for each named schema and a serde for each input, in which a field of another name or type does not compile.
 * @throws SCHEMA_INVALID for a schema that is none, and where two define one name differently
 */
export function avroToTypescript(inputs: readonly TypescriptInput[], options: TypescriptOptions = {}): string {
  return new Module(options).write(inputs);
}

class Module {
  private readonly types = new Map<string, { text: string; from: string; definition: string }>();
  private readonly names = new Map<string, string>();
  private decimals = false;

  constructor(private readonly options: TypescriptOptions) {}

  write(inputs: readonly TypescriptInput[]): string {
    const serdes = inputs.map(({ name, schema, references = [] }) => {
      const avro = this.parse(name, schema, references);
      const type = this.typeOf(avro, name);
      const own = isNamed(avro) ? type : pascal(name);
      const alias = own === type ? "" : `export type ${own} = ${type};\n`;
      const longs = this.options.longs === "bigint" ? `, { longs: "bigint" }` : "";
      const text = JSON.stringify(JSON.parse(formatAvro(avro)), null, 2);
      return `${alias}export const ${camel(own)}Serde = serdes.avro<${own}>(\n${indent(text)}${longs},\n);\n`;
    });
    const imports = this.decimals ? "{ type Decimal, serdes }" : "{ serdes }";
    return [
      "// Written by `millrace codegen`: change the schemas, not this file.",
      `import ${imports} from "millrace/streams";\n`,
      ...[...this.types.values()].map(({ text }) => text),
      ...serdes,
    ].join("\n");
  }

  private parse(name: string, schema: string, references: readonly string[]): AvroSchema {
    try {
      return parseAvro(schema, references);
    } catch (error) {
      if (error instanceof MillraceError) throw new MillraceError(error.code, `${name}: ${error.message}`, { cause: error });
      throw error;
    }
  }

  private typeOf(avro: AvroSchema, from: string): string {
    switch (avro.type) {
      case "null":
      case "boolean":
      case "string":
        return avro.type;
      case "int":
      case "float":
      case "double":
        return "number";
      case "long":
        return this.options.longs ?? "number";
      case "bytes":
      case "fixed":
        if (!isDecimal(avro)) return "Uint8Array";
        this.decimals = true;
        return "Decimal";
      case "array": {
        const item = this.typeOf(avro.items, from);
        return `readonly ${/[ |]/.test(item) ? `(${item})` : item}[]`;
      }
      case "map":
        return `Readonly<Record<string, ${this.typeOf(avro.values, from)}>>`;
      case "union":
        return this.union(avro.branches, from);
      default:
        return this.named(avro, from);
    }
  }

  private union(branches: readonly AvroSchema[], from: string): string {
    const wrapped = isWrapped(branches);
    const types = branches.map((branch) => {
      const type = this.typeOf(branch, from);
      return wrapped && branch.type !== "null" ? `{ readonly ${JSON.stringify(branchName(branch))}: ${type} }` : type;
    });
    // null last, as one writes it
    return [...new Set([...types.filter((type) => type !== "null"), ...types.filter((type) => type === "null")])].join(" | ");
  }

  private named(avro: AvroNamed, from: string): string {
    const name = this.nameOf(avro);
    const definition = formatAvro(avro);
    const known = this.types.get(avro.name);
    if (known) {
      if (known.definition !== definition)
        throw new MillraceError("SCHEMA_INVALID", `${avro.name} is defined differently in ${known.from} and ${from}`);
      return name;
    }
    const entry = { text: "", from, definition };
    this.types.set(avro.name, entry); // ahead of its fields, which may be this type again
    const doc = comment(avro.doc, "");
    if (avro.type === "enum") entry.text = `${doc}export type ${name} = ${avro.symbols.map((s) => JSON.stringify(s)).join(" | ")};\n`;
    else if (avro.type === "record") {
      const fields = avro.fields.map((f) => `${comment(f.doc, "  ")}  readonly ${property(f.name)}: ${this.typeOf(f.type, from)};\n`);
      entry.text = `${doc}export interface ${name} {\n${fields.join("")}}\n`;
    }
    return name;
  }

  /** The simple name, or, where another type has that one, with its namespace. */
  private nameOf(avro: AvroNamed): string {
    const known = this.names.get(avro.name);
    if (known) return known;
    const taken = new Set(this.names.values());
    const simple = pascal(simpleName(avro.name));
    const name = taken.has(simple) ? pascal(`${namespaceOf(avro.name)}.${simpleName(avro.name)}`) : simple;
    this.names.set(avro.name, name);
    return name;
  }
}

function pascal(name: string): string {
  const joined = name.replace(/(?:^|[^A-Za-z0-9]+)([A-Za-z0-9])/g, (_, first: string) => first.toUpperCase());
  return /^[0-9]/.test(joined) ? `_${joined}` : joined;
}

function camel(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}

function property(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}

function comment(doc: string | undefined, before: string): string {
  return doc ? `${before}/** ${doc.replace(/\*\//g, "*\\/").replace(/\s+/g, " ")} */\n` : "";
}

function indent(text: string): string {
  return text.replace(/^/gm, "  ");
}
