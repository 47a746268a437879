import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readToEnd } from "../../src/broker/api/reader.js";
import { type ConnectionConfig, connect } from "../../src/embed/connection.js";
import { TopicProducer } from "../../src/embed/topic-producer.js";
import { serdes } from "../../src/serde/serdes.js";
import { MillraceProcess } from "../main/process.js";
import { freePort } from "../support/postgres.js";
import { makeCertificates, opensslMissing } from "../support/tls-front.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const home = join(root, ".services", "kafka");
const because = !existsSync(join(home, "lib")) ? " (Apache Kafka is not in .services/kafka)" : opensslMissing ? " (no openssl)" : "";

describe.skipIf(because !== "")(`an Apache Kafka cluster with TLS and SASL${because}`, () => {
  const dir = mkdtempSync(join(tmpdir(), "millrace-secure-"));
  const file = (name: string) => join(dir, name);
  const names = ["SSL", "MTLS", "SASL_SSL", "SASL_PLAINTEXT"] as const;
  const ports = {} as Record<(typeof names)[number] | "PLAINTEXT", number>;
  const script = (action: string, env: Record<string, string> = {}) =>
    execFileSync("bash", [join(root, "test/services/kafka.sh"), action, home, String(ports.PLAINTEXT)], {
      stdio: "ignore",
      env: { ...process.env, ...env },
    });
  const user = { "sasl.username": "ann", "sasl.password": "secret" };
  const ca = { "ssl.truststore.location": file("ca.pem") };
  const at = (port: number): ConnectionConfig => ({
    "bootstrap.servers": `127.0.0.1:${port}`,
    "schema.registry.url": "http://127.0.0.1:1",
  });

  /** Writes to a topic and reads it. */
  async function works(config: ConnectionConfig, topic: string): Promise<void> {
    const producer = await TopicProducer.open({ ...config, topic, key: serdes.string, value: serdes.string, partitions: 1 });
    await producer.send("k", topic);
    await producer.close();
    const { broker, close } = await connect(config);
    let found = "";
    await readToEnd(broker, topic, "read_committed", (batch) => {
      found += batch.toString("latin1");
    }).finally(close);
    expect(found).toContain(topic);
  }

  beforeAll(async () => {
    makeCertificates(dir);
    writeFileSync(file("both.pem"), Buffer.concat([readFileSync(file("node.key")), readFileSync(file("node.pem"))]));
    for (const name of ["PLAINTEXT", ...names] as const) ports[name] = await freePort();
    const listeners = ["PLAINTEXT", ...names].map((name) => `${name}://127.0.0.1:${ports[name as "SSL"]}`).join(",");
    const login = (mechanism: string, more = "") =>
      `listener.name.sasl_%.${mechanism}.sasl.jaas.config=org.apache.kafka.common.security.${mechanism === "plain" ? "plain.Plain" : "scram.Scram"}LoginModule required${more};`;
    const logins = [login("plain", ' user_ann="secret"'), login("scram-sha-256"), login("scram-sha-512")];
    script("start", {
      KAFKA_PROPERTIES: [
        `listeners=${listeners},CONTROLLER://127.0.0.1:${ports.PLAINTEXT + 1}`,
        `advertised.listeners=${listeners}`,
        "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,MTLS:SSL,SASL_SSL:SASL_SSL,SASL_PLAINTEXT:SASL_PLAINTEXT",
        "inter.broker.listener.name=PLAINTEXT",
        "ssl.keystore.type=PEM",
        `ssl.keystore.location=${file("both.pem")}`,
        "ssl.truststore.type=PEM",
        `ssl.truststore.location=${file("ca.pem")}`,
        "listener.name.mtls.ssl.client.auth=required",
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        ...["ssl", "plaintext"].flatMap((kind) => logins.map((line) => line.replace("%", kind))),
      ].join("\n"),
      KAFKA_SCRAM: ["256", "512"].map((bits) => `SCRAM-SHA-${bits}=[name=ann,iterations=4096,password=secret]`).join(" "),
    });
  }, 120_000);

  afterAll(() => {
    if (ports.PLAINTEXT) script("stop");
    rmSync(join(home, "instances", String(ports.PLAINTEXT)), { recursive: true, force: true });
    rmSync(dir, { recursive: true, force: true });
  });

  it("checks the cluster's certificate against a trust store", async () => {
    await works({ ...at(ports.SSL), "security.protocol": "SSL", ...ca }, "by-tls");
    await expect(connect({ ...at(ports.SSL), "security.protocol": "SSL" })).rejects.toThrow(/certificate/);
  });

  it.each([
    ["PEM", () => ({ "ssl.keystore.location": file("client-both.pem") })],
    ["PKCS12", () => ({ "ssl.keystore.location": file("client.p12"), "ssl.keystore.password": "secret" })],
  ])("shows a certificate of its own from a %s file", async (name, store) => {
    writeFileSync(file("client-both.pem"), Buffer.concat([readFileSync(file("client.key")), readFileSync(file("client.pem"))]));
    await works({ ...at(ports.MTLS), "security.protocol": "SSL", ...ca, ...store() }, `by-certificate-${name}`);
  });

  it.each(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const)("logs in with SASL %s, over TCP and over TLS", async (mechanism) => {
    const login = { ...user, "sasl.mechanism": mechanism };
    await works({ ...at(ports.SASL_PLAINTEXT), "security.protocol": "SASL_PLAINTEXT", ...login }, `by-${mechanism}`);
    await works({ ...at(ports.SASL_SSL), "security.protocol": "SASL_SSL", ...ca, ...login }, `by-${mechanism}-and-tls`);
    const wrong = connect({ ...at(ports.SASL_PLAINTEXT), "security.protocol": "SASL_PLAINTEXT", ...login, "sasl.password": "other" });
    await expect(wrong).rejects.toThrow(/authenticates ann/);
  });

  it("carries a whole process", async () => {
    const flags = {
      servers: `127.0.0.1:${ports.SASL_SSL}`,
      "security-protocol": "SASL_SSL",
      "sasl-mechanism": "SCRAM-SHA-512",
      "sasl-username": "ann",
      "sasl-password": "secret",
      "ssl-truststore-location": file("ca.pem"),
    };
    const millrace = await MillraceProcess.start(
      file("data"),
      Object.entries(flags).flatMap(([name, value]) => [`--bootstrap-${name}`, value]),
    );
    try {
      await millrace.ksql("CREATE STREAM s (id INT KEY, v INT) WITH (KAFKA_TOPIC='secure', VALUE_FORMAT='JSON', PARTITIONS=1);");
      await millrace.ksql("CREATE TABLE t AS SELECT id, COUNT(*) AS n FROM s GROUP BY id;");
      await millrace.ksql("INSERT INTO s (id, v) VALUES (1, 1);");
      await expect.poll(() => millrace.rows("SELECT n FROM t WHERE id = 1;"), { timeout: 30_000 }).toEqual([[1]]);
    } finally {
      await millrace.stop();
    }
  }, 90_000);
});
