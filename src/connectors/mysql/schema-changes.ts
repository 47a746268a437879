import { ConnectorRecords } from "../../cdc/connector-records.js";
import { optionalString } from "../../cdc/envelope.js";
import type { SourceOffset, SourceRecord } from "../../connect/api/record.js";
import type { RecordShape } from "../../connect/api/shape.js";
import { arrayOf, primitive, Struct, structOf, type Value } from "../../data/schema.js";
import { lengthOf, typeName } from "./captured-table.js";
import type { DdlChange } from "./ddl/tables.js";
import type { MysqlSettings } from "./settings.js";
import { type Flavor, sourceSchemas, sourceStruct } from "./source-block.js";
import type { ColumnModel, TableModel } from "./table-model.js";

const string = primitive("string");
const int32 = primitive("int32");
const optionalInt32 = primitive("int32", { optional: true });
const optionalBoolean = primitive("boolean", { optional: true });
const strings = arrayOf(string, { optional: true });

const columnSchema = structOf(
  [
    ["name", string],
    ["jdbcType", int32],
    ["nativeType", optionalInt32],
    ["typeName", string],
    ["typeExpression", optionalString],
    ["charsetName", optionalString],
    ["length", optionalInt32],
    ["scale", optionalInt32],
    ["position", int32],
    ["optional", optionalBoolean],
    ["autoIncremented", optionalBoolean],
    ["generated", optionalBoolean],
    ["comment", optionalString],
    ["defaultValueExpression", optionalString],
    ["enumValues", strings],
  ],
  { name: "io.debezium.connector.schema.Column", version: 1 },
);
const tableSchema = structOf(
  [
    ["defaultCharsetName", optionalString],
    ["primaryKeyColumnNames", strings],
    ["columns", arrayOf(columnSchema)],
    ["comment", optionalString],
  ],
  { name: "io.debezium.connector.schema.Table", version: 1, optional: true },
);
const changeSchema = structOf(
  [
    ["type", string],
    ["id", string],
    ["table", tableSchema],
  ],
  { name: "io.debezium.connector.schema.Change", version: 1 },
);

/** java.sql.Types, as the original gives them. */
export const jdbcTypes: Readonly<Record<string, number>> = {
  BIT: -7,
  TINYINT: 5,
  SMALLINT: 5,
  MEDIUMINT: 4,
  INT: 4,
  BIGINT: -5,
  FLOAT: 6,
  DOUBLE: 8,
  DECIMAL: 3,
  YEAR: 4,
  DATE: 91,
  TIME: 92,
  DATETIME: 93,
  TIMESTAMP: 2014,
  CHAR: 1,
  VARCHAR: 12,
  TINYTEXT: 12,
  TEXT: 12,
  MEDIUMTEXT: 12,
  LONGTEXT: 12,
  BINARY: -2,
  VARBINARY: -3,
  TINYBLOB: 2004,
  BLOB: 2004,
  MEDIUMBLOB: 2004,
  LONGBLOB: 2004,
  ENUM: 1,
  SET: 1,
};

function column(c: ColumnModel, i: number, comments: boolean): Struct {
  const now = c.autoIncrement || c.onUpdateNow;
  const type = typeName(c);
  return new Struct(columnSchema, [
    c.name,
    jdbcTypes[c.type] ?? 1111,
    null,
    type,
    type,
    c.charset,
    lengthOf(c),
    c.scale,
    i + 1,
    c.nullable,
    now,
    now,
    comments ? c.comment : null,
    defaultText(c),
    c.values.length ? c.values.map((v) => `'${v}'`) : null,
  ]);
}

/** A default as changes of tables show it: of expressions only the time of the insert, as the epoch. */
export function defaultText(c: ColumnModel): string | null {
  if (c.defaultValue === undefined || c.defaultValue === null) return null;
  if (!c.defaultExpression) return c.defaultValue;
  return /^\(?\s*(CURRENT_TIMESTAMP|NOW|LOCALTIME|LOCALTIMESTAMP)\b/i.test(c.defaultValue) ? "1970-01-01 00:00:00" : null;
}

function table(model: TableModel, comments: boolean): Struct {
  return new Struct(tableSchema, [
    model.defaultCharset,
    [...model.keyColumns],
    model.columns.map((c, i) => column(c, i, comments)),
    comments ? model.comment : null,
  ]);
}

const kinds: Readonly<Record<string, string>> = { CREATE: "CREATE", ALTER: "ALTER", RENAME: "ALTER", DROP: "DROP" };

/** Where a change was seen. */
export interface ChangePlace {
  readonly snapshot: string;
  readonly tsUs: number;
  readonly serverId: number;
  readonly gtid: string | null;
  readonly file: string;
  readonly pos: number;
}

/** Records of changes of tables, on the topic named by the prefix. */
export class SchemaChanges extends ConnectorRecords {
  private readonly key;
  private readonly value;
  private readonly flavor: Flavor;

  constructor(
    private readonly settings: MysqlSettings,
    private readonly recordHeaders: RecordShape["headers"],
  ) {
    super(settings.prefix, { heartbeat: "", transaction: "" });
    this.flavor = settings.flavor;
    const name = `io.debezium.connector.${this.flavor}`;
    this.key = structOf([["databaseName", string]], { name: `${name}.SchemaChangeKey`, version: 1 });
    this.value = structOf(
      [
        ["source", sourceSchemas[this.flavor]],
        ["ts_ms", primitive("int64")],
        ["databaseName", optionalString],
        ["schemaName", optionalString],
        ["ddl", optionalString],
        ["tableChanges", arrayOf(changeSchema)],
      ],
      { name: `${name}.SchemaChangeValue`, version: 1 },
    );
  }

  of(change: DdlChange, place: ChangePlace, offset: SourceOffset): SourceRecord {
    const kind = kinds[change.kind];
    const { model } = change;
    const changes: Value[] =
      kind && change.table !== null && (kind === "DROP" || model)
        ? [
            new Struct(changeSchema, [
              kind,
              `"${change.database}"."${change.table}"`,
              kind === "DROP" ? null : table(model!, this.settings.comments),
            ]),
          ]
        : [];
    const { tsUs } = place;
    const source = sourceStruct(this.flavor, this.prefix, change.database, change.tables, {
      ts_ms: Math.floor(tsUs / 1000),
      snapshot: place.snapshot,
      ts_us: tsUs,
      ts_ns: Number.isSafeInteger(tsUs * 1000) ? tsUs * 1000 : BigInt(tsUs) * 1000n,
      server_id: place.serverId,
      gtid: place.gtid,
      file: place.file,
      pos: place.pos,
      row: 0,
    });
    const value = new Struct(this.value, [source, Date.now(), change.database, null, change.ddl, changes]);
    const record = this.record(this.prefix, new Struct(this.key, [change.database]), value, offset, tsUs);
    return {
      ...record,
      headers: this.recordHeaders.map(({ key, node }) => ({ key, schema: node.schema, value: (node as { value: Value }).value })),
    };
  }
}
