import { Decimal } from "../../../data/schema.js";
import { type AvroSchema, branchName } from "../../../schema-registry/avro/schema.js";

/** What JavaScript can tell two branches of a union apart by. */
export type ValueKind = "null" | "boolean" | "number" | "string" | "bytes" | "decimal" | "array" | "object";

export function kindOfSchema(avro: AvroSchema): ValueKind | undefined {
  switch (avro.type) {
    case "null":
    case "boolean":
    case "string":
    case "array":
      return avro.type;
    case "int":
    case "long":
    case "float":
    case "double":
      return "number";
    case "enum":
      return "string";
    case "bytes":
    case "fixed":
      return isDecimal(avro) ? "decimal" : "bytes";
    case "record":
    case "map":
      return "object";
    case "union":
      return undefined;
  }
}

export function kindOfValue(value: unknown): ValueKind | undefined {
  if (value === null || value === undefined) return "null";
  switch (typeof value) {
    case "boolean":
    case "string":
    case "number":
      return typeof value as ValueKind;
    case "bigint":
      return "number";
    case "object":
      if (Array.isArray(value)) return "array";
      if (value instanceof Uint8Array) return "bytes";
      return value instanceof Decimal ? "decimal" : "object";
    default:
      return undefined;
  }
}

/**
 * Two branches look alike in JavaScript (two records, an int and a double): their values are then written as Avro's JSON encoding has
 * them, `{ [name of the branch]: value }`.
 */
export function isWrapped(branches: readonly AvroSchema[]): boolean {
  const kinds = branches.map(kindOfSchema);
  return new Set(kinds).size < kinds.length;
}

export function branchNames(branches: readonly AvroSchema[]): string[] {
  return branches.map(branchName);
}

export function isDecimal(avro: AvroSchema): boolean {
  return (avro.type === "bytes" || avro.type === "fixed") && avro.props["logicalType"] === "decimal";
}

export function scaleOf(avro: AvroSchema): number {
  return Number(avro.props["scale"] ?? 0);
}
