import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto";

export type ScramMechanism = "SCRAM-SHA-256" | "SCRAM-SHA-512";

/** What a server keeps of a password for SCRAM (RFC 5802, section 3). */
export interface ScramKeys {
  readonly salt: Buffer;
  readonly iterations: number;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** As Kafka's default. */
const iterations = 4096;

export const hashOf = (mechanism: ScramMechanism): "sha256" | "sha512" => (mechanism === "SCRAM-SHA-256" ? "sha256" : "sha512");

/** Users and their passwords, held as the keys that each mechanism needs. */
export class Credentials {
  private readonly passwords = new Map<string, Buffer>();
  private readonly keys = new Map<string, ScramKeys>();
  private readonly secret = randomBytes(32);

  /** @param users name → password */
  constructor(users: ReadonlyMap<string, string>) {
    for (const [name, password] of users) this.passwords.set(name, Buffer.from(password));
  }

  check(name: string, password: string): boolean {
    // digests have one length, so that the time says nothing of the password; an unknown name takes as long
    const digest = (text: Uint8Array) => createHash("sha256").update(text).digest();
    const known = this.passwords.get(name);
    return timingSafeEqual(digest(known ?? this.secret), digest(Buffer.from(password))) && known !== undefined;
  }

  /** Of an unknown name: keys that nobody's password gives, the same at every try. */
  scram(name: string, mechanism: ScramMechanism): ScramKeys {
    const id = `${mechanism}/${name}`;
    let keys = this.keys.get(id);
    if (keys) return keys;
    const known = this.passwords.get(name);
    const salt = createHmac("sha256", this.secret).update(id).digest().subarray(0, 16);
    keys = scramKeys(known ?? randomBytes(32), salt, mechanism);
    // names that do not exist are not kept: anyone could send any number of them
    if (known) this.keys.set(id, keys);
    return keys;
  }
}

function scramKeys(password: Buffer, salt: Buffer, mechanism: ScramMechanism): ScramKeys {
  const hash = hashOf(mechanism);
  const length = hash === "sha256" ? 32 : 64;
  const salted = pbkdf2Sync(password.toString("utf8").normalize("NFKC"), salt, iterations, length, hash);
  const clientKey = createHmac(hash, salted).update("Client Key").digest();
  return {
    salt,
    iterations,
    storedKey: createHash(hash).update(clientKey).digest(),
    serverKey: createHmac(hash, salted).update("Server Key").digest(),
  };
}
