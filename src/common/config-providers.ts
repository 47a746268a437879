import { readFileSync } from "node:fs";
import { basename, isAbsolute, join, normalize, sep } from "node:path";
import type { RawConfig } from "./config-def.js";
import { MillraceError } from "./errors.js";
import { JavaPattern } from "./regex/java-pattern.js";

/** Looks up what `${name:path:key}` or `${name:key}` stands for; undefined where there is no such thing. */
export type ConfigProvider = (path: string, key: string) => string | undefined;

const reference = /\$\{([A-Za-z][\w-]*):(?:([^}]*?):)?([^}:]*)\}/g;

/** The last line end of a folder's file is not part of the secret: editors add one. */
const fromFolder = (path: string, key: string) => readFileSync(join(path, basename(key)), "utf8").replace(/\r?\n$/, "");
const fromFile = (path: string, key: string) => parseProperties(readFileSync(path, "utf8")).get(key);

/** What a worker that names no `config.providers` has: `${env:NAME}`, `${file:/path/to.properties:key}`, `${dir:/folder:file}`. */
export const standardProviders: Readonly<Record<string, ConfigProvider>> = {
  env: (_path, key) => process.env[key],
  file: fromFile,
  dir: fromFolder,
};

const apache = "org.apache.kafka.common.config.provider.";
/** By class: a provider of its `param.*` settings. */
const classes: Readonly<Record<string, (params: RawConfig, prefix: string) => ConfigProvider>> = {
  [`${apache}FileConfigProvider`]: (params, prefix) => within(allowedPaths(params, prefix), fromFile),
  [`${apache}DirectoryConfigProvider`]: (params, prefix) => within(allowedPaths(params, prefix), fromFolder),
  [`${apache}EnvVarConfigProvider`]: (params) => {
    const allowed = new JavaPattern(params["allowlist.pattern"] ?? ".*");
    return (path, key) => {
      if (path !== "") throw new MillraceError("CONFIG_INVALID", "an environment variable has no path");
      return allowed.matches(key) ? process.env[key] : undefined;
    };
  },
};

/**
 * The providers that a worker's settings name, as Kafka Connect reads them: `config.providers=NAME,…` with
 * `config.providers.NAME.class` and `config.providers.NAME.param.*`; those and no others. The standard ones where it names none.
 * @throws CONFIG_INVALID that names the setting
 */
export function configProviders(worker: RawConfig): Readonly<Record<string, ConfigProvider>> {
  const names = (worker["config.providers"] ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);
  if (names.length === 0) return standardProviders;
  return Object.fromEntries(names.map((name) => [name, providerOf(worker, `config.providers.${name}.`)]));
}

function providerOf(worker: RawConfig, prefix: string): ConfigProvider {
  const className = worker[`${prefix}class`]?.trim();
  if (!className) throw new MillraceError("CONFIG_INVALID", `${prefix}class is missing`);
  const make = classes[className.includes(".") ? className : apache + className];
  if (!make)
    throw new MillraceError("CONFIG_INVALID", `${prefix}class: there is no ${className}; there are ${Object.keys(classes).join(", ")}`);
  const params: Record<string, string> = {};
  for (const [key, value] of Object.entries(worker)) if (key.startsWith(`${prefix}param.`)) params[key.slice(prefix.length + 6)] = value;
  return make(params, prefix);
}

function allowedPaths(params: RawConfig, prefix: string): readonly string[] | undefined {
  const text = params["allowed.paths"]?.trim();
  if (!text) return undefined;
  return text.split(",").map((path) => {
    if (!isAbsolute(path.trim())) throw new MillraceError("CONFIG_INVALID", `${prefix}param.allowed.paths: ${path.trim()} is not absolute`);
    return normalize(path.trim()).replace(/\/$/, "");
  });
}

function within(allowed: readonly string[] | undefined, provider: ConfigProvider): ConfigProvider {
  if (!allowed) return provider;
  return (path, key) => {
    const asked = normalize(path);
    if (!allowed.some((a) => asked === a || asked.startsWith(a + sep)))
      throw new MillraceError("CONFIG_INVALID", `${path} is not in allowed.paths`);
    return provider(asked, key);
  };
}

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
    const why = cause instanceof MillraceError ? `: ${cause.message}` : "";
    throw new MillraceError("CONFIG_INVALID", `${setting}: ${what} cannot be read${why}`, { cause });
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
