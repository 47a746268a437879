import { type ErrorCode, MillraceError } from "../common/errors.js";

/** An error as the registry's REST answers it: Confluent's error_code, whose first three digits are the HTTP status. */
export class RegistryError extends MillraceError {
  constructor(
    readonly errorCode: number,
    message: string,
    options: { cause?: unknown; context?: Record<string, unknown> } = {},
  ) {
    super(codeOf(errorCode), message, options);
    this.name = "RegistryError";
  }

  get status(): number {
    return this.errorCode < 1000 ? this.errorCode : Math.floor(this.errorCode / 100);
  }
}

function codeOf(errorCode: number): ErrorCode {
  if (errorCode === 409) return "SCHEMA_INCOMPATIBLE";
  if (errorCode === 42201) return "SCHEMA_INVALID";
  if (errorCode >= 40400 && errorCode < 40500) return "NOT_FOUND";
  if (errorCode === 42205 || errorCode === 42206) return "CONFLICT";
  return "DATA_INVALID";
}

export const registryErrors = {
  subjectNotFound: (subject: string) => new RegistryError(40401, `Subject '${subject}' not found.`),
  versionNotFound: (version: number | "latest") => new RegistryError(40402, `Version ${version} not found.`),
  schemaNotFound: () => new RegistryError(40403, "Schema not found"),
  schemaIdNotFound: (id: number) => new RegistryError(40403, `Schema ${id} not found`),
  subjectSoftDeleted: (subject: string) =>
    new RegistryError(40404, `Subject '${subject}' was soft deleted.Set permanent=true to delete permanently`),
  subjectNotSoftDeleted: (subject: string) =>
    new RegistryError(40405, `Subject '${subject}' was not deleted first before being permanently deleted`),
  versionSoftDeleted: (subject: string, version: number) =>
    new RegistryError(40406, `Subject '${subject}' Version ${version} was soft deleted.Set permanent=true to delete permanently`),
  versionNotSoftDeleted: (subject: string, version: number) =>
    new RegistryError(40407, `Subject '${subject}' Version ${version} was not deleted first before being permanently deleted`),
  noSubjectConfig: (subject: string) =>
    new RegistryError(40408, `Subject '${subject}' does not have subject-level compatibility configured`),
  noSubjectMode: (subject: string) => new RegistryError(40409, `Subject '${subject}' does not have subject-level mode configured`),
  incompatible: (subject: string, details: readonly string[]) =>
    new RegistryError(
      409,
      `Schema being registered is incompatible with an earlier schema for subject "${subject}", details: [${details.join(", ")}]`,
      { context: { subject, details } },
    ),
  invalidSchema: (message: string, cause?: unknown) => new RegistryError(42201, message, { cause }),
  invalidVersion: (version: string) =>
    new RegistryError(
      42202,
      `The specified version '${version}' is not a valid version id. Allowed values are between [1, 2^31-1] and the string "latest"`,
    ),
  invalidCompatibility: () =>
    new RegistryError(
      42203,
      "Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive",
    ),
  invalidMode: () => new RegistryError(42204, "Invalid mode. Valid values are READWRITE, READONLY, READONLY_OVERRIDE and IMPORT"),
  notPermitted: (message: string) => new RegistryError(42205, message),
  referenceExists: (subject: string, version: number) =>
    new RegistryError(42206, `One or more references exist to the schema {magic=1,keytype=SCHEMA,subject=${subject},version=${version}}.`),
};
