import { type AvroField, type AvroNamed, type AvroRecord, type AvroSchema, branchName, isNamed, simpleName } from "../avro/schema.js";
import type { Incompatibility } from "./incompatibility.js";

/** Which writer's types a reader's type also takes (Avro specification, "Schema Resolution"). */
const promotions: Readonly<Record<string, readonly string[]>> = {
  long: ["int"],
  float: ["int", "long"],
  double: ["int", "long", "float"],
  bytes: ["string"],
  string: ["bytes"],
};

/**
 * Why data of `writer` could not be read as `reader`; empty where it can. Paths point into the reader's JSON.
 * @param readerIs how messages call the reader's schema, @param writerIs the writer's
 */
export function readProblems(reader: AvroSchema, writer: AvroSchema, readerIs: string, writerIs: string): Incompatibility[] {
  return new Check(readerIs, writerIs).compare(reader, writer, "");
}

class Check {
  /** Pairs of records that are being compared or were: a recursive schema ends here, assumed to fit. */
  private readonly seen = new Map<AvroSchema, Set<AvroSchema>>();

  constructor(
    private readonly readerIs: string,
    private readonly writerIs: string,
  ) {}

  compare(reader: AvroSchema, writer: AvroSchema, path: string): Incompatibility[] {
    if (reader === writer) return [];
    if (writer.type === "union") {
      if (reader.type === "union")
        return writer.branches.flatMap((b) => (this.fitsUnion(reader.branches, b, path) ? [] : [this.missingBranch(b, path)]));
      return writer.branches.flatMap((b) => this.compare(reader, b, path));
    }
    if (reader.type === "union") return this.fitsUnion(reader.branches, writer, path) ? [] : [this.missingBranch(writer, path)];
    if (reader.type !== writer.type) return promotions[reader.type]?.includes(writer.type) ? [] : [this.typeMismatch(reader, writer, path)];
    switch (reader.type) {
      case "record":
        return this.records(reader, writer as AvroRecord, path);
      case "enum": {
        const problems = this.names(reader, writer as AvroNamed, path);
        const missing = (writer as typeof reader).symbols.filter((s) => !reader.symbols.includes(s));
        if (missing.length && reader.default === undefined)
          problems.push({
            errorType: "MISSING_ENUM_SYMBOLS",
            description: `The ${this.readerIs} schema is missing enum symbols '[${missing.join(", ")}]' at path '${path}/symbols' in the ${this.writerIs} schema`,
            additionalInfo: `[${missing.join(", ")}]`,
          });
        return problems;
      }
      case "fixed": {
        const problems = this.names(reader, writer as AvroNamed, path);
        const size = (writer as typeof reader).size;
        if (size !== reader.size)
          problems.push({
            errorType: "FIXED_SIZE_MISMATCH",
            description: `The size of FIXED type field at path '${path}/size' in the ${this.readerIs} schema does not match with the ${this.writerIs} schema`,
            additionalInfo: `expected: ${size}, found: ${reader.size}`,
          });
        return problems;
      }
      case "array":
        return this.compare(reader.items, (writer as typeof reader).items, `${path}/items`);
      case "map":
        return this.compare(reader.values, (writer as typeof reader).values, `${path}/values`);
      default:
        return [];
    }
  }

  private records(reader: AvroRecord, writer: AvroRecord, path: string): Incompatibility[] {
    const done = this.seen.get(reader) ?? new Set();
    if (done.has(writer)) return [];
    this.seen.set(reader, done.add(writer));
    const problems = this.names(reader, writer, path);
    reader.fields.forEach((field, i) => {
      const at = `${path}/fields/${i}`;
      const written = writerField(field, writer);
      if (written) problems.push(...this.compare(field.type, written.type, `${at}/type`));
      else if (!("default" in field) && !(field.type.type === "enum" && field.type.default !== undefined))
        problems.push({
          errorType: "READER_FIELD_MISSING_DEFAULT_VALUE",
          description: `The field '${field.name}' at path '${at}' in the ${this.readerIs} schema has no default value and is missing in the ${this.writerIs} schema`,
          additionalInfo: field.name,
        });
    });
    return problems;
  }

  private names(reader: AvroNamed, writer: AvroNamed, path: string): Incompatibility[] {
    if (simpleName(reader.name) === simpleName(writer.name) || reader.aliases.includes(writer.name)) return [];
    return [
      {
        errorType: "NAME_MISMATCH",
        description: `The name of the schema has changed (path '${path}/name')`,
        additionalInfo: `expected: ${writer.name}`,
      },
    ];
  }

  private fitsUnion(branches: readonly AvroSchema[], writer: AvroSchema, path: string): boolean {
    // each attempt must not leave pairs behind that were assumed to fit by a branch that then failed
    return branches.some((b) => new Check(this.readerIs, this.writerIs).within(this.seen).compare(b, writer, path).length === 0);
  }

  private within(seen: ReadonlyMap<AvroSchema, ReadonlySet<AvroSchema>>): this {
    for (const [reader, writers] of seen) this.seen.set(reader, new Set(writers));
    return this;
  }

  private missingBranch(branch: AvroSchema, path: string): Incompatibility {
    return {
      errorType: "MISSING_UNION_BRANCH",
      description: `The ${this.readerIs} schema is missing a type inside a union field at path '${path || "/"}' in the ${this.writerIs} schema`,
      additionalInfo: `reader union lacking writer type: ${branchName(branch).toUpperCase()}`,
    };
  }

  private typeMismatch(reader: AvroSchema, writer: AvroSchema, path: string): Incompatibility {
    return {
      errorType: "TYPE_MISMATCH",
      description: `The type (path '${path || "/"}') of a field in the ${this.readerIs} schema does not match with the ${this.writerIs} schema`,
      additionalInfo: `reader type: ${typeName(reader)} not compatible with writer type: ${typeName(writer)}`,
    };
  }
}

function typeName(schema: AvroSchema): string {
  return isNamed(schema) ? `${schema.type.toUpperCase()} ${schema.name}` : schema.type.toUpperCase();
}

function writerField(field: AvroField, writer: AvroRecord): AvroField | undefined {
  return writer.fields.find((f) => f.name === field.name) ?? writer.fields.find((f) => field.aliases.includes(f.name));
}
