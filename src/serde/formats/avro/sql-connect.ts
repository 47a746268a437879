import { MillraceError } from "../../../common/errors.js";
import { javaDouble, javaFloat } from "../../../data/java-number.js";
import { arrayOf, Decimal, logical, mapOf, primitive, type Schema, Struct, structOf, type Value } from "../../../data/schema.js";
import { formatSqlType, type SqlField, type SqlType } from "../../../data/sql-type.js";
import { parseTimestamp } from "../../temporal-text.js";
import { fitDecimal } from "../json/sql-json.js";
import { DATE, DECIMAL, PRECISION_PARAMETER, TIME, TIMESTAMP } from "./connect-names.js";

/** The record name that ksqlDB gives its Avro values; nested records add `_` and the field's name. */
export const KSQL_RECORD = "io.confluent.ksql.avro_schemas.KsqlDataSourceSchema";

/** The Connect schema of columns, from which their Avro schema is made: every field optional. */
export function columnsToConnect(columns: readonly SqlField[], name = KSQL_RECORD): Schema {
  return structOf(
    columns.map((c) => [c.name, sqlToConnect(c.type, `${name}_${c.name}`)] as const),
    { name },
  );
}

export function sqlToConnect(type: SqlType, name = KSQL_RECORD): Schema {
  const optional = { optional: true };
  switch (type.base) {
    case "BOOLEAN":
      return primitive("boolean", optional);
    case "INTEGER":
      return primitive("int32", optional);
    case "BIGINT":
      return primitive("int64", optional);
    case "DOUBLE":
      return primitive("float64", optional);
    case "STRING":
      return primitive("string", optional);
    case "BYTES":
      return primitive("bytes", optional);
    case "DATE":
      return logical.date(optional);
    case "TIME":
      return logical.time(optional);
    case "TIMESTAMP":
      return logical.timestamp(optional);
    case "DECIMAL":
      return logical.decimal(type.scale, {
        optional: true,
        parameters: { scale: String(type.scale), [PRECISION_PARAMETER]: String(type.precision) },
      });
    case "ARRAY":
      return arrayOf(sqlToConnect(type.element, name), optional);
    case "MAP":
      return mapOf(primitive("string"), sqlToConnect(type.value, `${name}_MapValue`), optional);
    case "STRUCT":
      return { ...columnsToConnect(type.fields, name), optional: true };
  }
}

/**
 * The SQL type of a Connect schema, names in upper case as ksqlDB infers them, or as they are.
 * @throws SCHEMA_INVALID for what SQL has no type for
 */
export function connectToSql(schema: Schema, path: string, asWritten = false): SqlType {
  const inner = (s: Schema, part: string) => connectToSql(s, `${path}${part}`, asWritten);
  switch (schema.type) {
    case "boolean":
      return { base: "BOOLEAN" };
    case "int8":
    case "int16":
      return { base: "INTEGER" };
    case "int32":
      return { base: schema.name === DATE ? "DATE" : schema.name === TIME ? "TIME" : "INTEGER" };
    case "int64":
      return { base: schema.name === TIMESTAMP ? "TIMESTAMP" : "BIGINT" };
    case "float32":
    case "float64":
      return { base: "DOUBLE" };
    case "string":
      return { base: "STRING" };
    case "bytes":
      if (schema.name !== DECIMAL) return { base: "BYTES" };
      return {
        base: "DECIMAL",
        precision: Number(schema.parameters?.[PRECISION_PARAMETER] ?? 64),
        scale: Number(schema.parameters?.["scale"] ?? 0),
      };
    case "array":
      return { base: "ARRAY", element: inner(schema.valueSchema!, "[]") };
    case "map":
      return {
        base: "MAP",
        key: inner(schema.keySchema!, ".key"),
        value: inner(schema.valueSchema!, ".value"),
      };
    case "struct":
      if (!schema.fields?.length)
        throw new MillraceError("SCHEMA_INVALID", `${path} is a record without fields, which SQL has no type for`);
      return {
        base: "STRUCT",
        fields: schema.fields.map((f) => ({ name: asWritten ? f.name : f.name.toUpperCase(), type: inner(f.schema, `.${f.name}`) })),
      };
  }
}

type Convert = (value: unknown) => unknown;

/** Debezium's names of numbers that count finer than SQL's milliseconds. */
const partsOfMillisecond: Readonly<Record<string, number | undefined>> = {
  "io.debezium.time.MicroTimestamp": 1_000,
  "io.debezium.time.NanoTimestamp": 1_000_000,
  "io.debezium.time.MicroTime": 1_000,
  "io.debezium.time.NanoTime": 1_000_000,
};

/**
 * How a value of the Connect schema becomes one of the SQL type; undefined where it already is.
 * @throws DESERIALIZATION where the types do not go together
 */
