import { expect, test } from "vitest";
import { topicNaming } from "../../src/cdc/topic-naming.js";
import { adjustFieldName, adjustSchemaName } from "../../src/common/schema-names.js";

test("names are made to fit Avro", () => {
  expect(adjustSchemaName("s.my-schema.1t.Value", "avro")).toBe("s.my_schema._1t.Value");
  expect(adjustSchemaName("s.a-b", "none")).toBe("s.a-b");
  expect(adjustFieldName("ü", "avro")).toBe("_");
  expect(adjustFieldName("a b", "avro_unicode")).toBe("a_u0020b");
});

const base = { prefix: "s", delimiter: ".", heartbeatPrefix: "__debezium-heartbeat", transactionTopic: "transaction" };

test("topics are named by their strategy", () => {
  const naming = topicNaming({ ...base, strategy: "io.debezium.schema.SchemaTopicNamingStrategy" });
  expect(naming.table(["public", "O Weird.Name"])).toBe("s.public.O_Weird.Name");
  expect([naming.heartbeat, naming.transaction, naming.message]).toEqual(["__debezium-heartbeat.s", "s.transaction", "s.message"]);
  const routed = topicNaming({
    ...base,
    strategy: "DefaultRegexTopicNamingStrategy",
    regex: "s\\.public\\.(.*)_\\d+",
    replacement: "s.$1",
  });
  expect(routed.table(["public", "shard_12"])).toBe("s.shard");
  expect(() => topicNaming({ ...base, strategy: "com.example.Own" })).toThrow(/com.example.Own is not available/);
});
