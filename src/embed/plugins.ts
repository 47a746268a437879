import type { SinkConnector } from "../connect/api/sink.js";
import type { SourceConnector } from "../connect/api/source.js";
import { cassandraSink } from "../connectors/cassandra/connector.js";
import { confluentJdbcSink, debeziumJdbcSink } from "../connectors/jdbc/connectors.js";
import { mariadbSource, mysqlSource } from "../connectors/mysql/connector.js";
import { postgresSource } from "../connectors/postgres/connector.js";

/** The connectors of this build: one plug-in, one folder, one line here. */
export const sources: readonly SourceConnector[] = [postgresSource, mysqlSource, mariadbSource];
export const sinks: readonly SinkConnector[] = [confluentJdbcSink, debeziumJdbcSink, cassandraSink];
