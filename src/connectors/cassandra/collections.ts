import { type Schema, Struct, type Value } from "../../data/schema.js";
import { valueFromJson } from "../../serde/formats/json/connect-json.js";
import { parseJson } from "../../serde/formats/json/json-text.js";
import { type CqlType, typeName } from "./cql-type.js";
import { type Encode, encoderOf } from "./encode.js";
import { type Present, shown, Unconvertible } from "./numbers.js";
import { unsignedVint } from "./temporal.js";
import type { TextFormats } from "./text-formats.js";

type Collection = Extract<CqlType, { kind: "list" | "set" | "map" | "udt" | "tuple" | "vector" }>;

/** Lists, sets, maps, user-defined types, tuples and vectors, from arrays, maps, structs and their JSON text. @throws Unconvertible */
export function collectionEncoder(type: Collection, schema: Schema | null, formats: TextFormats): Encode {
  const typed = schema !== null && schema.type !== "string" ? structured(type, schema, formats) : undefined;
  let untyped: Encode | undefined;
  return (value) => {
    if (typeof value === "string") {
      untyped ??= structured(type, null, formats);
      return untyped(jsonValue(value));
    }
    if (typed) return typed(value);
    untyped ??= structured(type, null, formats);
    return untyped(value);
  };
}

/** JSON text with its numbers exact; objects become maps. @throws Unconvertible */
export function jsonValue(text: string): Present {
  try {
    const value = valueFromJson(null, parseJson(text, /\d[\d.]{15}/.test(text)), { numericDecimals: true, nullToDefault: false });
    if (value !== null) return value;
  } catch {}
  throw new Unconvertible(`${shown(text)} is not JSON`);
}

function structured(type: Collection, schema: Schema | null, formats: TextFormats): Encode {
  const misfit = (value: unknown) => new Unconvertible(`${shown(value)} cannot become a ${typeName(type)}`);
  if (schema !== null && !fits(type, schema)) throw new Unconvertible(`a ${schema.type} cannot become a ${typeName(type)}`);
  switch (type.kind) {
    case "list":
    case "set": {
      const element = encoderOf(type.element, schema?.valueSchema ?? null, formats);
      return (value) => {
        if (!Array.isArray(value)) throw misfit(value);
        return counted(
          value.length,
          value.map((v: Value, i) => within(`element ${i}`, () => element(present(v, type)))),
        );
      };
    }
    case "map": {
      const fields = schema?.type === "struct" ? schema.fields! : undefined;
      const key = encoderOf(type.key, fields ? null : (schema?.keySchema ?? null), formats);
      const value = fields ? undefined : encoderOf(type.value, schema?.valueSchema ?? null, formats);
      const byField = fields?.map((f) => encoderOf(type.value, f.schema, formats));
      return (map) => {
        const parts: Buffer[] = [];
        if (map instanceof Map)
          for (const [k, v] of map)
            within(`entry ${shown(k)}`, () => {
              parts.push(key(present(k as Value, type)), value!(present(v as Value, type)));
            });
        else if (map instanceof Struct && byField)
          for (const f of map.schema.fields!) {
            const v = map.values[f.index]!;
            if (v !== null) within(`entry ${f.name}`, () => parts.push(key(f.name), byField[f.index]!(v)));
          }
        else throw misfit(map);
        return counted(parts.length / 2, parts);
      };
    }
    case "udt":
      return udt(type, schema, formats, misfit);
    case "tuple": {
      const typed = schema?.type === "struct" ? schema.fields!.map((f) => f.schema) : undefined;
      if (typed && typed.length !== type.elements.length)
        throw new Unconvertible(`a struct of ${typed.length} fields cannot become a ${typeName(type)}`);
      const encoders = type.elements.map((e, i) => encoderOf(e, typed?.[i] ?? schema?.valueSchema ?? null, formats));
      return (value) => {
        const values = value instanceof Struct ? value.values : value;
        if (!Array.isArray(values) || values.length !== encoders.length) throw misfit(value);
        return Buffer.concat(
          (values as Value[]).flatMap((v, i) => within(`element ${i}`, () => sized(v === null ? null : encoders[i]!(v)))),
        );
      };
    }
    case "vector": {
      const element = encoderOf(type.element, schema?.valueSchema ?? null, formats);
      const fixed = fixedLength(type.element) !== undefined;
      return (value) => {
        if (!Array.isArray(value)) throw misfit(value);
        if (value.length !== type.dimension)
          throw new Unconvertible(`an array of ${value.length} elements cannot become a ${typeName(type)}`);
        return Buffer.concat(
          (value as Value[]).flatMap((v, i) => {
            const bytes = within(`element ${i}`, () => element(present(v, type)));
            return fixed ? [bytes] : [unsignedVint(BigInt(bytes.length)), bytes];
          }),
        );
      };
    }
  }
}

