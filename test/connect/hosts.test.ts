import { expect, it } from "vitest";
import { resolveHost, resolveUrls } from "../../src/connect/runtime/hosts.js";

const hosts = {
  map: { postgres: "127.0.0.1:5433", "mysql:3306": "10.0.0.1:13306", "mongo-1": "localhost" },
  own: { 8081: { host: "127.0.0.1", port: 18081 }, 9092: { host: "127.0.0.1", port: 19092 } },
};

it("maps hosts by the setting, with and without a port", () => {
  expect(resolveHost(hosts, "postgres", 5432)).toEqual({ host: "127.0.0.1", port: 5433 });
  expect(resolveHost(hosts, "mysql", 3306)).toEqual({ host: "10.0.0.1", port: 13306 });
  expect(resolveHost(hosts, "mysql", 3307)).toEqual({ host: "mysql", port: 3307 });
  expect(resolveHost(hosts, "mongo-1", 27017)).toEqual({ host: "localhost", port: 27017 });
});

it("knows the old stack's own names, and leaves others alone", () => {
  expect(resolveHost(hosts, "schema-registry", 8081)).toEqual({ host: "127.0.0.1", port: 18081 });
  expect(resolveHost(hosts, "kafka", 29092)).toEqual({ host: "127.0.0.1", port: 19092 });
  expect(resolveHost({}, "schema-registry", 8081)).toEqual({ host: "schema-registry", port: 8081 });
  expect(resolveHost({ ...hosts, names: { "my-registry": 8081 } }, "My-Registry", 8081)).toEqual({ host: "127.0.0.1", port: 18081 });
  expect(resolveHost(hosts, "example.org", 443)).toEqual({ host: "example.org", port: 443 });
});

it("resolves the hosts in lists of URLs", () => {
  expect(resolveUrls(hosts, "http://schema-registry:8081,https://u:p@example.org:443/x")).toBe(
    "http://127.0.0.1:18081,https://u:p@example.org:443/x",
  );
  expect(resolveUrls(hosts, "kafka:9092,other:9092")).toBe("127.0.0.1:19092,other:9092");
});
