import type {} from "../../data/buffer-text.js";
import type { Schema, Struct, Value } from "../../data/schema.js";
import { DECIMAL } from "../../serde/formats/avro/connect-names.js";
import { hasDecimal, type JsonDataOptions, valueFromJson } from "../../serde/formats/json/connect-json.js";
import { jsonString, parseJson } from "../../serde/formats/json/json-text.js";
import {
  base64DecimalCode,
  booleanCode,
  doubleCode,
  integerCode,
  literal,
  scanHelpers,
  scanVariables,
  stringCode,
} from "../../serde/formats/json/value-code.js";
import type { ColumnReader } from "../api/converter.js";
import { type PackedColumn, ValueColumn } from "../api/packed-column.js";

type Scan = (b: Buffer, p: number, end: number, columns: readonly PackedColumn[], row: number) => true | undefined;

/**
 * A reader of records that begin with the head (the envelope up to the payload): a struct's fields in the schema's order and
 * without spaces by generated code, any other form by parsing it; a payload that is no struct is one column.
 */
export function compileJsonReader(schema: Schema, head: Buffer, options: JsonDataOptions): ColumnReader {
  const { fields } = schema;
  const exact = hasDecimal(schema);
  const parse = (b: Buffer, start: number, end: number) =>
    valueFromJson(schema, parseJson(b.utf8Slice(start + head.length, end - 1), exact), options);
  const begins = (b: Buffer, start: number, end: number) =>
    end - start > head.length && b.compare(head, 0, head.length, start, start + head.length) === 0;
  if (!fields)
    return {
      schema,
      columns: () => [new ValueColumn()],
      accepts: begins,
      read(b, start, end, columns, row) {
        columns[0]!.set(row, parse(b, start, end));
      },
    };
  const scan = generate(schema, options);
  return {
    schema,
    columns: () => fields.map(() => new ValueColumn()),
    accepts: (b, start, end) => begins(b, start, end) && b[start + head.length] === 0x7b,
    read(b, start, end, columns, row) {
      if (scan(b, start + head.length, end - 1, columns, row)) return;
      const { values } = parse(b, start, end) as Struct;
      for (let c = 0; c < fields.length; c++) columns[c]!.set(row, values[c]);
    },
  };
}

function generate(schema: Schema, options: JsonDataOptions): Scan {
  const nulls: (() => Value)[] = [];
  const code = schema.fields!.map((field, i) => {
    const key = literal(Buffer.from(`${i === 0 ? "{" : ","}${jsonString(field.name)}:`));
    nulls.push(() => valueFromJson(field.schema, null, options, field.name));
    // a null leaves v undefined: the field's default, null, or the error that a required field throws
    return `${key}\nv = undefined;\n${valueCode(field.schema, i)}\ncolumns[${i}].values[row] = v === undefined ? h.nulls[${i}]() : v;`;
  });
  const source = `return (b, p, end, columns, row) => {
${scanVariables} let v;
${code.join("\n")}
return b[p] === 125 && b[p + 1] === 125 && p + 1 === end ? true : undefined;
};`;
  const general = (b: Buffer, start: number, end: number, field: number): Value => {
    const { schema: s, name } = schema.fields![field]!;
    return valueFromJson(s, parseJson(b.utf8Slice(start, end), hasDecimal(s)), options, name);
  };
  return new Function("h", source)({ ...scanHelpers, nulls, general }) as Scan;
}

function valueCode(schema: Schema, field: number): string {
  switch (schema.type) {
    case "int8":
    case "int16":
    case "int32":
    case "int64":
      return integerCode("v");
    case "float64":
      return doubleCode("v");
    case "boolean":
      return booleanCode("v");
    case "string":
      return stringCode("v");
    case "bytes":
      // numbers too, where the writer's decimal.format was NUMERIC: those go the general way
      if (schema.name === DECIMAL) return base64DecimalCode("v", Number(schema.parameters?.["scale"] ?? 0));
  }
  return `s = p; p = h.skip(b, p, end); if (p < 0) return undefined; v = h.general(b, s, p, ${field});`;
}
