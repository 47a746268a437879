import { expect, it } from "vitest";
import { managedMysqlSource, managedPostgresSource } from "../../../src/connectors/managed/cdc-sources.js";

it("makes converters and the flattening of a managed config's words, before the user's own transforms", () => {
  const config = managedMysqlSource.translate!({
    "connector.class": "MySqlCdcSourceV2",
    "topic.prefix": "shop",
    "output.data.format": "AVRO",
    "output.key.format": "STRING",
    "after.state.only": "true",
    transforms: "key,id",
    "transforms.key.type": "org.apache.kafka.connect.transforms.ValueToKey",
  });
  expect(config).toEqual({
    "connector.class": "MySqlCdcSourceV2",
    "topic.prefix": "shop",
    "time.precision.mode": "connect",
    "value.converter": "io.confluent.connect.avro.AvroConverter",
    "key.converter": "org.apache.kafka.connect.storage.StringConverter",
    transforms: "afterStateOnly,key,id",
    "transforms.key.type": "org.apache.kafka.connect.transforms.ValueToKey",
    "transforms.afterStateOnly.type": "io.debezium.transforms.ExtractNewRecordState",
    "transforms.afterStateOnly.delete.tombstone.handling.mode": "tombstone",
  });
  // what is translated already stays as it is
  expect(managedMysqlSource.translate!(config)).toEqual(config);
});

it("keeps what a managed config says in the connector's own words", () => {
  const config = managedPostgresSource.translate!({
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "time.precision.mode": "adaptive",
    "json.output.decimal.format": "NUMERIC",
    "value.subject.name.strategy": "RecordNameStrategy",
    "cleanup.policy": "delete",
  });
  expect(config).toEqual({
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter.decimal.format": "NUMERIC",
    "value.converter.value.subject.name.strategy": "RecordNameStrategy",
    "key.converter": "org.apache.kafka.connect.json.JsonConverter",
    "key.converter.schemas.enable": "false",
    "time.precision.mode": "adaptive",
    "topic.creation.default.cleanup.policy": "delete",
  });
});
