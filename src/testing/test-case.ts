import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type ExactJson, formatExact, JsonNumber, parseExact, plainJson } from "./exact-json.js";

/** A record as a test file writes it. */
export interface CaseRecord {
  readonly topic: string;
  readonly key: ExactJson;
  readonly value: ExactJson;
  readonly timestamp: number;
  readonly window: { readonly start: number; readonly end: number; readonly session: boolean } | null;
  readonly headers: readonly { readonly key: string; readonly value: Buffer | null }[];
}
export interface CaseSide {
  readonly format?: string;
  /** text as the registry holds it */
  readonly schema?: string;
  readonly schemaId?: number;
  readonly references: readonly { readonly name: string; readonly schema: string }[];
}
export interface CaseTopic {
  readonly name: string;
  /** as the file says, or else what the statements want */
  readonly partitions?: number;
  readonly key: CaseSide;
  readonly value: CaseSide;
}
/** One test in one of its formats and settings; what it expects is not in here, but for the names of the topics to report. */
export interface TestCase {
  readonly file: string;
  readonly name: string;
  readonly format: string | null;
  readonly config: string | null;
  readonly statements: readonly string[];
  readonly topics: readonly CaseTopic[];
  readonly inputs: readonly CaseRecord[];
  readonly properties: Readonly<Record<string, string>>;
  readonly outputTopics: readonly string[];
  /** as it stands in the file */
  readonly json: ReadonlyMap<string, ExactJson>;
}

/** All cases in a folder's files, the disabled ones left out. */
export function readCases(folder: string, only?: string): TestCase[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((f) => f.isFile() && f.name.endsWith(".json"));
  const paths = files.map((f) => join(f.parentPath, f.name)).sort();
  return paths
    .flatMap((path) => casesOf(basename(path), readFileSync(path, "utf8")))
    .filter((c) => only === undefined || caseLabel(c).includes(only));
}

/** `file - name - FORMAT` */
export function caseLabel({ file, name, format, config }: TestCase): string {
  return [file.replace(/\.json$/, ""), name, format, config].filter((p) => p !== null).join(" - ");
}

export function casesOf(file: string, text: string): TestCase[] {
  const tests = asMap(parseExact(text)).get("tests");
  return asList(tests).flatMap((json) => {
    const test = asMap(json);
    if (test.get("enabled") === false) return [];
    const formats = asList(test.get("format")).map(String);
    const configs = asList(test.get("config")).map(String);
    return (formats.length > 0 ? formats : [null]).flatMap((format) =>
      (configs.length > 0 ? configs : [null]).map((config) => caseOf(file, test, format, config)),
    );
  });
}

function caseOf(file: string, test: Map<string, ExactJson>, format: string | null, config: string | null): TestCase {
  const properties: Record<string, string> = {};
  for (const [name, value] of asMap(test.get("properties") ?? null))
    properties[name] = textOf(value).replaceAll("{CONFIG}", config ?? "{CONFIG}");
  const outputs = asList(test.get("outputs")).map((o) => textOf(asMap(o).get("topic") ?? null));
  return {
    file,
    name: textOf(test.get("name") ?? null),
    format,
    config,
    statements: asList(test.get("statements")).map((s) => (format === null ? String(s) : String(s).replaceAll("{FORMAT}", format))),
    topics: asList(test.get("topics")).flatMap((t) => (t instanceof Map ? [topicOf(t)] : [])),
    inputs: asList(test.get("inputs")).map((r) => recordOf(asMap(r))),
    properties,
    outputTopics: [...new Set(outputs)],
    json: test,
  };
}

export function recordOf(r: Map<string, ExactJson>): CaseRecord {
  const window = r.get("window");
  return {
    topic: textOf(r.get("topic") ?? null),
    key: r.get("key") ?? null,
    value: r.get("value") ?? null,
    timestamp: numberOf(r.get("timestamp"), 0),
    window:
      window instanceof Map
        ? {
            start: numberOf(window.get("start"), 0),
            end: numberOf(window.get("end"), 0),
            session: textOf(window.get("type") ?? null).toUpperCase() === "SESSION",
          }
        : null,
    headers: asList(r.get("headers")).map((h) => {
      const header = asMap(h);
      const value = header.get("VALUE") ?? null;
      return { key: textOf(header.get("KEY") ?? null), value: value === null ? null : Buffer.from(textOf(value), "base64") };
    }),
  };
}

function topicOf(t: Map<string, ExactJson>): CaseTopic {
  const side = (prefix: "key" | "value"): CaseSide => {
    const format = t.get(`${prefix}Format`);
    const schema = t.get(`${prefix}Schema`) ?? null;
    const id = t.get(`${prefix}SchemaId`);
    return {
      ...(typeof format === "string" ? { format: format.toUpperCase() } : schema === null ? {} : { format: "AVRO" }),
      ...(schema === null ? {} : { schema: schemaText(schema, format) }),
      ...(id instanceof JsonNumber ? { schemaId: Number(id.raw) } : {}),
      references: asList(t.get(`${prefix}SchemaReferences`)).map((r) => {
        const reference = asMap(r);
        return { name: textOf(reference.get("name") ?? null), schema: schemaText(reference.get("schema") ?? null, format) };
      }),
    };
  };
  return {
    name: textOf(t.get("name") ?? null),
    ...(t.has("partitions") ? { partitions: numberOf(t.get("partitions"), 1) } : {}),
    key: side("key"),
    value: side("value"),
  };
}

/** Protobuf's text is a JSON string; of the others a string is the schema's own JSON. */
function schemaText(schema: ExactJson, format: ExactJson | undefined): string {
  return typeof schema === "string" && String(format).toUpperCase().startsWith("PROTOBUF") ? schema : formatExact(schema);
}

function asMap(json: ExactJson | undefined): Map<string, ExactJson> {
  return json instanceof Map ? json : new Map();
}
function asList(json: ExactJson | undefined): ExactJson[] {
  return Array.isArray(json) ? json : [];
}
function textOf(json: ExactJson): string {
  return json === null ? "" : typeof json === "string" ? json : String(plainJson(json));
}
function numberOf(json: ExactJson | undefined, otherwise: number): number {
  return json instanceof JsonNumber ? Number(json.raw) : otherwise;
}
