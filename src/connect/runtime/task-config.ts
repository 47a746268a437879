import { type ConfigProvider, resolveReferences } from "../../common/config-providers.js";
import { MillraceError } from "../../common/errors.js";
import { secretsInUrls } from "../../common/secrets.js";
import type { Converter } from "../api/converter.js";
import type { ConnectorConfig } from "../api/source.js";
import { type HostMap, resolveUrls } from "./hosts.js";
import type { Plugins } from "./plugins.js";
import type { Converters } from "./row-encoder.js";
import { withPrefix } from "./transform-chain.js";

/** By the names that references use. */
export type Providers = Readonly<Record<string, ConfigProvider>>;

/** A config that is about to run: references replaced. `secrets` are the values to keep out of every text. */
export function configToRun(
  config: ConnectorConfig,
  secretSettings: ReadonlySet<string>,
  providers: Providers,
): { config: ConnectorConfig; secrets: string[] } {
  const { config: resolved, resolved: found } = resolveReferences(config, providers);
  const secrets = [...found];
  for (const [key, value] of Object.entries(resolved)) secrets.push(...(secretSettings.has(key) ? [value] : secretsInUrls(value)));
  return { config: resolved, secrets };
}

/** The three converters that a task's config names, with their own settings and their URLs resolved. */
export function convertersOf(config: ConnectorConfig, plugins: Plugins, hosts: HostMap): Converters {
  return {
    key: converterOf(config, "key.converter", plugins, hosts, true),
    value: converterOf(config, "value.converter", plugins, hosts, false),
    header: converterOf(config, "header.converter", plugins, hosts, false),
  };
}

/** Their class names, for error reports. */
export function converterNames(config: ConnectorConfig): Readonly<Record<keyof Converters, string>> {
  const name = (side: string) => config[`${side}.converter`] ?? "";
  return { key: name("key"), value: name("value"), header: name("header") };
}

function converterOf(config: ConnectorConfig, setting: string, plugins: Plugins, hosts: HostMap, isKey: boolean): Converter {
  const name = config[setting];
  if (!name) throw new MillraceError("CONFIG_INVALID", `${setting} is set neither in the connector's config nor in the worker's`);
  const settings = withPrefix(config, `${setting}.`);
  for (const [key, value] of Object.entries(settings))
    if (key.endsWith(".url") || key.endsWith(".urls")) settings[key] = resolveUrls(hosts, value);
  return plugins.converters.get(name).create(settings, isKey);
}
