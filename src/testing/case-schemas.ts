import type { SchemaRegistry } from "../schema-registry/registry.js";
import type { CaseSide, CaseTopic } from "./test-case.js";

/** Registers the schemas that a case gives its topics. */
export async function registerTopicSchemas(topics: readonly CaseTopic[], registry: SchemaRegistry): Promise<void> {
  for (const t of topics)
    for (const [suffix, side] of [
      ["key", t.key],
      ["value", t.value],
    ] as const)
      if (side.schema !== undefined) await register(`${t.name}-${suffix}`, side, registry);
}

async function register(subject: string, side: CaseSide, registry: SchemaRegistry): Promise<void> {
  const schemaType = side.format?.startsWith("PROTOBUF") ? "PROTOBUF" : side.format?.startsWith("JSON") ? "JSON" : "AVRO";
  const references: { name: string; subject: string; version: number }[] = [];
  for (const r of side.references) {
    // the ids of these are nobody's business, and take none from the others
    await registry.setMode(r.name, "IMPORT", true);
    await registry.register(r.name, { schema: r.schema, schemaType }, { id: FIRST_REFERENCE_ID + references.length });
    await registry.setMode(r.name, null);
    references.push({ name: r.name, subject: r.name, version: (await registry.latest(r.name)).version });
  }
  const input = { schema: side.schema!, schemaType, references } as const;
  const id = side.schemaId ?? (references.length > 0 ? 1 + registered(registry) : undefined);
  if (id === undefined) return void (await registry.register(subject, input));
  await registry.setMode(subject, "IMPORT", true);
  await registry.register(subject, input, { id });
  await registry.setMode(subject, null);
}

const FIRST_REFERENCE_ID = 1_000_000;
/** The highest id given out, those of references aside. */
function registered(registry: SchemaRegistry): number {
  let id = 0;
  while (registry.cached(id + 1)) id++;
  return id;
}
