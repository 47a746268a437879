import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect as plainConnect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type Server } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect } from "../../../src/connectors/cassandra/connection.js";
import { cassandraSettings } from "../../../src/connectors/cassandra/settings.js";
import { cassandraInstalled, startCassandra, type TestCassandra } from "../../support/cassandra.js";

const missing = ["openssl", "keytool"].filter((tool) => {
  try {
    execFileSync("which", [tool]);
    return false;
  } catch {
    return true;
  }
});
const runs = cassandraInstalled && missing.length === 0;
const title = runs
  ? "Cassandra over TLS"
  : `Cassandra over TLS (not run: ${cassandraInstalled ? `no ${missing.join(", ")}` : "no server in .services/cassandra"})`;

describe.skipIf(!runs)(title, () => {
  const dir = mkdtempSync(join(tmpdir(), "millrace-tls-"));
  const file = (name: string) => join(dir, name);
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: dir, stdio: "pipe" });
  let server: TestCassandra;
  let front: Server;
  let port: number;
  beforeAll(async () => {
    server = await startCassandra();
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "2");
    for (const [name, san] of [
      ["node", "IP:127.0.0.1"],
      ["client", "DNS:client"],
    ] as const) {
      openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
      writeFileSync(file("san"), `subjectAltName=${san}`);
      openssl(
        "x509",
        "-req",
        "-in",
        `${name}.csr`,
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-out",
        `${name}.pem`,
        "-days",
        "2",
        "-extfile",
        "san",
      );
    }
    openssl("pkcs12", "-export", "-inkey", "client.key", "-in", "client.pem", "-out", "client.p12", "-passout", "pass:secret");
    execFileSync(
      "keytool",
      [
        "-importcert",
        "-noprompt",
        "-alias",
        "ca",
        "-file",
        file("ca.pem"),
        "-keystore",
        file("trust.jks"),
        "-storetype",
        "JKS",
        "-storepass",
        "secret",
      ],
      { stdio: "pipe" },
    );
    // the server itself speaks plainly: a TLS end in front of it, which asks for the client's certificate
    front = createServer(
      {
        key: readFileSync(file("node.key")),
        cert: readFileSync(file("node.pem")),
        ca: readFileSync(file("ca.pem")),
        requestCert: true,
        rejectUnauthorized: true,
      },
      (socket) => {
        const back = plainConnect(server.port, "127.0.0.1");
        socket.pipe(back).pipe(socket);
        socket.on("error", () => back.destroy());
        back.on("error", () => socket.destroy());
      },
    );
    await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
    port = (front.address() as { port: number }).port;
  }, 180_000);
  afterAll(async () => {
    front?.close();
    rmSync(dir, { recursive: true, force: true });
    await server?.stop();
  }, 60_000);

  const attempt = async (settings: Record<string, string>) => {
    const client = await connect(
      cassandraSettings({ contactPoints: `127.0.0.1:${port}`, "loadBalancing.localDc": "datacenter1", ...settings }),
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
