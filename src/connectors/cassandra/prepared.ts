import { createRequire } from "node:module";
import type { Client } from "cassandra-driver";
import type { DriverType } from "./cql-type.js";

/** What the server says of a statement: its variables in order, and which of them are the partition key. */
export interface PreparedMeta {
  readonly columns: readonly { readonly name: string; readonly type: DriverType }[];
  readonly partitionKeys?: readonly number[];
}

interface PrepareHandler {
  getPrepared(client: Client, policy: unknown, query: string, keyspace: string | undefined): Promise<{ meta: PreparedMeta }>;
}
// The driver prepares at the first execution only and keeps the variables to itself; its version is pinned.
const handler = createRequire(import.meta.url)("cassandra-driver/lib/prepare-handler.js") as PrepareHandler;

/** Prepares a statement ahead of its first row. @throws the server's error on a statement that is none */
export async function prepare(client: Client, query: string): Promise<PreparedMeta> {
  const { profileManager } = client as unknown as { profileManager: { getDefaultLoadBalancing(): unknown } };
  const { meta } = await handler.getPrepared(client, profileManager.getDefaultLoadBalancing(), query, client.keyspace ?? undefined);
  return meta;
}
