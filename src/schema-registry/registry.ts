import type { Broker } from "../broker/api/broker.js";
import type { Logger } from "../common/logger.js";
import type { SchemaClient, SchemaInput, SchemaKind, SchemaReference, StoredSchema, SubjectVersion } from "./client.js";
import { type CompatibilityLevel, checkCompatibility, compatibilityLevels } from "./compatibility/level.js";
import { RegistryError, registryErrors } from "./errors.js";
import { canonicalText, type ParsedSchema, parseSchema } from "./parsed-schema.js";
import { deleteSubjectRecord, RegistryState, schemaKey, schemaRecord, settingRecord, type VersionEntry } from "./state.js";
import { type SchemaStore, type StoreRecord, TopicSchemaStore } from "./store.js";

export interface RegistryOptions {
  readonly logger: Logger;
  /** Keeps the state on the compacted topic; or give a store. */
  readonly broker?: Broker;
  /** `_schemas` by default */
  readonly topic?: string;
  readonly store?: SchemaStore;
}

export interface RegisterOptions {
  readonly normalize?: boolean;
  /** Both only in mode IMPORT, which keeps another registry's numbers. */
  readonly id?: number;
  readonly version?: number;
}

export const registryModes = ["READWRITE", "READONLY", "READONLY_OVERRIDE", "IMPORT"] as const;
export const schemaKinds: readonly SchemaKind[] = ["AVRO", "JSON", "PROTOBUF"];
const anyDefault = "BACKWARD";
const maxVersion = 0x7fff_ffff;

/**
 * Subjects, versions and global ids, with Confluent's semantics. Reads are answered from memory; a write is on the topic,
 * durably, before it shows and before it is answered, and writes run one after another.
 * Every method throws RegistryError, whose error_code and status the REST answers.
 */
export class SchemaRegistry implements SchemaClient {
  private readonly state = new RegistryState();
  private last: Promise<unknown> = Promise.resolve();
  /** by text: what compatibility is checked against, again and again */
  private readonly parsed = new Map<string, ParsedSchema>();

  private constructor(private readonly store: SchemaStore) {}

  /** Reads the topic to its end (and creates it where it is missing). */
  static async open(options: RegistryOptions): Promise<SchemaRegistry> {
    const store = options.store ?? new TopicSchemaStore(options.broker!, options.topic);
    const registry = new SchemaRegistry(store);
    const records = await store.load();
    for (const record of records) registry.state.apply(record);
    options.logger.debug("schema registry loaded", { records: records.length, subjects: registry.state.subjects.size });
    return registry;
  }

  async register(subject: string, input: SchemaInput, options: RegisterOptions = {}): Promise<number> {
    const known = this.live(subject);
    const canonical = this.canonical(input, options.normalize);
    const { schema, text, references } = canonical;
    const same = known.find((e) => isSame(e, canonical));
    if (same && options.id === undefined) return same.id;
    return this.write(() => {
      this.mayWrite(subject);
      // another write may have come between
      const there = this.live(subject);
      const again = there.find((e) => isSame(e, canonical));
      if (again && (options.id === undefined || options.id === again.id)) return { records: [], result: again.id };
      const importing = this.mode(subject) === "IMPORT";
      if (!importing && options.id !== undefined) throw registryErrors.notPermitted(`Subject ${subject} is not in import mode`);
      if (!importing) {
        const problems = checkCompatibility(this.compatibility(subject), schema, this.earlier(there));
        if (problems.length) throw registryErrors.incompatible(subject, problems);
      }
      const versions = [...(this.state.subjects.get(subject)?.keys() ?? [])];
      const id = options.id ?? this.state.idOf(schema.kind, text, references) ?? this.state.lastId + 1;
      const holder = this.state.byId.get(id);
      if (holder && !isSame(holder, canonical)) throw registryErrors.notPermitted(`Overwrite new schema with id ${id} is not permitted.`);
      const version = options.version ?? Math.max(0, ...versions) + 1;
      const entry: VersionEntry = { subject, version, id, schemaType: schema.kind, references, schema: text, deleted: false };
      return { records: [schemaRecord(entry)], result: id };
    });
  }

