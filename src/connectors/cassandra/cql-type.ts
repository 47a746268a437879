/** A column's or bind variable's CQL type. */
export type CqlType =
  | { readonly kind: ScalarKind }
  | { readonly kind: "list" | "set"; readonly element: CqlType; readonly frozen: boolean }
  | { readonly kind: "map"; readonly key: CqlType; readonly value: CqlType; readonly frozen: boolean }
  | { readonly kind: "udt"; readonly name: string; readonly fields: readonly { readonly name: string; readonly type: CqlType }[] }
  | { readonly kind: "tuple"; readonly elements: readonly CqlType[] }
  | { readonly kind: "vector"; readonly element: CqlType; readonly dimension: number };

export type ScalarKind = (typeof scalars)[number];
const scalars = [
  "ascii",
  "bigint",
  "blob",
  "boolean",
  "counter",
  "date",
  "decimal",
  "double",
  "duration",
  "float",
  "inet",
  "int",
  "smallint",
  "text",
  "time",
  "timestamp",
  "timeuuid",
  "tinyint",
  "uuid",
  "varint",
] as const;

/** By the native protocol's option ids (CQL binary protocol v5, section 4.2.5.2). */
const byCode: Readonly<Record<number, ScalarKind>> = {
  1: "ascii",
  2: "bigint",
  3: "blob",
  4: "boolean",
  5: "counter",
  6: "decimal",
  7: "double",
  8: "float",
  9: "int",
  10: "text",
  11: "timestamp",
  12: "uuid",
  13: "text",
  14: "varint",
  15: "timeuuid",
  16: "inet",
  17: "date",
  18: "time",
  19: "smallint",
  20: "tinyint",
  21: "duration",
};

const byClass: Readonly<Record<string, ScalarKind>> = {
  AsciiType: "ascii",
  LongType: "bigint",
  BytesType: "blob",
  BooleanType: "boolean",
  CounterColumnType: "counter",
  SimpleDateType: "date",
  DecimalType: "decimal",
  DoubleType: "double",
  DurationType: "duration",
  FloatType: "float",
  InetAddressType: "inet",
  Int32Type: "int",
  ShortType: "smallint",
  UTF8Type: "text",
  TimeType: "time",
  TimestampType: "timestamp",
  TimeUUIDType: "timeuuid",
  ByteType: "tinyint",
  UUIDType: "uuid",
  IntegerType: "varint",
};

/** A type as the driver's metadata has it: of a table's column or of a prepared statement's variable. */
export interface DriverType {
  readonly code: number;
  readonly info?: unknown;
  readonly customTypeName?: string;
  readonly options?: { readonly frozen?: boolean } | null;
}

/** @throws TypeError on a type that has no CQL name here */
export function cqlType(type: DriverType): CqlType {
  const frozen = type.options?.frozen === true;
  const one = (info: unknown) => cqlType(info as DriverType);
  switch (type.code) {
    case 32:
    case 34:
      return { kind: type.code === 32 ? "list" : "set", element: one(type.info), frozen };
    case 33: {
      const [key, value] = type.info as [DriverType, DriverType];
      return { kind: "map", key: cqlType(key), value: cqlType(value), frozen };
    }
    case 48: {
      const udt = type.info as { name: string; fields: { name: string; type: DriverType }[] };
      return { kind: "udt", name: udt.name, fields: udt.fields.map((f) => ({ name: f.name, type: cqlType(f.type) })) };
    }
    case 49:
      return { kind: "tuple", elements: (type.info as DriverType[]).map(cqlType) };
    case 0: {
      if (type.customTypeName !== "vector") return parseClass(String(type.info));
      const [element, dimension] = type.info as [DriverType, number];
      return { kind: "vector", element: cqlType(element), dimension };
    }
    default: {
      const kind = byCode[type.code];
      if (kind === undefined) throw new TypeError(`CQL type ${type.code} is not known`);
      return { kind };
    }
  }
}

/** A server's class name: `org.apache.cassandra.db.marshal.VectorType(org.apache.cassandra.db.marshal.FloatType , 3)`. */
function parseClass(text: string): CqlType {
  const m = /^\s*(?:org\.apache\.cassandra\.db\.marshal\.)?(\w+)\s*(?:\((.*)\))?\s*$/.exec(text);
  const name = m?.[1] ?? "";
  const args = splitArguments(m?.[2] ?? "");
  const scalar = byClass[name];
  if (scalar) return { kind: scalar };
  if (name === "VectorType") return { kind: "vector", element: parseClass(args[0]!), dimension: Number(args[1]) };
  if (name === "FrozenType" || name === "ReversedType") return parseClass(args[0]!);
  if (name === "ListType" || name === "SetType")
    return { kind: name === "ListType" ? "list" : "set", element: parseClass(args[0]!), frozen: true };
  if (name === "MapType") return { kind: "map", key: parseClass(args[0]!), value: parseClass(args[1]!), frozen: true };
  if (name === "TupleType") return { kind: "tuple", elements: args.map(parseClass) };
  throw new TypeError(`type ${text} is not supported`);
}

function splitArguments(text: string): string[] {
  const out: string[] = [];
  let depth = 0;
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "(") depth++;
    else if (text[i] === ")") depth--;
    else if (text[i] === "," && depth === 0) {
      out.push(text.slice(from, i));
      from = i + 1;
    }
  }
  if (text.trim() !== "") out.push(text.slice(from));
  return out;
}

/** As CQL writes it. */
export function typeName(type: CqlType): string {
  switch (type.kind) {
    case "list":
    case "set":
      return `${type.kind}<${typeName(type.element)}>`;
    case "map":
      return `map<${typeName(type.key)}, ${typeName(type.value)}>`;
    case "udt":
      return type.name;
    case "tuple":
      return `tuple<${type.elements.map(typeName).join(", ")}>`;
    case "vector":
      return `vector<${typeName(type.element)}, ${type.dimension}>`;
    default:
      return type.kind;
  }
}
