import type { SinkConnector } from "../connect/api/sink.js";
import type { SourceConnector } from "../connect/api/source.js";
import { cassandraSink } from "../connectors/cassandra/connector.js";
import { datagenSource } from "../connectors/datagen/connector.js";
import { fileStreamSink } from "../connectors/file/sink.js";
import { fileStreamSource } from "../connectors/file/source.js";
import { confluentJdbcSink, debeziumJdbcSink } from "../connectors/jdbc/connectors.js";
import { managedMysqlSource, managedPostgresSource } from "../connectors/managed/cdc-sources.js";
import { mongoAtlasSink, mongoSink } from "../connectors/mongodb/connector.js";
import { mariadbSource, mysqlSource } from "../connectors/mysql/connector.js";
import { postgresSource } from "../connectors/postgres/connector.js";

/** The connectors of this build: one plug-in, one folder, one line here. */
export const sources: readonly SourceConnector[] = [
  postgresSource,
  mysqlSource,
  mariadbSource,
  managedPostgresSource,
  managedMysqlSource,
  fileStreamSource,
  datagenSource,
];
export const sinks: readonly SinkConnector[] = [
  confluentJdbcSink,
  debeziumJdbcSink,
  cassandraSink,
  mongoSink,
  mongoAtlasSink,
  fileStreamSink,
];
