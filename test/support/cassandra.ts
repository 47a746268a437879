import { Client } from "cassandra-driver";
import { installed } from "../../examples/common/services.mjs";
import { startTestService, type TestService } from "./test-service.js";

/** Whether the server is installed here (`test/services/cassandra.sh install .services/cassandra`). */
export const cassandraInstalled = installed("cassandra");

/** One node, `datacenter1`, no authentication. */
export type TestCassandra = TestService<Client>;

export function startCassandra({ own = false } = {}): Promise<TestCassandra> {
  const connect = async (port: number) => {
    const contactPoints = [`127.0.0.1:${port}`];
    const client = new Client({ contactPoints, localDataCenter: "datacenter1", socketOptions: { readTimeout: 30_000 } });
    await client.connect();
    return client;
  };
  // the quick compiler only: a server that runs for seconds spends most of its time compiling otherwise
  return startTestService("cassandra", own, connect, (client) => client.shutdown(), { CASSANDRA_TIER: "1" });
}
