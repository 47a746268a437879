import { readFileSync } from "node:fs";
import { type Config, ConfigDef } from "../../common/config-def.js";
import { asError, MillraceError } from "../../common/errors.js";
import { type Field, fieldNamed, type Schema } from "../../data/schema.js";
import { parseAvro } from "../../schema-registry/avro/parse.js";
import type { AvroSchema } from "../../schema-registry/avro/schema.js";
import { avroToConnect } from "../../serde/formats/avro/avro-to-connect.js";
import { type Generator, generatorOf } from "./generator.js";
import { quickstarts } from "./quickstarts.js";

export const datagenConfig = new ConfigDef([
  {
    name: "kafka.topic",
    type: "STRING",
    importance: "HIGH",
    doc: "The topic to write to.",
    check: (v) => (String(v).trim() === "" ? "String must be non-empty" : undefined),
  },
  {
    name: "max.interval",
    type: "LONG",
    default: 500,
    importance: "HIGH",
    doc: "The maximum interval between two records of a task in ms: each is drawn between 0 and this. 0: as fast as it goes.",
  },
  {
    name: "iterations",
    type: "INT",
    default: -1,
    importance: "HIGH",
    doc: "How many records each task sends, or less than 1 for no end. A task that is through stays and is idle.",
  },
  {
    name: "quickstart",
    type: "STRING",
    default: null,
    values: Object.keys(quickstarts),
    importance: "HIGH",
    doc: "The name of a schema that comes with the connector.",
  },
  {
    name: "schema.string",
    type: "STRING",
    default: null,
    importance: "HIGH",
    doc: "The Avro schema to generate data for, as JSON, with arg.properties.",
  },
  { name: "schema.filename", type: "STRING", default: null, importance: "HIGH", doc: "A file with that schema." },
  {
    name: "schema.keyfield",
    type: "STRING",
    default: null,
    importance: "HIGH",
    doc: "The field that is the record's key; a quickstart has one of its own.",
  },
  {
    name: "random.seed",
    type: "LONG",
    default: null,
    importance: "LOW",
    doc: "Two connectors of one seed and schema make the same records. Without one it is drawn at the first start and kept with the offsets.",
  },
  {
    name: "generate.timeout",
    type: "LONG",
    default: null,
    importance: "LOW",
    doc: "Accepted: a value that cannot be made is refused after a fixed number of tries.",
  },
]);

export interface Plan {
  readonly topic: string;
  readonly maxInterval: number;
  /** records of each task; Infinity where there is no end */
  readonly iterations: number;
  readonly seed: number | undefined;
  readonly schema: Schema;
  readonly keyField: Field | undefined;
  readonly generator: Generator;
}

/** @throws CONFIG_INVALID that names the setting */
export function planOf(c: Config): Plan {
  const sources = ["quickstart", "schema.string", "schema.filename"].filter((name) => c.optionalString(name));
  if (sources.length !== 1)
    throw invalid(
      "quickstart",
      `exactly one of quickstart, schema.string and schema.filename must be set, not ${sources.join(" and ") || "none"}`,
    );
  const source = sources[0]!;
  const quickstart = source === "quickstart" ? quickstarts[c.string(source)] : undefined;
  const { avro, schema, generator } = compiled(source, quickstart ? quickstart.schema : textOf(c, source));
  if (avro.type !== "record") throw invalid(source, `the schema must be a record, not ${avro.type}`);
  const keyName = c.optionalString("schema.keyfield") || quickstart?.key;
  const keyField = keyName ? fieldNamed(schema, keyName) : undefined;
  if (keyName && !keyField) throw invalid("schema.keyfield", `${keyName} is not a field of the schema`);
  const iterations = c.number("iterations");
  return {
    topic: c.string("kafka.topic"),
    maxInterval: Math.max(0, c.number("max.interval")),
    iterations: iterations > 0 ? iterations : Number.POSITIVE_INFINITY,
    seed: c.optionalNumber("random.seed") ?? undefined,
    schema,
    keyField,
    generator,
  };
}

function textOf(c: Config, source: string): string {
  if (source === "schema.string") return c.string(source);
  try {
    return readFileSync(c.string(source), "utf8");
  } catch (cause) {
    throw invalid(source, `${c.string(source)} cannot be read: ${asError(cause).message}`);
  }
}

function compiled(source: string, text: string): { avro: AvroSchema; schema: Schema; generator: Generator } {
  try {
    const avro = parseAvro(text);
    const schema = avroToConnect(avro, { metaData: true, enhanced: false, scrubNames: false, ignoreDefaultForNullables: false });
    return { avro, schema, generator: generatorOf(avro, schema) };
  } catch (cause) {
    throw invalid(source, asError(cause).message);
  }
}

function invalid(setting: string, message: string): MillraceError {
  return new MillraceError("CONFIG_INVALID", `${setting}: ${message}`, { context: { setting } });
}
