import { mongoSink } from "../../../src/connectors/mongodb/connector.js";
import { primitive, type Schema, type Value } from "../../../src/data/schema.js";
import { SinkHarness, text } from "../../support/sink-harness.js";

/** @param port of the server that the config calls `mongo` */
export class MongoHarness extends SinkHarness {
  constructor(port: number, config: Readonly<Record<string, string>>) {
    super(mongoSink, { "connection.uri": "mongodb://mongo:27017/?retryWrites=false", ...config }, { hosts: { "mongo:27017": port } });
  }
}

export const int = primitive("int32", { optional: true });

/** A record's key or value as the schemaless JSON converter gives it. */
export function json(value: unknown): [null, Value] {
  return [null, asMap(value)];
}

/** As JSON text, which the string converter gives. */
export const jsonText = (value: unknown): [Schema, Value] => [text, JSON.stringify(value)];

function asMap(value: unknown): Value {
  if (Array.isArray(value)) return value.map(asMap);
  if (value !== null && typeof value === "object") return new Map(Object.entries(value).map(([k, v]) => [k, asMap(v)] as const));
  return value as Value;
}
