import { ConfigDef, type Setting } from "../../common/config-def.js";
import type { ConfigProblem, ConnectorConfig } from "../api/source.js";
import { sinkDef, sourceDef, topicCreationSettings } from "./connector-settings.js";
import type { ConnectorPlugin, Plugins } from "./plugins.js";
import { listOf, withPrefix } from "./transform-chain.js";

/** One plug-in's share of a connector's config. */
export interface Part {
  /** `transforms.unwrap.`; empty for the connector's own */
  readonly prefix: string;
  readonly def: ConfigDef;
  /** The settings below the prefix, without it. */
  readonly config: ConnectorConfig;
  /** Keys that pass undeclared. */
  readonly free: readonly RegExp[];
  /** Values to choose from, by setting, beyond what the declaration says. */
  readonly recommended?: Readonly<Record<string, readonly string[]>>;
}

const converterSettings = ["key.converter", "value.converter", "header.converter"] as const;

/** Every declared setting, of the connector and of what it names: transforms, predicates, converters. */
export function partsOf(config: ConnectorConfig, plugin: ConnectorPlugin, plugins: Plugins, problems: ConfigProblem[]): Part[] {
  const base = plugin.type === "source" ? sourceDef : sinkDef;
  const groups = plugin.type === "source" ? ["default", ...listOf(config["topic.creation.groups"])] : [];
  const creation = Object.keys(config).some((k) => k.startsWith("topic.creation."))
    ? groups.flatMap((group) => topicCreationSettings(group, config))
    : [];
  // The runtime's own declaration of a shared name holds (topics, name); the connector's others come after.
  const own = [...plugin.config.settings.values()].filter((s) => !base.settings.has(s.name));
  const classes = (all: readonly { readonly classes: readonly string[] }[]) => all.map((p) => p.classes[0]!);
  const parts: Part[] = [
    {
      prefix: "",
      def: base.with([...creation, ...own]),
      config,
      free: plugin.freeKeys ?? [],
      recommended: Object.fromEntries(converterSettings.map((s) => [s, classes(plugins.converters.all)])),
    },
  ];
  for (const setting of converterSettings) {
    const name = config[setting];
    if (!name) continue;
    const converter = plugins.converters.find(name);
    if (converter) parts.push({ prefix: `${setting}.`, def: converter.config, config: withPrefix(config, `${setting}.`), free: [/./] });
    else problems.push({ setting, message: notFound(name) });
  }
  const predicates = listOf(config["predicates"]);
  const aliased = (prefix: string, all: Plugins["transforms"] | Plugins["predicates"], common: readonly Setting[]) => {
    const settings = withPrefix(config, prefix);
    const type = settings["type"];
    const named = type === undefined ? undefined : all.find(type);
    parts.push({
      prefix,
      def: new ConfigDef(common).with([...(named?.config.settings.values() ?? [])]),
      config: settings,
      free: [],
      recommended: { type: classes(all.all), predicate: predicates },
    });
    if (type !== undefined && !named) problems.push({ setting: `${prefix}type`, message: notFound(type) });
    return settings;
  };
  for (const name of listOf(config["transforms"])) {
    const prefix = `transforms.${name}.`;
    const { predicate } = aliased(prefix, plugins.transforms, transformSettings(name));
    if (predicate && !predicates.includes(predicate))
      problems.push({
        setting: `${prefix}predicate`,
        message: `${predicate} is not one of the predicates (${predicates.join(", ") || "none"})`,
      });
  }
  for (const name of predicates) aliased(`predicates.${name}.`, plugins.predicates, [typeSetting("Predicate", name)]);
  return parts;
}

const notFound = (name: string) => `Class ${name} could not be found.`;

const typeSetting = (what: string, alias: string): Setting => ({
  name: "type",
  type: "CLASS",
  importance: "HIGH",
  displayName: `${what} type for ${alias}`,
  doc: `Class for the '${alias}' ${what.toLowerCase()}.`,
});

const transformSettings = (alias: string): readonly Setting[] => [
  typeSetting("Transformation", alias),
  {
    name: "predicate",
    type: "STRING",
    default: "",
    importance: "MEDIUM",
    doc: "Alias of the predicate that says which records are transformed.",
  },
  {
    name: "negate",
    type: "BOOLEAN",
    default: false,
    importance: "MEDIUM",
    doc: "Whether the records for which the predicate does not hold are transformed instead.",
  },
];