export function sqlFromConnect(type: SqlType, schema: Schema, path: string): Convert | undefined {
  const whole = schema.type.startsWith("int");
  switch (type.base) {
    case "BOOLEAN":
      if (schema.type === "boolean") return undefined;
      break;
    case "INTEGER":
      if (whole && schema.type !== "int64") return undefined;
      if (whole)
        return (v) => {
          if (Number(v) < -0x8000_0000 || Number(v) > 0x7fff_ffff)
            throw new MillraceError("DESERIALIZATION", `${v} is out of range for INTEGER, path: ${path}`);
          return v;
        };
      break;
    case "BIGINT":
    case "DATE":
      if (whole) return undefined;
      break;
    case "TIME":
    case "TIMESTAMP": {
      const parts = partsOfMillisecond[schema.name ?? ""];
      if (whole) return parts === undefined ? undefined : (v) => Math.floor(Number(v) / parts);
      if (type.base === "TIMESTAMP" && schema.name === "io.debezium.time.ZonedTimestamp")
        return (v) => {
          const ms = parseTimestamp(v as string);
          if (ms === undefined) throw new MillraceError("DESERIALIZATION", `${v} is no time, path: ${path}`);
          return ms;
        };
      break;
    }
    case "DOUBLE":
      if (schema.type === "float64" || schema.type === "float32" || schema.type === "int32") return undefined;
      if (whole) return (v) => Number(v);
      break;
    case "DECIMAL":
      if (schema.name === DECIMAL)
        return Number(schema.parameters?.["scale"] ?? 0) === type.scale
          ? undefined
          : (v) => fitDecimal(v as Decimal, type.precision, type.scale, path);
      if (whole) return (v) => fitDecimal(new Decimal(BigInt(v as number), 0), type.precision, type.scale, path);
      break;
    case "STRING":
      if (schema.type === "string") return undefined;
      if (whole || schema.type === "boolean") return (v) => String(v);
      if (schema.type === "float64") return (v) => javaDouble(v as number);
      if (schema.type === "float32") return (v) => javaFloat(v as number);
      if (schema.name === DECIMAL) return (v) => (v as Decimal).toString();
      break;
    case "BYTES":
      if (schema.type === "bytes") return undefined;
      break;
    case "ARRAY": {
      if (schema.type !== "array") break;
      const item = nullable(sqlFromConnect(type.element, schema.valueSchema!, `${path}[]`));
      return item && ((v) => (v as unknown[]).map(item));
    }
    case "MAP": {
      if (schema.type !== "map") break;
      const key = nullable(sqlFromConnect(type.key, schema.keySchema!, `${path}.key`)) ?? same;
      const value = nullable(sqlFromConnect(type.value, schema.valueSchema!, `${path}.value`)) ?? same;
      return (v) => new Map([...(v as Map<unknown, unknown>)].map(([k, x]) => [key(k), value(x)]));
    }
    case "STRUCT": {
      if (schema.type !== "struct") break;
      const fields = type.fields.map((f) => {
        const from =
          schema.fields!.find((s) => s.name === f.name) ?? schema.fields!.find((s) => s.name.toUpperCase() === f.name.toUpperCase());
        return from
          ? { index: from.index, convert: nullable(sqlFromConnect(f.type, from.schema, `${path}.${f.name}`)) ?? same }
          : undefined;
      });
      return (v) => fields.map((f) => (f ? f.convert((v as Struct).values[f.index] ?? null) : null));
    }
  }
  throw new MillraceError(
    "DESERIALIZATION",
    `Can't convert type. sourceType: ${schema.name ?? schema.type}, requiredType: ${formatSqlType(type)}, path: ${path}`,
  );
}

const same: Convert = (v) => v;
const nullable = (convert: Convert | undefined): Convert | undefined =>
  convert && ((v) => (v === null || v === undefined ? null : convert(v)));

/** How a SQL value becomes one of the Connect schema that `sqlToConnect` gives; undefined where it already is. */
export function connectFromSql(type: SqlType, schema: Schema): ((value: unknown) => Value) | undefined {
  switch (type.base) {
    case "ARRAY": {
      const item = connectFromSql(type.element, schema.valueSchema!);
      return item && ((v) => (v as unknown[]).map((x) => (x === null ? null : item(x))));
    }
    case "MAP": {
      const key = connectFromSql(type.key, schema.keySchema!);
      const value = connectFromSql(type.value, schema.valueSchema!);
      if (!key && !value) return undefined;
      const one = (f: ((x: unknown) => Value) | undefined, x: unknown) => (x === null || !f ? (x as Value) : f(x));
      return (v) => new Map([...(v as Map<unknown, unknown>)].map(([k, x]) => [one(key, k), one(value, x)]));
    }
    case "STRUCT": {
      const fields = type.fields.map((f, i) => connectFromSql(f.type, schema.fields![i]!.schema));
      return (v) =>
        new Struct(
          schema,
          (v as unknown[]).map((x, i) => {
            const f = fields[i];
            return x === null || x === undefined || !f ? ((x ?? null) as Value) : f(x);
          }),
        );
    }
    case "DECIMAL": {
      const { scale } = type;
      return (v) => (v as Decimal).rescale(scale); // GREATEST and LEAST answer at the scale of the winner
    }
    default:
      return undefined;
  }
}

/** As `connectFromSql`, into any schema: fields go by name, and what the SQL type does not have is null. */
export function connectByName(type: SqlType, schema: Schema): ((value: unknown) => Value) | undefined {
  switch (type.base) {
    case "ARRAY": {
      const item = schema.type === "array" ? connectByName(type.element, schema.valueSchema!) : undefined;
      return item && ((v) => (v as unknown[]).map((x) => (x === null ? null : item(x))));
    }
    case "MAP": {
      const value = schema.type === "map" ? connectByName(type.value, schema.valueSchema!) : undefined;
      return value && ((v) => new Map([...(v as Map<Value, unknown>)].map(([k, x]) => [k, x === null ? null : value(x)])));
    }
    case "STRUCT": {
      if (schema.type !== "struct") return undefined;
      const fields = schema.fields!.map((f) => {
        const index = type.fields.findIndex((g) => g.name === f.name);
        return { index, convert: index < 0 ? undefined : connectByName(type.fields[index]!.type, f.schema) };
      });
      return (v) =>
        new Struct(
          schema,
          fields.map(({ index, convert }) => {
            const x = index < 0 ? null : ((v as unknown[])[index] ?? null);
            return x === null || !convert ? (x as Value) : convert(x);
          }),
        );
    }
    case "DECIMAL": {
      const { scale } = type;
      return (v) => (v as Decimal).rescale(scale); // GREATEST and LEAST answer at the scale of the winner
    }
    default:
      return undefined;
  }
}