  /** @throws 40401 where the subject is not there, 40403 where it has no such schema */
  async lookup(subject: string, input: SchemaInput, options: { normalize?: boolean; deleted?: boolean } = {}): Promise<SubjectVersion> {
    const known = options.deleted ? this.all(subject) : this.live(subject);
    if (known.length === 0) throw registryErrors.subjectNotFound(subject);
    const canonical = this.canonical(input, options.normalize);
    const found = known.find((e) => isSame(e, canonical));
    if (!found) throw registryErrors.schemaNotFound();
    return answer(found);
  }

  async latest(subject: string): Promise<SubjectVersion> {
    return this.version(subject, "latest");
  }

  async history(subject: string): Promise<SubjectVersion[]> {
    return this.all(subject).map(answer);
  }

  async getById(id: number): Promise<StoredSchema> {
    const found = this.cached(id);
    if (!found) throw registryErrors.schemaIdNotFound(id);
    return found;
  }

  cached(id: number): StoredSchema | undefined {
    return this.state.byId.get(id);
  }

  /** The highest id that was given out. */
  get maxId(): number {
    return this.state.lastId;
  }

  async resolveReferences(references: readonly SchemaReference[]): Promise<string[]> {
    return this.referenceTexts(references);
  }

  subjects(options: { prefix?: string; deleted?: boolean; deletedOnly?: boolean } = {}): string[] {
    const named: string[] = [];
    for (const [subject, versions] of this.state.subjects) {
      if (!subject.startsWith(options.prefix ?? "")) continue;
      const live = [...versions.values()].some((e) => !e.deleted);
      if (options.deletedOnly ? !live : live || options.deleted) named.push(subject);
    }
    return named.sort();
  }

  /** @throws 40401 */
  versions(subject: string, options: { deleted?: boolean; deletedOnly?: boolean } = {}): number[] {
    const all = this.all(subject);
    const shown = options.deletedOnly ? all.filter((e) => e.deleted) : options.deleted ? all : all.filter((e) => !e.deleted);
    if (shown.length === 0) throw registryErrors.subjectNotFound(subject);
    return shown.map((e) => e.version);
  }

  /** @throws 40401, 40402, 42202 */
  version(subject: string, version: number | "latest", options: { deleted?: boolean } = {}): SubjectVersion {
    return answer(this.entry(subject, version, options.deleted));
  }

  /** Subjects and versions that use the id. @throws 40403 */
  uses(id: number, options: { deleted?: boolean } = {}): { subject: string; version: number }[] {
    const found: { subject: string; version: number }[] = [];
    for (const versions of this.state.subjects.values())
      for (const e of versions.values())
        if (e.id === id && (options.deleted || !e.deleted)) found.push({ subject: e.subject, version: e.version });
    if (found.length === 0) throw registryErrors.schemaIdNotFound(id);
    return found.sort((a, b) => (a.subject < b.subject ? -1 : a.subject > b.subject ? 1 : a.version - b.version));
  }

  /** Ids of the schemas that refer to this version. */
  referencedBy(subject: string, version: number | "latest"): number[] {
    const entry = this.entry(subject, version, true);
    return this.referrers(subject, entry.version);
  }

  /** Soft, or permanent where it was soft-deleted before. Returns the versions that it deleted. */
  async deleteSubject(subject: string, permanent = false): Promise<number[]> {
    return this.write(() => {
      this.mayWrite(subject);
      const all = this.all(subject);
      if (all.length === 0) throw registryErrors.subjectNotFound(subject);
      const live = all.filter((e) => !e.deleted);
      if (permanent && live.length) throw registryErrors.subjectNotSoftDeleted(subject);
      if (!permanent && live.length === 0) throw registryErrors.subjectSoftDeleted(subject);
      const gone = permanent ? all : live;
      for (const e of gone) if (this.referrers(subject, e.version).length) throw registryErrors.referenceExists(subject, e.version);
      const records: StoreRecord[] = permanent
        ? all.map((e) => ({ key: schemaKey(subject, e.version), value: null }))
        : [deleteSubjectRecord(subject, live[live.length - 1]!.version)];
      if (this.state.compatibility.has(subject)) records.push(settingRecord("CONFIG", subject, null));
      if (this.state.modes.has(subject)) records.push(settingRecord("MODE", subject, null));
      return { records, result: gone.map((e) => e.version) };
    });
  }

