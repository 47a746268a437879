import type { ConnectionOptions } from "node:tls";
import { clientKeyStore, readStore, trustStore } from "../../common/key-stores.js";
import type { TlsSettings } from "./settings.js";

/** The TLS options of the connections. @throws CONFIG_INVALID that names the setting of a file that cannot be read or used */
export function tlsOptions(settings: TlsSettings): ConnectionOptions {
  const options: ConnectionOptions = { rejectUnauthorized: true };
  if (settings.cipherSuites.length) options.ciphers = settings.cipherSuites.join(":");
  if (!settings.hostnameValidation) options.checkServerIdentity = () => undefined;
  if (settings.truststore) options.ca = trustStore("ssl.truststore.path", settings.truststore.path);
  if (settings.keystore) Object.assign(options, clientKeyStore("ssl.keystore.path", settings.keystore.path, settings.keystore.password));
  if (settings.certificate !== null) options.cert = readStore("ssl.openssl.keyCertChain", settings.certificate);
  if (settings.privateKey !== null) options.key = readStore("ssl.openssl.privateKey", settings.privateKey);
  return options;
}
