import { isReference } from "../../common/config-providers.js";
import { HIDDEN, hideInUrls } from "../../common/secrets.js";
import type { ConnectorConfig } from "../api/source.js";
import { partsOf } from "./config-parts.js";
import type { ConnectorPlugin, Plugins } from "./plugins.js";

const looksSecret = /(password|passwd|secret|credential|api\.?key|token|jaas\.config|user\.info)s?$/i;

/** The settings whose values are secrets: PASSWORD ones, undeclared ones that are named like one, and URLs with a password. */
export function secretSettings(given: ConnectorConfig, plugin: ConnectorPlugin | undefined, plugins: Plugins): Set<string> {
  const out = new Set<string>();
  const config = plugin?.translate?.(given) ?? given;
  const password = new Set<string>();
  const known = new Set<string>();
  for (const part of plugin ? partsOf(config, plugin, plugins, []) : [])
    for (const s of part.def.settings.values())
      for (const name of [s.name, ...(s.aliases ?? [])]) {
        known.add(part.prefix + name);
        if (s.type === "PASSWORD") password.add(part.prefix + name);
      }
  for (const [key, value] of [...Object.entries(given), ...Object.entries(config)])
    if (!isReference(value) && (password.has(key) || (!known.has(key) && looksSecret.test(key)) || hideInUrls(value) !== value))
      out.add(key);
  return out;
}

/** As REST shows it. */
export function maskConfig(config: ConnectorConfig, secrets: ReadonlySet<string>): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [key, value] of Object.entries(config)) out[key] = secrets.has(key) ? mask(key, value, true) : value;
  return out;
}

/** A value that is what REST shows of the stored one stands for the stored one. */
export function keepStoredSecrets(given: ConnectorConfig, stored: ConnectorConfig, secrets: ReadonlySet<string>): ConnectorConfig {
  const out: Record<string, string> = { ...given };
  for (const key of secrets) {
    const before = stored[key];
    if (before !== undefined && out[key] !== undefined && (out[key] === HIDDEN || out[key] === mask(key, before, true))) out[key] = before;
  }
  return out;
}

export function mask(key: string, value: string, secret: boolean): string {
  const hidden = hideInUrls(value);
  if (hidden !== value) return hidden;
  return secret || (looksSecret.test(key) && !isReference(value)) ? HIDDEN : value;
}
