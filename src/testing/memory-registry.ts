import { MillraceError } from "../common/errors.js";
import type { SchemaClient, SchemaInput, StoredSchema, SubjectVersion } from "../schema-registry/client.js";

/** Schemas in memory, without compatibility checks. */
export class MemoryRegistry implements SchemaClient {
  private readonly schemas: StoredSchema[] = [];
  private readonly subjects = new Map<string, SubjectVersion[]>();

  async register(subject: string, input: SchemaInput): Promise<number> {
    const { schema, schemaType = "AVRO", references = [] } = input;
    let stored = this.schemas.find((s) => s.schema === schema && s.schemaType === schemaType);
    if (!stored) this.schemas.push((stored = { id: this.schemas.length + 1, schema, schemaType, references }));
    const versions = this.subjects.get(subject) ?? [];
    this.subjects.set(subject, versions);
    if (!versions.some((v) => v.id === stored.id)) versions.push({ ...stored, subject, version: versions.length + 1 });
    return stored.id;
  }

  async lookup(subject: string, input: SchemaInput): Promise<SubjectVersion> {
    const found = this.subjects.get(subject)?.find((v) => v.schema === input.schema);
    if (!found) throw new MillraceError("NOT_FOUND", `Schema not found in subject ${subject}`);
    return found;
  }

  async latest(subject: string): Promise<SubjectVersion> {
    const found = this.subjects.get(subject)?.at(-1);
    if (!found) throw new MillraceError("NOT_FOUND", `Subject '${subject}' not found.`);
    return found;
  }

  async history(subject: string): Promise<SubjectVersion[]> {
    return this.subjects.get(subject) ?? [];
  }

  async getById(id: number): Promise<StoredSchema> {
    const found = this.cached(id);
    if (!found) throw new MillraceError("NOT_FOUND", `Schema ${id} not found`);
    return found;
  }

  cached(id: number): StoredSchema | undefined {
    return this.schemas[id - 1];
  }

  async resolveReferences(): Promise<string[]> {
    return [];
  }
}
