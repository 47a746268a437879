import type { Config } from "../../common/config-def.js";
import { MillraceError } from "../../common/errors.js";
import { valueAt } from "./document-paths.js";
import { simpleName } from "./settings.js";
import type { SinkDocument } from "./sink-document.js";

export interface Namespace {
  readonly database: string;
  readonly collection: string;
}

/** Which collection a record goes to. */
export type NamespaceMapper = (document: SinkDocument) => Namespace;

/** @throws CONFIG_INVALID */
export function namespaceMapper(config: Config, topic: string): NamespaceMapper {
  const usual: Namespace = { database: config.string("database"), collection: config.string("collection") || topic };
  const field = (part: "key" | "value", what: "database" | "collection") => ({
    part,
    what,
    path: config.string(`namespace.mapper.${part}.${what}.field`),
  });
  const fields =
    simpleName(config.string("namespace.mapper")) === "FieldPathNamespaceMapper"
      ? [field("key", "database"), field("key", "collection"), field("value", "database"), field("value", "collection")].filter(
          (f) => f.path !== "",
        )
      : [];
  if (usual.database === "" && !fields.some((f) => f.what === "database"))
    throw new MillraceError("CONFIG_INVALID", 'Missing required configuration "database" which has no default value.');
  if (fields.length === 0) return () => usual;
  const strict = config.boolean("namespace.mapper.error.if.invalid");
  const lists = fields.map((f) => ({ ...f, names: f.path.split(".") }));
  return (d) => {
    const found = { ...usual };
    for (const { part, what, path, names } of lists) {
      const document = d[part];
      const value = document === null ? undefined : valueAt(document, names);
      if (typeof value === "string" && value !== "") found[what] = value;
      else if (strict || found[what] === "")
        throw new MillraceError(
          "RECORD_REFUSED",
          `the ${part}'s field ${path} names no ${what}: ${value === undefined ? "it is missing" : "it is not a text"}`,
        );
    }
    return found;
  };
}