  async deleteVersion(subject: string, version: number | "latest", permanent = false): Promise<number> {
    return this.write(() => {
      this.mayWrite(subject);
      if (this.all(subject).length === 0) throw registryErrors.subjectNotFound(subject);
      const entry = this.entry(subject, version, true);
      if (permanent && !entry.deleted) throw registryErrors.versionNotSoftDeleted(subject, entry.version);
      if (!permanent && entry.deleted) throw registryErrors.versionSoftDeleted(subject, entry.version);
      if (this.referrers(subject, entry.version).length) throw registryErrors.referenceExists(subject, entry.version);
      const record = permanent ? { key: schemaKey(subject, entry.version), value: null } : schemaRecord({ ...entry, deleted: true });
      return { records: [record], result: entry.version };
    });
  }

  /** The subject's level, else the global one. */
  compatibility(subject = ""): CompatibilityLevel {
    return (this.state.compatibility.get(subject) ?? this.state.compatibility.get("") ?? anyDefault) as CompatibilityLevel;
  }
  /** The subject's own level. @throws 40408 */
  subjectCompatibility(subject: string): CompatibilityLevel {
    const level = this.state.compatibility.get(subject);
    if (level === undefined) throw registryErrors.noSubjectConfig(subject);
    return level as CompatibilityLevel;
  }
  /** @param level any case; null takes the subject's away (for "": back to BACKWARD). Returns what is valid now. */
  async setCompatibility(subject: string, level: string | null): Promise<CompatibilityLevel> {
    const word = level?.toUpperCase() ?? null;
    if (word !== null && !(compatibilityLevels as readonly string[]).includes(word)) throw registryErrors.invalidCompatibility();
    return this.write(() => {
      const before = this.compatibility(subject);
      if (word === null && subject !== "" && !this.state.compatibility.has(subject)) throw registryErrors.subjectNotFound(subject);
      return { records: [settingRecord("CONFIG", subject, word)], result: (word ?? before) as CompatibilityLevel };
    });
  }

  mode(subject = ""): string {
    const global = this.state.modes.get("");
    if (global === "READONLY_OVERRIDE") return global;
    return this.state.modes.get(subject) ?? global ?? "READWRITE";
  }
  /** @throws 40409 */
  subjectMode(subject: string): string {
    const mode = this.state.modes.get(subject);
    if (mode === undefined) throw registryErrors.noSubjectMode(subject);
    return mode;
  }
  async setMode(subject: string, mode: string | null, force = false): Promise<string> {
    const word = mode?.toUpperCase() ?? null;
    if (word !== null && !(registryModes as readonly string[]).includes(word)) throw registryErrors.invalidMode();
    return this.write(() => {
      const before = this.mode(subject);
      if (word === null && !this.state.modes.has(subject)) throw registryErrors.subjectNotFound(subject);
      if (
        word === "IMPORT" &&
        before !== "IMPORT" &&
        !force &&
        this.subjects({ deleted: true }).some((s) => subject === "" || s === subject)
      )
        throw registryErrors.notPermitted("Cannot import since found existing subjects");
      return { records: [settingRecord("MODE", subject, word)], result: word ?? before };
    });
  }

  /**
   * Whether the schema could be registered as things are, against one version or, without it, against what the subject's
   * level asks for. The messages are those of a refused registration.
   */
  checkCompatible(subject: string, input: SchemaInput, version?: number | "latest"): { compatible: boolean; messages: string[] } {
    const { schema } = this.canonical(input);
    const live = this.live(subject);
    const level = this.compatibility(subject);
    const against = version === undefined ? live : [this.entry(subject, version)];
    const messages = checkCompatibility(level, schema, this.earlier(against));
    return { compatible: messages.length === 0, messages };
  }

  /** Resolves when the writes that were begun are done. */
  async close(): Promise<void> {
    await this.last.catch(() => {});
  }

