import { expect, it } from "vitest";
import { connectionUri } from "../../../src/connectors/mongodb/connection.js";

const context = {
  resolveHost: (host: string, port: number) =>
    host === "mongo" || host === "cluster0.x.mongodb.net" ? { host: "127.0.0.1", port: 27018 } : { host, port },
};
const of = (config: Record<string, string>) => connectionUri(config, context);

it("finds hosts where the config's names really are", () => {
  expect(of({})).toEqual({ uri: "mongodb://localhost:27017", direct: false });
  expect(of({ "connection.uri": "mongodb://u:p@mongo:27017/db?authSource=admin" })).toEqual({
    uri: "mongodb://u:p@127.0.0.1:27018/db?authSource=admin",
    direct: true,
  });
  expect(of({ "connection.uri": "mongodb://mongo,other:27019/?replicaSet=rs0" })).toEqual({
    uri: "mongodb://127.0.0.1:27018,other:27019/?replicaSet=rs0",
    direct: false,
  });
});

it("takes a managed connector's host for a DNS name, unless it says how it is reached", () => {
  const login = { "connection.user": "me@x", "connection.password": "a/b" };
  expect(of({ "connection.host": "cluster1.x.mongodb.net", ...login }).uri).toBe("mongodb+srv://me%40x:a%2Fb@cluster1.x.mongodb.net/");
  expect(of({ "connection.host": "cluster0.x.mongodb.net", ...login }).uri).toBe("mongodb://me%40x:a%2Fb@127.0.0.1:27018/");
  expect(of({ "connection.host": "mongodb://localhost:27017" }).uri).toBe("mongodb://localhost:27017");
  expect(of({ "connection.host": "localhost:27020" }).uri).toBe("mongodb://localhost:27020/");
});

it("says what a connection string is", () => {
  expect(() => of({ "connection.uri": "http://u:secret@h/" })).toThrow(/connection\.uri: expected mongodb:\/\/.*found http:\/\/u:\*+@h\//);
});
