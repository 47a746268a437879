import { describeError, MillraceError } from "../common/errors.js";
import type { Logger } from "../common/logger.js";
import type { PluginModule } from "../connect/api/plugin-module.js";
import type { BrokenPlugin } from "../connect/runtime/plugins.js";
import { entryOf, importModule, modulePaths } from "./module-folder.js";

export interface LoadedPlugins extends Required<PluginModule> {
  readonly broken: readonly BrokenPlugin[];
}

/** What each kind of plug-in must have, besides classes, version and config. */
const kinds = {
  sources: ["taskConfigs", "createTask"],
  sinks: ["taskConfigs", "createTask"],
  transforms: ["create"],
  predicates: ["create"],
  converters: ["create"],
} as const satisfies Record<keyof PluginModule, readonly string[]>;
const kindNames = Object.keys(kinds) as (keyof PluginModule)[];

const loadTimeoutMs = 5000;

/**
 * The user's own plug-ins, of each of the folder's modules. A file that cannot be loaded is logged and listed as broken, and keeps nothing else from starting.
 * @throws CONFIG_INVALID where the folder is none
 */
export async function loadPlugins(folder: string, logger: Logger): Promise<LoadedPlugins> {
  const paths = modulePaths(folder, "plugins");
  const loaded = { sources: [], sinks: [], transforms: [], predicates: [], converters: [] } as { [K in keyof PluginModule]-?: unknown[] };
  const broken: BrokenPlugin[] = [];
  for (const path of paths) {
    let file = path;
    try {
      file = entryOf(path);
      const found = checked((await inTime(importModule(file))).default);
      for (const kind of kindNames) loaded[kind].push(...(found[kind] ?? []));
      const classes = kindNames.flatMap((kind) => (found[kind] ?? []).map((p) => p.classes[0]));
      logger.info(`plug-ins of ${file}: ${classes.join(", ") || "none"}`);
    } catch (error) {
      const message = describeError(error);
      broken.push({ file, message });
      logger.error(`the plug-in ${file} cannot be loaded: ${message}`, { file, error });
    }
  }
  return { ...(loaded as unknown as Required<PluginModule>), broken };
}

/** A module that waits for something at its top must not keep the process from starting. */
async function inTime<T>(loading: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new MillraceError("TIMEOUT", `it was not loaded within ${loadTimeoutMs} ms`)), loadTimeoutMs);
  });
  return Promise.race([loading, late]).finally(() => clearTimeout(timer));
}

/** @throws DATA_INVALID that names what is missing */
function checked(given: unknown): PluginModule {
  const refuse = (what: string) => new MillraceError("DATA_INVALID", what);
  if (given === null || typeof given !== "object")
    throw refuse(`its default export must be an object with ${kindNames.join(", ")} (any of them)`);
  for (const name of Object.keys(given))
    if (!kindNames.includes(name as keyof PluginModule))
      throw refuse(`its default export has ${name}, which is not one of ${kindNames.join(", ")}`);
  for (const kind of kindNames) {
    const list = (given as Record<string, unknown>)[kind];
    if (list === undefined) continue;
    if (!Array.isArray(list)) throw refuse(`${kind} must be an array`);
    for (const [i, plugin] of (list as Record<string, unknown>[]).entries()) {
      const at = `${kind}[${i}]`;
      const { classes, version, config } = plugin ?? {};
      if (!Array.isArray(classes) || classes.length === 0 || classes.some((c) => typeof c !== "string" || c === ""))
        throw refuse(`${at}.classes must be an array of class names`);
      if (typeof version !== "string") throw refuse(`${at} (${classes[0]}): version must be a string`);
      if (typeof (config as { validate?: unknown } | undefined)?.validate !== "function")
        throw refuse(`${at} (${classes[0]}): config must be a ConfigDef`);
      for (const method of kinds[kind])
        if (typeof plugin[method] !== "function") throw refuse(`${at} (${classes[0]}): ${method} must be a function`);
      const type = { sources: "source", sinks: "sink" }[kind as string];
      if (type && plugin["type"] !== type) throw refuse(`${at} (${classes[0]}): type must be "${type}"`);
    }
  }
  return given as PluginModule;
}
