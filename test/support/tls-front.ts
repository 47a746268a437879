import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";

const missing = (...tools: string[]) =>
  tools.filter((tool) => {
    try {
      execFileSync("which", [tool]);
      return false;
    } catch {
      return true;
    }
  });
/** The tools that `startTlsFront` needs and that are not here. */
export const tlsToolsMissing = missing("openssl", "keytool");
/** The same of `makeCertificates`. */
export const opensslMissing = missing("openssl").length > 0;

/**
 * In `dir`: `ca.pem`, and signed by it `node.pem` and `node.key` for 127.0.0.1, `client.pem` and `client.key`, and `client.p12` with the
 * password `secret`.
 */
export function makeCertificates(dir: string): void {
  const openssl = (text: string) => execFileSync("openssl", text.split(" "), { cwd: dir, stdio: "pipe" });
  openssl("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=ca -days 2");
  for (const [name, san] of [
    ["node", "IP:127.0.0.1"],
    ["client", "DNS:client"],
  ] as const) {
    openssl(`req -newkey rsa:2048 -nodes -keyout ${name}.key -out ${name}.csr -subj /CN=${name}`);
    writeFileSync(join(dir, "san"), `subjectAltName=${san}`);
    openssl(`x509 -req -in ${name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out ${name}.pem -days 2 -extfile san`);
  }
  openssl("pkcs12 -export -inkey client.key -in client.pem -out client.p12 -passout pass:secret");
}

/** A TLS end before a server that speaks plainly, which asks for the client's certificate; the files that a client needs. */
export interface TlsFront {
  readonly port: number;
  /** `ca.pem`, `client.pem`, `client.key`, `client.p12` and `trust.jks`, both with the password `secret` */
  file(name: string): string;
  stop(): void;
}

/** @param target the plain server's port, asked for each connection */
export async function startTlsFront(target: () => number): Promise<TlsFront> {
  const dir = mkdtempSync(join(tmpdir(), "millrace-tls-"));
  const file = (name: string) => join(dir, name);
  makeCertificates(dir);
  const store = ["-keystore", file("trust.jks"), "-storetype", "JKS", "-storepass", "secret"];
  execFileSync("keytool", ["-importcert", "-noprompt", "-alias", "ca", "-file", file("ca.pem"), ...store], { stdio: "pipe" });
  const pem = (name: string) => readFileSync(file(name));
  const front = createServer(
    { key: pem("node.key"), cert: pem("node.pem"), ca: pem("ca.pem"), requestCert: true, rejectUnauthorized: true },
    (socket) => {
      const back = connect(target(), "127.0.0.1");
      socket.pipe(back).pipe(socket);
      socket.on("error", () => back.destroy());
      back.on("error", () => socket.destroy());
    },
  );
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  return {
    port: (front.address() as { port: number }).port,
    file,
    stop() {
      front.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
