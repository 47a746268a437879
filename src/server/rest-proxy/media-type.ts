import { restErrors } from "./errors.js";

/** How keys and values stand in requests and answers. */
export type EmbeddedFormat = "binary" | "json" | "avro" | "jsonschema" | "protobuf";

export const v2Type = "application/vnd.kafka.v2+json";
const kafkaType = /^application\/vnd\.kafka(?:\.(binary|json|avro|jsonschema|protobuf))?(?:\.v2)?(?:\+json)?$/;
const generalTypes = new Set(["application/json", "application/octet-stream"]);

/** The format of a request's records; binary where its type names none. @throws 415 */
export function formatOfContent(header: string | undefined): EmbeddedFormat {
  const type = bare(header);
  if (type === "" || generalTypes.has(type)) return "binary";
  const match = kafkaType.exec(type);
  if (!match) throw restErrors.unsupportedMediaType();
  return (match[1] as EmbeddedFormat | undefined) ?? "binary";
}

/** The answer's type for what a client accepts: the first that is one of ours. @throws 406 */
export function answerType(accept: string | undefined): string {
  return accepted(accept, (type) => (type === "*/*" || type === "application/*" ? v2Type : v2Types.has(type) ? type : undefined)) ?? v2Type;
}
const v2Types = new Set([v2Type, "application/vnd.kafka+json", "application/json"]);

/** The type of an answer with records, and the format that it asks for; undefined where it leaves that open. @throws 406 */
export function recordsType(accept: string | undefined): { type: string | undefined; format: EmbeddedFormat | undefined } {
  const type = accepted(accept, (t) =>
    t === "*/*" || t === "application/*" || kafkaType.test(t) || t === "application/json" ? t : undefined,
  );
  if (type === undefined || type.includes("*") || type === "application/json") return { type: undefined, format: undefined };
  const format = kafkaType.exec(type)![1] as EmbeddedFormat | undefined;
  return { type: format === undefined ? undefined : type, format };
}

function accepted(header: string | undefined, match: (type: string) => string | undefined): string | undefined {
  if (header === undefined || header.trim() === "") return undefined;
  const wanted = header
    .split(",")
    .map((part) => ({ type: bare(part), q: Number(/;\s*q=([\d.]+)/.exec(part)?.[1] ?? 1) }))
    .sort((a, b) => b.q - a.q);
  for (const { type } of wanted) {
    const found = match(type);
    if (found !== undefined) return found;
  }
  throw restErrors.notAcceptable();
}

function bare(header: string | undefined): string {
  return (header ?? "").split(";", 1)[0]!.trim().toLowerCase();
}
