import { expect, it } from "vitest";
import { connectionUri } from "../../../src/connectors/mongodb/connection.js";
import { mongoAtlasSink } from "../../../src/connectors/mongodb/connector.js";

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

it("takes the managed connector's words", () => {
  const config = mongoAtlasSink.translate!({
    "connector.class": "MongoDbAtlasSink",
    "connection.host": "db.example.org",
    "mongodb.instance.type": "SELF_MANAGED",
    "input.data.format": "AVRO",
    "doc.id.strategy": "PartialKeyStrategy",
    "key.projection.type": "AllowList",
    "key.projection.list": "id",
    "write.strategy": "ReplaceOneBusinessKeyStrategy",
    "cdc.handler": "None",
    "field.renamer.mapping": "[]",
  });
  expect(config).toEqual({
    "connector.class": "MongoDbAtlasSink",
    "connection.host": "mongodb://db.example.org",
    "value.converter": "io.confluent.connect.avro.AvroConverter",
    "key.converter": "org.apache.kafka.connect.storage.StringConverter",
    "document.id.strategy": "PartialKeyStrategy",
    "document.id.strategy.partial.key.projection.type": "AllowList",
    "document.id.strategy.partial.key.projection.list": "id",
    "writemodel.strategy": "ReplaceOneBusinessKeyStrategy",
    "change.data.capture.handler": "",
    "field.renamer.mapping": "[]",
    "post.processor.chain": "DocumentIdAdder,RenameByMapping",
  });
  expect(mongoAtlasSink.translate!(config)).toEqual(config);
});

it("says what a connection string is", () => {
  expect(() => of({ "connection.uri": "http://u:secret@h/" })).toThrow(/connection\.uri: expected mongodb:\/\/.*found http:\/\/u:\*+@h\//);
});
