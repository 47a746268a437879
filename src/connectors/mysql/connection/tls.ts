import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { checkServerIdentity, type SecureContextOptions, type TLSSocketOptions } from "node:tls";
import { MillraceError } from "../../../common/errors.js";

export type SslMode = "disabled" | "preferred" | "required" | "verify_ca" | "verify_identity";

export interface TlsSettings {
  readonly sslMode: SslMode;
  /** certificates that sign the server's: PEM or DER; null: the system's */
  readonly sslTruststore: string | null;
  /** the client's key and certificate: PEM with both, or PKCS #12 */
  readonly sslKeystore: string | null;
  readonly sslKeystorePassword: string | null;
}

export type TlsOptions = SecureContextOptions & Pick<TLSSocketOptions, "rejectUnauthorized"> & { checkServerIdentity?: unknown };

/** @throws MillraceError CONFIG_INVALID where a store cannot be read or is of a kind that only Java reads */
export function tlsOptions(settings: TlsSettings, hostname: string): TlsOptions {
  const verify = settings.sslMode === "verify_ca" || settings.sslMode === "verify_identity";
  return {
    rejectUnauthorized: verify,
    ...(settings.sslTruststore ? { ca: certificates(settings.sslTruststore) } : {}),
    ...(settings.sslKeystore ? clientKey(settings.sslKeystore, settings.sslKeystorePassword) : {}),
    // the name as it is configured: the address it resolves to may be another
    checkServerIdentity:
      settings.sslMode === "verify_identity"
        ? (_: string, certificate: Parameters<typeof checkServerIdentity>[1]) => checkServerIdentity(hostname, certificate)
        : () => undefined,
  };
}

function certificates(path: string): Buffer | string {
  const setting = "database.ssl.truststore";
  const bytes = read(path, setting);
  if (bytes.includes("-----BEGIN")) return bytes;
  refuseJks(bytes, path, setting);
  try {
    return new X509Certificate(bytes).toString();
  } catch {
    throw new MillraceError(
      "CONFIG_INVALID",
      `${setting}: ${path} is neither a PEM file nor a DER certificate; convert it with: keytool -exportcert -rfc -keystore ${path} -alias ALIAS`,
      { context: { setting } },
    );
  }
}

function clientKey(path: string, password: string | null): SecureContextOptions {
  const setting = "database.ssl.keystore";
  const bytes = read(path, setting);
  const passphrase = password === null ? {} : { passphrase: password };
  if (bytes.includes("-----BEGIN")) return { key: bytes, cert: bytes, ...passphrase };
  refuseJks(bytes, path, setting);
  return { pfx: bytes, ...passphrase };
}

function refuseJks(bytes: Buffer, path: string, setting: string): void {
  if (bytes.length > 4 && bytes.readUInt32BE(0) === 0xfeedfeed)
    throw new MillraceError(
      "CONFIG_INVALID",
      `${setting}: ${path} is a JKS store; convert it with: keytool -importkeystore -srckeystore ${path} -destkeystore store.p12 -deststoretype PKCS12`,
      { context: { setting } },
    );
}

function read(path: string, setting: string): Buffer {
  try {
    return readFileSync(path);
  } catch (e) {
    throw new MillraceError("CONFIG_INVALID", `${setting}: cannot read ${path}: ${(e as NodeJS.ErrnoException).code}`, {
      context: { setting },
    });
  }
}
