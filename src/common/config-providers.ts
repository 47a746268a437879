import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { MillraceError } from "./errors.js";

/** Looks up what `${name:path:key}` or `${name:key}` stands for; undefined where there is no such thing. */
export type ConfigProvider = (path: string, key: string) => string | undefined;

const reference = /\$\{([A-Za-z][\w-]*):(?:([^}]*?):)?([^}:]*)\}/g;

/**
 * `${env:NAME}`; `${file:/path/to.properties:key}`; `${dir:/folder:file}` (the file's text without its last line end).
 * Kafka's own provider names are answered too, as old workers' configs name them.
 */
export const standardProviders: Readonly<Record<string, ConfigProvider>> = {
  env: (_path, key) => process.env[key],
  file: (path, key) => parseProperties(readFileSync(path, "utf8")).get(key),
  dir: (path, key) => readFileSync(join(path, basename(key)), "utf8").replace(/\r?\n$/, ""),
};

/** True where the text is nothing but one reference, which is not itself a secret. */
export function isReference(text: string): boolean {
  return /^\$\{[A-Za-z][\w-]*:[^}]*\}$/.test(text);
}

/**
 * The config with every reference replaced, and the texts that references gave (secrets, for the scrubber).
 * @throws MillraceError CONFIG_UNKNOWN_PROVIDER, CONFIG_INVALID; both name the setting and never the value
 */
export function resolveReferences(
  config: Readonly<Record<string, string>>,
  providers: Readonly<Record<string, ConfigProvider>> = standardProviders,
): { config: Record<string, string>; resolved: string[] } {
  const resolved: string[] = [];
  const out: Record<string, string> = {};
  for (const [setting, text] of Object.entries(config)) {
    out[setting] = text.includes("${")
      ? text.replace(reference, (_all, name: string, path: string | undefined, key: string) => {
          const provider = providers[name];
          if (!provider)
            throw new MillraceError(
              "CONFIG_UNKNOWN_PROVIDER",
              `${setting}: there is no config provider "${name}" (known: ${Object.keys(providers).join(", ")})`,
            );
          const value = lookUp(provider, path ?? "", key, setting, name);
          resolved.push(value);
          return value;
        })
      : text;
  }
  return { config: out, resolved };
}

function lookUp(provider: ConfigProvider, path: string, key: string, setting: string, name: string): string {
  const what = `\${${name}:${path ? `${path}:` : ""}${key}}`;
  let value: string | undefined;
  try {
    value = provider(path, key);
  } catch (cause) {
    throw new MillraceError("CONFIG_INVALID", `${setting}: ${what} cannot be read`, { cause });
  }
  if (value === undefined) throw new MillraceError("CONFIG_INVALID", `${setting}: ${what} is not set`);
  return value;
}

/** java.util.Properties' text: `key=value`, `key: value`, `#` and `!` comments, `\` at a line's end, `\uXXXX`. */
export function parseProperties(text: string): Map<string, string> {
  const out = new Map<string, string>();
  for (const line of text.replace(/\\\r?\n[ \t]*/g, "").split(/\r?\n/)) {
    const trimmed = line.trimStart();
    if (trimmed === "" || trimmed[0] === "#" || trimmed[0] === "!") continue;
    const m = /^((?:\\.|[^\\:=\s])*)(?:\s*[:=]\s*|\s+|$)(.*)$/.exec(trimmed);
    if (m) out.set(unescapeProperty(m[1]!), unescapeProperty(m[2]!));
  }
  return out;
}

const escapes: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", f: "\f" };

function unescapeProperty(text: string): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|(.))/g, (_all, hex: string | undefined, char: string) =>
    hex ? String.fromCharCode(Number.parseInt(hex, 16)) : (escapes[char] ?? char),
  );
}
