import type { SchemaKind, SchemaReference } from "./client.js";
import type { StoreRecord } from "./store.js";

/** One version of a subject, as the `_schemas` topic holds it. */
export interface VersionEntry {
  readonly subject: string;
  readonly version: number;
  readonly id: number;
  readonly schemaType: SchemaKind;
  readonly references: readonly SchemaReference[];
  readonly schema: string;
  readonly deleted: boolean;
}

/**
 * What the topic's records amount to, in memory. Its keys and values are Confluent's: keytype SCHEMA, CONFIG, MODE,
 * DELETE_SUBJECT, CLEAR_SUBJECT, NOOP.
 */
export class RegistryState {
  /** by subject, then version */
  readonly subjects = new Map<string, Map<number, VersionEntry>>();
  readonly byId = new Map<number, VersionEntry>();
  /** Settings by subject; "" is the global one. */
  readonly compatibility = new Map<string, string>();
  readonly modes = new Map<string, string>();
  /** The highest id ever seen: one that was deleted is not given out again. */
  lastId = 0;
  private readonly ids = new Map<string, number>();

  apply({ key, value }: StoreRecord): void {
    let k: Record<string, unknown>;
    let v: Record<string, unknown> | null;
    try {
      k = JSON.parse(key) as Record<string, unknown>;
      v = value === null ? null : (JSON.parse(value) as Record<string, unknown>);
    } catch {
      return; // another program's record: Confluent's registry skips those too
    }
    const subject = (k["subject"] as string | null | undefined) ?? "";
    switch (k["keytype"]) {
      case "SCHEMA":
        if (v === null) this.forget(subject, k["version"] as number);
        else this.put(v);
        break;
      case "CONFIG":
        setOrDelete(this.compatibility, subject, v?.["compatibilityLevel"]);
        break;
      case "MODE":
        setOrDelete(this.modes, subject, v?.["mode"]);
        break;
      case "DELETE_SUBJECT":
        if (v !== null)
          for (const entry of this.subjects.get(subject)?.values() ?? [])
            if (entry.version <= (v["version"] as number)) this.replace({ ...entry, deleted: true });
        break;
      case "CLEAR_SUBJECT":
        if (v !== null) for (const version of [...(this.subjects.get(subject)?.keys() ?? [])]) this.forget(subject, version);
        break;
    }
  }

  /** The id that this text already has, whatever its subject. */
  idOf(schemaType: SchemaKind, schema: string, references: readonly SchemaReference[]): number | undefined {
    return this.ids.get(identity(schemaType, schema, references));
  }

  private put(v: Record<string, unknown>): void {
    const entry: VersionEntry = {
      subject: v["subject"] as string,
      version: v["version"] as number,
      id: v["id"] as number,
      schemaType: (v["schemaType"] as SchemaKind | undefined) ?? "AVRO",
      references: (v["references"] as SchemaReference[] | undefined) ?? [],
      schema: v["schema"] as string,
      deleted: v["deleted"] === true,
    };
    this.lastId = Math.max(this.lastId, entry.id);
    this.replace(entry);
  }

  private replace(entry: VersionEntry): void {
    let versions = this.subjects.get(entry.subject);
    if (!versions) this.subjects.set(entry.subject, (versions = new Map()));
    versions.set(entry.version, entry);
    this.byId.set(entry.id, entry);
    this.ids.set(identity(entry.schemaType, entry.schema, entry.references), entry.id);
  }

  private forget(subject: string, version: number): void {
    const versions = this.subjects.get(subject);
    const entry = versions?.get(version);
    if (!versions || !entry) return;
    versions.delete(version);
    if (versions.size === 0) this.subjects.delete(subject);
    // the id stays known while another subject has the schema
    for (const others of this.subjects.values())
      for (const other of others.values()) {
        if (other.id !== entry.id) continue;
        this.byId.set(other.id, other);
        return;
      }
    this.byId.delete(entry.id);
    this.ids.delete(identity(entry.schemaType, entry.schema, entry.references));
  }
}

export function schemaRecord(entry: VersionEntry): StoreRecord {
  const { subject, version, id, schemaType, references, schema, deleted } = entry;
  return {
    key: schemaKey(subject, version),
    value: JSON.stringify({
      subject,
      version,
      id,
      ...(schemaType === "AVRO" ? {} : { schemaType }),
      ...(references.length ? { references } : {}),
      schema,
      deleted,
    }),
  };
}
export function schemaKey(subject: string, version: number): string {
  return JSON.stringify({ keytype: "SCHEMA", subject, version, magic: 1 });
}
export function settingRecord(keytype: "CONFIG" | "MODE", subject: string, value: string | null): StoreRecord {
  const name = keytype === "CONFIG" ? "compatibilityLevel" : "mode";
  return {
    key: JSON.stringify({ keytype, subject: subject === "" ? null : subject, magic: 0 }),
    value: value === null ? null : JSON.stringify({ [name]: value }),
  };
}
export function deleteSubjectRecord(subject: string, version: number): StoreRecord {
  return { key: JSON.stringify({ keytype: "DELETE_SUBJECT", subject, magic: 0 }), value: JSON.stringify({ subject, version }) };
}

function setOrDelete(map: Map<string, string>, key: string, value: unknown): void {
  if (typeof value === "string") map.set(key, value);
  else map.delete(key);
}

function identity(schemaType: SchemaKind, schema: string, references: readonly SchemaReference[]): string {
  return references.length ? `${schemaType}${schema}${JSON.stringify(references)}` : `${schemaType}${schema}`;
}
