import type { Setting, SettingResult } from "../../common/config-def.js";
import { isReference } from "../../common/config-providers.js";
import { asError } from "../../common/errors.js";
import { HIDDEN, hideInUrls } from "../../common/secrets.js";
import type { CheckContext, ConfigProblem, ConnectorConfig } from "../api/source.js";
import { checkOverrides } from "./client-overrides.js";
import { mask } from "./config-masks.js";
import { type Part, partsOf } from "./config-parts.js";
import { runtimeFreeKeys } from "./connector-settings.js";
import type { ConnectorPlugin, Plugins } from "./plugins.js";
import { listOf } from "./transform-chain.js";

/** Kafka Connect's answer to `/config/validate`. */
export interface ConfigInfos {
  readonly name: string;
  readonly error_count: number;
  readonly groups: readonly string[];
  readonly configs: readonly { readonly definition: ConfigKeyInfo; readonly value: ConfigValueInfo }[];
}
export interface ConfigKeyInfo {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly default_value: string | null;
  readonly importance: string;
  readonly documentation: string;
  readonly group: string | null;
  readonly width: string;
  readonly display_name: string;
  readonly dependents: readonly string[];
  readonly order: number;
}
export interface ConfigValueInfo {
  readonly name: string;
  readonly value: string | null;
  readonly recommended_values: readonly string[];
  readonly errors: readonly string[];
  readonly visible: boolean;
}

export interface Validation {
  readonly infos: ConfigInfos;
  /** Each names its setting. */
  readonly errors: readonly string[];
  /** Keys that nothing reads, and older names. */
  readonly warnings: readonly string[];
}

/** Checks a config against everything that it names; with `check`, against the outside too. Values in the answer are masked. */
export async function validate(
  given: ConnectorConfig,
  plugin: ConnectorPlugin,
  plugins: Plugins,
  outside?: {
    readonly context: CheckContext;
    readonly resolve: (config: ConnectorConfig) => ConnectorConfig;
    /** the worker's own settings */
    readonly worker: Readonly<Record<string, string>>;
  },
): Promise<Validation> {
  const config = plugin.translate?.(given) ?? given;
  const problems: ConfigProblem[] = [];
  const parts = partsOf(config, plugin, plugins, problems);
  const configs: { definition: ConfigKeyInfo; value: ConfigValueInfo }[] = [];
  const warnings: string[] = [];
  const declared = new Set<string>();
  let order = 0;
  for (const part of parts) {
    for (const setting of part.def.settings.values()) {
      declared.add(part.prefix + setting.name);
      for (const alias of setting.aliases ?? []) declared.add(part.prefix + alias);
    }
    for (const result of part.def.validate(part.config)) {
      warnings.push(...result.notes.map((n) => (part.prefix ? `${part.prefix}: ${n}` : n)));
      configs.push({ definition: definitionOf(part.prefix, result.setting, order++), value: valueInfoOf(part, result) });
    }
  }
  if (plugin.type === "sink" && listOf(config["topics"]).length === 0 && !config["topics.regex"]?.trim())
    problems.push({ setting: "topics", message: "Must configure one of topics or topics.regex" });
  const overrides = checkOverrides(config, outside?.worker["connector.client.config.override.policy"]);
  problems.push(...overrides.problems);
  warnings.push(...overrides.warnings);
  const free = [...runtimeFreeKeys, ...(plugin.freeKeys ?? [])];
  for (const key of Object.keys(config)) {
    if (declared.has(key) || free.some((p) => p.test(key)) || parts.some((p) => p.prefix && key.startsWith(p.prefix) && p.free.length))
      continue;
    const note = `${key} is not a setting of ${plugin.classes[0]}; it is ignored`;
    warnings.push(note);
    configs.push({
      definition: unknownDefinition(key, note, order++),
      value: { name: key, value: mask(key, config[key]!, false), recommended_values: [], errors: [], visible: true },
    });
  }
  const wrong = problems.length + configs.reduce((n, c) => n + c.value.errors.length, 0);
  if (wrong === 0 && outside && plugin.check) {
    try {
      problems.push(...(await plugin.check(outside.resolve(config), outside.context)));
    } catch (error) {
      problems.push({ setting: "connector.class", message: asError(error).message });
    }
  }
  for (const p of problems) {
    const at = configs.findIndex((c) => c.value.name === p.setting);
    if (at < 0)
      configs.push({
        definition: unknownDefinition(p.setting, "", order++),
        value: { name: p.setting, value: null, recommended_values: [], errors: [p.message], visible: true },
      });
    else {
      const c = configs[at]!;
      // A masked value may stand in the message's own words: they are the plug-in's and hold none.
      configs[at] = { ...c, value: { ...c.value, errors: [...c.value.errors, p.message] } };
    }
  }
  const errors = configs.flatMap((c) => c.value.errors.map((e) => (e.includes(c.value.name) ? e : `${c.value.name}: ${e}`)));
  const groups = [...new Set(configs.map((c) => c.definition.group).filter((g): g is string => g !== null))];
  return { infos: { name: plugin.classes[0]!, error_count: errors.length, groups, configs }, errors, warnings };
}

export function definitionOf(prefix: string, s: Setting, order: number): ConfigKeyInfo {
  const fallback =
    s.default === undefined || s.default === null ? null : Array.isArray(s.default) ? s.default.join(",") : String(s.default);
  return {
    name: prefix + s.name,
    type: s.type,
    required: s.default === undefined,
    default_value: s.type === "PASSWORD" && fallback ? HIDDEN : fallback,
    importance: s.importance ?? "MEDIUM",
    documentation: s.doc,
    group: prefix ? groupOfPrefix(prefix) : (s.group ?? null),
    width: "MEDIUM",
    display_name: s.displayName ?? s.name,
    dependents: [],
    order,
  };
}

function groupOfPrefix(prefix: string): string {
  const [what, name] = prefix.split(".");
  return what === "transforms" ? `Transforms: ${name}` : what === "predicates" ? `Predicates: ${name}` : "Converters";
}

function valueInfoOf({ prefix, recommended }: Part, r: SettingResult): ConfigValueInfo {
  const hide = r.setting.type === "PASSWORD" && r.value !== null && !isReference(r.value);
  // A reference stands for a value that is only known when a task starts: it cannot be checked before.
  const errors = r.value?.includes("${") && isReference(r.value) ? [] : r.errors;
  return {
    name: prefix + r.setting.name,
    value: hide ? HIDDEN : r.value === null ? null : hideInUrls(r.value),
    recommended_values: r.setting.type === "BOOLEAN" ? ["true", "false"] : [...(recommended?.[r.setting.name] ?? r.setting.values ?? [])],
    errors: prefix
      ? errors.map((e) =>
          e
            .replace(`"${r.setting.name}"`, `"${prefix}${r.setting.name}"`)
            .replace(`configuration ${r.setting.name}:`, `configuration ${prefix}${r.setting.name}:`),
        )
      : errors,
    visible: true,
  };
}

function unknownDefinition(name: string, documentation: string, order: number): ConfigKeyInfo {
  return {
    name,
    type: "STRING",
    required: false,
    default_value: null,
    importance: "LOW",
    documentation,
    group: null,
    width: "MEDIUM",
    display_name: name,
    dependents: [],
    order,
  };
}
