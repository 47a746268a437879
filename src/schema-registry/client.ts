/** What a schema says of itself when it is registered, and what the registry answers. */
export type SchemaKind = "AVRO" | "JSON" | "PROTOBUF";

export interface SchemaReference {
  readonly name: string;
  readonly subject: string;
  readonly version: number;
}

export interface SchemaInput {
  readonly schema: string;
  /** AVRO if absent */
  readonly schemaType?: SchemaKind;
  readonly references?: readonly SchemaReference[];
}

export interface StoredSchema {
  readonly id: number;
  readonly schemaType: SchemaKind;
  readonly schema: string;
  readonly references: readonly SchemaReference[];
}

export interface SubjectVersion extends StoredSchema {
  readonly subject: string;
  readonly version: number;
}

/** How serdes and converters reach a registry: this process's own (SchemaRegistry) or another. */
export interface SchemaClient {
  /** The schema's id; the same text gives the same id. @throws SCHEMA_INVALID, SCHEMA_INCOMPATIBLE */
  register(subject: string, schema: SchemaInput, options?: { normalize?: boolean }): Promise<number>;
  /** The id of a schema that the subject already has. @throws NOT_FOUND */
  lookup(subject: string, schema: SchemaInput, options?: { normalize?: boolean }): Promise<SubjectVersion>;
  /** @throws NOT_FOUND */
  latest(subject: string): Promise<SubjectVersion>;
  /** Every version of the subject; empty where there is none. */
  history(subject: string): Promise<SubjectVersion[]>;
  /** @throws NOT_FOUND */
  getById(id: number): Promise<StoredSchema>;
  /** What `getById` would give if it is known here without waiting. */
  cached(id: number): StoredSchema | undefined;
  /** The texts of all schemas that this one refers to, each before those that need it. */
  resolveReferences(references: readonly SchemaReference[]): Promise<string[]>;
}
