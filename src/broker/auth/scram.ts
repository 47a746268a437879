import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { type Credentials, hashOf, type ScramKeys, type ScramMechanism } from "./credentials.js";
import type { SaslStep } from "./sasl.js";

const failed: SaslStep = { answer: Buffer.alloc(0), error: "Authentication failed during authentication due to invalid credentials" };

/** The server's side of SCRAM without channel binding (RFC 5802, RFC 7677). */
export class ScramExchange {
  private state: "first" | "final" | "done" = "first";
  private name = "";
  private keys!: ScramKeys;
  private nonce = "";
  private clientFirstBare = "";
  private serverFirst = "";

  constructor(
    private readonly credentials: Credentials,
    private readonly mechanism: ScramMechanism,
  ) {}

  step(message: Buffer): SaslStep {
    if (this.state === "first") return this.first(message.toString("utf8"));
    if (this.state === "final") return this.final(message.toString("utf8"));
    return failed;
  }

  private first(text: string): SaslStep {
    const found = /^(?:n|y),(?:a=[^,]*)?,((?:m=[^,]*,)?n=([^,]*),r=([^,]+)(?:,.*)?)$/s.exec(text);
    if (!found || found[1]!.startsWith("m=")) return failed;
    this.clientFirstBare = found[1]!;
    this.name = found[2]!.replace(/=2C/g, ",").replace(/=3D/g, "=");
    this.nonce = found[3]! + randomBytes(18).toString("base64");
    this.keys = this.credentials.scram(this.name, this.mechanism);
    this.serverFirst = `r=${this.nonce},s=${this.keys.salt.toString("base64")},i=${this.keys.iterations}`;
    this.state = "final";
    return { answer: Buffer.from(this.serverFirst) };
  }

  private final(text: string): SaslStep {
    this.state = "done";
    const found = /^(c=([^,]*),r=([^,]*)(?:,.*?)?),p=([A-Za-z0-9+/=]+)$/s.exec(text);
    if (!found || found[3] !== this.nonce) return failed;
    const binding = Buffer.from(found[2]!, "base64").toString("utf8");
    if (!/^(n|y),/.test(binding)) return failed;
    const hash = hashOf(this.mechanism);
    const { storedKey, serverKey } = this.keys;
    const signed = `${this.clientFirstBare},${this.serverFirst},${found[1]}`;
    const signature = createHmac(hash, storedKey).update(signed).digest();
    const proof = Buffer.from(found[4]!, "base64");
    if (proof.length !== signature.length) return failed;
    const clientKey = Buffer.from(proof.map((byte, i) => byte ^ signature[i]!));
    if (!timingSafeEqual(createHash(hash).update(clientKey).digest(), storedKey)) return failed;
    const verifier = createHmac(hash, serverKey).update(signed).digest("base64");
    return { answer: Buffer.from(`v=${verifier}`), principal: `User:${this.name}` };
  }
}
