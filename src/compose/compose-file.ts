import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parse } from "yaml";
import { asError, MillraceError } from "../common/errors.js";
import { interpolate, parseEnvFile, type Variables } from "./interpolate.js";

export interface PublishedPort {
  /** null: on every address */
  readonly hostIp: string | null;
  /** null: Docker picks one */
  readonly published: number | null;
  readonly target: number;
}

export interface Volume {
  /** on the host, absolute; a named volume as it is called */
  readonly source: string;
  /** in the container */
  readonly target: string;
}

export interface Service {
  readonly name: string;
  /** null: built from a folder */
  readonly image: string | null;
  readonly environment: Readonly<Record<string, string>>;
  readonly ports: readonly PublishedPort[];
  /** its own name, host name, container name and aliases: what others reach it by */
  readonly names: readonly string[];
  /** entrypoint and command as one text; empty: the image's own */
  readonly command: string;
  readonly volumes: readonly Volume[];
}

export interface ComposeFile {
  /** as given; several joined by commas */
  readonly path: string;
  readonly services: readonly Service[];
  /** what was left out or could not be read, as sentences */
  readonly notes: readonly string[];
}

type Yaml = Record<string, unknown>;
const isMap = (value: unknown): value is Yaml => typeof value === "object" && value !== null && !Array.isArray(value);
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]);

/** What `docker compose` looks for in a folder without being told, and the file that it puts over each. */
const usual = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/** The compose files of a folder that names none. @throws NOT_FOUND */
export function usualFiles(folder: string): string[] {
  const file = usual.find((name) => existsSync(join(folder, name)));
  if (file === undefined) throw new MillraceError("NOT_FOUND", `there is no compose file here: neither ${usual.join(" nor ")}`);
  const overrides = [file.replace(/\.ya?ml$/, ".override.yml"), file.replace(/\.ya?ml$/, ".override.yaml")];
  return [file, ...overrides.filter((name) => existsSync(join(folder, name))).slice(0, 1)];
}

/**
 * Reads compose files, later ones over earlier ones, with their variables put in: those of `environment`, else of `.env` beside the
 * first file (or of `envFile`).
 * @param profiles whose services are taken beside those without one
 * @throws NOT_FOUND, CONFIG_INVALID naming file and service
 */
export function readComposeFile(
  paths: readonly string[],
  environment: Variables,
  options: { readonly envFile?: string; readonly profiles?: readonly string[] } = {},
): ComposeFile {
  const folder = dirname(resolve(paths[0]!));
  const dotEnv = options.envFile ?? resolve(folder, ".env");
  if (options.envFile !== undefined && !existsSync(dotEnv)) throw new MillraceError("NOT_FOUND", `there is no file ${dotEnv}`);
  const own = existsSync(dotEnv) ? parseEnvFile(readFileSync(dotEnv, "utf8"), environment) : {};
  const variables: Variables = { ...own, ...environment };
  const notes: string[] = [];
  const unset = new Set<string>();
  const services = new Map<string, Yaml>();
  for (const path of paths)
    for (const [name, service] of servicesIn(path, variables, (variable) => unset.add(variable), notes)) {
      const under = services.get(name);
      services.set(name, under ? over(under, service, variables) : service);
    }
  if (unset.size) notes.push(`variables without a value, taken as empty: ${[...unset].join(", ")}`);
  const active = (service: Yaml) => {
    const profiles = listOf(service["profiles"]).map(String);
    return profiles.length === 0 || profiles.some((p) => options.profiles?.includes(p) || options.profiles?.includes("*"));
  };
  const out: Service[] = [];
  for (const [name, service] of services) {
    if (!active(service)) notes.push(`${name} is only in the profile ${listOf(service["profiles"]).join(", ")}: --profile takes it in`);
    else out.push(serviceOf(name, service, folder, variables));
  }
  return { path: paths.join(", "), services: out, notes };
}

/** One service's mapping over another's. */
function over(under: Yaml, service: Yaml, variables: Variables): Yaml {
  return {
    ...under,
    ...service,
    environment: { ...environmentOf(under["environment"], variables), ...environmentOf(service["environment"], variables) },
    ports: [...listOf(under["ports"]), ...listOf(service["ports"])],
    volumes: [...listOf(under["volumes"]), ...listOf(service["volumes"])],
  };
}

function servicesIn(path: string, variables: Variables, unset: (name: string) => void, notes: string[]): Map<string, Yaml> {
  if (!existsSync(path)) throw new MillraceError("NOT_FOUND", `there is no file ${path}`);
  let content: unknown;
  try {
    content = parse(readFileSync(path, "utf8"), { merge: true });
  } catch (error) {
    throw new MillraceError("CONFIG_INVALID", `${path} is not YAML: ${asError(error).message}`, { cause: error });
  }
  if (!isMap(content) || !isMap(content["services"]))
    throw new MillraceError("CONFIG_INVALID", `${path} is not a compose file: it has no services`);
  if (content["include"] !== undefined) notes.push("include: other files are not read; give them to `millrace up` by themselves");
  const found = new Map<string, Yaml>();
  for (const [name, raw] of Object.entries(content["services"])) {
    if (!isMap(raw)) throw new MillraceError("CONFIG_INVALID", `${path}: the service ${name} is no mapping`);
    try {
      found.set(name, filled(raw, variables, unset) as Yaml);
    } catch (error) {
      throw new MillraceError("CONFIG_INVALID", `${path}: service ${name}: ${asError(error).message}`, { cause: error });
    }
  }
  for (const [name, service] of found) found.set(name, extended(name, service, found, path, variables, unset, notes));
  return found;
}

