import { MillraceError } from "../../common/errors.js";
import { type Scrubber, secretsInUrls } from "../../common/secrets.js";
import type { ConnectorConfig } from "../api/source.js";
import { secretSettings } from "./config-masks.js";
import { sinkDef, sourceDef } from "./connector-settings.js";
import { type HostMap, resolveHost } from "./hosts.js";
import type { ConnectorPlugin, Plugins } from "./plugins.js";
import { configToRun, type Providers } from "./task-config.js";
import { type ConfigInfos, type ConfigKeyInfo, definitionOf, type Validation, validate } from "./validate.js";

interface Options {
  readonly plugins: Plugins;
  readonly scrubber: Scrubber;
  readonly hosts: HostMap;
  readonly providers: Providers;
  readonly worker: Readonly<Record<string, string>>;
}

/** What a config must be before it is stored, and what the REST says of it. */
export class ConfigChecks {
  constructor(private readonly options: Options) {}

  pluginOf(config: ConnectorConfig): ConnectorPlugin | undefined {
    return this.options.plugins.connectors.find(config["connector.class"] ?? "");
  }

  secretsOf(config: ConnectorConfig): Set<string> {
    return secretSettings(config, this.pluginOf(config), this.options.plugins);
  }

  /** The settings of any plug-in, as `/connector-plugins/CLASS/config` gives them. @throws NOT_FOUND */
  pluginConfig(name: string): ConfigKeyInfo[] {
    const { connectors, converters, transforms, predicates } = this.options.plugins;
    const connector = connectors.find(name);
    const def = connector
      ? (connector.type === "source" ? sourceDef : sinkDef).with([...connector.config.settings.values()])
      : (converters.find(name) ?? transforms.find(name) ?? predicates.find(name))?.config;
    if (!def) throw new MillraceError("NOT_FOUND", `Unknown plugin ${name}.`);
    return [...def.settings.values()].map((s, i) => definitionOf("", s, i));
  }

  /** @throws NOT_FOUND for the class; CONFIG_INVALID where the config names another one */
  async validate(name: string, config: ConnectorConfig): Promise<ConfigInfos> {
    const { connectors } = this.options.plugins;
    const named = config["connector.class"];
    const bare = (className: string) => className.replace(/Connector$/, "");
    // Two plug-ins may share the simple name that the path gives: the config's full one then decides, as in Connect.
    const plugin = connectors.get(named !== undefined && bare(named).endsWith(bare(name)) ? named : name);
    if (named !== undefined && connectors.find(named) !== plugin)
      throw new MillraceError("CONFIG_INVALID", `Included connector type ${named} does not match request type ${name}`);
    return (await this.checked({ "connector.class": name, ...config }, plugin)).infos;
  }

  /** Returns what is odd but no error. @throws CONFIG_INVALID naming each wrong setting */
  async require(config: ConnectorConfig): Promise<readonly string[]> {
    const className = config["connector.class"];
    if (!className)
      throw new MillraceError("CONFIG_INVALID", `Connector config ${JSON.stringify(Object.keys(config))} contains no connector type`);
    const plugin = this.pluginOf(config);
    if (!plugin) throw new MillraceError("CONFIG_INVALID", this.options.plugins.connectors.missing(className));
    const { errors, warnings } = await this.checked(config, plugin);
    if (errors.length) {
      const list = errors.join("\n");
      throw new MillraceError(
        "CONFIG_INVALID",
        `Connector configuration is invalid and contains the following ${errors.length} error(s):\n${list}\nYou can also find the above list of errors at the endpoint \`/connector-plugins/${className}/config/validate\``,
        { context: { errors } },
      );
    }
    return warnings;
  }

  /** The config's own secrets stay out of what is said about it. */
  private async checked(config: ConnectorConfig, plugin: ConnectorPlugin): Promise<Validation> {
    const { scrubber, plugins, hosts, providers, worker } = this.options;
    const secrets = [...secretSettings(config, plugin, plugins)].map((key) => config[key] ?? "");
    const release = scrubber.add([...secrets, ...Object.values(config).flatMap(secretsInUrls)]);
    try {
      const { infos, errors, warnings } = await validate(config, plugin, plugins, {
        context: { resolveHost: (host, port) => resolveHost(hosts, host, port) },
        resolve: (c) => configToRun(c, new Set(), providers).config,
        worker,
      });
      const clean = (text: string) => scrubber.scrub(text);
      const configs = infos.configs.map((c) =>
        c.value.errors.length ? { ...c, value: { ...c.value, errors: c.value.errors.map(clean) } } : c,
      );
      return { infos: { ...infos, configs }, errors: errors.map(clean), warnings: warnings.map(clean) };
    } finally {
      release();
    }
  }
}
