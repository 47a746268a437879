import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connect } from "../../../../src/connectors/mysql/connection/connect.js";
import { installed, startMysql, type TestMysql } from "../../../support/mysql.js";
import { freePort } from "../../../support/postgres.js";
import { open, settingsOf } from "../support.js";

const here = installed("mysql") && spawnSync("openssl", ["version"]).status === 0;
const named = (name: string) => (here ? name : `${name} (not run: mysql or openssl is not installed)`);
const its = test.skipIf(!here);

describe("connecting to MySQL", () => {
  let server: TestMysql;
  let folder: string;
  const store = (name: string) => join(folder, name);

  beforeAll(async () => {
    if (!here) return;
    folder = mkdtempSync(join(tmpdir(), "millrace-mysql-tls-"));
    const ssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
    server = await startMysql("mysql", { password: "s3cret" });
    // the server's own, made at its first start: a CA, a server certificate that names no host, a client certificate
    const data = new URL(`../../../../.services/mysql/root/instances/${server.port}/`, import.meta.url).pathname;
    // with a NUL behind each
    for (const file of ["ca.pem", "client-cert.pem", "client-key.pem"])
      writeFileSync(store(file), readFileSync(join(data, file), "latin1").replaceAll("\0", ""));
    writeFileSync(store("client.pem"), Buffer.concat([readFileSync(store("client-key.pem")), readFileSync(store("client-cert.pem"))]));
    ssl("pkcs12", "-export", "-in", "client-cert.pem", "-inkey", "client-key.pem", "-out", "client.p12", "-passout", "pass:keystore");
    ssl(
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-keyout",
      "other-key.pem",
      "-out",
      "other-ca.pem",
      "-subj",
      "/CN=other",
      "-days",
      "2",
    );
    ssl("x509", "-in", "ca.pem", "-outform", "der", "-out", "ca.der");
    writeFileSync(store("java.jks"), Buffer.from("feedfeed00000002", "hex"));
    await server.run("create user tls@'%' identified by 'p' require x509", "grant all on *.* to tls@'%'");
  }, 60_000);
  afterAll(async () => {
    await server?.stop();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  its(named("with every mode of TLS that needs no certificate"), async () => {
    for (const sslMode of ["disabled", "preferred", "required"] as const) {
      const session = await open(server, { sslMode });
      expect(session.secure).toBe(sslMode !== "disabled");
      expect((await session.query("select 1")).rows).toEqual([["1"]]);
      expect(session.serverVersion).toMatch(/^\d+\.\d+/);
      session.close();
    }
  });

  its(named("verify_ca trusts the truststore's certificates only"), async () => {
    for (const file of ["ca.pem", "ca.der"]) {
      const session = await open(server, { sslMode: "verify_ca", sslTruststore: store(file) });
      expect(session.secure).toBe(true);
      session.close();
    }
    for (const sslTruststore of [store("other-ca.pem"), null])
      await expect(open(server, { sslMode: "verify_ca", sslTruststore })).rejects.toMatchObject({
        code: "CONNECT_FAILED",
        context: { setting: "database.ssl.mode" },
      });
  });

  its(named("verify_identity wants the configured host's name in the certificate"), async () => {
    const settings = settingsOf(server, { sslMode: "verify_identity", sslTruststore: store("ca.pem"), hostname: "db.example" });
    const local = () => ({ host: "127.0.0.1", port: server.port });
    await expect(connect(settings, local)).rejects.toThrow(/db\.example/);
  });

  its(named("a client certificate, as PEM or as PKCS #12"), async () => {
    const tls = { user: "tls", password: "p", sslMode: "required" as const };
    const connected = async (more: object) => (await open(server, { ...tls, ...more } as never)).close();
    await expect(connected({})).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    const as = (sslKeystore: string, sslKeystorePassword: string | null) => {
      const settings = settingsOf(server, { sslMode: "required", sslKeystore, sslKeystorePassword });
      return connect({ ...settings, user: "tls", password: "p" }, (host, port) => ({ host, port }));
    };
    for (const session of [await as(store("client.pem"), null), await as(store("client.p12"), "keystore")]) {
      expect((await session.query("select substring_index(user(), '@', 1)")).rows).toEqual([["tls"]]);
      session.close();
    }
    await expect(as(store("client.p12"), "wrong")).rejects.toMatchObject({ code: "CONNECT_FAILED" });
    await expect(as(store("java.jks"), "x")).rejects.toThrow(/JKS store; convert it with: keytool/);
    await expect(as(store("nothing"), "x")).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      context: { setting: "database.ssl.keystore" },
    });
  });

  its(named("a wrong password, a server that is not there, one that says nothing: clear errors without the password"), async () => {
    const wrong = settingsOf(server, { password: "not-the-one" });
    const at = (port: number) => (host: string) => ({ host, port });
    const failed = await connect(wrong, at(server.port)).catch((e: Error) => e);
    expect(failed).toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringMatching(/127\.0\.0\.1:\d+ as root \(database\.user, database\.password\)/),
    });
    expect(JSON.stringify(failed) + (failed as Error).stack).not.toContain("not-the-one");
    await expect(connect(wrong, at(await freePort()))).rejects.toMatchObject({
      code: "CONNECT_FAILED",
      context: { setting: "database.hostname" },
    });
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    await new Promise((resolve) => silent.once("listening", resolve));
    const { port } = silent.address() as { port: number };
    await expect(connect({ ...wrong, connectTimeoutMs: 200 }, at(port))).rejects.toMatchObject({
      code: "CONNECT_FAILED",
      context: { setting: "database.hostname" },
    });
    silent.close();
  });
});
