import type { SchemaClient } from "../schema-registry/client.js";
import { createRowSerde } from "../serde/create.js";
import type { RowSerde } from "../serde/row-serde.js";
import type { DataSource } from "../sql/metastore/data-source.js";

const withRegistry = new Set(["AVRO", "PROTOBUF", "JSON_SR"]);

export function usesRegistry(format: string): boolean {
  return withRegistry.has(format.toUpperCase());
}

/** A source's key and value serdes; positions map the serde's columns into the source's row `[...key, ...value]`. */
export interface SourceSerdes {
  /** null where the source has no key columns */
  readonly key: RowSerde | null;
  readonly keyPositions: readonly number[];
  readonly value: RowSerde;
  readonly valuePositions: readonly number[];
  /** positions of the columns that come from the record's headers, with the header's key (null: all headers) */
  readonly headers: readonly { readonly position: number; readonly key: string | null }[];
  readonly width: number;
}

export function sourceSerdes(source: DataSource, registry: SchemaClient): SourceSerdes {
  const keys = source.columns.filter((c) => c.role === "key");
  const rest = source.columns.filter((c) => c.role !== "key");
  const values = rest.filter((c) => c.role === "value");
  const keyPositions = keys.map((_, i) => i);
  const ownPositions = values.map((c) => keys.length + rest.indexOf(c));
  // The older dialect writes the key columns into the value too, ahead of the others.
  const valueColumns = source.keyInValue ? [...keys, ...values] : values;
  const bind = (side: "key" | "value", columns: readonly { name: string; type: DataSource["columns"][number]["type"] }[]) =>
    createRowSerde(
      { ...source.formats[side], isKey: side === "key", columns: columns.map(({ name, type }) => ({ name, type })) },
      { registry },
    );
  return {
    key: keys.length > 0 ? bind("key", keys) : null,
    keyPositions,
    value: bind("value", valueColumns),
    valuePositions: source.keyInValue ? [...keyPositions, ...ownPositions] : ownPositions,
    headers: rest.flatMap((c, i) => (c.role === "headers" ? [{ position: keys.length + i, key: c.headerKey ?? null }] : [])),
    width: source.columns.length,
  };
}
