import { expect, test } from "vitest";
import { confluentJdbcSink } from "../../../src/connectors/jdbc/connectors.js";
import { firstHost } from "../../../src/connectors/jdbc/hosts.js";
import { parseJdbcUrl } from "../../../src/connectors/jdbc/url.js";

test("products, ports, several hosts, IPv6, parameters", () => {
  expect(parseJdbcUrl("jdbc:mysql://db:3307/shop?user=u&useSSL=false")).toEqual({
    product: "mysql",
    hosts: [{ host: "db", port: 3307 }],
    database: "shop",
    parameters: { user: "u", useSSL: "false" },
  });
  expect(parseJdbcUrl("jdbc:mariadb://a,b:3310,[::1]/x%20y")).toMatchObject({
    hosts: [
      { host: "a", port: 3306 },
      { host: "b", port: 3310 },
      { host: "::1", port: 3306 },
    ],
    database: "x y",
  });
  expect(parseJdbcUrl("jdbc:postgresql:///x")).toMatchObject({ hosts: [{ host: "localhost", port: 5432 }] });
});

test("what is wrong, without what the URL holds", () => {
  expect(parseJdbcUrl("mysql://h/d")).toMatch(/^expected jdbc:PRODUCT/);
  expect(parseJdbcUrl("jdbc:oracle:thin:@h")).toMatch(/oracle is not supported as a target; supported: postgresql, mysql, mariadb/);
  expect(parseJdbcUrl("jdbc:mysql://h:3306/")).toMatch(/names no database/);
  expect(parseJdbcUrl("jdbc:mysql://u:s3cret@h/d")).toMatch(/^(?!.*s3cret).*not readable/);
});

test("a dialect that does not fit the URL, a mode of TLS that is none, a key store", async () => {
  const config = {
    "connection.url": "jdbc:mysql://127.0.0.1/x?sslMode=MAYBE",
    "dialect.name": "PostgreSqlDatabaseDialect",
    "pk.mode": "record_key",
  };
  const errors = confluentJdbcSink.config.validate(config).flatMap((r) => r.errors);
  expect(errors).toEqual([expect.stringMatching(/dialect.name: PostgreSqlDatabaseDialect does not speak to mysql/)]);
  const context = { resolveHost: (host: string, port: number) => ({ host, port }) };
  const { "dialect.name": _, ...rest } = config;
  expect(await confluentJdbcSink.check!(rest, context)).toEqual([
    { setting: "connection.url", message: expect.stringContaining("sslMode maybe is none of") },
  ]);
  const store = { ...rest, "connection.url": "jdbc:mysql://127.0.0.1/x?sslMode=VERIFY_CA&trustCertificateKeyStoreUrl=file:package.json" };
  expect(await confluentJdbcSink.check!(store, context)).toEqual([
    { setting: "connection.url", message: expect.stringContaining("no PEM file (Java key stores are not read)") },
  ]);
});

test("the first host that can is taken, else the last one's error", async () => {
  const hosts = [1, 2, 3].map((port) => ({ host: "h", port }));
  expect(await firstHost(hosts, async ({ port }) => (port === 1 ? Promise.reject(new Error("1")) : port))).toBe(2);
  await expect(firstHost(hosts, async ({ port }) => Promise.reject(new Error(`${port}`)))).rejects.toThrow("3");
});
