import type { Credentials } from "./credentials.js";
import { ScramExchange } from "./scram.js";

export interface SaslStep {
  readonly answer: Buffer;
  /** set once the client has proved who it is: `User:name` */
  readonly principal?: string;
  /** why it was refused; never says whether the name exists */
  readonly error?: string;
}

const mechanisms = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const;
const nothing = Buffer.alloc(0);

/** One connection's authentication: a mechanism, then its messages. */
export class SaslExchange {
  readonly mechanisms: readonly string[] = mechanisms;
  private exchange: ((message: Buffer) => SaslStep) | undefined;

  constructor(private readonly credentials: Credentials) {}

  /** False where the mechanism is not one of `mechanisms`. */
  begin(mechanism: string): boolean {
    if (mechanism === "PLAIN") this.exchange = (message) => this.plain(message);
    else if (mechanism === "SCRAM-SHA-256" || mechanism === "SCRAM-SHA-512") {
      const scram = new ScramExchange(this.credentials, mechanism);
      this.exchange = (message) => scram.step(message);
    } else return false;
    return true;
  }

  step(message: Buffer): SaslStep {
    if (!this.exchange) return { answer: nothing, error: "no mechanism was agreed on" };
    return this.exchange(message);
  }

  /** RFC 4616: authorization id, NUL, name, NUL, password. */
  private plain(message: Buffer): SaslStep {
    const parts = message.toString("utf8").split("\0");
    const [authorization, name, password] = parts;
    if (parts.length !== 3 || !name) return { answer: nothing, error: "Authentication failed: malformed PLAIN message" };
    const same = authorization === "" || authorization === name;
    if (!same || !this.credentials.check(name, password!))
      return { answer: nothing, error: "Authentication failed: Invalid username or password" };
    return { answer: nothing, principal: `User:${name}` };
  }
}
