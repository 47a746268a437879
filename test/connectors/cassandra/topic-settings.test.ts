import { describe, expect, it } from "vitest";
import { cassandraSettings } from "../../../src/connectors/cassandra/settings.js";
import { topicSettings } from "../../../src/connectors/cassandra/topic-settings.js";

describe("topic.* settings", () => {
  it("reads several tables of a topic whose name has dots", () => {
    const { topics, problems } = topicSettings({
      topics: "_mysql_.main.orders",
      "topic._mysql_.main.orders.ks.one.mapping": "id=key",
      "topic._mysql_.main.orders.ks.two.mapping": "id=key, v=value.v",
      "topic._mysql_.main.orders.ks.two.ttl": "2",
      "topic._mysql_.main.orders.ks.two.ttlTimeUnit": "HOURS",
      "topic._mysql_.main.orders.ks.two.consistencyLevel": "each quorum",
      "topic._mysql_.main.orders.codec.timeZone": "Europe/Berlin",
    });
    expect(problems).toEqual([]);
    const { tables, formats } = topics.get("_mysql_.main.orders")!;
    expect(tables.map((t) => [t.keyspace, t.table, t.ttl, t.consistency, t.nullToUnset, t.deletesEnabled])).toEqual([
      ["ks", "one", null, "LOCAL_ONE", true, true],
      ["ks", "two", 7200, "EACH_QUORUM", true, true],
    ]);
    expect(formats.timestamp("2024-07-01 12:00")).toBe(Date.UTC(2024, 6, 1, 10));
  });

  it.each([
    [{ "topic.t.ks.tab.mapping": "a=b" }, "topic.t.ks.tab.mapping", "at position 3"],
    [{ "topic.t.ks.tab.ttl": "1" }, "topic.t.ks.tab.mapping", "is missing"],
    [
      { "topic.t.ks.tab.mapping": "a=key", "topic.t.ks.tab.consistencyLevel": "MOST" },
      "topic.t.ks.tab.consistencyLevel",
      "is not one of ALL",
    ],
    [{ "topic.t.ks.tab.mapping": "a=key", "topic.t.ks.tab.ttlTimeUnit": "YEARS" }, "topic.t.ks.tab.ttlTimeUnit", "is not one of"],
    [{ "topic.t.ks.tab.mapping": "a=key", "topic.t.ks.tab.query": "UPDATE x" }, "topic.t.ks.tab.deletesEnabled", "must be false"],
    [{ "topic.t.tab.mapping": "a=key" }, "topic.t.tab.mapping", "expected topic.TOPIC.KEYSPACE.TABLE"],
    [
      { "topic.t.ks.tab.mapping": "a=key", "topic.t.codec.timestamp": "yyyy-MM-dd'T" },
      "topic.t.codec.timestamp",
      "incomplete string literal",
    ],
    [{ "topic.t.ks.tab.mapping": "a=key", "topic.t.codec.unit": "EONS" }, "topic.t.codec.unit", "is not one of"],
    [{ "topic.t.ks.tab.mapping": "a=key", "topic.t.codec.timeZone": "Mars/Base" }, "topic.t.codec.timeZone", "Mars/Base"],
    [{ "topic.t.ks.tab.mapping": "a=key", topics: "t,u" }, "topics", "topic u has no mapping"],
  ])("says what is wrong with %j", (config, setting, message) => {
    const { problems } = topicSettings(config as Record<string, string>);
    expect(problems[0]?.setting).toBe(setting);
    expect(problems[0]?.message).toContain(message);
  });
});

describe("the connection's settings", () => {
  it("reads contact points in all their forms", () => {
    const points = (contactPoints: string) =>
      cassandraSettings({ contactPoints, port: "9999" }).contactPoints.map((p) => `${p.host}|${p.port}`);
    expect(points("cassandra")).toEqual(["cassandra|9999"]);
    expect(points("[a, b:1]")).toEqual(["a|9999", "b|1"]);
    expect(points("[::1]:9043, fe80::1")).toEqual(["::1|9043", "fe80::1|9999"]);
    expect(points('"a","b"')).toEqual(["a|9999", "b|9999"]);
  });

  it("takes the Java driver's names", () => {
    const s = cassandraSettings({
      "datastax-java-driver.basic.contact-points": "h:1",
      "datastax-java-driver.basic.load-balancing-policy.local-datacenter": "dc",
      "datastax-java-driver.basic.request.timeout": "5 seconds",
      "datastax-java-driver.advanced.connection.pool.local.size": "2",
    });
    expect([s.contactPoints[0], s.localDc, s.timeoutMs, s.connectionsPerHost]).toEqual([{ host: "h", port: 1 }, "dc", 5000, 2]);
  });

  it("refuses Kerberos and what does not go with a secure bundle", () => {
    expect(() => cassandraSettings({ "auth.provider": "GSSAPI" })).toThrow(/Kerberos is not supported/);
    expect(() => cassandraSettings({ "cloud.secureConnectBundle": "/b.zip", "ssl.provider": "JDK" })).toThrow(/ssl.provider/);
    expect(() => cassandraSettings({ "cloud.secureConnectBundle": "/b.zip", "loadBalancing.localDc": "dc" })).toThrow(/localDc/);
  });
});
