import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { MillraceError } from "./errors.js";

/** What a REST answer shows in place of a secret; in a PUT it keeps the stored value. */
export const HIDDEN = "********";

const prefix = "enc:v1:";

/** Encrypts settings for storage: AES-256-GCM, `enc:v1:` + base64 of nonce (12), tag (16) and text. */
export class SecretKey {
  private constructor(private readonly key: Buffer) {}

  /**
   * The key of `MILLRACE_SECRET_KEY` (32 bytes as base64 or hex, or any passphrase, hashed), else of `DIR/secret.key`,
   * which is made (mode 0600) where it is missing.
   */
  static open(options: { secretKey?: string | undefined; dataDir?: string | undefined }): SecretKey {
    if (options.secretKey) return new SecretKey(keyOf(options.secretKey));
    if (!options.dataDir) return new SecretKey(randomBytes(32));
    const path = join(options.dataDir, "secret.key");
    try {
      return new SecretKey(keyOf(readFileSync(path, "utf8").trim()));
    } catch (e) {
      if ((e as NodeJS.ErrnoException).code !== "ENOENT") throw e;
    }
    const key = randomBytes(32);
    const fd = openSync(path, "wx", 0o600);
    try {
      writeSync(fd, `${key.toString("base64")}\n`);
      fsyncSync(fd); // else a crash could leave stored settings that no key opens
    } finally {
      closeSync(fd);
    }
    return new SecretKey(key);
  }

  encrypt(text: string): string {
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", this.key, nonce);
    const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
    return prefix + Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64");
  }

  /** The text as it was; a text that was never encrypted is returned as it is. @throws CONFIG_INVALID for another key */
  decrypt(stored: string): string {
    if (!stored.startsWith(prefix)) return stored;
    const bytes = Buffer.from(stored.slice(prefix.length), "base64");
    const decipher = createDecipheriv("aes-256-gcm", this.key, bytes.subarray(0, 12));
    decipher.setAuthTag(bytes.subarray(12, 28));
    try {
      return decipher.update(bytes.subarray(28), undefined, "utf8") + decipher.final("utf8");
    } catch {
      throw new MillraceError("CONFIG_INVALID", "a stored secret was encrypted with another key (MILLRACE_SECRET_KEY or secret.key)");
    }
  }
}

function keyOf(text: string): Buffer {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Buffer.from(text, "hex");
  const bytes = Buffer.from(text, "base64");
  return bytes.length === 32 && /^[A-Za-z0-9+/]{43}=$/.test(text) ? bytes : createHash("sha256").update(text).digest();
}

const inUrl = [/((?:^|[?&;,\s])(?:password|passwd|pwd|secret|token|sslpassword)=)([^&;,\s]+)/gi, /(:\/\/[^/:@\s]*:)([^@/\s]+)(?=@)/g];

/** A text with the passwords in its URLs hidden. */
export function hideInUrls(text: string): string {
  return inUrl.reduce((t, pattern) => t.replace(pattern, (_a, before: string) => before + HIDDEN), text);
}

/** The passwords in a text's URLs. */
export function secretsInUrls(text: string): string[] {
  return inUrl.flatMap((pattern) => [...text.matchAll(pattern)].map((m) => m[2]!));
}

/** Takes known secret values out of texts: traces, errors, log lines. */
export class Scrubber {
  private readonly counts = new Map<string, number>();
  private pattern: RegExp | undefined;

  /** Returns what takes these values off again. Values under 4 characters are left out: they would blank whole texts. */
  add(values: Iterable<string>): () => void {
    const added = [...values].filter((v) => v.length >= 4);
    for (const v of added) this.counts.set(v, (this.counts.get(v) ?? 0) + 1);
    this.compile();
    return () => {
      for (const v of added) {
        const left = (this.counts.get(v) ?? 1) - 1;
        if (left > 0) this.counts.set(v, left);
        else this.counts.delete(v);
      }
      this.compile();
    };
  }

  scrub(text: string): string {
    return this.pattern ? text.replace(this.pattern, HIDDEN) : text;
  }

  private compile(): void {
    const longestFirst = [...this.counts.keys()].sort((a, b) => b.length - a.length);
    this.pattern = longestFirst.length ? new RegExp(longestFirst.map(wholeWord).join("|"), "g") : undefined;
  }
}

/** Not inside a longer word: a password `postgres` must not blank half of `postgresql`. */
function wholeWord(value: string): string {
  const escaped = value.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return `${/^\w/.test(value) ? "(?<!\\w)" : ""}${escaped}${/\w$/.test(value) ? "(?!\\w)" : ""}`;
}
