import { ConfigDef, type Setting } from "../../common/config-def.js";
import { MillraceError } from "../../common/errors.js";
import { type Schema, Struct, type Value } from "../../data/schema.js";
import type { ConnectRecord } from "../api/record.js";
import type { Node, RecordShape } from "../api/shape.js";
import type { ConnectorConfig } from "../api/source.js";
import type { Transformation, TransformPlugin } from "../api/transform.js";

export const version = "4.3.1";
const apache = "org.apache.kafka.connect.transforms.";

/** The key or the value of a record: what `$Key` and `$Value` of a transform's class work on. */
export interface Side {
  readonly isKey: boolean;
  schema(record: ConnectRecord): Schema | null;
  value(record: ConnectRecord): Value;
  with<R extends ConnectRecord>(record: R, schema: Schema | null, value: Value): R;
  node(shape: RecordShape): Node | null;
  withNode(shape: RecordShape, node: Node | null): RecordShape;
}

export const keySide: Side = {
  isKey: true,
  schema: (r) => r.keySchema,
  value: (r) => r.key,
  with: (r, keySchema, key) => ({ ...r, keySchema, key }),
  node: (s) => s.key,
  withNode: (s, key) => ({ ...s, key }),
};
export const valueSide: Side = {
  isKey: false,
  schema: (r) => r.valueSchema,
  value: (r) => r.value,
  with: (r, valueSchema, value) => ({ ...r, valueSchema, value }),
  node: (s) => s.value,
  withNode: (s, value) => ({ ...s, value }),
};

/** The two plug-ins `NAME$Key` and `NAME$Value`. */
export function sided(
  name: string,
  settings: readonly Setting[],
  make: (config: ConnectorConfig, side: Side) => Transformation,
): TransformPlugin[] {
  const config = new ConfigDef(settings);
  return [keySide, valueSide].map((side) => ({
    classes: [`${apache}${name}$${side.isKey ? "Key" : "Value"}`],
    version,
    config,
    create: (raw) => make(raw, side),
  }));
}

export function plain(name: string, settings: readonly Setting[], make: (config: ConnectorConfig) => Transformation): TransformPlugin {
  return { classes: [`${apache}${name}`], version, config: new ConfigDef(settings), create: make };
}

export function refused(message: string): MillraceError {
  return new MillraceError("TRANSFORM", message);
}

/** @throws TRANSFORM in Connect's words */
export function requireStruct(value: Value, purpose: string): Struct {
  if (value instanceof Struct) return value;
  throw refused(`Only Struct objects supported for [${purpose}], found: ${kindOf(value)}`);
}

/** A schemaless object. @throws TRANSFORM in Connect's words */
export function requireMap(value: Value, purpose: string): Map<Value, Value> {
  if (value instanceof Map) return value;
  throw refused(`Only Map objects supported in absence of schema for [${purpose}], found: ${kindOf(value)}`);
}

export function kindOf(value: Value): string {
  if (value === null) return "null";
  if (typeof value !== "object") return typeof value;
  return value instanceof Map ? "map" : Array.isArray(value) ? "array" : value instanceof Struct ? "struct" : value.constructor.name;
}

/** A JavaScript pattern of a Java one, for a whole match. @throws CONFIG_INVALID */
export function wholePattern(text: string): RegExp {
  return new RegExp(`^(?:${text})$`);
}

/** Java's `$1` and `${name}` are `$1` and `$<name>` here; `\\$` is a dollar. */
export function replacementOf(text: string): string {
  return text.replace(/\\(.)|\$\{(\w+)\}/g, (_all, escaped: string | undefined, name: string) =>
    escaped === undefined ? `$<${name}>` : escaped === "$" ? "$$" : escaped,
  );
}

export function patternProblem(value: unknown): string | undefined {
  try {
    new RegExp(String(value));
    return undefined;
  } catch (e) {
    return `Invalid regex: ${(e as Error).message}`;
  }
}
