import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect } from "../../../src/connectors/cassandra/connection.js";
import { cassandraSettings } from "../../../src/connectors/cassandra/settings.js";
import { cassandraInstalled, startCassandra, type TestCassandra } from "../../support/cassandra.js";
import { startTlsFront, type TlsFront, tlsToolsMissing } from "../../support/tls-front.js";

const runs = cassandraInstalled && tlsToolsMissing.length === 0;
const title = runs
  ? "Cassandra over TLS"
  : `Cassandra over TLS (not run: ${cassandraInstalled ? `no ${tlsToolsMissing.join(", ")}` : "no server in .services/cassandra"})`;

describe.skipIf(!runs)(title, () => {
  let server: TestCassandra;
  let front: TlsFront;
  beforeAll(async () => {
    server = await startCassandra();
    front = await startTlsFront(() => server.port);
  }, 180_000);
  afterAll(async () => {
    front?.stop();
    await server?.stop();
  }, 60_000);
  const file = (name: string) => front.file(name);

  const attempt = async (settings: Record<string, string>) => {
    const client = await connect(
      cassandraSettings({ contactPoints: `127.0.0.1:${front.port}`, "loadBalancing.localDc": "datacenter1", ...settings }),
      { resolveHost: (host, p) => ({ host, port: p }) },
    );
    const { rows } = await client.execute("SELECT release_version FROM system.local");
    await client.shutdown();
    return String(rows[0]!["release_version"]);
  };
  const pem = () => ({
    "ssl.provider": "OpenSSL",
    "ssl.truststore.path": file("ca.pem"),
    "ssl.openssl.keyCertChain": file("client.pem"),
    "ssl.openssl.privateKey": file("client.key"),
  });

  it("takes PEM files, and stores as Java has them", async () => {
    expect(await attempt(pem())).toMatch(/^\d/);
    const stores = {
      "ssl.provider": "JDK",
      "ssl.truststore.path": file("trust.jks"),
      "ssl.truststore.password": "secret",
      "ssl.keystore.path": file("client.p12"),
      "ssl.keystore.password": "secret",
    };
    expect(await attempt(stores)).toMatch(/^\d/);
  }, 60_000);

  it("refuses a node that the trust store does not know, and files that it cannot use", async () => {
    await expect(attempt({ ...pem(), "ssl.truststore.path": file("client.pem") })).rejects.toThrow(/certificate/);
    await expect(attempt({ ...pem(), "ssl.truststore.path": file("absent.pem") })).rejects.toThrow(/^ssl\.truststore\.path: ENOENT/);
    await expect(attempt({ ...pem(), "ssl.truststore.path": file("client.p12") })).rejects.toThrow(/openssl pkcs12 -in FILE -nokeys/);
    await expect(attempt({ ...pem(), "ssl.keystore.path": file("trust.jks") })).rejects.toThrow(/keytool -importkeystore/);
  }, 60_000);
});
