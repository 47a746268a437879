import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { java, javac, kafkaClient, openListener, runChecks, type TestListener, titled } from "./programs.js";

const openssl = spawnSync("openssl", ["version"]).status === 0;
const jars = openssl ? kafkaClient("kafka-clients/java-3.8/lib") : undefined;
const python = openssl ? kafkaClient("kafka-clients/python/bin/python") : undefined;
const mechanisms = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
const users = new Map([["alice", "s3cret"]]);

const folder = mkdtempSync(join(tmpdir(), "millrace-security-"));
const certificate = join(folder, "cert.pem");
let plain: TestListener;
let tls: TestListener;

beforeAll(async () => {
  if (!jars && !python) return;
  const subject =
    "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -days 2";
  execFileSync("openssl", subject.split(" "), { cwd: folder, stdio: "pipe" });
  const key = readFileSync(join(folder, "key.pem"), "utf8");
  plain = await openListener({ users });
  tls = await openListener({ users, tls: { key, cert: readFileSync(certificate, "utf8") } });
});
afterAll(async () => {
  await plain?.close();
  await tls?.close();
  rmSync(folder, { recursive: true, force: true });
});

describe.skipIf(!jars)(titled("Java client 3.8.1, SASL and TLS", jars), () => {
  const outcomes = new Map<string, string | undefined>();
  const name = (mechanism: string, over: string) => `${mechanism} over ${over}`;
  beforeAll(async () => {
    const classes = join(folder, "classes");
    mkdirSync(classes);
    javac(jars!, ["Checks.java", "Clients.java", "Tools.java"], classes);
    await Promise.all(
      (["TCP", "TLS"] as const).map(async (over) => {
        const files = mechanisms.flatMap((mechanism) => {
          const file = join(folder, `${mechanism}-${over}.properties`);
          const module = mechanism === "PLAIN" ? "plain.PlainLoginModule" : "scram.ScramLoginModule";
          writeFileSync(
            file,
            [
              `security.protocol=${over === "TLS" ? "SASL_SSL" : "SASL_PLAINTEXT"}`,
              `sasl.mechanism=${mechanism}`,
              `sasl.jaas.config=org.apache.kafka.common.security.${module} required username="alice" password="s3cret";`,
              ...(over === "TLS" ? ["ssl.truststore.type=PEM", `ssl.truststore.location=${certificate}`] : []),
            ].join("\n"),
          );
          return [name(mechanism, over), file];
        });
        const { bootstrap, dir } = over === "TLS" ? tls : plain;
        for (const [check, why] of await runChecks("java", java(jars!, classes, "Clients", bootstrap, dir, ...files)))
          outcomes.set(check, why);
      }),
    );
  });
  it.each(mechanisms.flatMap((m) => [name(m, "TCP"), name(m, "TLS")]))("%s", (check) => {
    expect(outcomes.has(check) ? (outcomes.get(check) ?? "passed") : "was not run").toBe("passed");
  });
});

describe.skipIf(!python)(titled("Python's clients, SASL and TLS", python), () => {
  it.each(mechanisms.flatMap((m) => [[m, "TCP"] as const, [m, "TLS"] as const]))("%s over %s", async (mechanism, over) => {
    const env = {
      KAFKA_MECHANISM: mechanism,
      KAFKA_USER: "alice",
      KAFKA_PASSWORD: "s3cret",
      ...(over === "TLS" ? { KAFKA_CA: certificate } : {}),
    };
    const { bootstrap } = over === "TLS" ? tls : plain;
    const outcomes = await runChecks(python!, [join(import.meta.dirname, "python/clients.py"), bootstrap], env);
    expect([...outcomes]).toEqual(["confluent-kafka", "kafka-python", "aiokafka"].map((client) => [`${client}: ${mechanism}`, undefined]));
  });
});
