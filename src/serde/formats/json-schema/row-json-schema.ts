import type { SqlField } from "../../../data/sql-type.js";
import type { SchemaClient, StoredSchema } from "../../../schema-registry/client.js";
import type { ByteWriter } from "../../byte-writer.js";
import type { Row } from "../../row-serde.js";
import { columnsToConnect, connectToSql, sqlToConnect } from "../avro/sql-connect.js";
import { JsonRowSerde } from "../json/row-json.js";
import { type ReadRow, type RegistryRowOptions, RegistryRowSerde } from "../registry-row.js";
import { connectToJsonSchema } from "./connect-to-json-schema.js";
import { jsonSchemaToConnect } from "./json-schema-to-connect.js";

export interface JsonSchemaRowOptions extends RegistryRowOptions {
  readonly columns: readonly SqlField[];
  readonly needed: readonly number[];
}

/** ksqlDB's JSON_SR format: JSON behind the registry's header. The columns say how it is read; the schema is for others. */
export class JsonSchemaRowSerde extends RegistryRowSerde {
  private readonly json: JsonRowSerde;
  /** writes the fields of a registered schema, each from the column of its position; -1 is null */
  private registered: { readonly json: JsonRowSerde; readonly positions: readonly number[] } | undefined;

  constructor(
    registry: SchemaClient,
    private readonly options: JsonSchemaRowOptions,
  ) {
    super(registry, "JSON", options);
    this.json = new JsonRowSerde(options.columns, options.needed, options.unwrapped);
  }

  protected ownSchema(): string {
    const { columns, unwrapped } = this.options;
    return JSON.stringify(connectToJsonSchema(withoutNames(unwrapped ? sqlToConnect(columns[0]!.type) : columnsToConnect(columns))));
  }

  protected writeWith(stored: StoredSchema): void {
    const schema = jsonSchemaToConnect(JSON.parse(stored.schema));
    if (schema.type !== "struct" || this.options.unwrapped) return;
    const { columns } = this.options;
    const positions = schema.fields!.map((f) => columns.findIndex((c) => c.name === f.name));
    const fields = schema.fields!.map(
      (f, i): SqlField => columns[positions[i]!] ?? { name: f.name, type: connectToSql(f.schema, f.name, true) },
    );
    this.registered = { json: new JsonRowSerde(fields, [], false), positions };
  }

  protected readerOf(): ReadRow {
    return (bytes, start, end) => this.json.deserialize("", bytes, start, end);
  }

  protected write(out: ByteWriter, row: Row): void {
    const { registered } = this;
    const json = registered?.json ?? this.json;
    const values = registered ? registered.positions.map((p) => (p < 0 ? null : row[p])) : row;
    for (;;) {
      const end = json.serializeInto("", values, out.buffer, out.position);
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
