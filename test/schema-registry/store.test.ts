import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { EmbeddedBroker } from "../../src/broker/embedded/embedded-broker.js";
import { silentLogger } from "../../src/common/logger.js";
import { SchemaRegistry } from "../../src/schema-registry/registry.js";
import { TopicSchemaStore } from "../../src/schema-registry/store.js";

it("keeps Confluent's records on the compacted topic and reads them back after a restart", async () => {
  const dir = await mkdtemp(join(tmpdir(), "millrace-registry-"));
  try {
    let broker = await EmbeddedBroker.open({ dir });
    let registry = await SchemaRegistry.open({ broker, logger: silentLogger });
    expect(await registry.register("t-value", { schema: '"string"' })).toBe(1);
    expect(await registry.register("t-value", { schema: '"bytes"' })).toBe(2);
    await registry.setCompatibility("", "FULL");
    await registry.deleteSubject("t-value");
    await registry.close();
    await broker.close();

    broker = await EmbeddedBroker.open({ dir });
    const config = await broker.describeTopicConfig("_schemas");
    expect(config.find((c) => c.name === "cleanup.policy")?.value).toBe("compact");
    expect(await new TopicSchemaStore(broker).load()).toEqual([
      {
        key: '{"keytype":"SCHEMA","subject":"t-value","version":1,"magic":1}',
        value: '{"subject":"t-value","version":1,"id":1,"schema":"\\"string\\"","deleted":false}',
      },
      {
        key: '{"keytype":"SCHEMA","subject":"t-value","version":2,"magic":1}',
        value: '{"subject":"t-value","version":2,"id":2,"schema":"\\"bytes\\"","deleted":false}',
      },
      { key: '{"keytype":"CONFIG","subject":null,"magic":0}', value: '{"compatibilityLevel":"FULL"}' },
      { key: '{"keytype":"DELETE_SUBJECT","subject":"t-value","magic":0}', value: '{"subject":"t-value","version":2}' },
    ]);
    registry = await SchemaRegistry.open({ broker, logger: silentLogger });
    expect(registry.subjects()).toEqual([]);
    expect(registry.versions("t-value", { deleted: true })).toEqual([1, 2]);
    expect(registry.compatibility("other")).toBe("FULL");
    expect(registry.cached(2)?.schema).toBe('"bytes"');
    expect(await registry.register("u", { schema: '"int"' })).toBe(3);
    await broker.close();
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
