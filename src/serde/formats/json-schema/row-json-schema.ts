import type { SqlField } from "../../../data/sql-type.js";
import type { SchemaClient, StoredSchema } from "../../../schema-registry/client.js";
import type { ByteWriter } from "../../byte-writer.js";
import type { Row } from "../../row-serde.js";
import { columnsToConnect, sqlToConnect } from "../avro/sql-connect.js";
import { JsonRowSerde } from "../json/row-json.js";
import { type ReadRow, type RegistryRowOptions, RegistryRowSerde } from "../registry-row.js";
import { connectToJsonSchema } from "./connect-to-json-schema.js";

export interface JsonSchemaRowOptions extends RegistryRowOptions {
  readonly columns: readonly SqlField[];
  readonly needed: readonly number[];
}

/** ksqlDB's JSON_SR format: JSON behind the registry's header. The columns say how it is read; the schema is for others. */
export class JsonSchemaRowSerde extends RegistryRowSerde {
  private readonly json: JsonRowSerde;

  constructor(
    registry: SchemaClient,
    private readonly options: JsonSchemaRowOptions,
  ) {
    super(registry, "JSON", options);
    this.json = new JsonRowSerde(options.columns, options.needed, options.unwrapped);
  }

  protected ownSchema(): string {
    const { columns, unwrapped } = this.options;
    return JSON.stringify(connectToJsonSchema(unwrapped ? sqlToConnect(columns[0]!.type) : withoutNames(columnsToConnect(columns))));
  }

  protected writeWith(_stored: StoredSchema): void {}

  protected readerOf(): ReadRow {
    return (bytes, start, end) => this.json.deserialize("", bytes, start, end);
  }

  protected write(out: ByteWriter, row: Row): void {
    for (;;) {
      const end = this.json.serializeInto("", row, out.buffer, out.position);
      if (end >= 0) {
        out.position = end;
        return;
      }
      out.ensure(out.buffer.length * 2);
    }
  }
}

/** Records of JSON have no names of their own, those of Avro do. */
function withoutNames(schema: ReturnType<typeof columnsToConnect>): ReturnType<typeof columnsToConnect> {
  const inner = {
    ...(schema.fields ? { fields: schema.fields.map((f) => ({ ...f, schema: withoutNames(f.schema) })) } : {}),
    ...(schema.keySchema ? { keySchema: withoutNames(schema.keySchema) } : {}),
    ...(schema.valueSchema ? { valueSchema: withoutNames(schema.valueSchema) } : {}),
  };
  if (schema.type !== "struct") return { ...schema, ...inner };
  const { name: _, ...rest } = schema;
  return { ...rest, ...inner };
}
