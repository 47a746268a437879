import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect } from "../../../src/connectors/mongodb/connection.js";
import { mongoInstalled, startMongo, type TestMongo } from "../../support/mongodb.js";
import { startTlsFront, type TlsFront, tlsToolsMissing } from "../../support/tls-front.js";

const runs = mongoInstalled && tlsToolsMissing.length === 0;
const title = runs
  ? "MongoDB over TLS"
  : `MongoDB over TLS (not run: ${mongoInstalled ? `no ${tlsToolsMissing.join(", ")}` : "no server in .services/mongodb"})`;

describe.skipIf(!runs)(title, () => {
  let server: TestMongo;
  let front: TlsFront;
  beforeAll(async () => {
    server = await startMongo();
    front = await startTlsFront(() => server.port);
  }, 120_000);
  afterAll(async () => {
    front?.stop();
    await server?.stop();
  }, 60_000);

  const attempt = async (settings: Record<string, string>, options = "tls=true") => {
    const client = await connect(
      { "connection.uri": `mongodb://127.0.0.1:${front.port}/?${options}&serverSelectionTimeoutMS=2000`, ...settings },
      { resolveHost: (host, port) => ({ host, port }) },
    );
    const answer = await client.db("admin").command({ ping: 1 });
    await client.close();
    return answer["ok"];
  };
  const stores = () => ({
    "connection.ssl.truststore": front.file("trust.jks"),
    "connection.ssl.truststorePassword": "secret",
    "connection.ssl.keystore": front.file("client.p12"),
    "connection.ssl.keystorePassword": "secret",
  });

  it("takes stores as Java has them, and files that the connection string names", async () => {
    expect(await attempt(stores())).toBe(1);
    expect(await attempt({ ...stores(), "connection.ssl.truststore": front.file("ca.pem") })).toBe(1);
  }, 60_000);

  it("refuses a server that the trust store does not know, and files that it cannot use", async () => {
    await expect(attempt({ ...stores(), "connection.ssl.truststore": front.file("client.pem") })).rejects.toThrow(/certificate/);
    await expect(attempt({ ...stores(), "connection.ssl.truststore": front.file("absent.pem") })).rejects.toThrow(
      /^connection\.ssl\.truststore: ENOENT/,
    );
    await expect(attempt({ ...stores(), "connection.ssl.keystore": front.file("trust.jks") })).rejects.toThrow(/keytool -importkeystore/);
  }, 60_000);
});
