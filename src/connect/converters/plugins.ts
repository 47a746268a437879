import type { SchemaClient } from "../../schema-registry/client.js";
import type { ConverterPlugin } from "../api/converter.js";

export interface ConverterServices {
  /** this process's own registry */
  readonly registry: SchemaClient;
  /** Another registry that a config's `schema.registry.url` names; undefined where the url means this process's own. */
  readonly resolveRegistry?: (urls: readonly string[]) => SchemaClient | undefined;
}

/** Every converter and header converter that is built in, by the class names that configs use. */
export function createConverterPlugins(_services: ConverterServices): ConverterPlugin[] {
  return [];
}
