import { MillraceError } from "../common/errors.js";
import type { SqlField } from "../data/sql-type.js";
import type { SchemaClient, StoredSchema } from "../schema-registry/client.js";
import { inferColumns } from "../serde/infer-columns.js";
import { type DataSource, rowSchemaOf } from "../sql/metastore/data-source.js";
import type { SchemaNeed, SchemaSide } from "../sql/planner/plan-statement.js";
import { sourceSerdes, usesRegistry } from "./source-serdes.js";

/** The registry as a request will leave it: what it registers is seen by its later statements. */
export class SchemaView {
  /** by subject: the columns that a statement of this request registers */
  private readonly registered = new Map<string, readonly SqlField[]>();

  constructor(private readonly registry: SchemaClient) {}

  /** Columns for a CREATE without them. @throws SQL_STATEMENT where the registry has no such schema */
  async infer(need: SchemaNeed): Promise<{ key?: readonly SqlField[]; value?: readonly SqlField[] }> {
    const key = need.key ? await this.columns(need.topic, true, need.key) : undefined;
    const value = need.value ? await this.columns(need.topic, false, need.value) : undefined;
    return { ...(key ? { key } : {}), ...(value ? { value } : {}) };
  }

  /** Takes note of what the statement that makes this source will register. */
  add(source: DataSource): void {
    const { key, value } = rowSchemaOf(source);
    if (usesRegistry(source.formats.key.format) && key.length > 0) this.registered.set(`${source.topic}-key`, key);
    if (usesRegistry(source.formats.value.format) && value.length > 0) this.registered.set(`${source.topic}-value`, value);
  }

  private async columns(topic: string, isKey: boolean, side: SchemaSide): Promise<readonly SqlField[]> {
    const subject = `${topic}-${isKey ? "key" : "value"}`;
    const pending = side.schemaId === undefined ? this.registered.get(subject) : undefined;
    if (pending) return pending;
    let stored: StoredSchema;
    try {
      stored = side.schemaId === undefined ? await this.registry.latest(subject) : await this.registry.getById(side.schemaId);
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== "NOT_FOUND") throw error;
      const what = isKey ? "keys" : "values";
      throw new MillraceError(
        "SQL_STATEMENT",
        side.schemaId === undefined
          ? `Schema for message ${what} on topic '${topic}' does not exist in the Schema Registry.\nSubject: ${subject}\nPossible causes include:\n- The topic itself does not exist\n\t-> Use SHOW TOPICS; to check\n- Messages on the topic are not serialized using a format Schema Registry supports\n\t-> Use PRINT '${topic}' FROM BEGINNING; to verify\n- Messages on the topic have not been serialized using a Confluent Schema Registry supported serializer\n- The schema is registered on a different instance of the Schema Registry`
          : `Schema for message ${what} on topic '${topic}' with schema id ${side.schemaId} does not exist in the Schema Registry.`,
        { cause: error, context: { subject } },
      );
    }
    const references = stored.references.length > 0 ? await this.registry.resolveReferences(stored.references) : [];
    return inferColumns(side.format, stored.schema, {
      isKey,
      references,
      asWritten: side.schemaId !== undefined,
      // Avro's and JSON's schemas are one record each
      ...(side.format === "PROTOBUF" && side.fullSchemaName !== undefined ? { messageName: side.fullSchemaName } : {}),
    });
  }
}

/**
 * Registers the key's and the value's schema of a source as ksqlDB does at CREATE: a subject that is there is left alone,
 * except by a query, whose output must be compatible.
 * @throws SCHEMA_INCOMPATIBLE
 */
export async function registerSchemas(source: DataSource, registry: SchemaClient, evenIfThere: boolean): Promise<void> {
  const serdes = sourceSerdes(source, registry);
  const { key, value } = source.formats;
  if (serdes.key && usesRegistry(key.format) && (evenIfThere || !(await hasSubject(registry, `${source.topic}-key`))))
    await serdes.key.prepareWrite(source.topic);
  if (
    serdes.valuePositions.length > 0 &&
    usesRegistry(value.format) &&
    (evenIfThere || !(await hasSubject(registry, `${source.topic}-value`)))
  )
    await serdes.value.prepareWrite(source.topic);
}

async function hasSubject(registry: SchemaClient, subject: string): Promise<boolean> {
  try {
    await registry.latest(subject);
    return true;
  } catch (error) {
    if (error instanceof MillraceError && error.code === "NOT_FOUND") return false;
    throw error;
  }
}
