import { readFileSync } from "node:fs";
import type { SecureContextOptions } from "node:tls";
import { asError, MillraceError } from "./errors.js";

/** The trusted certificates of a PEM or JKS file, each as PEM. @throws CONFIG_INVALID that names the setting */
export function trustStore(setting: string, path: string): string[] {
  const bytes = readStore(setting, path);
  if (isPem(bytes)) return [bytes.toString("latin1")];
  if (isJks(bytes)) return jksCertificates(setting, bytes);
  throw new MillraceError(
    "CONFIG_INVALID",
    `${setting}: neither PEM nor JKS; a PKCS12 trust store is converted by: openssl pkcs12 -in FILE -nokeys -out FILE.pem`,
  );
}

/** The client's key and certificate of a PKCS12 or PEM file. @throws CONFIG_INVALID that names the setting */
export function clientKeyStore(setting: string, path: string, password: string): SecureContextOptions {
  const options: SecureContextOptions = {};
  const bytes = readStore(setting, path);
  if (isPem(bytes)) {
    options.cert = bytes;
    options.key = bytes;
  } else if (isJks(bytes))
    throw new MillraceError(
      "CONFIG_INVALID",
      `${setting}: a JKS key store is not supported; convert it: keytool -importkeystore -srckeystore FILE -destkeystore FILE.p12 -deststoretype PKCS12`,
    );
  else options.pfx = bytes;
  if (password !== "") options.passphrase = password;
  return options;
}

/** @throws CONFIG_INVALID that names the setting */
export function readStore(setting: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new MillraceError("CONFIG_INVALID", `${setting}: ${asError(cause).message}`, { cause });
  }
}

const isPem = (bytes: Buffer) => bytes.includes("-----BEGIN ");
const isJks = (bytes: Buffer) => bytes.length > 12 && bytes.readUInt32BE(0) === 0xfeedfeed;

/**
 * The trusted certificates of a JKS file, which are not encrypted: magic, version, count, then entries of tag, alias, date and,
 * for tag 2, the certificate's type and bytes.
 */
function jksCertificates(setting: string, bytes: Buffer): string[] {
  const out: string[] = [];
  const count = bytes.readUInt32BE(8);
  let at = 12;
  const skipText = () => {
    at += 2 + bytes.readUInt16BE(at);
  };
  for (let i = 0; i < count; i++) {
    const tag = bytes.readUInt32BE(at);
    at += 4;
    skipText();
    at += 8;
    if (tag !== 2) throw new MillraceError("CONFIG_INVALID", `${setting}: the JKS file holds keys; expected trusted certificates only`);
    skipText();
    const length = bytes.readUInt32BE(at);
    at += 4;
    const lines = bytes
      .subarray(at, at + length)
      .toString("base64")
      .match(/.{1,64}/g)!;
    out.push(`-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`);
    at += length;
  }
  return out;
}
