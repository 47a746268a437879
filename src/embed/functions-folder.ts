import { describeError, MillraceError } from "../common/errors.js";
import type { Logger } from "../common/logger.js";
import type { UserFunction } from "../sql/functions/user-function.js";
import { entryOf, importModule, modulePaths } from "./module-folder.js";

/**
 * The functions of each of the folder's modules: the default export is an array of them.
 * @throws CONFIG_INVALID naming the file: a query whose function is missing could not run
 */
export async function loadFunctions(folder: string, logger: Logger): Promise<UserFunction[]> {
  const functions: UserFunction[] = [];
  for (const path of modulePaths(folder, "functions")) {
    try {
      const file = entryOf(path);
      const { default: given } = await importModule(file);
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
