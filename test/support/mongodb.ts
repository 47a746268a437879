import { MongoClient } from "mongodb";
import { installed } from "../../examples/common/services.mjs";
import { startTestService, type TestService } from "./test-service.js";

/** Whether the server is installed here (`test/services/mongodb.sh install .services/mongodb`). */
export const mongoInstalled = installed("mongodb");

/** A server of MongoDB's protocol, without authentication. */
export type TestMongo = TestService<MongoClient>;

export function startMongo({ own = false } = {}): Promise<TestMongo> {
  const connect = (port: number) => new MongoClient(`mongodb://127.0.0.1:${port}/`).connect();
  return startTestService("mongodb", own, connect, (client) => client.close());
}
