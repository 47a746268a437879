import { existsSync, readdirSync, statSync } from "node:fs";
import { extname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { describeError, MillraceError } from "../common/errors.js";
import type { Logger } from "../common/logger.js";
import type { UserFunction } from "../sql/functions/user-function.js";
import { useOwnModules } from "./own-modules.js";
import { entryOf } from "./plugin-folder.js";

/**
 * The functions of every module file of the folder, and of every subfolder that is a package (or has an index.js): the default
 * export is an array of them.
 * @throws CONFIG_INVALID naming the file: a query whose function is missing could not run
 */
export async function loadFunctions(folder: string, logger: Logger): Promise<UserFunction[]> {
  const dir = resolve(folder);
  if (!existsSync(dir) || !statSync(dir).isDirectory()) throw new MillraceError("CONFIG_INVALID", `functions: ${dir} is not a folder`);
  useOwnModules();
  const functions: UserFunction[] = [];
  for (const entry of readdirSync(dir).sort()) {
    if (entry.startsWith(".") || entry === "node_modules") continue;
    const path = join(dir, entry);
    if (!statSync(path).isDirectory() && ![".js", ".mjs"].includes(extname(entry))) continue;
    try {
      const file = statSync(path).isDirectory() ? entryOf(path) : path;
      const { default: given } = (await import(pathToFileURL(file).href)) as { default?: unknown };
      if (!Array.isArray(given) || given.some((f) => f?.declaration === undefined))
        throw new MillraceError(
          "DATA_INVALID",
          "its default export must be an array of what scalarFunction, tableFunction and aggregateFunction give",
        );
      functions.push(...(given as UserFunction[]));
      logger.info(`functions of ${file}: ${(given as UserFunction[]).map((f) => f.declaration.name).join(", ") || "none"}`);
    } catch (error) {
      throw new MillraceError("CONFIG_INVALID", `the functions of ${path} cannot be loaded: ${describeError(error)}`, { cause: error });
    }
  }
  return functions;
}
