import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { MillraceError } from "../common/errors.js";
import { useOwnModules } from "./own-modules.js";

/**
 * What a user's folder of modules holds, by name: its .js and .mjs files, and its subfolders, each a package or with an index.js.
 * @throws CONFIG_INVALID naming the setting, where the folder is none
 */
export function modulePaths(folder: string, setting: string): string[] {
  const dir = resolve(folder);
  if (!existsSync(dir) || !statSync(dir).isDirectory()) throw new MillraceError("CONFIG_INVALID", `${setting}: ${dir} is not a folder`);
  const names = readdirSync(dir).filter((name) => !name.startsWith(".") && name !== "node_modules");
  const paths = names.sort().map((name) => join(dir, name));
  return paths.filter((path) => [".js", ".mjs"].includes(extname(path)) || statSync(path, { throwIfNoEntry: false })?.isDirectory());
}

/** Imports a user's file, for which `millrace/…` is this process's own modules. */
export function importModule(file: string): Promise<{ default?: unknown }> {
  useOwnModules();
  return import(pathToFileURL(file).href);
}

/** The file to import: of a package's folder the one that its manifest names. @throws NOT_FOUND */
export function entryOf(path: string): string {
  if (!statSync(path).isDirectory()) return path;
  const manifest = join(path, "package.json");
  const { exports: given, main } = existsSync(manifest)
    ? (JSON.parse(readFileSync(manifest, "utf8")) as { exports?: unknown; main?: string })
    : {};
  const root = typeof given === "object" && given !== null ? ((given as Record<string, unknown>)["."] ?? given) : given;
  const target =
    typeof root === "object" && root !== null
      ? ((root as Record<string, unknown>)["import"] ?? (root as Record<string, unknown>)["default"])
      : root;
  const named = typeof target === "string" ? target : main;
  const candidates = named === undefined ? ["index.mjs", "index.js"] : [named];
  const found = candidates.map((name) => join(path, name)).find((file) => existsSync(file));
  if (!found) throw new MillraceError("NOT_FOUND", `it has no ${candidates.join(" or ")}`);
  return found;
}