function udt(
  type: Extract<CqlType, { kind: "udt" }>,
  schema: Schema | null,
  formats: TextFormats,
  misfit: (value: unknown) => Unconvertible,
): Encode {
  const known = new Map(type.fields.map((f) => [f.name, f.name]));
  for (const f of type.fields) if (!known.has(f.name.toLowerCase())) known.set(f.name.toLowerCase(), f.name);
  /** the type's field for a record's field of this name */
  const target = (name: string) => {
    const found = known.get(name) ?? known.get(name.toLowerCase());
    if (found === undefined) throw new Unconvertible(`field ${name} is not one of type ${type.name}`);
    return found;
  };
  if (schema?.type === "struct") {
    const from = new Map(schema.fields!.map((f) => [target(f.name), f]));
    const plan = type.fields.map((f) => {
      const field = from.get(f.name);
      return field && { index: field.index, name: f.name, encode: within(f.name, () => encoderOf(f.type, field.schema, formats)) };
    });
    return (value) => {
      if (!(value instanceof Struct)) throw misfit(value);
      return Buffer.concat(
        plan.flatMap((p) => {
          const v = p === undefined ? null : value.values[p.index]!;
          return sized(v === null ? null : within(p!.name, () => p!.encode(v)));
        }),
      );
    };
  }
  const encoders = type.fields.map((f) => encoderOf(f.type, schema?.valueSchema ?? null, formats));
  return (value) => {
    const values = new Map<string, Value>();
    if (value instanceof Map) for (const [k, v] of value) values.set(target(String(k)), v as Value);
    else if (value instanceof Struct) for (const f of value.schema.fields!) values.set(target(f.name), value.values[f.index]!);
    else throw misfit(value);
    return Buffer.concat(
      type.fields.flatMap((f, i) => {
        const v = values.get(f.name) ?? null;
        return sized(v === null ? null : within(f.name, () => encoders[i]!(v)));
      }),
    );
  };
}

function fits(type: Collection, schema: Schema): boolean {
  switch (type.kind) {
    case "map":
    case "udt":
      return schema.type === "map" || schema.type === "struct";
    case "tuple":
      return schema.type === "array" || schema.type === "struct";
    default:
      return schema.type === "array";
  }
}

function present(value: Value | undefined, type: Collection): Present {
  if (value === null || value === undefined) throw new Unconvertible(`a ${typeName(type)} cannot hold null`);
  return value;
}

function within<T>(where: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof Unconvertible) throw new Unconvertible(`${where}: ${error.message}`);
    throw error;
  }
}

const absent = Buffer.from([0xff, 0xff, 0xff, 0xff]);

function sized(bytes: Buffer | null): Buffer[] {
  if (bytes === null) return [absent];
  return [length(bytes.length), bytes];
}

function counted(count: number, parts: readonly Buffer[]): Buffer {
  return Buffer.concat([length(count), ...parts.flatMap(sized)]);
}

function length(n: number): Buffer {
  const out = Buffer.allocUnsafe(4);
  out.writeInt32BE(n, 0);
  return out;
}

/** Of the types whose values a vector holds without their lengths. */
function fixedLength(type: CqlType): number | undefined {
  switch (type.kind) {
    case "boolean":
      return 1;
    case "int":
    case "float":
      return 4;
    case "bigint":
    case "double":
    case "timestamp":
      return 8;
    case "uuid":
    case "timeuuid":
      return 16;
    case "vector": {
      const each = fixedLength(type.element);
      return each === undefined ? undefined : each * type.dimension;
    }
    default:
      return undefined;
  }
}
