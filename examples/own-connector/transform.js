// @ts-check
import { ConfigDef, optional, primitive, Struct, structOf } from "millrace/connect";

/** @import { ConnectRecord, Schema, TransformPlugin } from "millrace/connect" */

const config = new ConfigDef([
  { name: "field", type: "STRING", importance: "HIGH", doc: "The field with degrees Fahrenheit." },
  { name: "digits", type: "INT", default: 1, min: 0, max: 10, doc: "Digits after the point." },
]);

/** @type {TransformPlugin} */
export const celsius = {
  classes: ["example.Celsius"],
  version: "1.0.0",
  config,
  create(settings) {
    const { field, digits } = { field: config.parse(settings).string("field"), digits: config.parse(settings).number("digits") };
    /** @type {WeakMap<Schema, Schema>} */
    const changed = new WeakMap(); // the same new schema for the same old one, or every record would have one of its own
    return {
      apply(record) {
        const { value } = record;
        if (!(value instanceof Struct)) return record;
        const at = value.schema.fields?.find((f) => f.name === field);
        if (!at) throw new Error(`the record has no field ${field}`);
        let schema = changed.get(value.schema);
        if (!schema) {
          const fields = (value.schema.fields ?? []).map(
            (f) => /** @type {const} */ ([f === at ? "celsius" : f.name, f === at ? optional(primitive("float64")) : f.schema]),
          );
          schema = structOf(fields, { name: `${value.schema.name}.Celsius` });
          changed.set(value.schema, schema);
        }
        const fahrenheit = value.values[at.index] ?? null;
        const values = [...value.values];
        values[at.index] = fahrenheit === null ? null : Number((((Number(fahrenheit) - 32) * 5) / 9).toFixed(digits));
        return { ...record, valueSchema: schema, value: new Struct(schema, values) };
      },
    };
  },
};
