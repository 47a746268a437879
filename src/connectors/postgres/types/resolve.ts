import { arrayOf, optional, primitive, type Value } from "../../../data/schema.js";
import { arrayElements } from "./arrays.js";
import type { ColumnType } from "./column-type.js";
import { binary, bit, scalarTypes } from "./scalar-types.js";
import type { TypeInfo, TypeRegistry } from "./type-info.js";
import type { TypeOptions } from "./type-options.js";

/** Element types of which Debezium sends no arrays. */
const notInArrays = new Set([
  "interval",
  "money",
  "timetz",
  "xml",
  "name",
  "tsvector",
  "point",
  "line",
  "circle",
  "lseg",
  "box",
  "path",
  "polygon",
]);

/** How a column's values look, or undefined where its type is left out of records (unknown types, by default). */
export function resolveColumnType(oid: number, modifier: number, registry: TypeRegistry, options: TypeOptions): ColumnType | undefined {
  const resolved = registry.resolve(oid, modifier);
  if (!resolved) return undefined;
  const { type } = resolved;
  return (
    (type.element !== 0 ? arrayType(type, resolved.modifier, registry, options) : scalarType(type, resolved.modifier, options)) ??
    (options.includeUnknown ? unknownType(options) : undefined)
  );
}

function scalarType(type: TypeInfo, modifier: number, options: TypeOptions): ColumnType | undefined {
  if (type.kind === "e") return enumType(type, options);
  const make = Object.hasOwn(scalarTypes, type.name) ? scalarTypes[type.name] : undefined;
  return make?.(modifier, options);
}

function enumType(type: TypeInfo, options: TypeOptions): ColumnType {
  return {
    schema: primitive("string", { name: "io.debezium.data.Enum", version: 1, parameters: { allowed: type.labels.join(",") } }),
    text: { as: "utf8" },
    parse: (t) => t,
    placeholder: options.placeholder,
    zero: "",
    defaults: true,
  };
}

function arrayType(type: TypeInfo, modifier: number, registry: TypeRegistry, options: TypeOptions): ColumnType | undefined {
  const element = registry.get(type.element);
  if (!element || element.kind === "d" || notInArrays.has(element.name)) return undefined;
  // as the original does: the schema of one value and never a value, of bit arrays; null for arrays of enums
  if (element.name === "bit" || element.name === "varbit") return { ...bit(modifier < 0 ? 2147483647 : modifier), parse: () => null };
  const item = scalarType(element, modifier, options);
  if (!item) return undefined;
  const isEnum = element.kind === "e";
  // elements of time[] have milliseconds in the original
  const one = element.name === "time" ? (e: string) => item.parse(e.replace(/(\.\d{3})\d+/, "$1")) : item.parse;
  const parse = (text: string): Value => {
    const values = arrayElements(text, element.delimiter).map((e) => (e === null ? null : one(e)));
    // an enum's elements are not optional in the schema: an array with a null has no valid form
    return isEnum && values.includes(null) ? null : values;
  };
  return {
    schema: arrayOf(isEnum ? item.schema : optional(item.schema)),
    text: { as: "other" },
    parse,
    placeholder: arrayPlaceholder(element.name, options),
    zero: [],
    defaults: false,
  };
}

function arrayPlaceholder(element: string, options: TypeOptions): Value {
  if (["int2", "int4", "int8"].includes(element)) return [...Buffer.from(options.placeholder)];
  if (["text", "varchar", "bpchar", "uuid", "citext", "json", "jsonb"].includes(element)) return [options.placeholder];
  return [];
}

/** `include.unknown.datatypes`: the text's bytes, or as `binary.handling.mode` says. */
function unknownType(options: TypeOptions): ColumnType {
  return binary(options, (t) => Buffer.from(t, "utf8"));
}