  /** The text as it is kept. @throws 42201 */
  private canonical(input: SchemaInput, normalize = false): Canonical {
    const kind = input.schemaType ?? "AVRO";
    if (!schemaKinds.includes(kind))
      throw registryErrors.invalidSchema(`Invalid schema type ${kind}: it is one of ${schemaKinds.join(", ")}`);
    const references = input.references ?? [];
    if (typeof input.schema !== "string" || input.schema.trim() === "") throw registryErrors.invalidSchema("Empty schema");
    try {
      const schema = parseSchema(kind, input.schema, this.referenceTexts(references));
      return { schema, text: canonicalText(schema, input.schema, references.length > 0, normalize), references };
    } catch (error) {
      if (error instanceof RegistryError) throw error;
      throw registryErrors.invalidSchema(
        `Invalid schema ${input.schema} with refs ${JSON.stringify(references)} of type ${kind}, details: ${(error as Error).message}`,
        error,
      );
    }
  }

  private referenceTexts(references: readonly SchemaReference[], done = new Set<string>()): string[] {
    const texts: string[] = [];
    for (const { subject, version } of references) {
      if (done.has(`${subject}:${version}`)) continue;
      done.add(`${subject}:${version}`);
      const versions = this.state.subjects.get(subject);
      const entry = versions?.get(version === -1 ? Math.max(...versions.keys()) : version);
      if (!entry) throw registryErrors.invalidSchema(`No schema reference found for subject "${subject}" and version ${version}`);
      texts.push(...this.referenceTexts(entry.references, done), entry.schema);
    }
    return texts;
  }

  private earlier(entries: readonly VersionEntry[]) {
    return entries.map((e) => {
      const key = `${e.schemaType} ${e.schema}\n${e.references.length ? JSON.stringify(e.references) : ""}`;
      let schema = this.parsed.get(key);
      if (!schema) {
        if (this.parsed.size >= 1000) this.parsed.clear();
        this.parsed.set(key, (schema = parseSchema(e.schemaType, e.schema, this.referenceTexts(e.references))));
      }
      return { version: e.version, text: e.schema, schema };
    });
  }

  private all(subject: string): VersionEntry[] {
    return [...(this.state.subjects.get(subject)?.values() ?? [])].sort((a, b) => a.version - b.version);
  }
  private live(subject: string): VersionEntry[] {
    return this.all(subject).filter((e) => !e.deleted);
  }

  private entry(subject: string, version: number | "latest", deleted = false): VersionEntry {
    if (version !== "latest" && (!Number.isInteger(version) || version < 1 || version > maxVersion))
      throw registryErrors.invalidVersion(String(version));
    const shown = deleted ? this.all(subject) : this.live(subject);
    if (shown.length === 0) throw registryErrors.subjectNotFound(subject);
    const found = version === "latest" ? shown[shown.length - 1] : shown.find((e) => e.version === version);
    if (!found) throw registryErrors.versionNotFound(version);
    return found;
  }

  private referrers(subject: string, version: number): number[] {
    const ids = new Set<number>();
    for (const versions of this.state.subjects.values())
      for (const e of versions.values())
        if (!e.deleted && e.references.some((r) => r.subject === subject && r.version === version)) ids.add(e.id);
    return [...ids].sort((a, b) => a - b);
  }

  private mayWrite(subject: string): void {
    const mode = this.mode(subject);
    if (mode === "READONLY" || mode === "READONLY_OVERRIDE") throw registryErrors.notPermitted(`Subject ${subject} is in read-only mode`);
  }

  /** One write at a time: `decide` sees all that was written before, and nothing shows before it is durable. */
  private write<T>(decide: () => { records: StoreRecord[]; result: T }): Promise<T> {
    const run = this.last.then(async () => {
      const { records, result } = decide();
      if (records.length) await this.store.append(records);
      for (const record of records) this.state.apply(record);
      return result;
    });
    this.last = run.catch(() => {});
    return run;
  }
}

function answer({ subject, version, id, schemaType, schema, references }: VersionEntry): SubjectVersion {
  return { subject, version, id, schemaType, schema, references };
}

interface Canonical {
  readonly schema: ParsedSchema;
  readonly text: string;
  readonly references: readonly SchemaReference[];
}

function isSame(e: VersionEntry, { schema, text, references }: Canonical): boolean {
  return e.schemaType === schema.kind && e.schema === text && sameReferences(e.references, references);
}

function sameReferences(a: readonly SchemaReference[], b: readonly SchemaReference[]): boolean {
  return a.length === b.length && a.every((r, i) => r.name === b[i]!.name && r.subject === b[i]!.subject && r.version === b[i]!.version);
}
