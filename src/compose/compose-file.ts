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
  /** names of its secrets and configs, which are files in the container, with the file on the host where there is one */
  readonly files: readonly string[];
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
  const files = new Map<string, string>();
  const reading: Reading = { variables, unset: (variable) => unset.add(variable), files, within: [] };
  for (const path of paths)
    for (const [name, service] of servicesIn(path, reading)) {
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
    else out.push(serviceOf(name, service, folder, variables, files));
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

/** What all files of one reading share. */
interface Reading {
  readonly variables: Variables;
  readonly unset: (name: string) => void;
  /** by name: the host's file of a secret or config */
  readonly files: Map<string, string>;
  /** the files that include this one, the outermost first */
  readonly within: readonly string[];
}

function servicesIn(path: string, reading: Reading): Map<string, Yaml> {
  if (!existsSync(path)) throw new MillraceError("NOT_FOUND", `there is no file ${path}`);
  let content: unknown;
  try {
    content = parse(readFileSync(path, "utf8"), { merge: true });
  } catch (error) {
    throw new MillraceError("CONFIG_INVALID", `${path} is not YAML: ${asError(error).message}`, { cause: error });
  }
  if (!isMap(content) || (!isMap(content["services"]) && content["include"] === undefined))
    throw new MillraceError("CONFIG_INVALID", `${path} is not a compose file: it has no services`);
  const { variables, unset } = reading;
  const found = new Map<string, Yaml>();
  for (const [name, raw] of Object.entries(isMap(content["services"]) ? content["services"] : {})) {
    if (!isMap(raw)) throw new MillraceError("CONFIG_INVALID", `${path}: the service ${name} is no mapping`);
    try {
      found.set(name, filled(raw, variables, unset) as Yaml);
    } catch (error) {
      throw new MillraceError("CONFIG_INVALID", `${path}: service ${name}: ${asError(error).message}`, { cause: error });
    }
  }
  for (const kind of ["secrets", "configs"]) {
    const named = isMap(content[kind]) ? (filled(content[kind], variables, unset) as Yaml) : {};
    for (const [name, given] of Object.entries(named))
      if (isMap(given) && typeof given["file"] === "string") reading.files.set(name, resolve(dirname(path), given["file"]));
  }
  for (const [name, service] of found) found.set(name, extended(name, service, found, path, reading));
  for (const [name, service] of included(listOf(content["include"]), path, reading)) {
    if (found.has(name)) throw new MillraceError("CONFIG_INVALID", `${path}: the service ${name} is also in a file that it includes`);
    found.set(name, service);
  }
  return found;
}

/**
 * The services of the files of `include`: each entry a path, or a mapping with one or several in `path`, later ones over earlier ones.
 * Their relative paths begin at the first of them (or at `project_directory`), and so does the `.env` that stands in for what is not set.
 */
function included(entries: readonly unknown[], path: string, reading: Reading): Map<string, Yaml> {
  const all = new Map<string, Yaml>();
  const { variables, unset } = reading;
  for (const raw of entries) {
    const entry = filled(raw, variables, unset);
    const beside = (name: unknown) => resolve(dirname(path), String(name));
    const paths = listOf(isMap(entry) ? entry["path"] : entry).map(beside);
    if (paths.length === 0) throw new MillraceError("CONFIG_INVALID", `${path}: an entry of include has no path`);
    const folder = isMap(entry) && entry["project_directory"] !== undefined ? beside(entry["project_directory"]) : dirname(paths[0]!);
    const given = isMap(entry) ? listOf(entry["env_file"]).map(beside) : [];
    const defaults: Record<string, string> = {};
    for (const file of given.length ? given : [join(folder, ".env")].filter((file) => existsSync(file))) {
      if (!existsSync(file)) throw new MillraceError("NOT_FOUND", `${path}: there is no file ${file}, which include names`);
      Object.assign(defaults, parseEnvFile(readFileSync(file, "utf8"), variables));
    }
    const inner: Reading = { ...reading, variables: { ...defaults, ...variables }, within: [...reading.within, resolve(path)] };
    const services = new Map<string, Yaml>();
    for (const file of paths) {
      if (inner.within.includes(file)) throw new MillraceError("CONFIG_INVALID", `${path} includes ${file}, which includes it`);
      for (const [name, service] of servicesIn(file, inner)) {
        const under = services.get(name);
        services.set(name, under ? over(under, service, inner.variables) : service);
      }
    }
    for (const [name, service] of services) {
      if (all.has(name)) throw new MillraceError("CONFIG_INVALID", `${path}: two files of include have the service ${name}`);
      all.set(name, rooted(service, folder, inner.variables));
    }
  }
  return all;
}

/** With paths from `folder` on made absolute, and its environment as its own variables have it. */
function rooted(service: Yaml, folder: string, variables: Variables): Yaml {
  const absolute = (path: unknown) => (/^\.\.?(\/|$)/.test(String(path)) ? resolve(folder, String(path)) : String(path));
  return {
    ...service,
    environment: environmentOf(service["environment"], variables),
    env_file: listOf(service["env_file"]).map((entry) =>
      isMap(entry) ? { ...entry, path: resolve(folder, String(entry["path"])) } : resolve(folder, String(entry)),
    ),
    volumes: listOf(service["volumes"]).map((volume) => {
      if (isMap(volume)) return { ...volume, source: absolute(volume["source"] ?? "") };
      const [source = "", ...rest] = String(volume).split(":");
      return [absolute(source), ...rest].join(":");
    }),
  };
}

/** All texts with their variables put in. */
function filled(value: unknown, variables: Variables, unset: (name: string) => void): unknown {
  if (typeof value === "string") return value.includes("$") ? interpolate(value, variables, unset) : value;
  if (Array.isArray(value)) return value.map((v) => filled(v, variables, unset));
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, filled(v, variables, unset)]));
}

function extended(name: string, service: Yaml, all: ReadonlyMap<string, Yaml>, path: string, reading: Reading): Yaml {
  const from = service["extends"];
  if (from === undefined) return service;
  const base = isMap(from) ? String(from["service"] ?? name) : String(from);
  const file = isMap(from) && from["file"] !== undefined ? resolve(dirname(path), String(from["file"])) : undefined;
  const services = file === undefined ? all : servicesIn(file, reading);
  const found = services.get(base);
  if (!found || found === service)
    throw new MillraceError("CONFIG_INVALID", `${path}: service ${name} extends ${base}, which is not there`);
  const under = file === undefined ? extended(base, found, all, path, reading) : rooted(found, dirname(file), reading.variables);
  return over(under, service, reading.variables);
}

function serviceOf(name: string, service: Yaml, folder: string, variables: Variables, files: ReadonlyMap<string, string>): Service {
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
    files: ["secrets", "configs"].flatMap((kind) =>
      listOf(service[kind]).map((entry) => {
        const name = String(isMap(entry) ? entry["source"] : entry);
        const file = files.get(name);
        return file === undefined ? name : `${name}, which is ${file}`;
      }),
    ),
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