/** All texts with their variables put in. */
function filled(value: unknown, variables: Variables, unset: (name: string) => void): unknown {
  if (typeof value === "string") return value.includes("$") ? interpolate(value, variables, unset) : value;
  if (Array.isArray(value)) return value.map((v) => filled(v, variables, unset));
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, filled(v, variables, unset)]));
}

function extended(
  name: string,
  service: Yaml,
  all: ReadonlyMap<string, Yaml>,
  path: string,
  variables: Variables,
  unset: (name: string) => void,
  notes: string[],
): Yaml {
  const from = service["extends"];
  if (from === undefined) return service;
  const base = isMap(from) ? String(from["service"] ?? name) : String(from);
  const file = isMap(from) && from["file"] !== undefined ? resolve(dirname(path), String(from["file"])) : undefined;
  const services = file === undefined ? all : servicesIn(file, variables, unset, notes);
  const found = services.get(base);
  if (!found || found === service)
    throw new MillraceError("CONFIG_INVALID", `${path}: service ${name} extends ${base}, which is not there`);
  const under = file === undefined ? extended(base, found, all, path, variables, unset, notes) : found;
  return over(under, service, variables);
}

function serviceOf(name: string, service: Yaml, folder: string, variables: Variables): Service {
  const environment: Record<string, string> = {};
  for (const entry of listOf(service["env_file"])) {
    const file = resolve(folder, String(isMap(entry) ? entry["path"] : entry));
    if (existsSync(file)) Object.assign(environment, parseEnvFile(readFileSync(file, "utf8"), variables));
    else if (!isMap(entry) || entry["required"] !== false)
      throw new MillraceError("NOT_FOUND", `service ${name}: the env_file ${file} is not there`);
  }
  Object.assign(environment, environmentOf(service["environment"], variables));
  const names = new Set([name]);
  for (const key of ["hostname", "container_name"]) if (typeof service[key] === "string") names.add(service[key]);
  if (isMap(service["networks"]))
    for (const network of Object.values(service["networks"]))
      if (isMap(network)) for (const alias of listOf(network["aliases"])) names.add(String(alias));
  return {
    name,
    image: typeof service["image"] === "string" ? service["image"] : null,
    environment,
    ports: listOf(service["ports"]).flatMap((port) => portsOf(port, name)),
    names: [...names],
    command: [...listOf(service["entrypoint"]), ...listOf(service["command"])].map(String).join(" ").trim(),
    volumes: listOf(service["volumes"]).flatMap((volume) => volumeOf(volume, folder)),
  };
}

/** A mapping, or a list of `NAME=value`; a name alone takes the value of the shell. */
function environmentOf(value: unknown, variables: Variables): Record<string, string> {
  const out: Record<string, string> = {};
  const set = (name: string, given: unknown) => {
    const text = given === null || given === undefined ? variables[name] : String(given);
    if (text !== undefined) out[name] = text;
  };
  if (isMap(value)) for (const [name, given] of Object.entries(value)) set(name, given);
  else
    for (const entry of listOf(value)) {
      const at = String(entry).indexOf("=");
      if (at < 0) set(String(entry), null);
      else set(String(entry).slice(0, at), String(entry).slice(at + 1));
    }
  return out;
}

/** `[[IP:]HOST:]CONTAINER[/tcp]`, with ranges, or the mapping with target, published and host_ip. */
function portsOf(port: unknown, service: string): PublishedPort[] {
  const wrong = () => new MillraceError("CONFIG_INVALID", `service ${service}: ${JSON.stringify(port)} is no port`);
  let ip: string | null = null;
  let published: string | undefined;
  let target: string;
  if (isMap(port)) {
    if (port["protocol"] === "udp") return [];
    ip = port["host_ip"] === undefined ? null : String(port["host_ip"]);
    published = port["published"] === undefined ? undefined : String(port["published"]);
    target = String(port["target"]);
  } else {
    const m = /^(?:(\[[^\]]+\]|[\d.]+):(?=.*:|\d*:))?(?:([\d-]*):)?([\d-]+)(?:\/(tcp|udp))?$/.exec(String(port).trim());
    if (!m) throw wrong();
    if (m[4] === "udp") return [];
    ip = m[1]?.replace(/^\[|\]$/g, "") ?? null;
    published = m[2] || undefined;
    target = m[3]!;
  }
  const range = (text: string): [number, number] => {
    const [low, high = low] = text.split("-").map(Number) as [number, number?];
    if (!Number.isInteger(low) || !Number.isInteger(high)) throw wrong();
    return [low, high!];
  };
  const [from, to] = range(target);
  const first = published === undefined ? null : range(published)[0];
  return Array.from({ length: to - from + 1 }, (_, i) => ({
    hostIp: ip,
    published: first === null ? null : first + i,
    target: from + i,
  }));
}

function volumeOf(volume: unknown, folder: string): Volume[] {
  const [source, target] = isMap(volume)
    ? [String(volume["source"] ?? ""), String(volume["target"] ?? "")]
    : (String(volume).split(":") as [string, string | undefined]);
  if (!source || !target) return [];
  return [{ source: /^[./~]/.test(source) ? resolve(folder, source.replace(/^~/, process.env["HOME"] ?? "~")) : source, target }];
}
