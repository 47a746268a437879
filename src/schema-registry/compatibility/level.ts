import type { ParsedSchema } from "../parsed-schema.js";
import { readProblems } from "./avro.js";
import type { Incompatibility } from "./incompatibility.js";
import { jsonSchemaProblems } from "./json-schema.js";
import { protobufProblems } from "./protobuf.js";

export const compatibilityLevels = [
  "NONE",
  "BACKWARD",
  "BACKWARD_TRANSITIVE",
  "FORWARD",
  "FORWARD_TRANSITIVE",
  "FULL",
  "FULL_TRANSITIVE",
] as const;
export type CompatibilityLevel = (typeof compatibilityLevels)[number];

export interface EarlierSchema {
  readonly version: number;
  readonly text: string;
  readonly schema: ParsedSchema;
}

/**
 * What is wrong with a new schema beside the earlier ones (oldest first), in the words of the registry's REST; empty where
 * it is compatible. Stops at the first earlier schema that it does not fit, as the newest is looked at first.
 */
export function checkCompatibility(level: CompatibilityLevel, next: ParsedSchema, earlier: readonly EarlierSchema[]): string[] {
  if (level === "NONE" || earlier.length === 0) return [];
  const against = level.endsWith("_TRANSITIVE") ? [...earlier].reverse() : earlier.slice(-1);
  for (const old of against) {
    const problems: Incompatibility[] = [];
    if (!level.startsWith("FORWARD")) problems.push(...problemsOf(next, old.schema, "new", "old"));
    if (!level.startsWith("BACKWARD")) problems.push(...problemsOf(old.schema, next, "old", "new"));
    if (problems.length === 0) continue;
    return [
      ...problems.map((p) => `{errorType:'${p.errorType}', description:'${p.description}', additionalInfo:'${p.additionalInfo}'}`),
      `{oldSchemaVersion: ${old.version}}`,
      `{oldSchema: '${old.text}'}`,
      `{compatibility: '${level}'}`,
    ];
  }
  return [];
}

function problemsOf(reader: ParsedSchema, writer: ParsedSchema, readerName: string, writerName: string): Incompatibility[] {
  if (reader.kind === "AVRO" && writer.kind === "AVRO") return readProblems(reader.avro, writer.avro, readerName, writerName);
  if (reader.kind === "PROTOBUF" && writer.kind === "PROTOBUF") return protobufProblems(reader.file, writer.file, readerName, writerName);
  if (reader.kind === "JSON" && writer.kind === "JSON") return jsonSchemaProblems(reader.json, writer.json, readerName, writerName);
  return [
    {
      errorType: "TYPE_MISMATCH",
      description: `The ${readerName} schema is ${reader.kind} and the ${writerName} one ${writer.kind}`,
      additionalInfo: "",
    },
  ];
}
