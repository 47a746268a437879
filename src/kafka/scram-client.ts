import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { BrokerError } from "../broker/api/errors.js";

export type ScramMechanism = "SCRAM-SHA-256" | "SCRAM-SHA-512";

/** A broker may not ask for more: each round is time of this process. */
const MOST_ITERATIONS = 1_000_000;
const withoutBinding = "n,,";

/** The client's side of SCRAM without channel binding (RFC 5802, RFC 7677): three messages, the last of which the broker proves itself with. */
export class ScramClient {
  private readonly nonce = randomBytes(24).toString("base64");
  private readonly bare: string;
  private readonly hash: string;
  private expected: Buffer = Buffer.alloc(0);

  constructor(
    mechanism: ScramMechanism,
    username: string,
    private readonly password: string,
  ) {
    this.hash = mechanism === "SCRAM-SHA-256" ? "sha256" : "sha512";
    this.bare = `n=${username.replace(/=/g, "=3D").replace(/,/g, "=2C")},r=${this.nonce}`;
  }

  first(): Buffer {
    return Buffer.from(withoutBinding + this.bare);
  }

  /** The answer to the broker's first message. @throws BrokerError where that is not one */
  async final(serverFirst: Buffer): Promise<Buffer> {
    const text = serverFirst.toString("utf8");
    const [, nonce = "", salt = "", count = ""] = /^r=([^,]+),s=([^,]+),i=(\d+)(?:,.*)?$/s.exec(text) ?? [];
    const iterations = Number(count);
    // RFC 7677 asks for as many at the least: with fewer a listener could guess the password from the proof
    if (!nonce.startsWith(this.nonce) || nonce === this.nonce || !(iterations >= 4096 && iterations <= MOST_ITERATIONS))
      throw new BrokerError("UNKNOWN_SERVER_ERROR", "the broker's SCRAM challenge is not one");
    const { hash } = this;
    const hmac = (key: Buffer, data: string) => createHmac(hash, key).update(data).digest();
    const size = hash === "sha256" ? 32 : 64;
    const salted = await promisify(pbkdf2)(this.password, Buffer.from(salt, "base64"), iterations, size, hash);
    const clientKey = hmac(salted, "Client Key");
    const withoutProof = `c=${Buffer.from(withoutBinding).toString("base64")},r=${nonce}`;
    const signed = `${this.bare},${text},${withoutProof}`;
    this.expected = hmac(hmac(salted, "Server Key"), signed);
    const signature = hmac(createHash(hash).update(clientKey).digest(), signed);
    const proof = Buffer.from(clientKey.map((byte, i) => byte ^ signature[i]!)).toString("base64");
    return Buffer.from(`${withoutProof},p=${proof}`);
  }

  /** @throws BrokerError where the broker does not know the password itself */
  verify(serverFinal: Buffer): void {
    const found = /^v=([A-Za-z0-9+/=]+)/.exec(serverFinal.toString("utf8"))?.[1] ?? "";
    const given = Buffer.from(found, "base64");
    if (given.length !== this.expected.length || !timingSafeEqual(given, this.expected))
      throw new BrokerError("UNKNOWN_SERVER_ERROR", "the broker has not proved that it knows the password");
  }
}
