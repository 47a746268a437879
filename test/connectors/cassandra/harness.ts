import type { Client } from "cassandra-driver";
import { cassandraSink } from "../../../src/connectors/cassandra/connector.js";
import { SinkHarness } from "../../support/sink-harness.js";

/** @param port of the server that the config calls `cassandra` */
export class CassandraHarness extends SinkHarness {
  constructor(port: number, config: Readonly<Record<string, string>>) {
    const base = { contactPoints: "cassandra", port: "9042", "loadBalancing.localDc": "datacenter1" };
    super(cassandraSink, { ...base, ...config }, { hosts: { "cassandra:9042": port } });
  }
}

let next = 0;
/** A keyspace of its own, so that test files share a server. */
export async function newKeyspace(client: Client): Promise<string> {
  const name = `k${process.pid}_${Date.now().toString(36)}_${next++}`;
  await client.execute(`CREATE KEYSPACE ${name} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`);
  return name;
}
