import { BSON, Decimal128, type Document, Double, Long } from "mongodb";
import { asError, MillraceError } from "../../common/errors.js";
import { Decimal, type Schema, Struct, type Value } from "../../data/schema.js";

export type ToBson = (value: Value | undefined) => unknown;

const compiled = new WeakMap<Schema, ToBson>();

/**
 * How a value of this schema is written: int8 to int32 as int, int64 as long, float32 and float64 as double, Connect's Decimal as
 * decimal128, its Date, Time and Timestamp as date; all else by its type. Without a schema whole numbers are longs.
 */
export function toBson(schema: Schema | null): ToBson {
  if (schema === null) return untyped;
  let convert = compiled.get(schema);
  if (!convert) compiled.set(schema, (convert = compile(schema)));
  return convert;
}

function compile(schema: Schema): ToBson {
  const convert = present(schema);
  return (value) => (value === null || value === undefined ? null : convert(value));
}

type Present = Exclude<Value, null>;

function present(schema: Schema): (value: Present) => unknown {
  switch (schema.name) {
    case "org.apache.kafka.connect.data.Decimal":
      return (value) => Decimal128.fromString(String(value));
    case "org.apache.kafka.connect.data.Date":
      return (value) => new Date((value as number) * 86_400_000);
    case "org.apache.kafka.connect.data.Time":
    case "org.apache.kafka.connect.data.Timestamp":
      return (value) => new Date(Number(value));
    default:
  }
  switch (schema.type) {
    case "int64":
      return long;
    case "float32":
    case "float64":
      return (value) => (Number.isInteger(value) ? new Double(value as number) : value);
    case "array": {
      const element = toBson(schema.valueSchema ?? null);
      return (value) => (value as readonly Value[]).map(element);
    }
    case "map": {
      const element = toBson(schema.valueSchema ?? null);
      return (value) => fromEntries(value as Map<Value, Value>, element);
    }
    case "struct": {
      const document = structToBson(schema);
      return (value) => document((value as Struct).values);
    }
    default:
      return (value) => value;
  }
}

function long(value: Present): Long {
  return typeof value === "bigint" ? Long.fromBigInt(value) : Long.fromNumber(value as number);
}

/** A struct's values, by field, as a document. */
export function structToBson(schema: Schema): (values: readonly Value[]) => Document {
  const names = schema.fields!.map((f) => f.name);
  const converts = schema.fields!.map((f) => toBson(f.schema));
  return (values) => {
    const out: Document = {};
    for (let i = 0; i < names.length; i++) put(out, names[i]!, converts[i]!(values[i]));
    return out;
  };
}

function fromEntries(map: Map<Value, Value>, element: ToBson): Document {
  const out: Document = {};
  for (const [key, value] of map) put(out, String(key), element(value));
  return out;
}

/** `__proto__` would otherwise be the object's prototype instead of a field. */
export function put(document: Document, name: string, value: unknown): void {
  if (name === "__proto__") Object.defineProperty(document, name, { value, enumerable: true, configurable: true, writable: true });
  else document[name] = value;
}

const untyped: ToBson = (value) => {
  if (value === null || value === undefined) return null;
  switch (typeof value) {
    case "number":
      return Number.isInteger(value) && !Object.is(value, -0) ? Long.fromNumber(value) : value;
    case "bigint":
      return value === BigInt.asIntN(64, value) ? Long.fromBigInt(value) : Decimal128.fromString(value.toString());
    case "object":
      break;
    default:
      return value;
  }
  if (value instanceof Struct) return toBson(value.schema)(value);
  if (value instanceof Map) return fromEntries(value, untyped);
  if (value instanceof Decimal) return Decimal128.fromString(value.toString());
  if (value instanceof Uint8Array) return value;
  return (value as readonly Value[]).map(untyped);
};

/**
 * A whole key or value as a document: a struct, a map, a text that is extended JSON, or bytes that are BSON. null: there is none.
 * @throws RECORD_REFUSED for anything else
 */
export function toDocument(part: "key" | "value", schema: Schema | null, value: Value | undefined): Document | null {
  if (value === null || value === undefined) return null;
  if (value instanceof Struct || value instanceof Map) return guarded(part, () => toBson(schema)(value) as Document);
  if (typeof value === "string") {
    const parsed: unknown = guarded(part, () => BSON.EJSON.parse(value, { relaxed: false }));
    if (parsed !== null && typeof parsed === "object" && !Array.isArray(parsed) && !("_bsontype" in parsed)) return parsed as Document;
  } else if (value instanceof Uint8Array) return guarded(part, () => BSON.deserialize(value, { promoteValues: false }));
  const what = typeof value === "string" ? "JSON of a single value" : (schema?.type ?? typeof value);
  throw new MillraceError("RECORD_REFUSED", `the record's ${part} is ${what}, which is no document: HoistField makes one of it`);
}

/** @throws RECORD_REFUSED where a value cannot be written as BSON */
export function guarded<T>(part: string, convert: () => T): T {
  try {
    return convert();
  } catch (error) {
    if (error instanceof MillraceError || !(error instanceof BSON.BSONError || error instanceof SyntaxError || error instanceof TypeError))
      throw error;
    throw new MillraceError("RECORD_REFUSED", `the record's ${part} cannot be written as BSON: ${asError(error).message}`, {
      cause: error,
    });
  }
}
