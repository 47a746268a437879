import { MillraceError } from "../common/errors.js";
import type { SchemaClient, SchemaInput, SchemaKind, SchemaReference, StoredSchema, SubjectVersion } from "./client.js";

interface Answer {
  readonly id: number;
  readonly subject: string;
  readonly version: number;
  readonly schema: string;
  readonly schemaType?: SchemaKind;
  readonly references?: readonly SchemaReference[];
}

const mediaType = "application/vnd.schemaregistry.v1+json";
const timeoutMs = 10_000;

/** A registry elsewhere, over the Confluent Schema Registry's REST interface. Several addresses are tried in turn. */
export class HttpSchemaClient implements SchemaClient {
  private readonly byId = new Map<number, StoredSchema>();
  private readonly registered = new Map<string, Promise<number>>();
  private readonly bases: readonly string[];
  private readonly authorization: string | undefined;

  /**
   * @param urls one, or several separated by commas
   * @param userInfo `user:password` of basic authentication
   */
  constructor(urls: string, userInfo?: string) {
    this.bases = urls.split(",").map((url) => url.trim().replace(/\/+$/, ""));
    this.authorization = userInfo === undefined ? undefined : `Basic ${Buffer.from(userInfo).toString("base64")}`;
  }

  register(subject: string, schema: SchemaInput, options: { normalize?: boolean } = {}): Promise<number> {
    const asked = JSON.stringify([subject, schema, options.normalize ?? false]);
    let id = this.registered.get(asked);
    if (id === undefined) {
      const path = `/subjects/${encodeURIComponent(subject)}/versions${query(options)}`;
      id = this.call<{ id: number }>("POST", path, schema).then((answer) => answer.id);
      this.registered.set(asked, id);
      id.catch(() => this.registered.delete(asked));
    }
    return id;
  }

  async lookup(subject: string, schema: SchemaInput, options: { normalize?: boolean } = {}): Promise<SubjectVersion> {
    return this.known(await this.call<Answer>("POST", `/subjects/${encodeURIComponent(subject)}${query(options)}`, schema));
  }

  async latest(subject: string): Promise<SubjectVersion> {
    return this.version(subject, "latest");
  }

  async history(subject: string): Promise<SubjectVersion[]> {
    const versions = await this.call<number[]>("GET", `/subjects/${encodeURIComponent(subject)}/versions`).catch((error: unknown) => {
      if (error instanceof MillraceError && error.code === "NOT_FOUND") return [];
      throw error;
    });
    return Promise.all(versions.map((version) => this.version(subject, version)));
  }

  async getById(id: number): Promise<StoredSchema> {
    const known = this.byId.get(id);
    if (known) return known;
    const { schema, schemaType = "AVRO", references = [] } = await this.call<Omit<Answer, "id">>("GET", `/schemas/ids/${id}`);
    const stored: StoredSchema = { id, schema, schemaType, references };
    this.byId.set(id, stored);
    return stored;
  }

  cached(id: number): StoredSchema | undefined {
    return this.byId.get(id);
  }

  async resolveReferences(references: readonly SchemaReference[]): Promise<string[]> {
    const texts: string[] = [];
    for (const { subject, version } of references) {
      const found = await this.version(subject, version);
      for (const text of [...(await this.resolveReferences(found.references)), found.schema]) if (!texts.includes(text)) texts.push(text);
    }
    return texts;
  }

  private async version(subject: string, version: number | "latest"): Promise<SubjectVersion> {
    return this.known(await this.call<Answer>("GET", `/subjects/${encodeURIComponent(subject)}/versions/${version}`));
  }

  private known({ id, subject, version, schema, schemaType = "AVRO", references = [] }: Answer): SubjectVersion {
    const found = { id, subject, version, schema, schemaType, references };
    this.byId.set(id, found);
    return found;
  }

  private async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    let away: unknown;
    for (const base of this.bases) {
      let response: Response;
      let text: string;
      try {
        response = await fetch(`${base}${path}`, {
          method,
          headers: { "content-type": mediaType, accept: mediaType, ...(this.authorization ? { authorization: this.authorization } : {}) },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          signal: AbortSignal.timeout(timeoutMs),
        });
        text = await response.text();
      } catch (cause) {
        away = cause;
        continue;
      }
      if (response.ok) return JSON.parse(text) as T;
      if (response.status >= 500) {
        away = new Error(`${response.status} ${text.slice(0, 200)}`);
        continue;
      }
      throw refused(`${method} ${base}${path}`, response.status, text);
    }
    throw new MillraceError("TIMEOUT", `the schema registry at ${this.bases.join(", ")} does not answer`, { cause: away });
  }
}

function query({ normalize }: { normalize?: boolean }): string {
  return normalize ? "?normalize=true" : "";
}

function refused(what: string, status: number, text: string): MillraceError {
  let message = text.slice(0, 500);
  try {
    message = (JSON.parse(text) as { message?: string }).message ?? message;
  } catch {
    // not the registry's own answer: shown as it is
  }
  const code = status === 404 ? "NOT_FOUND" : status === 409 ? "SCHEMA_INCOMPATIBLE" : status === 422 ? "SCHEMA_INVALID" : "CONFIG_INVALID";
  return new MillraceError(code, `${what}: ${message}`);
}
